"""kopf as a source of events and nothing else: what it sees wakes loops. It writes nothing and decides nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from typing import Any

import kopf
from kopf._core.engines.peering import Identity

from operators.build.names import FUSIONS, HTTP_ROUTES, INFERENCE_SERVICES, MODEL_ROLLOUTS, ROLLOUT, ROLLOUT_ACTIONS
from operators.host import Host
from operators.settings import OperatorSettings
from scoreops.adapters.kube import Resource

Body = Mapping[str, Any]
Heard = Callable[[Body], None]


class Events:
    """The watches of one operator, in a thread with a loop of its own."""

    def __init__(self, settings: OperatorSettings, host: Host) -> None:
        self._settings = settings
        self._host = host
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self.failed: BaseException | None = None

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def alive(self) -> bool:
        """Whether it watches."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Leave."""
        self._stop.set()
        self._thread.join(5)

    def _run(self) -> None:
        namespaces = list(self._settings.watch)
        try:
            asyncio.run(
                kopf.operator(
                    registry=self._registry(),
                    settings=_settings(),
                    identity=Identity(self._settings.identity),  # kopf would ask for the user's name, and there is none
                    standalone=True,
                    clusterwide=not namespaces,
                    namespaces=namespaces,
                    stop_flag=self._stop,
                )
            )
        except BaseException as error:
            self.failed = error
            raise

    def _registry(self) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()
        login = kopf.login_with_kubeconfig if self._settings.kubeconfig else kopf.login_with_service_account
        kopf.on.login(registry=registry)(login)
        _listen(registry, MODEL_ROLLOUTS, self._rollout)
        _listen(registry, ROLLOUT_ACTIONS, self._action)
        _listen(registry, FUSIONS, self._fusion)
        for resource in (INFERENCE_SERVICES, HTTP_ROUTES):
            _listen(registry, resource, self._part, labels={ROLLOUT: kopf.PRESENT})
        return registry

    def _rollout(self, body: Body) -> None:
        meta = body["metadata"]
        model = body.get("spec", {}).get("source", {}).get("mlflow", {}).get("model", "")
        self._host.seen(f"{meta['namespace']}/{meta['name']}", model, meta["resourceVersion"])

    def _action(self, body: Body) -> None:
        if "accepted" not in body.get("status", {}):
            self._wake(body, body["spec"]["rollout"])

    def _fusion(self, body: Body) -> None:
        meta = body["metadata"]
        members = [member["rollout"] for member in body.get("spec", {}).get("members", ())]
        self._host.fusion_seen(meta["namespace"], meta["name"], members)

    def _part(self, body: Body) -> None:
        self._wake(body, body["metadata"]["labels"][ROLLOUT])

    def _wake(self, body: Body, rollout: str) -> None:
        self._host.schedule.wake(f"{body['metadata']['namespace']}/{rollout}")


def _listen(registry: kopf.OperatorRegistry, resource: Resource, heard: Heard, **filters: Any) -> None:
    async def handler(body: Body, **_: Any) -> None:
        heard(body)

    handler.__name__ = f"on_{resource.plural}"
    kopf.on.event(resource.group, resource.version, resource.plural, registry=registry, **filters)(handler)


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.networking.request_timeout = 15
    settings.networking.connect_timeout = 5
    settings.networking.error_backoffs = [1, 1, 2, 3, 5, 10, 20, 30]
    settings.watching.server_timeout = 240
    settings.watching.client_timeout = 270
    settings.watching.inactivity_timeout = 70
    settings.execution.max_workers = 4
    settings.process.ultimate_exiting_timeout = 5
    return settings
