"""Gates are evaluated in the background: a question that takes long holds up no loop, and least of all a rollback."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import structlog
from pydantic import ValidationError

from operators.api.gates import GateTemplateSpec
from operators.build.evidence import gate_run, superfluous
from operators.build.names import GATE_RUNS, GATE_TEMPLATES, ROLLOUT_ACTIONS
from scoreops.adapters.kube import Kube, Manifest
from scoreops.core.errors import ScoreOpsError
from scoreops.core.gates.evaluate import evaluate
from scoreops.core.gates.ports import Sources, Trial, Yes
from scoreops.core.gates.spec import GateSpec
from scoreops.core.rollout_status import Status
from scoreops.core.rollout_world import EvaluateGates, Evaluation, Verb
from scoreops.core.verdict import Verdict, invalid

_log = structlog.get_logger("operators.evaluating")


@dataclass(frozen=True)
class Asking:
    """A question as a loop puts it: about which rollout (as the API server has it), with the status just stored."""

    key: str
    body: Manifest
    model: str
    status: Status
    act: EvaluateGates


class Evaluator:
    """Asks gates and stores what they say as GateRuns. The same question is asked once at a time, and kept once."""

    def __init__(
        self,
        kube: Kube,
        sources: Callable[[str, str], Sources],
        clock: Callable[[], datetime],
        wake: Callable[[str], None],
        *,
        workers: int = 4,
        may: Callable[[], bool] = lambda: True,
    ) -> None:
        self._kube, self._sources, self._clock, self._wake, self._may = kube, sources, clock, wake, may
        self._pool = ThreadPoolExecutor(workers, "gates")
        self._under_way: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def ask(self, asking: Asking) -> None:
        """Begin, unless it has begun."""
        name = (asking.key, asking.act.id)
        with self._lock:
            if name in self._under_way:
                return
            self._under_way.add(name)
        self._pool.submit(self._answer, asking, name)

    def close(self) -> None:
        """Begin nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _answer(self, asking: Asking, name: tuple[str, str]) -> None:
        try:
            found = self._evaluated(asking)
            if self._may():
                self._kube.create(GATE_RUNS, gate_run(asking.body, found, asking.status))
                self._prune(asking)
        except ScoreOpsError as error:
            _log.warning("a question has no answer", id=asking.act.id, rollout=asking.key, why=str(error))
        except Exception:  # noqa: BLE001 - one question must not end the others
            _log.exception("a question failed", id=asking.act.id, rollout=asking.key)
        finally:
            with self._lock:
                self._under_way.discard(name)
            self._wake(asking.key)

    def _evaluated(self, asking: Asking) -> Evaluation:
        meta, now = asking.body["metadata"], self._clock()
        namespace: str = meta["namespace"]
        wrong: dict[str, Verdict] = {}
        specs: dict[str, GateSpec] = {}
        for gate in asking.act.gates:
            template = self._kube.get(GATE_TEMPLATES, namespace, gate)
            if template is None:
                wrong[gate] = invalid(gate, f"there is no GateTemplate {gate} in {namespace}")
                continue
            try:
                specs[gate] = GateTemplateSpec.model_validate(template["spec"])
            except ValidationError as error:
                wrong[gate] = invalid(gate, f"GateTemplate {gate}: {error.errors()[0]['msg']}")
        found = evaluate(specs, self._trial(asking), self._sources(namespace, meta["name"]), now)
        verdicts = {verdict.gate: verdict for verdict in found} | wrong
        return Evaluation(asking.act.id, asking.act.stage, now, tuple(verdicts[gate] for gate in asking.act.gates))

    def _trial(self, asking: Asking) -> Trial:
        status, meta = asking.status, asking.body["metadata"]
        attempt = status.attempt
        assert attempt is not None, "gates are asked about an attempt"
        actions = self._kube.list(ROLLOUT_ACTIONS, meta["namespace"], fields=f"spec.rollout={meta['name']}")
        return Trial(
            id=asking.act.id,
            stage=asking.act.stage,
            model=asking.model,
            candidate=attempt.candidate.version,
            stable=attempt.stable.version if attempt.stable else None,
            since=status.traffic.settled_at or status.since,
            weight=status.traffic.applied,
            namespace=meta["namespace"],
            approvals=approvals(actions, attempt.id, meta["creationTimestamp"]),
        )

    def _prune(self, asking: Asking) -> None:
        meta = asking.body["metadata"]
        runs = self._kube.list(GATE_RUNS, meta["namespace"], fields=f"spec.rollout={meta['name']}")
        for run in superfluous(runs, asking.status):
            self._kube.delete(GATE_RUNS, meta["namespace"], run["metadata"]["name"], run["metadata"]["uid"])


def approvals(actions: Sequence[Manifest], attempt: str, born: str) -> tuple[Yes, ...]:
    """People who said yes to this attempt; admission has checked who they are.

    What was said before the rollout was `born` was meant for another of its name, whose attempts had the same ids.
    """
    specs = [action["spec"] for action in actions if action["metadata"]["creationTimestamp"] >= born]
    said = [spec for spec in specs if spec["verb"] == Verb.APPROVE and spec.get("attempt") == attempt]
    return tuple(Yes(spec["by"], tuple(spec.get("groups", ()))) for spec in said)
