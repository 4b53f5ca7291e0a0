"""Sources of gates that say what a test wants, and a trial to judge."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from scoreops.core.errors import NotFound, NotReady
from scoreops.core.gates import Evidence, GateSpec, Series, Sources, Trial, evaluate
from scoreops.core.gates.evidence import Paired
from scoreops.core.losses import BRIER_BOUND, log_loss_bound
from scoreops.core.sequential_calibration import Bins
from scoreops.core.sequential_losses import Pairs

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
SINCE = NOW - timedelta(hours=1)


def trial(stage="step-0", weight=10, stable="1", since=SINCE, **more):
    return Trial("t-1", stage, "m", "2", stable, since, weight, **more)


@dataclass
class Counted:
    """A Prometheus with counters: by metric, version and outcome (or le) their samples as (minutes from now, value)."""

    counters: dict = field(default_factory=dict)
    answers: dict = field(default_factory=dict)
    asked: list = field(default_factory=list)
    away: bool = False

    def query(self, query, at):
        self.asked.append(query)
        if self.away:
            raise NotReady("Prometheus does not answer")
        if query in self.answers:
            return self.answers[query]
        name, _, rest = query.partition("{")
        found = []
        for (metric, version, kind), samples in self.counters.items():
            if metric == name and f'version="{version}"' in rest:
                label = "le" if metric.endswith("_bucket") else "outcome"
                points = tuple((at.timestamp() + 60 * minute, float(value)) for minute, value in samples)
                found.append(Series({label: kind}, points))
        return tuple(found)


def number(value):
    return (Series({}, ((NOW.timestamp(), value),)),)


def requests(stable=(0, 0), candidate=(0, 0), usual=(0, 0), metric="predictor_requests_total"):
    """Counters of (answers, errors): stable's in the hour before and since, the candidate's since."""
    made = {}
    for kind in ("ok", "error"):
        before, since, new = (bad if kind == "error" else n - bad for n, bad in (usual, stable, candidate))
        made["predictor_requests_total", "1", kind] = [(-119, 0), (-61, before), (-1, before + since)]
        made[metric, "2", kind] = [(-30, new / 2), (-1, new)]
    return Counted(made)


@dataclass
class Told:
    """An evidence service that knows one thing."""

    evidence: Evidence | None = None

    def read(self, wanted):
        self.wanted = wanted
        if self.evidence is None:
            raise NotReady("the evidence service does not answer")
        return self.evidence


def known(**more):
    return Told(Evidence(**({"read_at": NOW, "answers": 0, "labelled": 0, "brier": Pairs(1.0), "bins": Bins()} | more)))


def paired(differences=(), answered=None, loss="log_loss", bound=None):
    kept = {"brier": Pairs(BRIER_BOUND), "log_loss": Pairs(log_loss_bound())}
    if loss == "value":
        kept["value"] = Pairs(bound).plus(differences)
    else:
        kept[loss] = kept[loss].plus(differences)
    n = len(differences)
    return known(pairs=Paired(answered=n if answered is None else answered, labelled=n, **kept))


@dataclass
class Shelf:
    versions: dict = field(default_factory=dict)
    away: bool = False

    def registered(self, model, version):
        if self.away:
            raise NotReady("MLflow does not answer")
        if version not in self.versions:
            raise NotFound(f"no version {version} of {model}")
        return self.versions[version]


@dataclass
class Server:
    properties: dict = field(default_factory=dict)
    outputs: dict = field(default_factory=dict)
    away: bool = False

    def served(self, model, version):
        if self.away:
            raise NotReady("no prediction server answers")
        return self.properties

    def golden(self, model, version, manifest):
        return self.outputs


def verdict(spec, asked=None, **sources):
    (found,) = evaluate({"g": GateSpec.model_validate(spec)}, asked or trial(), Sources(**sources), NOW)
    assert found.gate == "g"
    return found
