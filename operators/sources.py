"""Where gates of a rollout get their numbers: wired once, from the operator's settings."""

from __future__ import annotations

from collections.abc import Callable
from string import Template

from operators.build.names import backend_name, service_name
from operators.settings import OperatorSettings
from scoreops.adapters.evidence import EvidenceClient
from scoreops.adapters.gate_sources import PredictorServers, RegistryShelf
from scoreops.adapters.prometheus import Prometheus
from scoreops.adapters.registry import Registry
from scoreops.core.gates.ports import Metrics, Sources


def metrics_of(settings: OperatorSettings) -> Metrics | None:
    """Prometheus as loops ask it: briefly."""
    return Prometheus(settings.prometheus, timeout_s=settings.provider_timeout_s) if settings.prometheus else None


def sources_of(settings: OperatorSettings) -> Callable[[str, str], Sources]:
    """The sources of a rollout, by its namespace and name. Gates have the time that these take."""
    metrics = Prometheus(settings.prometheus) if settings.prometheus else None
    evidence = EvidenceClient(settings.evidence) if settings.evidence else None
    shelf = RegistryShelf(Registry(settings.mlflow, timeout_s=10.0)) if settings.mlflow else None
    servers: dict[tuple[str, str], PredictorServers] = {}

    def of(namespace: str, rollout: str) -> Sources:
        def url_of(_model: str, version: str) -> str:
            service = backend_name(service_name(rollout, version))
            return Template(settings.server_url).substitute(service=service, namespace=namespace)

        server = servers.setdefault((namespace, rollout), PredictorServers(url_of))
        return Sources(metrics=metrics, evidence=evidence, registry=shelf, server=server)

    return of
