"""Rows of trust: one a label, with the features and comments of before it."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import structlog
from numpy.typing import NDArray

from feature_repo.comments import comments_before
from feature_repo.frames import Frame, Known
from feature_repo.kol_history import leakage, outcomes, platforms_of, population
from feature_repo.lake_writer import open_lake
from feature_repo.training import training_rows
from scoreops.adapters.kafka_log import read_all
from scoreops.adapters.settings import Settings
from scoreops.core.errors import BadInput, NotFound, Refused
from scoreops.kol.events import LABELS_TOPIC
from scoreops.kol.hours import micros
from scoreops.kol.labels import Label, parse_label
from scoreops.kol.tiles import HOUR_US

HOLD_OUT_PARTS: Final = 4
SERVICE: Final = "trust"
_log: Final = structlog.get_logger("feature_repo.trust")


def held_out(kols: Iterable[str]) -> NDArray[np.bool_]:
    """Which KOLs trust is judged on and never trained on: one in four, by a hash, so for ever the same ones."""
    return np.array([zlib.crc32(kol.encode()) % HOLD_OUT_PARTS == 0 for kol in kols], dtype=bool)


def read_labels(settings: Settings, until: int, file: Path | None = None) -> list[Label]:
    """Labels known before the hour `until`, from a file of JSON lines or from their topic; the last of a campaign."""
    if file is not None:
        if not file.is_file():
            raise NotFound(f"there is no file of labels {file}")
        labels: Iterable[Label] = map(parse_label, file.read_bytes().splitlines())
    else:
        labels = _on_log(settings)
    newest = {(label.kol_id, label.campaign_id): label for label in labels if _us(label) < until * HOUR_US}
    return sorted(newest.values(), key=lambda label: (label.label_time, label.campaign_id))


def _on_log(settings: Settings) -> Iterator[Label]:
    """The labels of campaigns on their topic; a file with a mistake is refused, here it is left out."""
    for record in read_all(settings.kafka_bootstrap, LABELS_TOPIC):
        if b'"kol_id"' not in record.value:  # it is of a single answer
            continue
        try:
            yield parse_label(record.value)
        except BadInput as error:
            _log.warning("a label is left out", reason=str(error))


def rows(known: Known) -> pd.DataFrame:
    """One row a label: kol_id, event_timestamp, platform, genuine, held_out, comments, then the trust features."""
    labels = read_labels(known.settings, known.until, Path(known.labels) if known.labels else None)
    return _rows(known.settings, labels, outcomes(known.folder))


def _rows(settings: Settings, labels: Sequence[Label], known: pd.DataFrame) -> pd.DataFrame:
    if not labels:
        raise Refused(f"no labels are known; send them to the topic {LABELS_TOPIC} or name a file")
    entities = pd.DataFrame(
        {
            "kol_id": [label.kol_id for label in labels],
            "event_timestamp": pd.to_datetime([_us(label) for label in labels], unit="us", utc=True),
            "genuine": [0.0 if label.fraud else 1.0 for label in labels],
        }
    )
    entities["platform"] = entities["kol_id"].map(platforms_of(known)).fillna("")
    entities["held_out"] = held_out(entities["kol_id"])
    times = micros(entities["event_timestamp"])
    entities["comments"] = comments_before(open_lake(settings), list(entities["kol_id"]), times)
    return training_rows(entities, SERVICE, settings)


def _us(label: Label) -> int:
    return round(label.label_time.timestamp() * 1_000_000)


FRAME: Final = Frame(rows, partial(population, SERVICE), partial(leakage, SERVICE))
