"""What gates are asked about, and where their numbers come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from scoreops.core.bundle import Manifest
from scoreops.core.gates.evidence import Evidence, Wanted


@dataclass(frozen=True)
class Yes:
    """A person's approval of this attempt, with the groups that the cluster says they are in."""

    by: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trial:
    """One evaluation: of which attempt's stage, and what it is about.

    id          of the evaluation
    stage       `preflight`, `shadow`, `step-<index>`, `guard` or `bake`
    since       when the traffic of this stage had settled: nothing before it counts
    weight      percent of the requests that the candidate answers now
    author      who made the candidate, "" if nobody knows
    """

    id: str
    stage: str
    model: str
    candidate: str
    stable: str | None
    since: datetime
    weight: int = 0
    namespace: str = ""
    author: str = ""
    approvals: tuple[Yes, ...] = ()


@dataclass(frozen=True)
class Series:
    """One series of Prometheus: its labels, and samples (seconds since 1970, value) in order of time."""

    labels: Mapping[str, str]
    samples: tuple[tuple[float, float], ...]


class Metrics(Protocol):
    """A Prometheus."""

    def query(self, query: str, at: datetime) -> tuple[Series, ...]:
        """The answer to an instant query; a range selector gives its raw samples.

        Raises NotReady when nobody answers in time or only part of the answer came, BadInput on a bad query.
        """
        ...


class Book(Protocol):
    """The evidence service, or its functions in this process."""

    def read(self, wanted: Wanted) -> Evidence:
        """What is known. Raises NotReady when nobody answers."""
        ...


@dataclass(frozen=True)
class Registered:
    """A version in the registry: the manifest of its bundle, the metrics and the rows of its evaluation."""

    manifest: Manifest
    digest: str
    metrics: Mapping[str, float]
    rows: int


class Shelf(Protocol):
    """The registry."""

    def registered(self, model: str, version: str) -> Registered:
        """One version. Raises NotReady when nobody answers, NotFound."""
        ...


class Server(Protocol):
    """The candidate's own prediction server, whatever the route says."""

    def served(self, model: str, version: str) -> Mapping[str, str]:
        """Properties of the model: `model_version`, `digest`, `schema_hash`. Raises NotReady, NotFound."""
        ...

    def golden(self, model: str, version: str, manifest: Manifest) -> Mapping[str, Any]:
        """Outputs by name, as arrays, of the golden inputs. Raises NotReady, NotFound, BadInput."""
        ...


@dataclass(frozen=True)
class Sources:
    """Where numbers come from; a gate whose source is None is Invalid, as no waiting would help."""

    metrics: Metrics | None = None
    evidence: Book | None = None
    registry: Shelf | None = None
    server: Server | None = None
