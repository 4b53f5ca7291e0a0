"""`scoreops models list|promote|rollback`: what is registered and what answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from scoreops.cli.app import app
from scoreops.cli.output import JsonFlag, console, emit, handled, table

models: Final = typer.Typer(no_args_is_help=True, help="What is registered, and which version answers.")
app.add_typer(models, name="models", rich_help_panel="Models")
Name = Annotated[str, typer.Argument(help="trust, success or fusion.")]


@models.command("list")
@handled
def list_(*, as_json: JsonFlag = False) -> None:
    """List every version with its aliases, gates and main figures.

    Example: scoreops models list
    """
    from scoreops.adapters.registry import Registry
    from scoreops.adapters.settings import Settings
    from scoreops.catalog import SCORES

    registry = Registry(Settings().mlflow_url)
    found = [version for name in SCORES for version in registry.versions(name)]
    if as_json:
        emit([vars(version) for version in found])
        return
    rows = []
    for version in found:
        passed = sum(verdict["outcome"] == "Pass" for verdict in version.verdicts)
        made = datetime.fromtimestamp(version.created_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
        figures = [f"{key} {value:.3g}" for key, value in version.metrics.items() if key in _SHOWN]
        gates = f"{passed}/{len(version.verdicts)}"
        rows.append((version.name, version.number, ", ".join(version.aliases), gates, ", ".join(figures), made))
    table("Versions", ("model", "version", "aliases", "gates passed", "figures", "made (UTC)"), rows)


_SHOWN: Final = ("auc", "ece", "smape_clicks_24h", "smape_naive_clicks_24h", "share_of_best")


@models.command()
@handled
def promote(
    name: Name, version: Annotated[int, typer.Argument(help="Its number.")], *, as_json: JsonFlag = False
) -> None:
    """Let a version answer, whatever its gates said; the one before becomes `previous`.

    Example: scoreops models promote trust 2
    """
    from scoreops.adapters.registry import Registry
    from scoreops.adapters.settings import Settings
    from scoreops.catalog import score

    registry = Registry(Settings().mlflow_url)
    registry.version(score(name).name, str(version))
    registry.promote(name, version)
    if as_json:
        emit({"model": name, "champion": version})
    else:
        console.print(f"{name} is answered by version {version}; `scoreops models rollback {name}` takes it back")


@models.command()
@handled
def rollback(name: Name, *, as_json: JsonFlag = False) -> None:
    """Let the previous version answer again; the next answer comes from it.

    Example: scoreops models rollback trust
    """
    from scoreops.adapters.registry import Registry
    from scoreops.adapters.settings import Settings
    from scoreops.catalog import score

    was, now = Registry(Settings().mlflow_url).rollback(score(name).name)
    if as_json:
        emit({"model": name, "from": was, "to": now})
    else:
        console.print(f"{name} is answered by version {now} again, no longer by {was}")
