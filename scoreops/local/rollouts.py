"""Rollouts of the embedded profile: begun, driven by one loop at a time, and acted on from anywhere.

Everything is remembered in the book: whoever drives may die at any moment, and the next one goes on from there.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Final, NamedTuple
from urllib.parse import quote

from operators.loop import Look, World, settle
from scoreops.adapters.registry import CHAMPION, Registry
from scoreops.adapters.rollout_book import Kept, RolloutBook
from scoreops.adapters.settings import Settings
from scoreops.adapters.split_file import SplitFiles
from scoreops.core.errors import NotFound, NotReady, Refused
from scoreops.core.gates import Sources
from scoreops.core.rollout_status import Phase, Status
from scoreops.core.rollout_table import RESTING
from scoreops.core.rollout_world import Verb
from scoreops.local.rollout_counts import Counts
from scoreops.local.rollout_gates import LocalGates
from scoreops.local.rollout_plan import Delivery
from scoreops.local.rollout_server import ModelServer
from scoreops.local.rollout_world import LocalWorld

REGISTRY_S: Final = 2.0
"""Longest wait for the registry in one look."""
AWAY_S: Final = 1.0
POLL_S: Final = 0.2
ANSWER_S: Final = 30.0
_BACK: Final = {Verb.ROLLBACK, Verb.ABORT}


class Away(NamedTuple):
    """Nothing could be seen, and nothing was decided."""

    reason: str


Seen = Look | Away


class Answer(NamedTuple):
    """What became of an action; `driven`: somebody is there to carry on."""

    accepted: bool
    why: str
    driven: bool


def now() -> datetime:
    """The moment."""
    return datetime.now(UTC)


def at_rest(status: Status) -> bool:
    """Whether no attempt is under way."""
    return status.phase in RESTING


def finished(status: Status) -> bool:
    """Whether the attempt has ended and nothing of it is left to do."""
    return at_rest(status) and status.attempt is not None and (status.intent is None or status.intent.done)


class Rollouts:
    """All rollouts under one HOME."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.book = RolloutBook(settings.rollouts_file)
        self.files = SplitFiles(settings.splits_dir)

    def begin(self, model: str, ref: str, delivery: Delivery) -> Kept:
        """Ask for a rollout of the version that `ref`, a number or an alias, names.

        Raises Refused while one is under way, for the champion itself, and where there is no champion.
        """
        self.check_idle(model)
        with closing(Registry(self._settings.mlflow_url)) as registry:
            found, champion = registry.version(model, ref), registry.aliases(model).get(CHAMPION)
        if champion is None:
            raise Refused(
                f"{model} has no champion to share requests with: `scoreops models promote {model} {found.number}`"
            )
        if found.number == champion:
            raise Refused(f"version {champion} of {model} is the champion already")
        with closing(ModelServer(self._settings.predictor_url, model)) as server:
            server.look()
        before = self._before(model)
        fresh = Status(since=now(), attempts=before.attempts, noticed=before.noticed, history=before.history)
        self.book.open(model, str(found.number), found.digest, delivery.plan, delivery.gates, fresh)
        return self.book.read(model)

    def running(self, model: str) -> Kept | None:
        """The rollout that is under way."""
        try:
            kept = self.book.read(model)
        except NotFound:
            return None
        return None if at_rest(kept.status) else kept

    def check_idle(self, model: str) -> None:
        """Raises Refused while a rollout is under way."""
        kept = self.running(model)
        if kept is not None:
            under_way = f"a rollout of {model} to version {kept.version} is under way ({kept.status.phase})"
            raise Refused(
                f"{under_way}: `scoreops rollout watch {model}`, or `scoreops rollout rollback {model}` first"
            )

    @contextmanager
    def turn(self, model: str) -> Iterator[bool]:
        """Whether this process may drive the rollout, for the length of a block: one does at a time."""
        folder = self._settings.rollouts_file.parent
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{quote(model, safe='')}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def world(self, model: str) -> LocalWorld:
        """The surroundings of a rollout."""
        settings, url = self._settings, self._settings.predictor_url
        counts = Counts(self.book, model)
        gates = LocalGates(model, self.book, sources(settings, counts))
        registry = Registry(settings.mlflow_url, timeout_s=REGISTRY_S)
        return LocalWorld(self.book, self.files, registry, ModelServer(url, model), counts, gates, now)

    def drive(self, model: str) -> Iterator[Seen]:
        """Looks, one after each round of the loop, for ever. To be called by who has the turn."""
        with closing(self.world(model)) as world:
            yield from self.looks(model, world)

    def looks(self, model: str, world: World, sleep: Callable[[float], None] = time.sleep) -> Iterator[Seen]:
        """As `drive`, in surroundings of one's own."""
        while True:
            stamp = self.book.stamp(model)
            try:
                look = settle(world, now, rounds=1)
            except NotReady as away:
                yield Away(str(away))
                sleep(AWAY_S)
                continue
            if look is None:
                return
            yield look
            while now() < look.again and self.book.stamp(model) == stamp:
                sleep(POLL_S)

    def ask(self, model: str, verb: Verb, by: str) -> Answer:
        """Have an action carried out: by who drives the rollout or, if nobody does, here.

        A way back is driven to its end. Raises NotFound without a rollout, NotReady when nobody answers in time.
        """
        self.book.read(model)
        action = self.book.ask(model, verb, by)
        with self.turn(model) as mine:
            if mine:
                return self._driven(model, verb, action)
        deadline = time.monotonic() + ANSWER_S
        while (answer := self.book.answered(action)) is None:
            if time.monotonic() > deadline:
                raise NotReady(f"who drives the rollout of {model} has not answered in {ANSWER_S:.0f} s")
            time.sleep(POLL_S)
        return Answer(*answer, driven=True)

    def _driven(self, model: str, verb: Verb, action: str) -> Answer:
        deadline = time.monotonic() + ANSWER_S
        for seen in self.drive(model):
            answer = self.book.answered(action)
            status = self.book.read(model).status
            if answer and (verb not in _BACK or not answer[0] or finished(status)):
                return Answer(*answer, driven=False)
            if time.monotonic() > deadline:
                why = seen.reason if isinstance(seen, Away) else status.message
                raise NotReady(f"not done after {ANSWER_S:.0f} s: {why}; `scoreops rollout watch {model}` goes on")
        raise NotFound(f"the rollout of {model} is gone")

    def _before(self, model: str) -> Status:
        try:
            return self.book.read(model).status
        except NotFound:
            return Status(phase=Phase.IDLE, since=now())


def sources(settings: Settings, counts: Counts) -> Sources:
    """Where the gates' numbers come from."""
    from scoreops.adapters.evidence import EvidenceClient
    from scoreops.adapters.gate_sources import PredictorServers, RegistryShelf

    return Sources(
        metrics=counts,
        evidence=EvidenceClient(settings.evidence_url),
        registry=RegistryShelf(Registry(settings.mlflow_url)),
        server=PredictorServers(lambda _model, _version: settings.predictor_url),
    )
