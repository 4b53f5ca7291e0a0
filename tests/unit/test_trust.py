"""The trust scorer: when it abstains, what its reasons say, and that a row alone scores as in any batch."""

import json
from dataclasses import replace

import numpy as np
import pytest

from scoreops.core.calibration import Linear
from scoreops.core.errors import BadInput
from scoreops.kol.text import COLUMNS, embed
from scoreops.kol.trust import MAX_REASONS, TrustModel, TrustScorer, _words
from scoreops.kol.trust_features import TRUST_FEATURES
from scoreops.kol.trust_training import export_isolation_forest, export_xgboost
from tests.samples import BOTS, FANS

WIDTH = len(TRUST_FEATURES)
BAD = TRUST_FEATURES.columns.index("unexplained_share")
SIZE = TRUST_FEATURES.columns.index("log_followers")
MEDIANS = np.full(WIDTH, 0.5)


@pytest.fixture(scope="module")
def rows():
    return np.random.default_rng(4).uniform(0, 1, (400, WIDTH)).astype(np.float32).astype(np.float64)


@pytest.fixture(scope="module")
def booster(rows):
    """XGBoost that has learned that unexplained jumps are bad."""
    import xgboost

    genuine = (rows[:, BAD] + 0.1 * np.random.default_rng(5).normal(size=400) < 0.6).astype(float)
    settings = {"objective": "binary:logistic", "max_depth": 2, "eta": 0.1, "base_score": 0.5}
    return xgboost.train(settings, xgboost.DMatrix(rows, label=genuine), 100)


@pytest.fixture(scope="module")
def model(rows, booster):
    """The booster, a forest, and a text model that likes fans."""
    from sklearn.ensemble import IsolationForest

    forest = IsolationForest(n_estimators=20, random_state=1).fit(rows.astype(np.float32))
    return TrustModel(
        xgboost=export_xgboost(booster, rows),
        forest=export_isolation_forest(forest, rows),
        text=Linear(tuple(8 * (embed(FANS) - embed(BOTS))), 0.0),
        stacker=Linear((1.0, 0.3, 0.5), 0.1),
        replicas=np.array([[1.0, 0.3, 0.5, 0.1], [0.8, 0.2, 0.4, 0.2], [1.2, 0.4, 0.6, -0.2]]),
        medians=MEDIANS,
        peers={"*": np.linspace(0, 100, 21).tolist(), "tiktok/0": [0.0] * 20 + [100.0]},
    )


@pytest.fixture(scope="module")
def scorer(model):
    return TrustScorer(model)


def row(**changes):
    made = np.full((1, WIDTH), 0.5)
    for name, value in changes.items():
        made[0, TRUST_FEATURES.columns.index(name)] = value
    return made


def half_known(known):
    made = row()
    made[0, known:] = np.nan
    return made


def test_it_answers_where_just_enough_is_known(scorer):
    made = scorer.score(half_known((WIDTH + 1) // 2))
    assert not made.abstained[0]
    assert 0 <= made.low[0] <= made.score[0] <= made.high[0] <= 100


def test_it_abstains_and_says_so_below_that(scorer):
    made = scorer.score(half_known(WIDTH // 2))
    assert made.abstained.tolist() == [True]
    for values in (made.score, made.low, made.high, made.percentile):
        assert np.isnan(values).all()
    unknown = WIDTH - WIDTH // 2
    assert made.reasons[0][0].startswith(f"not enough data: {unknown} of {WIDTH} inputs are unknown, among them ")


def test_a_bad_sign_lowers_the_score_and_its_reason_says_so(scorer):
    bad, good = (scorer.score(row(unexplained_share=value)) for value in (0.95, 0.05))
    assert bad.score[0] < 30
    assert good.score[0] > 70
    what = "share of new followers in jumps that no views explain"
    assert bad.reasons[0][0] == f"- {what} above the usual (0.95, usually 0.5)"
    assert bad.score[0] < scorer.score(row()).score[0]


def test_a_good_sign_has_a_plus(scorer, model):
    harsh = TrustScorer(replace(model, medians=np.where(np.arange(WIDTH) == BAD, 0.9, 0.5)))
    assert harsh.score(row(unexplained_share=0.05)).reasons[0][0].startswith("+ share of new followers in jumps")


@pytest.mark.parametrize(
    ("comments", "reason"),
    [
        pytest.param(FANS, "+ comments read like those under genuine accounts", id="fans"),
        pytest.param(BOTS, "- comments read like those under dishonest accounts", id="bots"),
    ],
)
def test_comments_speak_for_or_against(scorer, comments, reason):
    silent, heard = scorer.score(row()), scorer.score(row(), [comments])
    assert reason in heard.reasons[0]
    assert (heard.score[0] > silent.score[0]) == reason.startswith("+")
    assert scorer.score(row(), [comments[:3]]).score[0] == silent.score[0]


def test_reasons_are_few_largest_first_and_left_out_on_request(scorer):
    rng = np.random.default_rng(9)
    for said in scorer.score(rng.uniform(0, 1, (20, WIDTH))).reasons:
        assert len(said) <= MAX_REASONS
        assert all(words[:2] in ("+ ", "- ") for words in said)
    assert scorer.score(row(unexplained_share=0.95), reasons=False).reasons == [[]]


def test_logarithms_are_read_back_in_reasons():
    medians = MEDIANS.copy()
    medians[SIZE] = np.log1p(50_000)
    effect = np.where(np.arange(WIDTH + 1) == SIZE, 1.0, 0.0)
    said = _words(row(log_followers=np.log1p(2000))[0], effect, medians)
    assert said == ["+ number of followers below the usual (2e+03, usually 5e+04)"]


def test_a_row_alone_scores_bit_for_bit_as_in_the_batch(scorer):
    rng = np.random.default_rng(6)
    rows = rng.uniform(0, 1, (40, WIDTH))
    rows[rng.random(rows.shape) < 0.3] = np.nan
    comments = [[FANS, BOTS, []][i % 3] for i in range(40)]
    platforms = ["tiktok", "youtube"] * 20
    batch = scorer.score(rows, comments, platforms)
    for i in range(40):
        alone = scorer.score(rows[i : i + 1], comments[i : i + 1], platforms[i : i + 1])
        for name in ("score", "low", "high", "percentile", "abstained"):
            np.testing.assert_array_equal(getattr(alone, name)[0], getattr(batch, name)[i], err_msg=name)
        assert alone.reasons[0] == batch.reasons[i]


def test_the_percentile_is_that_among_peers(scorer):
    made = scorer.score(np.repeat(row(), 2, axis=0), platforms=["tiktok", "youtube"])
    assert made.percentile[1] == pytest.approx(made.score[1])
    assert made.percentile[0] == pytest.approx(95 + made.score[0] / 20)


def test_a_bundle_answers_as_the_model_it_was_made_from(model):
    rows = np.random.default_rng(2).uniform(0, 1, (10, WIDTH))
    files = model.files()
    assert set(files) == {"xgboost.onnx", "forest.onnx", "head.json", "text.json"}
    made, again = TrustModel.load(files), TrustModel.load(files)
    np.testing.assert_array_equal(made.score(rows).score, TrustScorer(model).score(rows).score)
    heard = [made_by.score(rows, [FANS] * 10).score for made_by in (made, again)]
    np.testing.assert_array_equal(*heard)
    np.testing.assert_array_equal(heard[0], TrustScorer(model).score(rows, [FANS] * 10).score)
    assert len(json.loads(files["text.json"])["weights"]) == COLUMNS


def test_a_bundle_of_an_earlier_release_answers_alike(model, booster, rows):
    """Its booster gives probabilities."""
    from onnxmltools.convert import convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    earlier = convert_xgboost(booster, initial_types=[("features", FloatTensorType([None, WIDTH]))], target_opset=15)
    files = model.files() | {"xgboost.onnx": earlier.SerializeToString()}
    made, want = (TrustModel.load(held).score(rows[:20]) for held in (files, model.files()))
    np.testing.assert_allclose(made.score, want.score, rtol=1e-5)
    assert made.reasons == want.reasons


@pytest.mark.parametrize("raw", ["", "no list", '{"a": 1}', "[1]", '["\\ud800"]', "[" * 5000])
def test_comments_that_are_no_list_of_texts_are_refused_by_row(scorer, raw):
    with pytest.raises(BadInput, match="comments: row 1"):
        scorer.infer({"features": np.repeat(row(), 2, axis=0), "comments": ["[]", raw]}, {})


def test_v2_answers_hold_what_the_score_holds(scorer):
    answer = scorer.infer({"features": row(unexplained_share=0.95), "comments": [json.dumps(BOTS)]}, {"reasons": True})
    want = scorer.score(row(unexplained_share=0.95), [BOTS])
    assert answer["score"] == want.score
    assert json.loads(answer["reasons"][0]) == want.reasons[0]
    assert scorer.infer({"features": row()}, {"reasons": False})["reasons"] == ["[]"]


@pytest.mark.parametrize("shape", [(1, WIDTH - 1), (1, WIDTH + 1), (WIDTH,)])
def test_a_matrix_of_another_width_is_refused(scorer, shape):
    with pytest.raises(BadInput, match="features"):
        scorer.score(np.zeros(shape))
