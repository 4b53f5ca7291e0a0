"""Messages of the topics `inference.log` and `labels` as rows; what does not fit is left out and counted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from scoreops.catalog import SCORES
from scoreops.core.errors import BadInput
from scoreops.kol.labels import JUDGED, parse_label

Array = NDArray[np.float64]

REQUEST, ENTITY = "request", "entity"
USUAL_OUTPUTS: Final = ("probability", "score")
"""Outputs of a model of one's own that are taken for its probability, the first of these that it has."""
ENTITIES: Final = "entity_ids"
"""Parameter of a request: whom each row is about, with commas between."""
_MICRO: Final = 1_000_000
_MOST_ROWS: Final = 2**31
_LAST_US: Final = 7_258_118_400 * _MICRO
"""The year 2200: what is stamped later, or before 1970, is no time of ours, and not every library could hold it."""


class Answer(NamedTuple):
    """One row as one version answered it. `probability` None: it abstained; NaN: it gave what is no probability.

    `as_of_us`: when the features stood, where the request said so; `features` (d,), where the log holds them.
    """

    model: str
    version: str
    request: str
    row: int
    time_us: int
    probability: float | None
    entity: str | None
    as_of_us: int | None
    features: Array | None


class Label(NamedTuple):
    """How something turned out: a row of a request, or (`kind` ENTITY, with the label's own id) an entity."""

    model: str
    kind: str
    key: str
    place: str
    value: float
    time_us: int


class Outcome(BaseModel):
    """A label of any model, as a message: of `request_id` and `row`, or of `entity_id` with a `label_id` of its own.

    `label` is 0 or 1, `label_time` when it became known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(min_length=1, max_length=200)
    request_id: str | None = Field(None, min_length=1, max_length=256)
    row: int = Field(0, ge=0)
    entity_id: str | None = Field(None, min_length=1, max_length=256)
    label_id: str = Field("", max_length=256)
    label: float = Field(ge=0, le=1)
    label_time: AwareDatetime

    @model_validator(mode="after")
    def _one(self) -> Outcome:
        if (self.request_id is None) == (self.entity_id is None):
            raise ValueError("either request_id or entity_id must be given")
        if self.label not in {0.0, 1.0}:
            raise ValueError("label must be 0 or 1")
        return self


def answers_of(raw: bytes) -> Iterator[Answer]:
    """The rows of one line of the inference log. Raises BadInput when it is none."""
    try:
        message = orjson.loads(raw)
        model, version, request = (str(message[name]) for name in ("model", "version", "request_id"))
        first, at, parameters = int(message["first_row"]), int(message["time_us"]), dict(message["parameters"])
        probabilities = _probabilities(model, message["outputs"])
        features = _features(message["inputs"])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise BadInput(f"is no line of the inference log: {error!r}") from error
    if not (_known(at) and 0 <= first <= _MOST_ROWS):
        raise BadInput(f"is no line of the inference log: row {first} at {at} us")
    entities = str(parameters.get(ENTITIES, "")).split(",")
    as_of = _micros(parameters.get("as_of"))
    for row, probability in enumerate(probabilities, first):
        entity = entities[row] if row < len(entities) else ""
        given = features[row - first] if features is not None and row - first < len(features) else None
        yield Answer(model, version, request, row, at, probability, entity or None, as_of, given)


def labels_of(raw: bytes) -> Label:
    """The label in one message: of a campaign, which tells trust whether its KOL was genuine, or of any model."""
    if b'"kol_id"' in raw:
        campaign = parse_label(raw)
        at = _label_time(campaign.label_time)
        return Label(JUDGED, ENTITY, campaign.kol_id, campaign.campaign_id, float(not campaign.fraud), at)
    try:
        outcome = Outcome.model_validate_json(raw)
    except ValidationError as error:
        raise BadInput(f"is no label: {error.errors(include_url=False)[0]['msg']}") from error
    at = _label_time(outcome.label_time)
    if outcome.request_id is not None:
        return Label(outcome.model, REQUEST, outcome.request_id, str(outcome.row), outcome.label, at)
    assert outcome.entity_id is not None
    return Label(outcome.model, ENTITY, outcome.entity_id, outcome.label_id, outcome.label, at)


def _probabilities(model: str, outputs: Mapping[str, Any]) -> list[float | None]:
    """By row; nothing for a model that gives none."""
    known = SCORES.get(model)
    if known is not None:
        name, scale = known.probability or ("", 1.0)
    else:
        name, scale = next((one for one in USUAL_OUTPUTS if one in outputs), ""), 1.0
    values = outputs.get(name, [])
    return [_probability(value, scale) for value in values]


def _probability(value: object, scale: float) -> float | None:
    if value is None:
        return None
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, int | float):
        return math.nan
    return float(value) / scale if 0 <= value <= scale else math.nan


def _features(inputs: Mapping[str, Any]) -> Array | None:
    """The first input, where the log holds its values as rows of numbers."""
    rows = next(iter(inputs.values()), None)
    if not isinstance(rows, list) or not rows or not isinstance(rows[0], list):
        return None
    try:
        made = np.array(rows, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    return made if made.ndim == 2 else None


def _micros(as_of: object) -> int | None:
    """The parameter `as_of`: a time in ISO 8601 with its zone, or microseconds since 1970."""
    if isinstance(as_of, int) and not isinstance(as_of, bool):
        return as_of if _known(as_of) else None
    try:
        at = datetime.fromisoformat(as_of) if isinstance(as_of, str) else None
    except ValueError:
        return None
    if at is None or at.tzinfo is None or not _known(_of_time(at)):
        return None
    return _of_time(at)


def _label_time(at: datetime) -> int:
    if not _known(_of_time(at)):
        raise BadInput(f"is no label: label_time {at.isoformat()} is no time of ours")
    return _of_time(at)


def _known(micros: int) -> bool:
    return 0 <= micros < _LAST_US


def _of_time(at: datetime) -> int:
    return round(at.timestamp() * _MICRO)
