"""A score that the platform has never heard of: a line in the catalog and a frame, and the pipeline trains it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from feature_repo import frames
from kfp_pipelines import steps
from predictors.loading import load_bundle
from scoreops.adapters.registry import Registry
from scoreops.catalog import SCORES
from scoreops.core.recipe import Fitted, Limit, Recipe, Rival, figure
from tests.tiny import COLUMNS, INPUTS, OUTPUTS, TinyScorer, onnx_model, tiny_score

NAME = "fifth"
FRAME = """
import numpy as np
import pandas as pd
from feature_repo.frames import Frame
from scoreops.core.verdict import holds


def rows(known):
    made = population(known)
    made["y"] = made[["a", "b", "c"]].to_numpy() @ [1.0, -2.0, 0.5]
    made["held_out"] = made["id"] % 4 == 0
    return made


def population(known):
    drawn = np.random.default_rng(known.until).normal(size=(400, 3))
    return pd.DataFrame(drawn, columns=["a", "b", "c"]).assign(id=range(400))


FRAME = Frame(rows, population, lambda known: [holds("leakage_fifth", True, 400, "drawn")])
"""


class Weighted(TinyScorer):
    def infer(self, tensors, parameters):
        return {"score": super().infer(tensors, parameters)["score"]}


def load(files):
    return Weighted(files["model.onnx"])


def fit(given):
    weights, *_ = np.linalg.lstsq(given.features(), given.rows["y"].to_numpy(), rcond=None)
    return Fitted({"model.onnx": onnx_model(tuple(weights))}, given.rows, dict.fromkeys(COLUMNS, 1 / 3))


def measure(scorer, rows):
    said = scorer.infer({"features": rows[list(COLUMNS)].to_numpy()}, {})["score"]
    return {"mae": float(np.abs(said - rows["y"].to_numpy()).mean())}


@pytest.fixture
def fifth(monkeypatch, tmp_path, settings, mlflow):
    """The catalog with one line more, and the folder of frames with one file more."""
    recipe = Recipe(
        key=("id",),
        min_rows=300,
        need=50,
        fit=fit,
        measure=measure,
        limits=(Limit("mae", figure("mae"), 1e-6, at_least=False, what="mean error"),),
        rival=Rival("mae", lambda before: before + 1e-6, at_least=False, what="mean error, champion's"),
        counted=COLUMNS,
    )
    score = replace(tiny_score(NAME), inputs=INPUTS[:1], outputs=OUTPUTS[:1], load=load, recipe=recipe)
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / f"{NAME}.py").write_text(FRAME)
    monkeypatch.setattr(frames, "__path__", [*frames.__path__, str(folder)])
    monkeypatch.setitem(SCORES, NAME, score)
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    return tmp_path


def trained(folder, until, rehearse=""):
    made = [folder / str(until) / part for part in ("rows", "model", "verdicts", "version")]
    checked = steps.check(NAME, until, "", rehearse, folder, folder / "drift.html", made[0])
    if checked["answer"] != steps.OK:
        return [checked]
    return [
        checked,
        steps.train(NAME, until, rehearse, made[0], folder, made[1]),
        steps.judge_candidate(NAME, made[0], made[1], made[2]),
        steps.register(NAME, made[1], made[0], made[2], made[3]),
    ]


def test_it_is_checked_trained_judged_registered_and_served(fifth, settings):
    first = trained(fifth, 500_000)
    assert first[-1] == {**first[-1], "version": 1, "alias": "champion"}
    second = trained(fifth, 500_024)
    assert [v["gate"] for v in second[0]["verdicts"]] == ["rows", "repeated_rows", "finite", "leakage_fifth", "drift"]
    assert [v["gate"] for v in second[2]["verdicts"]] == ["contract", "mae", "champion"]
    assert second[-1]["version"] == 2
    version, files = Registry(settings.mlflow_url).fetch(NAME, "champion")
    assert version.number == 2
    assert load_bundle(NAME, SCORES[NAME], "2", files)
    assert json.loads(files["bundle.json"])["trained_until"] == "2027-01-16T08:00:00+00:00"


def test_a_drift_of_its_own_counts_is_refused(fifth):
    trained(fifth, 500_000)
    (refused,) = trained(fifth, 500_048, f"{NAME}=drifted")
    assert refused["answer"] == steps.REFUSED
    assert [v["gate"] for v in refused["verdicts"] if v["outcome"] == "Fail"] == ["drift"]
