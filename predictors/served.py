"""One loaded bundle, and the check that a question fits it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np

from predictors.tensors import DTYPES, Array, InferRequest, Parameter, Parameters, Tensor, check_tensor
from scoreops.core.bundle import TensorSpec
from scoreops.core.errors import BadInput
from scoreops.core.spec import Schema

Predict = Callable[[Mapping[str, Array], Mapping[str, Parameter]], Mapping[str, object]]
"""Inputs by name and parameters -> outputs by name, arrays or lists. Pure, and safe to call from two threads."""

FEATURES: Final = "features"
"""The input of a score whose columns are checked against the schema."""
REASONS: Final = "reasons"
"""The output that costs more than all others: a model is told by a parameter of this name whether it is wanted."""


@dataclass(frozen=True)
class Served:
    """One version of one model, ready to answer."""

    model: str
    version: str
    digest: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    schema: Schema
    predict: Predict = field(repr=False)
    rowwise: bool = True
    """Whether the answer to a row never depends on the rows beside it."""
    row_s: float = 0.0
    """Seconds a row takes at most, as its golden request showed."""
    properties: Mapping[str, str] = field(default_factory=dict)
    checked: str = FEATURES
    """The input whose columns are checked against the schema; "" for none."""

    @cached_property
    def joined_columns(self) -> str:
        """The columns of the checked input as one parameter: names in order, separated by commas."""
        return ",".join(self.schema.columns)

    @cached_property
    def schema_hash(self) -> str:
        """Hash of the columns of the checked input."""
        return self.schema.hash

    @cached_property
    def input_specs(self) -> Mapping[str, TensorSpec]:
        """Inputs by name."""
        return {spec.name: spec for spec in self.inputs}

    @cached_property
    def output_specs(self) -> Mapping[str, TensorSpec]:
        """Outputs by name."""
        return {spec.name: spec for spec in self.outputs}

    @cached_property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs, in order."""
        return tuple(self.output_specs)

    @cached_property
    def all_outputs(self) -> frozenset[str]:
        """Names of the outputs."""
        return frozenset(self.output_specs)


def arrange(served: Served, request: InferRequest) -> tuple[dict[str, Array], int]:
    """The inputs by name and their number of rows. Raises BadInput with a sentence that names what does not fit."""
    given: dict[str, Array] = {}
    rows = -1
    for tensor in request.inputs:
        spec = served.input_specs.get(tensor.name)
        if spec is None:
            raise BadInput(f"is no input of {served.model}; it takes {_names(served.inputs)}", tensor.name)
        if tensor.name in given:
            raise BadInput("is given twice", tensor.name)
        check_tensor(spec, tensor)
        if rows not in (-1, len(tensor.data)):
            raise BadInput(f"has {len(tensor.data)} rows, another input has {rows}", tensor.name)
        rows = len(tensor.data)
        if tensor.name == served.checked:
            check_schema(served, tensor.parameters)
        if tensor.data.dtype.kind == "f" and _infinite(tensor.data):
            raise BadInput("holds an infinite value; what is missing is null", tensor.name)
        given[tensor.name] = tensor.data
    for spec in served.inputs:
        if not spec.optional and spec.name not in given:
            raise BadInput("this input is missing", spec.name)
    if rows < 1:
        raise BadInput("a request needs at least one row", served.inputs[0].name)
    return given, rows


def _infinite(data: Array) -> bool:
    """Whether a value is infinite. The product with itself is finite for nearly all data, and takes no time at all."""
    flat = data.ravel()
    return not math.isfinite(flat.dot(flat)) and bool(np.isinf(flat).any())


def wanted(served: Served, names: Sequence[str]) -> tuple[str, ...]:
    """The outputs to give, in the order asked for. Raises BadInput for an unknown or repeated name."""
    if not names:
        return served.output_names
    if not served.all_outputs.issuperset(names):
        unknown = next(name for name in names if name not in served.all_outputs)
        raise BadInput(f"{unknown!r} is no output of {served.model}; it gives {_names(served.outputs)}", "outputs")
    if len(set(names)) != len(names):
        raise BadInput("an output is asked for twice", "outputs")
    return tuple(names)


def check_schema(served: Served, parameters: Parameters) -> None:
    """Raises BadInput unless `columns` or `schema_hash` say that the columns are those of the bundle, in its order."""
    columns, digest = parameters.get("columns"), parameters.get("schema_hash")
    if columns is None and digest is None:
        raise BadInput(
            "say which columns these are: parameter `columns` (names in order, separated by commas) or `schema_hash`",
            served.checked,
        )
    if columns is not None and columns != served.joined_columns:
        if not isinstance(columns, str | list):
            raise BadInput("parameter `columns` must be names in order, separated by commas", served.checked)
        served.schema.check(columns.split(",") if isinstance(columns, str) else columns, served.checked)
    if digest is not None and digest != served.schema_hash:
        reason = f"schema_hash is {digest}, but {served.model} version {served.version} needs {served.schema_hash}"
        raise BadInput(f"{reason}; send `columns` to learn the difference", served.checked)


def _names(specs: Sequence[TensorSpec]) -> str:
    return ", ".join(spec.name for spec in specs)


class Question(NamedTuple):
    """A request that fits its version: inputs by name, all of `rows` rows, and the outputs to give, in order."""

    inputs: Mapping[str, Array]
    rows: int
    outputs: tuple[str, ...]
    parameters: Parameters
    trace: str = ""
    copy: str = ""

    @property
    def reasons(self) -> bool:
        """Whether reasons are wanted."""
        return REASONS in self.outputs


def ask(served: Served, request: InferRequest, most_rows: int) -> Question:
    """The question that `request` asks of `served`. Raises BadInput when it does not fit or has too many rows."""
    names = wanted(served, request.outputs)
    given, rows = arrange(served, request)
    if rows > most_rows:
        raise BadInput(f"has {rows} rows, at most {most_rows} are taken in one request", "inputs")
    return Question(given, rows, names, request.parameters, request.trace, request.copy)


def compute(served: Served, question: Question) -> list[Tensor]:
    """The outputs in the order asked for. Raises BadInput for what only the model can see."""
    values = served.predict(question.inputs, {**question.parameters, REASONS: question.reasons})
    return [_tensor(served.output_specs[name], values[name]) for name in question.outputs]


def _tensor(spec: TensorSpec, values: object) -> Tensor:
    return Tensor(spec.name, spec.datatype, np.asarray(values, dtype=DTYPES[spec.datatype]))
