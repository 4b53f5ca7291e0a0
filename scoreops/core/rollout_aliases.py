"""The registry's aliases `champion` and `previous`: moved after 100 %, restored after a rollback, never by force."""

from __future__ import annotations

from scoreops.core.rollout_route import verified
from scoreops.core.rollout_status import Attempt, Phase
from scoreops.core.rollout_view import View
from scoreops.core.rollout_world import Registry, SetAlias

CHAMPION, PREVIOUS = "champion", "previous"


def alias_move(view: View) -> SetAlias | None:
    """The one move that is due. Whoever else moved an alias is left alone; without a registry nothing is due."""
    registry, attempt, phase = view.observed.registry, view.status.attempt, view.status.phase
    if registry is None or attempt is None or not attempt.full:
        return None
    if phase is Phase.PROMOTING:
        done = verified(view) and view.status.traffic.applied == 100
        return _forward(registry, attempt) if done else None
    if phase in {Phase.ROLLED_BACK, Phase.SUPERSEDED}:
        return _restored(registry, attempt)
    return None


def _forward(registry: Registry, attempt: Attempt) -> SetAlias | None:
    """Champion to the candidate if it still names the stable version (or nothing), then previous to the stable one."""
    new, old = attempt.candidate.version, attempt.stable.version if attempt.stable else None
    if registry.champion != new:
        return _move(attempt, CHAMPION, new, registry.champion) if registry.champion in {old, None} else None
    if old is not None and registry.previous != old:
        return _move(attempt, PREVIOUS, old, registry.previous)
    return None


def _restored(registry: Registry, attempt: Attempt) -> SetAlias | None:
    """Both to where they stood before the attempt, if the attempt moved them."""
    new, old = attempt.candidate.version, attempt.stable.version if attempt.stable else None
    if registry.champion == new:
        return _move(attempt, CHAMPION, old, new)
    if old is not None and (registry.champion, registry.previous) == (old, old) and attempt.previous != old:
        return _move(attempt, PREVIOUS, attempt.previous, old)
    return None


def _move(attempt: Attempt, alias: str, version: str | None, expected: str | None) -> SetAlias:
    return SetAlias(f"{attempt.id}-SetAlias-{alias}={version or ''}", alias, version, expected)
