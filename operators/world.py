"""One rollout's surroundings on Kubernetes, behind the port of the loop: what is read, and what is written."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from operators.acting import act_on
from operators.build.names import FINALIZER, MODEL_ROLLOUTS, host_of
from operators.build.status import stored
from operators.loop import Look
from operators.parts import Parts
from operators.reading import Seen, read
from scoreops.adapters.kube import Ending
from scoreops.core.errors import BadInput
from scoreops.core.rollout_status import Status
from scoreops.core.rollout_world import Act, ApplyService, Observed, Service

_LONGEST: Final = 300
"""Characters of what the API server says, in a message."""


class KubeWorld:
    """The World of a ModelRollout. Only who holds the Lease writes, and only on what was just read."""

    def __init__(self, parts: Parts, namespace: str, name: str) -> None:
        self._parts, self._namespace, self._name = parts, namespace, name
        self._seen: Seen | None = None
        self._refused: tuple[int, Service] | None = None
        """A service that the API server does not take, under this generation of the spec."""
        self._ending = False
        self.url = f"http://{host_of(name, namespace, parts.settings.domain)}"
        self.written = ""
        """resourceVersion of the object after our last write: an event that shows it is no news."""

    def observe(self) -> Observed | None:
        """As in the port. Raises NotReady when the API server is away."""
        body = self._parts.kube.get(MODEL_ROLLOUTS, self._namespace, self._name)
        if body is None:
            self._seen, self._ending = None, False
            return None
        generation, refused = self._refused or (0, None)
        self._seen = read(self._parts, body, refused if generation == body["metadata"]["generation"] else None)
        self._seen.observed = replace(self._seen.observed, all_goes=self._ending)
        return self._seen.observed

    def write(self, status: Status) -> None:
        """As in the port. The first write also takes hold of the object, so that it is not deleted behind our back."""
        self._parts.lease.check()
        seen = self._current()
        body = seen.body
        meta = body["metadata"]
        if FINALIZER not in meta.get("finalizers", ()) and "deletionTimestamp" not in meta:
            held = {"resourceVersion": meta["resourceVersion"], "finalizers": [*meta.get("finalizers", ()), FINALIZER]}
            body = self._parts.kube.merge(MODEL_ROLLOUTS, self._namespace, self._name, {"metadata": held})
        self._put(seen, body, self._shown(seen, status))
        seen.status = status

    def act(self, act: Act) -> None:
        """As in the port."""
        self._parts.lease.check()
        seen = self._current()
        try:
            act_on(self._parts, seen, act)
        except Ending:
            self._ending = True
            raise
        except BadInput as error:
            if isinstance(act, ApplyService):
                service = Service(act.version, ready=False, failed=str(error)[:_LONGEST])
                self._refused = seen.observed.generation, service
            raise

    def tidy(self, look: Look) -> None:
        """Let the stored status show what the last look saw, where only what people read has changed."""
        seen, status = self._current(), look.decision.status
        if self._shown(seen, status) != seen.body.get("status"):
            self.write(status)

    def rest(self) -> None:
        """Forget what was read; the next look is a fresh one anyway."""
        self._seen = None

    def _current(self) -> Seen:
        assert self._seen is not None, "observe comes first"
        return self._seen

    def _shown(self, seen: Seen, status: Status) -> dict[str, Any]:
        before, now = seen.body.get("status", {}), self._parts.clock()
        return stored(status, seen.observed, url=self.url, before=before, now=now)

    def _put(self, seen: Seen, body: dict[str, Any], shown: dict[str, Any]) -> None:
        seen.body = self._parts.kube.replace(MODEL_ROLLOUTS, {**body, "status": shown}, "status")
        self.written = seen.body["metadata"]["resourceVersion"]
