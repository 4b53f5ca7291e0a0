"""The laws of traffic, from the design: what may be written into the route, given what is stored and who can answer."""

from __future__ import annotations

from scoreops.core.rollout_status import Phase

GOING_BACK = {Phase.ROLLING_BACK, Phase.ROLLED_BACK, Phase.SUPERSEDED, Phase.STALLED, Phase.REJECTED}


def judge(world, act):
    """The laws of traffic, from the design."""
    status = world.status
    attempt = status.attempt
    candidate = attempt.candidate.version if attempt else None
    stable = attempt.stable if attempt else status.stable
    ours = {candidate, stable.version if stable else None}
    assert set(act.weights) | set(act.mirror) <= ours, "one attempt owns the traffic"
    assert sum(act.weights.values()) == 100
    for name in (*act.weights, *act.mirror):
        more = act.weights.get(name, 0) > world.weights.get(name, 0)
        if more or act.mirror.get(name, 0) > world.mirror.get(name, 0):
            assert world.ready(world.pods[name]), "never traffic to a version that is not ready"
            settled = {one.version for one in (stable, status.stable) if one is not None}
            assert name in settled or not world.pods[name].lies, "nor to one that serves something else"
    rises = attempt is not None and act.weights.get(candidate, 0) > world.weights.get(candidate, 0)
    if not rises or attempt.candidate == status.stable:
        return
    assert status.phase not in GOING_BACK | {Phase.TERMINATING, Phase.PAUSED}, "once back, never up"
    assert world.metrics_up, "an outage of the metrics holds the weight"
    assert world.registry_up, "an outage of the registry holds the weight"
    assert world.plan_valid, "an invalid spec holds the weight"
    passed = {evidence.stage for evidence in status.evidence}
    below = [s for s in attempt.plan.steps if s.weight < act.weights[candidate]] if attempt.stable else []
    needed = {"preflight"} | {f"step-{place}" for place in range(len(below))}
    needed |= {"shadow"} if attempt.plan.shadow and attempt.stable else set()
    needed |= {f"approval-{place}" for place, step in enumerate(below) if step.approval}
    assert needed <= passed, f"weight rises only with a stored Pass: {needed - passed} is missing"
