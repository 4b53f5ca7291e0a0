"""`scoreops rollout promote|rollback|pause|resume|approve|abort|retry|skip|status|watch|list`, here or in a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Final

import typer

from scoreops.cli.app import app
from scoreops.cli.output import JsonFlag, console, emit, err, handled, table

rollout: Final = typer.Typer(no_args_is_help=True, help="What a rollout does now, and what it shall do.")
app.add_typer(rollout, name="rollout", rich_help_panel="Models")

Name = Annotated[str, typer.Argument(help="The model or, in a cluster, the ModelRollout.", show_default=False)]
Namespace = Annotated[str, typer.Option("--namespace", "-n", help="Look in this namespace of a Kubernetes cluster.")]
Kubeconfig = Annotated[str, typer.Option(help="The cluster's kubeconfig. Default: KUBECONFIG, or the pod's account.")]
Why = Annotated[str, typer.Option("--reason", help="Why, for whoever reads it later.")]
EXIT_ENDED_BADLY: Final = 1
EXIT_INTERRUPTED: Final = 130


def _action(command: str, verb: str, does: str) -> None:
    def act(
        name: Name,
        *,
        reason: Why = "",
        namespace: Namespace = "",
        kubeconfig: Kubeconfig = "",
        as_json: JsonFlag = False,
    ) -> None:
        from scoreops.cli.rollout_places import place
        from scoreops.core.rollout_world import Verb

        where = place(namespace, kubeconfig)
        said = where.ask(name, Verb(verb), reason)
        shown = where.status(name)
        if as_json:
            emit({"rollout": name, "verb": verb, "accepted": True, "why": said, "phase": shown.phase})
        else:
            console.print(f"{name}: {said}", soft_wrap=True, highlight=False)

    act.__doc__ = f"{does}\n\n    Example: scoreops rollout {command} trust --reason 'as agreed'\n    "
    rollout.command(command)(handled(act))


for _command, _verb, _does in (
    ("promote", "Promote", "Skip every step that is left, in your name: to 100 %."),
    ("rollback", "Rollback", "Take all requests back to the stable version, now."),
    ("pause", "Pause", "Hold the weight; gates go on watching."),
    ("resume", "Resume", "Go on after a pause."),
    ("approve", "Approve", "Say yes to a step that waits for a person."),
    ("abort", "Abort", "End the attempt and take all requests back to the stable version."),
    ("retry", "Retry", "Let the version that failed be tried again."),
    ("skip", "SkipStep", "Pass the present step, in your name."),
):
    _action(_command, _verb, _does)


@rollout.command()
@handled
def status(name: Name, *, namespace: Namespace = "", kubeconfig: Kubeconfig = "", as_json: JsonFlag = False) -> None:
    """Tell where a rollout stands and why.

    Example: scoreops rollout status trust
    """
    from scoreops.cli.rollout_places import place
    from scoreops.cli.rollout_view import picture

    shown = place(namespace, kubeconfig).status(name)
    if as_json:
        emit(asdict(shown))
    else:
        console.print(picture(shown))


@rollout.command()
@handled
def watch(name: Name, *, namespace: Namespace = "", kubeconfig: Kubeconfig = "", as_json: JsonFlag = False) -> None:
    """Show a rollout until its attempt has ended; here it is carried on too, if nobody else does it.

    Exit code 0: completed; 1: rolled back or rejected; 2 and above: an error. Ctrl-C leaves it as it is.

    Example: scoreops rollout watch trust
    """
    from scoreops.cli.rollout_places import place

    watch_until_ended(place(namespace, kubeconfig).watch(name), name, as_json=as_json)


@rollout.command("list")
@handled
def list_(*, namespace: Namespace = "", kubeconfig: Kubeconfig = "", as_json: JsonFlag = False) -> None:
    """List every rollout in a line.

    Example: scoreops rollout list
    """
    from scoreops.cli.rollout_places import place

    found = place(namespace, kubeconfig).all()
    if as_json:
        emit([asdict(shown) for shown in found])
        return
    rows = [
        (one.rollout, one.phase, one.step, one.weight["applied"], one.candidate or one.version, one.stable, one.message)
        for one in found
    ]
    table("Rollouts", ("rollout", "phase", "step", "weight %", "candidate", "stable", "why"), rows)


def watch_until_ended(moments: Iterator[object], name: str, *, as_json: bool) -> None:
    """Show it. Ends the command with the code of its outcome."""
    from scoreops.cli.rollout_view import follow

    with _leaving(name):
        last = follow(moments, as_json=as_json)  # type: ignore[arg-type]
    if last is None or last.phase != "Completed":
        raise typer.Exit(EXIT_ENDED_BADLY)


@contextmanager
def _leaving(name: str) -> Iterator[None]:
    from scoreops.local.runtime import interruptible

    try:
        with interruptible():
            yield
    except KeyboardInterrupt:
        err.print(f"\nit stays as it is; `scoreops rollout watch {name}` goes on", soft_wrap=True, highlight=False)
        raise typer.Exit(EXIT_INTERRUPTED) from None
