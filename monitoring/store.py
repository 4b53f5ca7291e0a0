"""Answers and labels in one SQLite file, with the offsets up to which the log was read: both move in one transaction.

A process that dies at any moment starts from the offsets that it finds, and what was half written is not there. A row
that comes again changes nothing; where a request id was used twice, the earlier answer of a version counts, whatever
their order on the log. Labels may be corrected: the newest counts.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from monitoring import queries
from monitoring.reading import Answer, Label
from scoreops.adapters.kafka_log import Offsets
from scoreops.core.errors import FenceMoved

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS offsets (topic TEXT, partition INT, next INT, PRIMARY KEY (topic, partition)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counts (name TEXT PRIMARY KEY, n INT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS answers (
  model TEXT, request TEXT, row INT, version TEXT, time_us INT, probability REAL, unusable INT, entity TEXT,
  as_of_us INT,
  PRIMARY KEY (model, request, row, version)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS answers_by_time ON answers (model, version, time_us);
CREATE TABLE IF NOT EXISTS inputs (
  model TEXT, version TEXT, time_us INT, request TEXT, row INT, entity TEXT, as_of_us INT, features BLOB,
  PRIMARY KEY (model, version, time_us, request, row)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS labels (
  model TEXT, kind TEXT, key TEXT, place TEXT, value REAL, time_us INT,
  PRIMARY KEY (model, kind, key, place)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS labels_by_time ON labels (model, time_us);
"""
_ANSWER: Final = """INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (model, request, row, version)
DO UPDATE SET time_us = excluded.time_us, probability = excluded.probability, unusable = excluded.unusable,
entity = excluded.entity, as_of_us = excluded.as_of_us WHERE excluded.time_us < time_us"""
_INPUT: Final = "INSERT INTO inputs VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
_LABEL: Final = """INSERT INTO labels VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (model, kind, key, place)
DO UPDATE SET value = excluded.value, time_us = excluded.time_us WHERE excluded.time_us >= time_us"""
_COUNT: Final = "INSERT INTO counts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET n = n + excluded.n"
_OFFSET: Final = (
    "INSERT INTO offsets VALUES (?, ?, ?) ON CONFLICT (topic, partition) DO UPDATE SET next = excluded.next"
)
MOST: Final = 50_000
"""Rows with a label that are read at most, the first of a stage: a test that has not decided by then will not."""


class Store:
    """One writer, any number of readers, each thread with a connection of its own."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = file
        self._own = threading.local()
        self._db.executescript(f"PRAGMA journal_mode = WAL; {_SCHEMA}")

    @property
    def _db(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._own, "db", None)
        if found is None:
            found = self._own.db = sqlite3.connect(self._file, timeout=30, isolation_level=None)
            # A process that is killed loses nothing; a machine that loses power may lose the newest commits, which are
            # then read from the log again, as their offsets went with them.
            found.execute("PRAGMA synchronous = NORMAL")
        return found

    def offsets(self) -> Offsets:
        """The next offset to read by topic and partition; nothing before the first commit."""
        return {(topic, partition): at for topic, partition, at in self._db.execute("SELECT * FROM offsets")}

    def commit(
        self,
        expected: Offsets,
        offsets: Offsets,
        answers: Iterable[Answer],
        labels: Iterable[Label],
        counts: Mapping[str, int],
    ) -> None:
        """Write a batch and move the offsets, all or nothing.

        Raises FenceMoved, having written nothing, when the store's offsets are not those the batch was read from.
        """
        db, answers = self._db, list(answers)
        db.execute("BEGIN IMMEDIATE")
        try:
            self._check(expected)
            db.executemany(_ANSWER, map(_answer_row, answers))
            db.executemany(_INPUT, (_input_row(one) for one in answers if one.features is not None))
            db.executemany(_LABEL, labels)
            db.executemany(_COUNT, counts.items())
            db.executemany(_OFFSET, ((topic, partition, at) for (topic, partition), at in offsets.items()))
            db.execute("COMMIT")
        except BaseException:
            db.execute("ROLLBACK")
            raise

    def _check(self, expected: Offsets) -> None:
        if self.offsets() != expected:
            raise FenceMoved("another process has written evidence; its offsets are not those of this one")

    def forget(self, before_us: int) -> int:
        """Drop answers, inputs and labels from before a time; the number of answers dropped."""
        dropped = self._db.execute("DELETE FROM answers WHERE time_us < ?", (before_us,)).rowcount
        self._db.execute("DELETE FROM inputs WHERE time_us < ?", (before_us,))
        self._db.execute("DELETE FROM labels WHERE time_us < ?", (before_us,))
        return dropped

    def counts(self) -> dict[str, int]:
        """Counters of all commits."""
        return dict(self._db.execute("SELECT * FROM counts"))

    def versions(self, since_us: int) -> list[tuple[str, str, int]]:
        """Model, version and number of answers, of those that answered since."""
        query = "SELECT model, version, count(*) FROM answers WHERE time_us >= ? GROUP BY model, version"
        return list(self._db.execute(query, (since_us,)))

    def counted(self, model: str, version: str, since_us: int, until_us: int, stale_us: float) -> dict[str, Any]:
        """Of a version's answers: rows, unusable, abstained, known (when features stood), stale, newest (its time)."""
        cursor = self._db.execute(queries.COUNTED, (model, version, since_us, until_us, stale_us))
        return dict(zip((column[0] for column in cursor.description), cursor.fetchone(), strict=True))

    def labelled(self, model: str, version: str, since_us: int, until_us: int) -> pd.DataFrame:
        """request, row, probability, label of answers whose request has a label."""
        return self._frame(queries.LABELLED, model, version, since_us, until_us, None, MOST)

    def about(self, model: str, version: str, since_us: int, until_us: int) -> pd.DataFrame:
        """request, row, probability, time_us, entity of answers about somebody."""
        return self._frame(queries.ABOUT, model, version, since_us, until_us, None, MOST)

    def count_pairs(self, model: str, candidate: str, stable: str, since_us: int, until_us: int) -> int:
        """Rows to which both versions gave a probability."""
        found = self._db.execute(queries.COUNT_PAIRS, (model, candidate, since_us, until_us, stable)).fetchone()
        return int(found[0])

    def labelled_pairs(self, model: str, candidate: str, stable: str, since_us: int, until_us: int) -> pd.DataFrame:
        """request, row, stable, candidate (probabilities), label of rows that both answered."""
        return self._frame(queries.LABELLED_PAIRS, model, candidate, since_us, until_us, stable, MOST)

    def pairs_about(self, model: str, candidate: str, stable: str, since_us: int, until_us: int) -> pd.DataFrame:
        """request, row, stable, candidate, time_us (of the later), entity of rows about somebody."""
        return self._frame(queries.PAIRS_ABOUT, model, candidate, since_us, until_us, stable, MOST)

    def entity_labels(self, model: str) -> pd.DataFrame:
        """entity, place, value, time_us of a model's labels of entities."""
        return self._frame(queries.ENTITY_LABELS, model)

    def newest_label(self, model: str) -> int | None:
        """When the newest label of a model became known."""
        found = self._db.execute("SELECT max(time_us) FROM labels WHERE model = ?", (model,)).fetchone()
        return found[0] if found else None

    def inputs(self, model: str, version: str, since_us: int, limit: int) -> pd.DataFrame:
        """entity, as_of_us, features of the first rows since, at most `limit`, whose order is that of their times."""
        found = self._frame(queries.INPUTS, model, version, since_us, limit)
        arrays = [np.frombuffer(blob, np.float64) for blob in found["features"]]
        return found.assign(features=pd.Series(arrays, dtype=object))

    def count_inputs(self, model: str, version: str, since_us: int) -> int:
        """Rows of inputs since."""
        query = "SELECT count(*) FROM inputs WHERE model = ? AND version = ? AND time_us >= ?"
        return int(self._db.execute(query, (model, version, since_us)).fetchone()[0])

    def _frame(self, query: str, *values: object) -> pd.DataFrame:
        cursor = self._db.execute(query, values)
        names = [column[0] for column in cursor.description]
        return pd.DataFrame(cursor.fetchall(), columns=names)


def _answer_row(one: Answer) -> tuple[Any, ...]:
    unusable = one.probability is not None and np.isnan(one.probability)
    known = None if unusable else one.probability
    return one.model, one.request, one.row, one.version, one.time_us, known, int(unusable), one.entity, one.as_of_us


def _input_row(one: Answer) -> tuple[Any, ...]:
    assert one.features is not None
    blob = np.ascontiguousarray(one.features, dtype=np.float64).tobytes()
    return one.model, one.version, one.time_us, one.request, one.row, one.entity, one.as_of_us, blob
