"""What the scheduler remembers: since when it watches a schedule, which runs were due, and how each ended."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

INTERRUPTED: Final = "interrupted"
_TABLES: Final = """
create table if not exists watched (pipeline text primary key, since text not null);
create table if not exists runs (
    pipeline text not null, due text not null, by_hand integer not null, began text not null,
    ended text, outcome text, report text not null default '', primary key (pipeline, due)
);
"""


@dataclass(frozen=True)
class Run:
    """A run that was due at `due` (UTC); `outcome` is "" while it goes on, `report` the page about it."""

    pipeline: str
    due: datetime
    by_hand: bool
    began: datetime
    ended: datetime | None
    outcome: str
    report: str


class RunBook:
    """Runs in one SQLite file. Several processes may write."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = file
        with self._open() as db:
            db.executescript(_TABLES)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        db = sqlite3.connect(self._file, timeout=30)
        try:
            with db:
                yield db
        finally:
            db.close()

    def since(self, pipeline: str, now: datetime) -> datetime:
        """After which moment a run is due: the last one that was begun, else the moment of the first question."""
        with self._open() as db:
            db.execute("insert or ignore into watched values (?, ?)", (pipeline, _text(now)))
            (watched,) = db.execute("select since from watched where pipeline = ?", (pipeline,)).fetchone()
            asked = "select max(due) from runs where pipeline = ? and not by_hand and coalesce(outcome, '') != ?"
            (last,) = db.execute(asked, (pipeline, INTERRUPTED)).fetchone()
        return _moment(max(watched, last or ""))

    def begin(self, pipeline: str, due: datetime, now: datetime, *, by_hand: bool = False) -> bool:
        """Note that a run begins. False where it was begun before and not interrupted."""
        with self._open() as db:
            row = (pipeline, _text(due), by_hand, _text(now), INTERRUPTED)
            done = db.execute(
                "insert into runs (pipeline, due, by_hand, began) values (?1, ?2, ?3, ?4) on conflict do update "
                "set began = ?4, outcome = null, ended = null where outcome = ?5",
                row,
            )
            return done.rowcount == 1

    def end(self, pipeline: str, due: datetime, now: datetime, outcome: str, report: str = "") -> None:
        """Note how a run ended."""
        with self._open() as db:
            change = "update runs set ended = ?, outcome = ?, report = ? where pipeline = ? and due = ?"
            db.execute(change, (_text(now), outcome, report, pipeline, _text(due)))

    def runs(self, pipeline: str = "", limit: int = 100) -> list[Run]:
        """The newest runs first."""
        columns = "pipeline, due, by_hand, began, ended, outcome, report"
        where = "where pipeline = ?2" if pipeline else "where ?2 = ''"
        with self._open() as db:
            asked = f"select {columns} from runs {where} order by began desc, due desc limit ?1"  # noqa: S608 - fixed text
            rows = db.execute(asked, (limit, pipeline)).fetchall()
        return [
            Run(
                name,
                _moment(due),
                bool(by_hand),
                _moment(began),
                _moment(ended) if ended else None,
                outcome or "",
                page,
            )
            for name, due, by_hand, began, ended, outcome, page in rows
        ]


def _text(moment: datetime) -> str:
    """Fixed width, so that texts sort as times do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
