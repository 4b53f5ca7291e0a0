"""Gates on the bundle: what was evaluated before, and whether the candidate's server serves just that."""

from __future__ import annotations

from scoreops.core.errors import BadInput
from scoreops.core.gates.answers import Question, needed, together
from scoreops.core.gates.checks import Contract, OfflineEval
from scoreops.core.gates.ports import Registered
from scoreops.core.golden import golden_difference
from scoreops.core.verdict import Outcome, Verdict, judge


def contract(spec: Contract, question: Question) -> Verdict:
    """Digest, schema and golden answers. In preflight nothing is served yet, so only the registered bundle is read."""
    trial, shelf = question.trial, needed(question.sources.registry, "registry")
    registered = shelf.registered(trial.model, trial.candidate)
    manifest = registered.manifest
    if not manifest.golden.inputs or not manifest.golden.outputs:
        return _failed(question, "the bundle carries no golden request")
    if spec.same_schema and trial.stable is not None:
        before = shelf.registered(trial.model, trial.stable).manifest
        if before.schema_hash != manifest.schema_hash:
            said = f"reads schema {manifest.schema_hash}, stable version {trial.stable} reads {before.schema_hash}"
            return _failed(question, said)
    if trial.stage == "preflight":
        return _kept(question, registered, "the registered bundle is whole")
    return _served(question, registered)


def _served(question: Question, registered: Registered) -> Verdict:
    trial, server = question.trial, needed(question.sources.server, "prediction server")
    manifest = registered.manifest
    served = server.served(trial.model, trial.candidate)
    expected = {"model_version": trial.candidate, "digest": registered.digest, "schema_hash": manifest.schema_hash}
    for name, value in expected.items():
        if served.get(name, "") != value:
            return _failed(question, f"the server's {name} is {served.get(name, '')!r}, the registry's {value!r}")
    difference = golden_difference(manifest.golden, server.golden(trial.model, trial.candidate, manifest))
    if difference:
        return _failed(question, difference)
    return _kept(question, registered, "digest and schema are the registry's, golden answers as they were")


def _kept(question: Question, registered: Registered, said: str) -> Verdict:
    rows = len(next(iter(registered.manifest.golden.inputs.values())))
    return Verdict(question.gate, Outcome.PASS, rows, 1, None, None, f"{said} ({rows} golden rows)")


def _failed(question: Question, said: str) -> Verdict:
    return Verdict(question.gate, Outcome.FAIL, 1, 1, None, None, f"version {question.trial.candidate}: {said}")


def offline_eval(spec: OfflineEval, question: Question) -> Verdict:
    """A metric of the evaluation against a limit, and against the champion's on the same rows; `n` counts rows."""
    trial = question.trial
    found = needed(question.sources.registry, "registry").registered(trial.model, trial.candidate)
    if spec.metric not in found.metrics:
        known = ", ".join(sorted(found.metrics)) or "none"
        raise BadInput(f"version {trial.candidate} has no metric {spec.metric!r}; it has {known}", "metric")
    value, before = found.metrics[spec.metric], found.metrics.get(f"champion_{spec.metric}")
    higher, verdicts = spec.better == "Higher", []
    limits = [] if spec.limit is None else [(spec.limit, spec.metric)]
    if spec.may_lose is not None and before is not None:
        limits.append(
            (before - spec.may_lose if higher else before + spec.may_lose, f"{spec.metric} by the champion's")
        )
    elif spec.may_lose is not None and trial.stable is not None:
        raise BadInput(f"version {trial.candidate} was not compared with a champion: no champion_{spec.metric}")
    for limit, what in limits:
        verdicts.append(judge(question.gate, value, limit, n=found.rows, need=spec.need, at_least=higher, what=what))
    if not verdicts:
        reason = f"{spec.metric} is {value:.4g}; the first version has no champion to be compared with"
        return Verdict(question.gate, Outcome.PASS, found.rows or 1, 1, value, None, reason)
    return together(question.gate, verdicts)
