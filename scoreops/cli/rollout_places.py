"""Where rollouts are: under this HOME, or in a Kubernetes cluster. Both answer the same questions."""

from __future__ import annotations

import getpass
import os
import secrets
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, Protocol

from scoreops.cli.rollout_view import Shown, shown_of
from scoreops.core.errors import NotFound, NotReady, Refused

if TYPE_CHECKING:
    from scoreops.adapters.rollout_book import Kept
    from scoreops.adapters.settings import Settings
    from scoreops.core.rollout_world import Verb
    from scoreops.local.rollouts import Rollouts

POLL_S: Final = 0.5
ANSWER_S: Final = 30.0


class Place(Protocol):
    """Rollouts, by the name that they have there."""

    def ask(self, name: str, verb: Verb, reason: str) -> str:
        """Have an action carried out; what was done. Raises Refused with why it was not, NotFound, NotReady."""
        ...

    def status(self, name: str) -> Shown:
        """How it stands. Raises NotFound."""
        ...

    def all(self) -> list[Shown]:
        """How all stand."""
        ...

    def watch(self, name: str) -> Iterator[Shown | str]:
        """Moments, for ever; here the rollout is carried on too, where nobody else does it."""
        ...


class Here:
    """Rollouts of the embedded profile, named by their models."""

    def __init__(self, rollouts: Rollouts) -> None:
        self.rollouts = rollouts

    def ask(self, name: str, verb: Verb, reason: str) -> str:
        answer = self.rollouts.ask(name, verb, f"{person()} ({reason})" if reason else person())
        if not answer.accepted:
            raise Refused(answer.why)
        shown = self.status(name)
        on = "" if answer.driven or shown.finished else f"; `scoreops rollout watch {name}` carries it on"
        return f"{answer.why}{on}"

    def status(self, name: str) -> Shown:
        return _local(self.rollouts.book.read(name))

    def all(self) -> list[Shown]:
        return [self.status(name) for name in self.rollouts.book.models()]

    def watch(self, name: str) -> Iterator[Shown | str]:
        from scoreops.local.rollouts import Away

        self.status(name)
        while True:
            with self.rollouts.turn(name) as mine:
                if mine:
                    for seen in self.rollouts.drive(name):
                        yield seen.reason if isinstance(seen, Away) else self.status(name)
            yield self.status(name)
            time.sleep(POLL_S)


class Cluster:
    """ModelRollout objects of one namespace."""

    def __init__(self, kubeconfig: str, namespace: str) -> None:
        from scoreops.adapters.kube import Resource, connect

        group, version = "scoreops.io", "v1alpha1"
        self._kube = connect(kubeconfig or os.environ.get("KUBECONFIG", ""))
        self._namespace = namespace or "default"
        self._rollouts = Resource(group, version, "modelrollouts", "ModelRollout")
        self._actions = Resource(group, version, "rolloutactions", "RolloutAction")
        self._reviews = Resource("authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview")

    def ask(self, name: str, verb: Verb, reason: str) -> str:
        self.status(name)
        action = f"{name[:40]}-{verb.lower()}-{secrets.token_hex(4)}"
        spec = {"rollout": name, "verb": str(verb), "by": self._me(), "reason": reason or "by scoreops rollout"}
        manifest = {
            "apiVersion": self._actions.api_version,
            "kind": self._actions.kind,
            "metadata": {"name": action, "namespace": self._namespace},
            "spec": spec,
        }
        self._kube.create(self._actions, manifest)
        deadline = time.monotonic() + ANSWER_S
        while not (answer := self._object(self._actions, action).get("status")):
            if time.monotonic() > deadline:
                raise NotReady(
                    f"no operator has answered the RolloutAction {action} in {ANSWER_S:.0f} s; it waits there"
                )
            time.sleep(POLL_S)
        if not answer["accepted"]:
            raise Refused(answer["why"])
        return str(answer["why"])

    def status(self, name: str) -> Shown:
        return shown_of(name, self._object(self._rollouts, name).get("status") or {})

    def all(self) -> list[Shown]:
        found = self._kube.list(self._rollouts, self._namespace)
        return [shown_of(one["metadata"]["name"], one.get("status") or {}) for one in found]

    def watch(self, name: str) -> Iterator[Shown | str]:
        self.status(name)
        while True:
            try:
                yield self.status(name)
            except NotReady as away:
                yield str(away)
            time.sleep(POLL_S)

    def _object(self, resource: Any, name: str) -> dict[str, Any]:
        found = self._kube.get(resource, self._namespace, name)
        if found is None:
            raise NotFound(f"there is no {resource.kind} {name} in the namespace {self._namespace}")
        return dict(found)

    def _me(self) -> str:
        review = {"apiVersion": self._reviews.api_version, "kind": self._reviews.kind}
        return str(self._kube.review(self._reviews, review)["status"]["userInfo"]["username"])


def place(namespace: str = "", kubeconfig: str = "") -> Place:
    """The cluster, where one is named; else this HOME."""
    if namespace or kubeconfig:
        return Cluster(kubeconfig, namespace)
    from scoreops.adapters.settings import Settings

    return here(Settings())


def here(settings: Settings) -> Here:
    """This HOME; what its loops do is logged to HOME/logs/rollouts.log, as the terminal shows how they stand."""
    from predictors.logs import configure
    from scoreops.local.rollouts import Rollouts

    file = settings.root / "logs" / "rollouts.log"
    file.parent.mkdir(parents=True, exist_ok=True)
    configure(as_json=True, to=file.open("a", buffering=1))
    return Here(Rollouts(settings))


def person() -> str:
    """Who sits at this machine."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number without a name
        return f"uid {os.getuid()}"


def _local(kept: Kept) -> Shown:
    return shown_of(kept.model, kept.status.model_dump(mode="json", by_alias=True), kept.version)
