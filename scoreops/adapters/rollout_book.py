"""Rollouts of the embedded profile in one SQLite file: what is asked for, what is remembered, and what was found out.

It stands where the API server stands in a cluster. A status is written only over the revision that was read, so that of
two loops on one rollout one learns that the other was faster. Any process may ask for an action at any time.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from scoreops.core.errors import FenceMoved, NotFound, NotReady
from scoreops.core.rollout_spec import Plan
from scoreops.core.rollout_status import Status
from scoreops.core.rollout_world import Action, Evaluation, Verb
from scoreops.core.verdict import Outcome, Verdict

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS rollout (model TEXT PRIMARY KEY, revision INT NOT NULL, generation INT NOT NULL,
  version TEXT NOT NULL, digest TEXT NOT NULL, plan TEXT NOT NULL, gates TEXT NOT NULL, status TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS action (number INTEGER PRIMARY KEY AUTOINCREMENT, model TEXT NOT NULL, verb TEXT NOT NULL,
  by TEXT NOT NULL, attempt TEXT, accepted INT, why TEXT);
CREATE TABLE IF NOT EXISTS evaluation (model TEXT NOT NULL, id TEXT NOT NULL, stage TEXT NOT NULL, at TEXT NOT NULL,
  verdicts TEXT NOT NULL, PRIMARY KEY (model, id));
CREATE TABLE IF NOT EXISTS notice (model TEXT NOT NULL, id TEXT NOT NULL, at TEXT NOT NULL, reason TEXT NOT NULL,
  message TEXT NOT NULL, PRIMARY KEY (model, id));
CREATE TABLE IF NOT EXISTS sample (model TEXT NOT NULL, at REAL NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS sample_at ON sample (model, at);
"""
_WAIT_S: Final = 10.0


@dataclass(frozen=True)
class Kept:
    """One rollout as it stands. `version` and `digest` are those of the candidate, `gates` the templates by name."""

    model: str
    revision: int
    generation: int
    version: str
    digest: str
    plan: Plan
    gates: Mapping[str, Any]
    status: Status


@dataclass(frozen=True)
class Told:
    """A sentence that people were told."""

    id: str
    at: datetime
    reason: str
    message: str


class RolloutBook:
    """The file. Safe to share between threads and processes: every call is a transaction of its own."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def open(self, model: str, version: str, digest: str, plan: Plan, gates: Mapping[str, Any], status: Status) -> None:
        """Ask for a rollout, whatever was asked before; its generation is the next one."""
        row = (version, digest, plan.model_dump_json(by_alias=True), json.dumps(gates), _text(status))
        with self._db() as db:
            db.execute(
                "INSERT INTO rollout VALUES (?, 1, 1, ?, ?, ?, ?, ?) ON CONFLICT (model) DO UPDATE SET "
                "revision = revision + 1, generation = generation + 1, version = excluded.version, "
                "digest = excluded.digest, plan = excluded.plan, gates = excluded.gates, status = excluded.status",
                (model, *row),
            )

    def read(self, model: str) -> Kept:
        """The rollout of a model. Raises NotFound."""
        with self._db() as db:
            found = db.execute("SELECT * FROM rollout WHERE model = ?", (model,)).fetchone()
        if found is None:
            raise NotFound(f"there is no rollout of {model}; `scoreops models promote {model} --canary` begins one")
        name, revision, generation, version, digest, plan, gates, status = found
        loaded = Plan.model_validate_json(plan), json.loads(gates), Status.model_validate_json(status)
        return Kept(name, revision, generation, version, digest, *loaded)

    def models(self) -> list[str]:
        """Models that have or had a rollout."""
        with self._db() as db:
            return [str(name) for (name,) in db.execute("SELECT model FROM rollout ORDER BY model")]

    def write(self, model: str, status: Status, revision: int) -> None:
        """Remember a status over `revision`. Raises FenceMoved, having written nothing, if it is another by now."""
        with self._db() as db:
            query = "UPDATE rollout SET status = ?, revision = revision + 1 WHERE model = ? AND revision = ?"
            if db.execute(query, (_text(status), model, revision)).rowcount != 1:
                raise FenceMoved(f"the rollout of {model} is not at revision {revision} any more")

    def ask(self, model: str, verb: Verb, by: str) -> str:
        """Ask for an action; its id."""
        with self._db() as db:
            made = db.execute("INSERT INTO action (model, verb, by) VALUES (?, ?, ?)", (model, verb, by))
            return f"{made.lastrowid:08d}"

    def actions(self, model: str) -> tuple[Action, ...]:
        """Those without an answer."""
        query = "SELECT number, verb, by, attempt FROM action WHERE model = ? AND accepted IS NULL ORDER BY number"
        with self._db() as db:
            found = db.execute(query, (model,)).fetchall()
        return tuple(Action(f"{number:08d}", Verb(verb), by, attempt) for number, verb, by, attempt in found)

    def answer(self, action: str, *, accepted: bool, why: str) -> None:
        """What became of an action; the first answer counts."""
        query = "UPDATE action SET accepted = ?, why = ? WHERE number = ? AND accepted IS NULL"
        with self._db() as db:
            db.execute(query, (accepted, why, int(action)))

    def answered(self, action: str) -> tuple[bool, str] | None:
        """Whether it was accepted, and why; None while there is no answer."""
        with self._db() as db:
            found = db.execute("SELECT accepted, why FROM action WHERE number = ?", (int(action),)).fetchone()
        return None if found is None or found[0] is None else (bool(found[0]), found[1])

    def keep(self, model: str, made: Evaluation) -> None:
        """Store an evaluation; the first one under its id counts."""
        verdicts = json.dumps([verdict.as_dict() for verdict in made.verdicts])
        with self._db() as db:
            row = (model, made.id, made.stage, made.at.isoformat(), verdicts)
            db.execute("INSERT INTO evaluation VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", row)

    def evaluation(self, model: str, name: str) -> Evaluation | None:
        """The evaluation with that id."""
        query = "SELECT stage, at, verdicts FROM evaluation WHERE model = ? AND id = ?"
        with self._db() as db:
            found = db.execute(query, (model, name)).fetchone()
        if found is None:
            return None
        stage, at, verdicts = found
        made = (Verdict(**one | {"outcome": Outcome(one["outcome"])}) for one in json.loads(verdicts))
        return Evaluation(name, stage, datetime.fromisoformat(at), tuple(made))

    def tell(self, model: str, told: Told) -> bool:
        """Keep a sentence; whether it is new."""
        with self._db() as db:
            row = (model, *asdict(told).values())
            query = "INSERT INTO notice VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            return db.execute(query, (*row[:2], told.at.isoformat(), *row[3:])).rowcount == 1

    def told(self, model: str) -> list[Told]:
        """What people were told, the oldest first."""
        query = "SELECT id, at, reason, message FROM notice WHERE model = ? ORDER BY at, rowid"
        with self._db() as db:
            found = db.execute(query, (model,)).fetchall()
        return [Told(name, datetime.fromisoformat(at), reason, message) for name, at, reason, message in found]

    def sample(self, model: str, at: float, body: str, *, keep_s: float) -> None:
        """Keep what the server's metrics said at `at` (seconds since 1970), and forget what is older than `keep_s`."""
        with self._db() as db:
            db.execute("INSERT INTO sample VALUES (?, ?, ?)", (model, at, body))
            db.execute("DELETE FROM sample WHERE model = ? AND at < ?", (model, at - keep_s))

    def samples(self, model: str, since: float) -> list[tuple[float, str]]:
        """(seconds since 1970, body) of the samples from `since` on, in order."""
        query = "SELECT at, body FROM sample WHERE model = ? AND at >= ? ORDER BY at"
        with self._db() as db:
            return list(db.execute(query, (model, since)))

    def stamp(self, model: str) -> tuple[int, int, int]:
        """Changes whenever a loop has reason to look again."""
        query = (
            "SELECT (SELECT coalesce(max(number), 0) FROM action WHERE model = ?1),"
            " (SELECT count(*) FROM evaluation WHERE model = ?1),"
            " (SELECT coalesce(max(generation), 0) FROM rollout WHERE model = ?1)"
        )
        with self._db() as db:
            actions, evaluations, generation = db.execute(query, (model,)).fetchone()
        return actions, evaluations, generation

    @contextmanager
    def _db(self) -> Iterator[sqlite3.Connection]:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        try:
            with closing(sqlite3.connect(self._file, timeout=_WAIT_S, isolation_level="IMMEDIATE")) as db, db:
                if not _known(db):
                    db.executescript(_SCHEMA)
                yield db
        except sqlite3.OperationalError as error:
            raise NotReady(f"{self._file} cannot be used: {error}") from error


def _known(db: sqlite3.Connection) -> bool:
    return db.execute("SELECT 1 FROM sqlite_master WHERE name = 'sample_at'").fetchone() is not None


def _text(status: Status) -> str:
    return status.model_dump_json(by_alias=True)
