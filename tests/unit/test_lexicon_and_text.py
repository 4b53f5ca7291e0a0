"""Word lists and the text branch: small, exact, the same in every process."""

import subprocess
import sys

import numpy as np
import pytest

from scoreops.core.calibration import Linear
from scoreops.kol.lexicon import SKETCH_BITS, flags, fold_case
from scoreops.kol.text import COLUMNS, MIN_COMMENTS, embed, embed_all, fit_text, probability, text_logit

PRAISE = [f"sản phẩm rất tốt, mua lần {i} rồi" for i in range(10)]
SPAM = [f"kiếm tiền nhanh inbox mình nha {i}" for i in range(10)]


@pytest.mark.parametrize(
    ("text", "negative", "positive", "spam"),
    [
        pytest.param("Tuyệt vời luôn ạ", 0, 1, 0, id="with diacritics"),
        pytest.param("TUYET VOI luon", 0, 1, 0, id="without"),
        pytest.param("lừa đảo, đẹp cái gì", 1, 0, 0, id="negative wins over positive"),
        pytest.param("a rip off!", 1, 0, 0, id="two words"),
        pytest.param("mình thấy hơi chán", 1, 0, 0, id="one word"),
        pytest.param("tea time with badger", 0, 0, 0, id="parts of words do not count"),
        pytest.param("nice", 0, 0, 1, id="nothing but a generic phrase"),
        pytest.param("a nice place to eat", 0, 0, 0, id="a generic word within a sentence"),
        pytest.param("😍😍", 0, 0, 1, id="nothing but symbols"),
        pytest.param("xem thêm tại shopgiare.xyz", 0, 0, 1, id="a link"),
        pytest.param("kiếm tiền tại nhà", 0, 0, 1, id="a promotion"),
    ],
)
def test_flags(text, negative, positive, spam):
    assert flags(text)[:3] == (negative, positive, spam)


def test_case_and_diacritics_are_folded():
    assert fold_case("ĐẸP QUÁ Ừ") == "dep qua u"


def test_texts_that_read_alike_share_a_bucket_and_others_spread():
    assert flags("Đẹp quá!!").bucket == flags("dep  QUA").bucket
    buckets = {flags(f"bình luận số {i}").bucket for i in range(2000)}
    assert buckets == set(range(SKETCH_BITS))


def test_a_profile_has_unit_length_and_needs_enough_comments():
    assert embed(PRAISE[: MIN_COMMENTS - 1]).tolist() == [0.0] * COLUMNS
    made = embed(PRAISE[:MIN_COMMENTS])
    assert made.shape == (COLUMNS,)
    assert np.linalg.norm(made) == pytest.approx(1)
    np.testing.assert_array_equal(embed(["x"] * 100 + PRAISE * 6), embed(PRAISE * 6))
    assert embed_all([]).shape == (0, COLUMNS)


def test_another_process_hashes_alike():
    code = f"from scoreops.kol.text import embed; print(embed({PRAISE!r}).nonzero()[0].tolist())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(embed(PRAISE).nonzero()[0].tolist())


def test_the_text_model_tells_spam_from_praise_and_is_silent_where_nothing_is_known():
    profiles = embed_all([PRAISE, SPAM, PRAISE[:9], SPAM[:9], []])
    model = fit_text(profiles, np.array([1.0, 0.0, 1.0, 0.0, 0.0]))
    logits = text_logit(model, embed_all([PRAISE[1:], SPAM[1:], PRAISE[:3]]))
    assert logits[0] > 0 > logits[1]
    assert logits[2] == 0
    assert probability(model, embed_all([[]])).tolist() == [0.5]


def test_one_text_cannot_outweigh_everything():
    loud = Linear(tuple(np.full(COLUMNS, 1e6)), 0.0)
    assert text_logit(loud, embed_all([PRAISE])).tolist() == [8.0]
