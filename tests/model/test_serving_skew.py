"""What a server answers is what the libraries said at training, row by row, for every score of the catalog."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from predictors.dataplane import DataPlane
from predictors.lineup import Lineups, lineup
from predictors.loading import load_bundle
from predictors.metrics import Metrics
from predictors.tensors import InferRequest
from scoreops.catalog import SCORES
from scoreops.core.errors import BadInput
from tests.skew import ROWS, cases, features_tensor, worst

TOLERANCE = 1e-6


@pytest.fixture(scope="module")
def plane():
    lineups = Lineups(SCORES)
    for name, score in SCORES.items():
        lineups.put(name, lineup({"1": load_bundle(name, score, "1", cases()[name].files)}, {"champion": "1"}, {}))
    made = DataPlane(lineups, Metrics())
    yield made
    made.close()


def asked(plane, name, request):
    """Outputs by name, through the path that every door takes."""
    answer = asyncio.run(plane.infer(name, "", request))
    return {tensor.name: tensor.data for tensor in answer.outputs}


def test_every_score_has_a_case_and_every_output_but_the_words_is_expected():
    assert set(cases()) == set(SCORES)
    for name, case in cases().items():
        assert set(case.expected) == {spec.name for spec in SCORES[name].outputs} - {"reasons"}
        assert all(len(values) == ROWS for values in case.expected.values())


@pytest.mark.parametrize("name", SCORES)
def test_a_served_answer_is_the_one_of_training(plane, name):
    case = cases()[name]
    assert np.isnan(case.tensors[0].data).any(axis=0).all()  # every column is missing somewhere
    got = asked(plane, name, case.request)
    differences = {output: worst(got[output], want) for output, want in case.expected.items()}
    assert max(differences.values()) <= TOLERANCE, differences


@pytest.mark.parametrize("name", [name for name, score in SCORES.items() if score.rowwise])
def test_a_row_alone_is_answered_bit_for_bit_as_in_the_batch(plane, name):
    rows = cases()[name].tensors[0].data[:40]
    batch = asked(plane, name, InferRequest([features_tensor(name, rows)]))
    for place in range(len(rows)):
        alone = asked(plane, name, InferRequest([features_tensor(name, rows[place : place + 1])]))
        for output, values in alone.items():
            np.testing.assert_array_equal(values[0], batch[output][place], err_msg=output)


def permuted(columns):
    return (*columns[1:], columns[0])


def renamed(columns):
    return ("follower_count", *columns[1:])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(permuted, "{n} columns are out of order; column 0 is '{second}' where '{first}'", id="permuted"),
        pytest.param(renamed, "missing {first}; unknown follower_count", id="renamed"),
    ],
)
@pytest.mark.parametrize("name", SCORES)
def test_other_columns_are_refused_with_the_difference(plane, name, change, said):
    columns = SCORES[name].schema.columns
    tensor = features_tensor(name, cases()[name].tensors[0].data, change(columns))
    words = said.format(n=len(columns), first=columns[0], second=columns[1])
    with pytest.raises(BadInput) as refused:
        asked(plane, name, InferRequest([tensor]))
    assert words in str(refused.value)
