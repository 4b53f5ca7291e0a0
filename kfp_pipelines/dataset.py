"""Training rows of each score as they were known at the time, on disk as Parquet between two steps."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from feature_repo.comments import comments_before
from feature_repo.lake_writer import open_lake
from feature_repo.training import training_rows
from scoreops.adapters.kafka_log import read_all
from scoreops.adapters.settings import Settings
from scoreops.core.errors import NotFound, Refused
from scoreops.kol.events import LABELS_TOPIC
from scoreops.kol.labels import Label, parse_label
from scoreops.kol.tiles import HOUR_US

Ints = NDArray[np.int64]

HOLD_OUT_PARTS: Final = 4
HELD_HOURS: Final = 72
"""The last hours whose success forecasts are judged; nothing of them is trained on."""
POPULATION_HOURS: Final = 24


def held_out(kols: Iterable[str]) -> NDArray[np.bool_]:
    """Which KOLs trust is judged on and never trained on: one in four, by a hash, so for ever the same ones."""
    return np.array([zlib.crc32(kol.encode()) % HOLD_OUT_PARTS == 0 for kol in kols], dtype=bool)


def micros(times: pd.Series[Any]) -> Ints:
    """(n,) microseconds since the epoch, whatever unit the column has."""
    return np.asarray(times.dt.as_unit("us").astype("int64").to_numpy(), np.int64)


def hours_of(rows: pd.DataFrame) -> Ints:
    """(n,) hour since the epoch of each row's moment."""
    return micros(rows["event_timestamp"]) // HOUR_US


def read_labels(settings: Settings, until: int, file: Path | None = None) -> list[Label]:
    """Labels known before the hour `until`, from a file of JSON lines or from their topic; the last of a campaign."""
    if file is not None:
        if not file.is_file():
            raise NotFound(f"there is no file of labels {file}")
        raws: Iterable[bytes] = file.read_bytes().splitlines()
    else:
        read = read_all(settings.kafka_bootstrap, LABELS_TOPIC)
        raws = (record.value for record in read if b'"kol_id"' in record.value)  # others are of single answers
    newest = {
        (label.kol_id, label.campaign_id): label for label in map(parse_label, raws) if _us(label) < until * HOUR_US
    }
    return sorted(newest.values(), key=lambda label: (label.label_time, label.campaign_id))


def rows_of(score: str, settings: Settings, outcomes: pd.DataFrame, until: int, labels: str) -> pd.DataFrame:
    """Training rows of `score`; `labels` is a file of labels, "" their topic."""
    if score == "trust":
        return trust_rows(settings, read_labels(settings, until, Path(labels) if labels else None), outcomes)
    return success_rows(settings, outcomes, until)


def trust_rows(settings: Settings, labels: Sequence[Label], outcomes: pd.DataFrame) -> pd.DataFrame:
    """One row a label: kol_id, event_timestamp, platform, genuine, held_out, comments, then the trust features."""
    if not labels:
        raise Refused(f"no labels are known; send them to the topic {LABELS_TOPIC} or name a file")
    entities = pd.DataFrame(
        {
            "kol_id": [label.kol_id for label in labels],
            "event_timestamp": pd.to_datetime([_us(label) for label in labels], unit="us", utc=True),
            "genuine": [0.0 if label.fraud else 1.0 for label in labels],
        }
    )
    entities["platform"] = entities["kol_id"].map(_platforms(outcomes)).fillna("")
    entities["held_out"] = held_out(entities["kol_id"])
    times = micros(entities["event_timestamp"])
    entities["comments"] = comments_before(open_lake(settings), list(entities["kol_id"]), times)
    return training_rows(entities, "trust", settings)


def success_rows(settings: Settings, outcomes: pd.DataFrame, until: int) -> pd.DataFrame:
    """One row a KOL and hour whose outcome is known: the outcomes, held_out, then the success features."""
    known = outcomes.drop(columns="platform").dropna(subset=["revenue_24h"]).reset_index(drop=True)
    known["held_out"] = hours_of(known) >= until - HELD_HOURS
    return training_rows(known, "success", settings)


def population(settings: Settings, service: str, outcomes: pd.DataFrame, until: int) -> pd.DataFrame:
    """The features of every KOL, once each, at an hour of the last day that a hash chooses: what drift is judged on.

    One row a KOL keeps the rows apart from each other; the spread over the day keeps its rhythm out.
    """
    platforms = _platforms(outcomes)
    back = [zlib.crc32(f"{kol}/hour".encode()) % POPULATION_HOURS for kol in platforms]
    at = pd.to_datetime([(until - hours) * HOUR_US for hours in back], unit="us", utc=True)
    return training_rows(pd.DataFrame({"kol_id": list(platforms), "event_timestamp": at}), service, settings)


def _platforms(outcomes: pd.DataFrame) -> dict[str, str]:
    return dict(outcomes.drop_duplicates("kol_id").sort_values("kol_id")[["kol_id", "platform"]].to_numpy().tolist())


def _us(label: Label) -> int:
    return round(label.label_time.timestamp() * 1_000_000)
