"""From the files of a bundle to a version that may answer, and from a question to a fitting one."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest

from predictors.golden import TIMES
from predictors.lineup import Lineups, lineup, version_order
from predictors.loading import load_bundle
from predictors.served import ask, compute
from predictors.tensors import InferRequest, Tensor
from scoreops.catalog import Score
from scoreops.core.bundle import MANIFEST
from scoreops.core.errors import BadInput, NotFound, NotReady, Refused
from scoreops.core.spec import Schema
from tests.tiny import INPUTS, JOINED, OUTPUTS, SCHEMA, TinyScorer, tiny_bundle, tiny_score

SCORE = tiny_score()
SAID = {"columns": JOINED}


def answer(served, request):
    question = ask(served, request, most_rows=100)
    return compute(served, question), question.rows


@pytest.fixture(scope="module")
def served():
    return load_bundle("tiny", SCORE, "7", tiny_bundle())


def features(values=((1.0, 2.0, 3.0),), parameters=SAID, datatype="FP64", name="features"):
    return Tensor(name, datatype, np.array(values), parameters)


def notes(*texts):
    return Tensor("notes", "BYTES", np.array(texts, dtype=object))


def test_a_sound_bundle_answers_and_says_what_it_is(served):
    (score,), rows = answer(served, InferRequest([features([[1, 2, 3], [0, 0, np.nan]], SAID)], ["score"]))
    assert score.data.tolist() == [321.0, 1000.0]
    assert rows == 2
    assert (served.version, served.schema_hash) == ("7", SCHEMA.hash)
    assert served.properties["trained_until"].startswith("2026-01-01")


def test_a_machine_that_stalls_while_a_version_loads_does_not_make_it_a_slow_one():
    class Stalling(TinyScorer):
        calls = 0

        def infer(self, tensors, parameters):
            Stalling.calls += 1
            time.sleep(0.05 if Stalling.calls == 2 else 0)  # the first one that is timed
            return super().infer(tensors, parameters)

    score = Score("tiny", SCHEMA, INPUTS, OUTPUTS, lambda files: Stalling(files["model.onnx"]))
    assert load_bundle("tiny", score, "7", tiny_bundle()).row_s < 0.05 / 2
    assert Stalling.calls == 1 + TIMES


@pytest.mark.parametrize(
    ("files", "said"),
    [
        pytest.param(
            tiny_bundle(columns=("b", "a", "c")), "2 columns are out of order; column 0 is 'b'", id="permuted"
        ),
        pytest.param(tiny_bundle(columns=("a", "b", "d")), "missing c; unknown d", id="renamed"),
        pytest.param(tiny_bundle(name="other"), "is a bundle of 'other'", id="another score"),
        pytest.param(
            tiny_bundle(golden_shift=0.01), r"golden request of .* score\[0\] is 321", id="wrong golden answer"
        ),
        pytest.param(tiny_bundle() | {"model.onnx": b"junk"}, "its bytes are not those", id="changed bytes"),
        pytest.param(tiny_bundle() | {"more": b""}, "does not name", id="a file more"),
    ],
)
def test_a_bundle_that_is_not_sound_never_answers(files, said):
    with pytest.raises(Refused, match=said) as caught:
        load_bundle("tiny", SCORE, "7", files)
    assert "tiny version 7" in str(caught.value)


def test_an_engine_that_cannot_read_its_file_is_a_refusal():
    broken = tiny_score()
    with pytest.raises(Refused, match="cannot be loaded"):
        load_bundle("tiny", type(broken)(**{**vars(broken), "load": lambda _files: 1 / 0}), "7", tiny_bundle())


def test_golden_answers_within_their_tolerance_are_taken():
    load_bundle("tiny", SCORE, "7", tiny_bundle(golden_shift=1e-7))
    assert json.loads(tiny_bundle()[MANIFEST])["golden"]["tolerance"] == 1e-6


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        pytest.param([features(parameters={})], "say which columns these are", id="columns are not told"),
        pytest.param([features(parameters={"columns": "b,a,c"})], "2 columns are out of order", id="permuted"),
        pytest.param([features(parameters={"columns": ["a", "b"]})], "missing c", id="one missing"),
        pytest.param([features(parameters={"columns": 3})], "must be names in order", id="no names"),
        pytest.param([features(parameters={"schema_hash": "0" * 16})], "needs " + SCHEMA.hash, id="another hash"),
        pytest.param(
            [features(parameters={"columns": JOINED, "schema_hash": Schema(("x",)).hash})], "schema_hash is", id="both"
        ),
        pytest.param([features([[1.0, 2.0]])], r"shape is \[1, 2\]", id="a column short"),
        pytest.param([features([1.0, 2.0, 3.0])], r"shape is \[3\]", id="no matrix"),
        pytest.param([features([[1, 2, 3]], datatype="INT64")], "datatype is INT64", id="integers"),
        pytest.param([features([[1.0, 2.0, np.inf]])], "infinite", id="infinity"),
        pytest.param([features(np.empty((0, 3)))], "at least one row", id="no rows"),
        pytest.param([features(), features()], "given twice", id="twice"),
        pytest.param([features(), features(name="more")], "is no input of tiny", id="unknown input"),
        pytest.param([features(), notes("x", "y")], "has 2 rows, another input has 1", id="uneven"),
        pytest.param([notes("x")], "this input is missing", id="the main input is missing"),
        pytest.param([], "this input is missing", id="none"),
    ],
)
def test_a_question_that_does_not_fit_is_refused_in_words(served, tensors, said):
    with pytest.raises(BadInput, match=said):
        answer(served, InferRequest(tensors))


@pytest.mark.parametrize(
    "parameters",
    [SAID, {"columns": ["a", "b", "c"]}, {"schema_hash": SCHEMA.hash}, SAID | {"schema_hash": SCHEMA.hash}],
)
def test_columns_are_told_by_name_or_by_hash(served, parameters):
    made, _ = answer(served, InferRequest([features(parameters=parameters)], ["score"]))
    assert made[0].data.tolist() == [321.0]


@pytest.mark.parametrize(("names", "said"), [(["beauty"], "'beauty' is no output"), (["score", "score"], "twice")])
def test_outputs_that_are_not_there_are_refused(served, names, said):
    with pytest.raises(BadInput, match=said):
        answer(served, InferRequest([features()], names))


def test_outputs_come_as_asked_and_reasons_cost_only_who_wants_them(served):
    question = [features(), notes("because")]
    everything, _ = answer(served, InferRequest(question))
    assert [tensor.name for tensor in everything] == ["score", "known", "reasons"]
    assert everything[2].data.tolist() == ['["because"]']
    some, _ = answer(served, InferRequest(question, ["known", "score"]))
    assert [tensor.name for tensor in some] == ["known", "score"]


def version(number):
    return load_bundle("tiny", SCORE, number, tiny_bundle())


def test_a_line_up_finds_by_nothing_alias_and_version():
    loaded = {"2": version("2"), "3": version("3")}
    aliases = {"champion": "2", "candidate": "3", "previous": "1"}
    lines = Lineups(["tiny"])
    with pytest.raises(NotReady, match="its bundle is being loaded"):
        lines.find("tiny", "")
    lines.put("tiny", lineup(loaded, aliases, {"4": "bad digest"}))
    found = {asked: lines.find("tiny", asked) for asked in ("", "champion", "2", "candidate", "3")}
    assert {asked: entry.served.version for asked, entry in found.items()} == {
        "": "2", "champion": "2", "2": "2", "candidate": "3", "3": "3",
    }  # fmt: skip
    assert {found[asked].alias for asked in ("", "champion", "2")} == {"champion"}
    for asked, error, said in (
        ("4", NotReady, "bad digest"),
        ("9", NotFound, "it has 2, 3"),
        ("previous", NotFound, "it has 2, 3"),
    ):
        with pytest.raises(error, match=said):
            lines.find("tiny", asked)
    with pytest.raises(NotFound, match="this server is for tiny"):
        lines.find("other", "")


def test_one_version_under_two_names_goes_by_the_higher_one():
    made = lineup({"2": version("2")}, {"candidate": "2", "champion": "2"}, {})
    assert made.entries["2"].alias == "champion"
    assert made.aliases_of("2") == ["champion", "candidate"]


def test_versions_are_ordered_as_numbers():
    assert sorted(["10", "9", "b", "1", "a"], key=version_order) == ["a", "b", "1", "9", "10"]
