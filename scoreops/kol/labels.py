"""Labels: how past campaigns turned out, as the agency that ran them knows."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from scoreops.core.errors import BadInput
from scoreops.kol.events import EventTime, Identifier, bad_input

JUDGED: Final = "trust"
"""The score that the label of a campaign speaks of."""


class Label(BaseModel):
    """The outcome of one campaign. `label_time` is when it became known; `fraud` whether the KOL had cheated in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kol_id: Identifier
    campaign_id: Identifier
    label_time: EventTime
    fraud: bool


def parse_label(raw: bytes | str) -> Label:
    """One label from its JSON. Raises BadInput with the first field that does not fit and why."""
    try:
        return Label.model_validate_json(raw)
    except ValidationError as error:
        raise bad_input(error) from error


__all__ = ["BadInput", "Label", "parse_label"]
