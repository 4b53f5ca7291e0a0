"""Training of the trust score: honest folds, refusals, and directions that hold whatever the sample says."""

from dataclasses import replace

import numpy as np
import pytest

from scoreops.core.errors import Refused
from scoreops.core.metrics import auc
from scoreops.core.onnx_models import OnnxModel
from scoreops.kol.trust import TrustModel
from scoreops.kol.trust_features import BUSINESS, TRUST_FEATURES
from scoreops.kol.trust_training import BLOCKS, FIRST_BLOCK, by_kol, folds, train_trust, without_business
from tests.samples import BOTS, FANS, trust_rows

WIDTH = len(TRUST_FEATURES)
COLUMN = {name: place for place, name in enumerate(TRUST_FEATURES.columns)}


@pytest.fixture(scope="module")
def rows():
    return trust_rows()


@pytest.fixture(scope="module")
def trained(rows):
    return train_trust(rows, seed=1)


def test_folds_go_forward_in_time_and_never_share_a_kol(rows):
    tested = []
    for train, test in folds(rows.kols, rows.hours):
        assert rows.hours[train].max() <= rows.hours[test].min()
        assert not set(rows.kols[train]) & set(rows.kols[test])
        tested += test.tolist()
    assert len(tested) == len(set(tested))
    blocks = np.array_split(np.arange(len(rows.hours)), BLOCKS)
    assert len(tested) == sum(len(block) for block in blocks[FIRST_BLOCK:])


def test_a_split_by_kol_tests_every_row_once(rows):
    parts = list(by_kol(rows.kols))
    assert sorted(np.concatenate([test for _, test in parts])) == list(range(len(rows.hours)))
    for train, test in parts:
        assert not set(rows.kols[train]) & set(rows.kols[test])


def test_every_row_also_trains_as_if_it_had_never_had_a_campaign(rows):
    both = without_business(rows)
    n = len(rows.genuine)
    places = [COLUMN[name] for name in BUSINESS]
    np.testing.assert_array_equal(both.features[:n], rows.features)
    assert np.isnan(both.features[n:, places]).all()
    others = np.setdiff1d(np.arange(WIDTH), places)
    np.testing.assert_array_equal(both.features[n:, others], rows.features[:, others])
    np.testing.assert_array_equal(both.genuine, np.tile(rows.genuine, 2))
    assert list(both.comments) == list(rows.comments) * 2


def test_scores_out_of_fold_tell_cheats_from_honest_ones(trained, rows):
    assert auc(rows.genuine[trained.oof_rows], trained.oof_score) > 0.75
    assert (trained.oof_rows < len(rows.genuine)).all()


def test_shuffled_labels_teach_nothing(rows):
    """A score out of fold that still ranked them would have seen its own label."""
    names = np.unique(rows.kols)
    fate = dict(
        zip(names, np.random.default_rng(4).permutation([float(i % 2) for i in range(len(names))]), strict=True)
    )
    blind = replace(rows, genuine=np.array([fate[kol] for kol in rows.kols]), comments=[FANS] * len(rows.kols))
    blind = replace(blind, features=np.random.default_rng(5).normal(0, 1, rows.features.shape))
    made = train_trust(blind, seed=1)
    assert 0.25 < auc(blind.genuine[made.oof_rows], made.oof_score) < 0.75


def test_what_mattered_is_known(trained):
    assert max(trained.importance, key=trained.importance.get) == "unexplained_share"
    assert set(trained.importance) == set(TRUST_FEATURES.columns)


@pytest.mark.parametrize(("name", "sign"), [("unexplained_share", -1), ("spam_share", -1), ("conversion", 1)])
def test_more_of_a_sign_never_moves_the_behaviour_model_the_wrong_way(trained, rows, name, sign):
    steps = np.linspace(-4, 4, 60)
    many = np.repeat(np.nan_to_num(rows.features[:10]), len(steps), axis=0)
    many[:, COLUMN[name]] = np.tile(steps, 10)
    made = OnnxModel(trained.model.xgboost, "margin")(many).reshape(10, -1)
    assert (sign * np.diff(made, axis=1) >= -1e-7).all()


def test_bots_comments_lower_the_score_of_anybody(trained, rows):
    scorer = TrustModel.load(trained.model.files())
    bots, fans = (scorer.score(rows.features, [said] * len(rows.kols)).score for said in (BOTS, FANS))
    known = ~np.isnan(bots)
    assert known.sum() > 100
    assert (bots[known] < fans[known]).all()


def test_the_same_rows_and_seed_give_the_same_answers(trained, rows):
    again = train_trust(rows, seed=1)
    np.testing.assert_array_equal(again.oof_score, trained.oof_score)
    scores = [TrustModel.load(made.model.files()).score(rows.features).score for made in (trained, again)]
    np.testing.assert_array_equal(*scores)


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        pytest.param(lambda rows: np.arange(79), "79 labelled rows", id="too few"),
        pytest.param(
            lambda rows: np.concatenate([np.flatnonzero(rows.genuine == 0)[:14], np.flatnonzero(rows.genuine == 1)]),
            "15 of each kind",
            id="too few cheats",
        ),
    ],
)
def test_too_few_labels_are_refused_with_their_numbers(kept, said):
    rows = trust_rows(300)
    with pytest.raises(Refused, match=said):
        train_trust(rows.take(kept(rows)))
