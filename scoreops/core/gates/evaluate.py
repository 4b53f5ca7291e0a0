"""All gates of a stage, asked once: the numbers are fetched, and each becomes a verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from scoreops.core.errors import BadInput, NotFound, ScoreOpsError, Unsupported
from scoreops.core.gates import bundles, inputs, people, quality, traffic
from scoreops.core.gates.answers import Question
from scoreops.core.gates.checks import (
    Approval,
    Calibration,
    Contract,
    Drift,
    ExpectedValue,
    Freshness,
    OfflineEval,
    PairedShadow,
    PromQuery,
    Schedule,
    Skew,
    Slo,
    TrafficMin,
)
from scoreops.core.gates.ports import Sources, Trial
from scoreops.core.gates.spec import GateSpec
from scoreops.core.verdict import Verdict, invalid, unknown

_JUDGES: Final[Mapping[type, Callable[[Any, Question], Verdict]]] = {
    Slo: traffic.slo,
    TrafficMin: traffic.traffic_min,
    PromQuery: traffic.prom_query,
    Contract: bundles.contract,
    OfflineEval: bundles.offline_eval,
    Calibration: quality.calibration,
    PairedShadow: quality.paired_shadow,
    ExpectedValue: quality.expected_value,
    Drift: inputs.drift,
    Freshness: inputs.freshness,
    Skew: inputs.skew,
    Approval: people.approval,
    Schedule: people.schedule,
}


def evaluate(gates: Mapping[str, GateSpec], trial: Trial, sources: Sources, now: datetime) -> tuple[Verdict, ...]:
    """One verdict for each gate, by its name and in the same order.

    A provider that is away, too slow or gives half an answer makes Unknown, a template or numbers that make no sense
    Invalid; one gate's trouble is never another's. `now` must be aware. Calls block: give them a thread.
    """
    return tuple(_verdict(spec, Question(name, trial, sources, now)) for name, spec in gates.items())


def _verdict(spec: GateSpec, question: Question) -> Verdict:
    try:
        return _JUDGES[type(spec.check)](spec.check, question)
    except (BadInput, NotFound, Unsupported) as error:
        return invalid(question.gate, str(error))
    except ScoreOpsError as error:
        return unknown(question.gate, str(error))
    except Exception as error:  # noqa: BLE001 - whatever one gate's numbers do, the others are judged
        return invalid(question.gate, f"{type(error).__name__}: {error}")
