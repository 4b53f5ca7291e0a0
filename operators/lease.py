"""Who of the replicas acts: a Lease of coordination.k8s.io, as the other controllers of Kubernetes keep it.

Clocks of machines are not compared: a Lease is over when this process has seen it unchanged for its whole duration.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import structlog

from operators.build.names import LEASES
from scoreops.adapters.kube import Kube, Manifest
from scoreops.core.errors import FenceMoved, NotReady, ScoreOpsError

NAME: Final = "scoreops-operator"
_log = structlog.get_logger("operators.lease")


@dataclass(frozen=True)
class Pace:
    """Seconds: a Lease that nobody renewed for `lease` may be taken; who could not for `renew` stops acting."""

    lease: float = 15.0
    renew: float = 10.0
    retry: float = 2.0


class Lease:
    """The right to act, held by one identity at a time. One thread keeps it; any may ask `held`."""

    def __init__(
        self,
        kube: Kube,
        namespace: str,
        identity: str,
        pace: Pace = Pace(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kube, self._namespace, self._identity, self._pace, self._clock = kube, namespace, identity, pace, clock
        self._renewed: float | None = None
        self._seen: tuple[str, float] = ("", clock())

    def held(self) -> bool:
        """Whether this process may act now. False as soon as another one might."""
        return self._renewed is not None and self._clock() - self._renewed < self._pace.renew

    def check(self) -> None:
        """Raises NotReady unless held."""
        if not self.held():
            raise NotReady("this replica does not hold the Lease")

    def run(self, stop: threading.Event, gained: Callable[[], None]) -> bool:
        """Wait for the Lease, call `gained`, and keep it until `stop` is set (returns True) or it is lost (False).

        It is still held afterwards, so that what is under way can end: `release` it then.
        """
        while not stop.is_set() and not self.attempt():
            stop.wait(self._pace.retry)
        if stop.is_set():
            return True
        _log.info("holds the Lease", identity=self._identity)
        gained()
        while not stop.wait(self._pace.retry):
            self.attempt()
            if not self.held():
                _log.error("lost the Lease", identity=self._identity)
                self._renewed = None
                return False
        return True

    def attempt(self) -> bool:
        """One try to take or renew it. Returns whether it is ours."""
        began = self._clock()
        try:
            body = self._kube.get(LEASES, self._namespace, NAME)
            if body is None:
                ours = self._kube.create(LEASES, self._made(None))
            elif self._may_take(body):
                self._kube.replace(LEASES, self._made(body))
                ours = True
            else:
                ours = False
        except FenceMoved:
            ours = False
        except ScoreOpsError as error:
            _log.warning("the Lease cannot be reached", why=str(error))
            return self.held()
        self._renewed = began if ours else None
        return ours

    def _may_take(self, body: Manifest) -> bool:
        spec = body.get("spec", {})
        revision = body["metadata"]["resourceVersion"]
        if revision != self._seen[0]:
            self._seen = (revision, self._clock())
        if spec.get("holderIdentity") in {None, "", self._identity}:
            return True
        return self._clock() - self._seen[1] >= float(spec.get("leaseDurationSeconds", self._pace.lease))

    def _made(self, before: Manifest | None) -> Manifest:
        old: dict[str, Any] = before.get("spec", {}) if before else {}
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        same = old.get("holderIdentity") == self._identity
        spec = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": max(int(self._pace.lease), 1),
            "acquireTime": old.get("acquireTime", now) if same else now,
            "renewTime": now,
            "leaseTransitions": old.get("leaseTransitions", 0) + (0 if same or before is None else 1),
        }
        meta = before["metadata"] if before else {"name": NAME, "namespace": self._namespace}
        return {"apiVersion": LEASES.api_version, "kind": LEASES.kind, "metadata": meta, "spec": spec}

    def release(self) -> None:
        """Give it up, so that another replica need not wait."""
        if self._renewed is None:
            return
        self._renewed = None
        try:
            body = self._kube.get(LEASES, self._namespace, NAME)
            if body is not None and body["spec"].get("holderIdentity") == self._identity:
                free = {**body, "spec": {**body["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}}
                self._kube.replace(LEASES, free)
        except ScoreOpsError as error:
            _log.warning("the Lease was not given up", why=str(error))
