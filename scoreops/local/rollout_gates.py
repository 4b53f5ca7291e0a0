"""Gates of the embedded profile: the same templates as in a cluster, on the sources that one machine has."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from scoreops.adapters.rollout_book import RolloutBook
from scoreops.core.gates import GateSpec, Sources, Trial, evaluate
from scoreops.core.rollout_world import EvaluateGates, Evaluation, Observed
from scoreops.core.verdict import Verdict, invalid


class LocalGates:
    """Evaluates gates by the templates that the book keeps for the rollout. See operators.loop.Gates."""

    def __init__(self, model: str, book: RolloutBook, sources: Sources) -> None:
        self._model, self._book, self._sources = model, book, sources

    def __call__(self, act: EvaluateGates, observed: Observed, now: datetime) -> Evaluation:
        """One verdict for each gate, in their order."""
        status, attempt = observed.status, observed.status.attempt
        assert attempt is not None
        trial = Trial(
            id=act.id,
            stage=act.stage,
            model=self._model,
            candidate=attempt.candidate.version,
            stable=attempt.stable.version if attempt.stable else None,
            since=status.traffic.settled_at or status.since,
            weight=status.traffic.applied,
        )
        templates = self._book.read(self._model).gates
        verdicts = tuple(self._verdict(name, templates, trial, now) for name in act.gates)
        return Evaluation(act.id, act.stage, now, verdicts)

    def _verdict(self, name: str, templates: Mapping[str, Any], trial: Trial, now: datetime) -> Verdict:
        if name not in templates:
            return invalid(name, f"there is no template {name}; there are {', '.join(templates)}")
        try:
            spec = GateSpec.model_validate(templates[name])
        except ValidationError as error:
            return invalid(name, str(error.errors(include_url=False)[0]["msg"]))
        return evaluate({name: spec}, trial, self._sources, now)[0]
