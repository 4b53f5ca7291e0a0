"""The recurrent member: what it reads, that it learns, and that a bundle with it answers."""

from __future__ import annotations

import numpy as np
import pytest

from scoreops.core.onnx_models import OnnxModel
from scoreops.kol.success import MEMBERS, SuccessModel
from scoreops.kol.success_features import SUCCESS_FEATURES, TARGETS
from scoreops.kol.success_lstm import METRICS, STEPS, WIDTH, sequences, train_lstm
from scoreops.kol.success_training import SuccessRows, Totals, train_success

PLACE = {name: place for place, name in enumerate(SUCCESS_FEATURES.columns)}


def rows_of(n: int, seed: int = 1) -> SuccessRows:
    """Rows whose clicks go on as in the last hour; everything else is noise or 0."""
    rng = np.random.default_rng(seed)
    features = np.zeros((n, len(SUCCESS_FEATURES)))
    hours = np.sort(rng.integers(490_000, 490_400, n))
    rate = rng.gamma(1.5, 20.0, n)
    for metric in METRICS:
        for span in (1, 3, 6, 24, 168):
            features[:, PLACE[f"{metric}_past_{span}h"]] = rate * span
            features[:, PLACE[f"{metric}_share"]] = 1 / n
    features[:, PLACE["as_of_hour"]] = hours
    targets = np.stack([rng.poisson(rate * horizon) for horizon in (1, 24) for _ in METRICS], axis=1)
    return SuccessRows(features, targets.astype(np.float64), hours)


def test_sequence_holds_hourly_rates_from_the_oldest_span_to_the_newest():
    features = np.zeros((1, len(SUCCESS_FEATURES)))
    sums = {168: 1000.0, 24: 280.0, 6: 100.0, 3: 40.0, 1: 30.0}
    for span, total in sums.items():
        features[0, PLACE[f"clicks_past_{span}h"]] = total
    made = sequences(features)
    assert made.shape == (1, STEPS, WIDTH)
    rates = [720 / 144, 180 / 18, 60 / 3, 10 / 2, 30 / 1]
    np.testing.assert_allclose(np.expm1(made[0, :, 0]), rates, rtol=1e-5)


def test_unknown_history_reads_as_nothing_and_never_as_nan():
    assert np.isfinite(sequences(np.full((3, len(SUCCESS_FEATURES)), np.nan))).all()


def test_it_learns_repeats_itself_and_its_export_answers_for_any_number_of_rows():
    rows, unseen = rows_of(20_000), rows_of(500, seed=2)
    data = train_lstm(rows.features, rows.targets)
    assert train_lstm(rows.features, rows.targets) == data
    model = OnnxModel(data, "forecast")
    forecast = np.expm1(model.table(sequences(unseen.features)))
    clicks = TARGETS.index("clicks_24h")
    error = np.abs(forecast[:, clicks] - unseen.targets[:, clicks]).mean()
    assert error < 0.5 * np.abs(unseen.targets[:, clicks] - rows.targets[:, clicks].mean()).mean()
    alone = np.expm1(model.table(sequences(unseen.features[:1])))
    np.testing.assert_allclose(alone, forecast[:1], rtol=1e-5)


@pytest.mark.parametrize("lstm", [False, True])
def test_a_bundle_answers_with_and_without_it(lstm):
    rows = rows_of(3_000)
    totals = Totals(489_990, {"0/clicks": np.full(450, 1000.0)})
    model = train_success(rows, totals, lstm=lstm).model
    files = model.files()
    assert ("lstm.onnx" in files) is lstm
    assert {len(weights) for weights in model.blends.values()} == {len(MEMBERS) - (not lstm)}
    made = SuccessModel.load(files).score(rows.features[:50])
    assert (made.low <= made.value).all()
    assert (made.value <= made.high).all()
    truth = rows.targets[:50, TARGETS.index("clicks_24h")]
    assert np.abs(made.value[:, TARGETS.index("clicks_24h")] - truth).mean() < 0.5 * truth.mean()
