"""From messages to events: what fits the contract becomes columns, what does not becomes dead letters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import pyarrow as pa

from scoreops.adapters.kafka import dead_letter
from scoreops.adapters.kafka_log import Record
from scoreops.core.errors import BadInput
from scoreops.kol.events import AnyEvent, parse
from scoreops.kol.tiles import to_table

FUTURE_MS: Final = 60_000
"""An event may be stamped at most this long after its message: a rogue clock must not move everybody's watermark.

Everybody's windows end there. With an hour, a source that forgot daylight saving would empty them all.
"""


class Intake(NamedTuple):
    """Events as an EVENT_SCHEMA table, the place of each in its batch, and dead letters as (key, value)."""

    events: pa.Table
    letters: list[tuple[bytes, bytes]]


def read(records: Sequence[Record]) -> Intake:
    """Validate one micro-batch."""
    events: list[AnyEvent] = []
    letters: list[tuple[bytes, bytes]] = []
    for record in records:
        try:
            events.append(_admit(record))
        except BadInput as error:
            position = f"{record.partition}/{record.offset}"
            letters.append(dead_letter(record.value, error.reason, error.field, record.topic, position))
    return Intake(to_table(events), letters)


def _admit(record: Record) -> AnyEvent:
    event = parse(record.value)
    ahead = event.event_time.timestamp() * 1000 - record.timestamp_ms
    if ahead > FUTURE_MS:
        raise BadInput(f"lies {ahead / 1000:.0f} s in the future of its message", "event_time")
    return event
