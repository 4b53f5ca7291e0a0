"""Golden requests: questions whose answers a bundle carries with it, asked through the path that real requests take."""

from __future__ import annotations

import time
from typing import Any, Final

import numpy as np

from predictors.served import Question, Served, ask, compute
from predictors.tensors import DTYPES, NO_PARAMETERS, Array, InferRequest, Tensor, check_tensor
from scoreops.core.bundle import Golden
from scoreops.core.errors import BadInput, Refused
from scoreops.core.golden import difference

TIMES: Final = 5
"""The shortest of so many runs counts: one that others held up would send every later request the slow way."""


def check_golden(served: Served, golden: Golden) -> float:
    """Seconds a golden row takes when nothing else holds it up.

    Raises Refused unless the golden answers are those of when the bundle was made.
    """
    who = f"{served.model} version {served.version}"
    if not golden.inputs or not golden.outputs:
        raise Refused(f"{who} carries no golden request")
    try:
        request = golden_request(served, golden)
        question = ask(served, request, max((len(tensor.data) for tensor in request.inputs), default=0))
        outputs = compute(served, question)
    except BadInput as error:
        raise Refused(f"{who} does not take its own golden request: {error}") from error
    for tensor in outputs:
        _check_output(f"golden request of {who}", served, tensor, question.rows)
        found = difference(tensor.name, tensor.data, _expected(golden, tensor), golden.tolerance)
        if found:
            raise Refused(f"golden request of {who}: {found}")
    return min(_seconds(served, question) for _ in range(TIMES)) / question.rows


def _seconds(served: Served, question: Question) -> float:
    started = time.perf_counter()
    compute(served, question)
    return time.perf_counter() - started


def golden_request(served: Served, golden: Golden) -> InferRequest:
    """The golden question as a request. Raises BadInput when it names an unknown input."""
    tensors = []
    for name, values in golden.inputs.items():
        spec = served.input_specs.get(name)
        if spec is None:
            raise BadInput("is no input of this model", name)
        parameters = {"schema_hash": served.schema_hash} if name == served.checked else NO_PARAMETERS
        tensors.append(Tensor(name, spec.datatype, _values(name, spec.datatype, values), parameters))
    return InferRequest(tensors, list(golden.outputs))


def _expected(golden: Golden, tensor: Tensor) -> Array:
    return _values(tensor.name, tensor.datatype, golden.outputs[tensor.name])


def _values(name: str, datatype: str, values: list[Any]) -> Array:
    try:
        return np.array(values, dtype=DTYPES[datatype])
    except (TypeError, ValueError, OverflowError) as error:
        raise BadInput(f"the golden values are no {datatype}: {error}", name) from error


def _check_output(where: str, served: Served, tensor: Tensor, rows: int) -> None:
    try:
        check_tensor(served.output_specs[tensor.name], tensor)
    except BadInput as error:
        raise Refused(f"{where}: output {error}") from error
    if len(tensor.data) != rows:
        raise Refused(f"{where}: output {tensor.name} has {len(tensor.data)} rows, the input {rows}")
