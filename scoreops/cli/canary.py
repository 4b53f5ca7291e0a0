"""`scoreops models promote --canary`: begin a rollout here and carry it to its end."""

from __future__ import annotations

from pathlib import Path

from scoreops.cli.output import err
from scoreops.core.errors import BadInput


def weights(text: str) -> tuple[int, ...]:
    """`10,50,100`. Raises BadInput."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise BadInput(f"{text!r} is not like 10,50,100", "steps") from None


def check_idle(name: str) -> None:
    """Raises Refused while a rollout of the model is under way."""
    from scoreops.adapters.settings import Settings
    from scoreops.local.rollouts import Rollouts

    Rollouts(Settings()).check_idle(name)


def ended(name: str) -> tuple[int, int] | None:
    """Take back the rollout of a model that is under way: (candidate, stable) versions; None if there is none."""
    from scoreops.adapters.settings import Settings
    from scoreops.cli.rollout_places import here
    from scoreops.core.rollout_world import Verb

    place = here(Settings())
    kept = place.rollouts.running(name)
    if kept is None or kept.status.attempt is None or kept.status.attempt.stable is None:
        return None
    place.ask(name, Verb.ROLLBACK, "scoreops models rollback")
    return int(kept.version), int(kept.status.attempt.stable.version)


def run(name: str, ref: str, plan: Path | None, options: dict[str, object], *, as_json: bool) -> None:
    """Begin, show, and end with the code of the outcome."""
    from scoreops.adapters.settings import Settings
    from scoreops.cli.rollout import watch_until_ended
    from scoreops.cli.rollout_places import here
    from scoreops.local.rollout_plan import Canary, read_delivery

    made = read_delivery(plan) if plan else Canary(**options).delivery()  # type: ignore[arg-type]
    place = here(Settings())
    kept = place.rollouts.begin(name, ref, made)
    err.print(
        f"version {kept.version} of {name} is tried; Ctrl-C leaves it as it stands", soft_wrap=True, highlight=False
    )
    watch_until_ended(place.watch(name), name, as_json=as_json)
