"""`scoreops models list|promote|rollback|pack|register`: what is registered, what answers, models of one's own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from scoreops.cli.app import app
from scoreops.cli.output import JsonFlag, console, emit, handled, table
from scoreops.core.errors import BadInput

models: Final = typer.Typer(no_args_is_help=True, help="What is registered, and which version answers.")
app.add_typer(models, name="models", rich_help_panel="Models")
_CANARY: Final = "With --canary"
Name = Annotated[str, typer.Argument(help="trust, success, fusion, or a model of your own.")]


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
    names = dict.fromkeys((*SCORES, *registry.names()))
    found = [version for name in names for version in registry.versions(name)]
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
    name: Name,
    version: Annotated[int | None, typer.Argument(help="Its number. With --canary by default the candidate's.")] = None,
    *,
    canary: Annotated[
        bool, typer.Option("--canary", help="Share requests with the champion, judge it, and go on or back.")
    ] = False,
    steps: Annotated[str, typer.Option(help="Weights of the canary in percent.", rich_help_panel=_CANARY)] = "10,100",
    soak_s: Annotated[int, typer.Option(min=0, help="Seconds at each weight.", rich_help_panel=_CANARY)] = 0,
    min_requests: Annotated[
        int, typer.Option(min=0, help="Requests that it must answer at each.", rich_help_panel=_CANARY)
    ] = 0,
    error_margin: Annotated[
        float,
        typer.Option(min=0.0001, max=0.5, help="How much more often it may fail or be slow.", rich_help_panel=_CANARY),
    ] = 0.02,
    loss_margin: Annotated[
        float | None,
        typer.Option(
            help="How much larger its log loss may be: compares pairs, needs labels.", rich_help_panel=_CANARY
        ),
    ] = None,
    bake_s: Annotated[
        int, typer.Option(min=0, help="Seconds at 100 % before it is done.", rich_help_panel=_CANARY)
    ] = 0,
    plan: Annotated[
        Path | None, typer.Option(help="YAML file with `plan` and `gates` in place of these.", rich_help_panel=_CANARY)
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Let a version answer; the one before becomes `previous`.

    Without --canary at once, whatever its gates said. With it step by step, shown until it has ended: exit code 0 if it
    was promoted, 1 if it was rolled back. Ctrl-C leaves it as it stands; `scoreops rollout watch` carries it on.

    Examples: scoreops models promote trust 2
    scoreops models promote trust --canary --steps 10,50,100 --min-requests 200
    """
    from scoreops.adapters.registry import CANDIDATE, Registry
    from scoreops.adapters.settings import Settings
    from scoreops.cli.canary import check_idle, run, weights

    if canary:
        limits = {"error_margin": error_margin, "loss_margin": loss_margin}
        options = {"steps": weights(steps), "soak_s": soak_s, "min_requests": min_requests, "bake_s": bake_s} | limits
        run(name, str(version or CANDIDATE), plan, options, as_json=as_json)
        return
    if version is None:
        raise BadInput("say which version, or --canary for the candidate", "version")
    check_idle(name)
    registry = Registry(Settings().mlflow_url)
    registry.version(name, str(version))
    registry.promote(name, version)
    if as_json:
        emit({"model": name, "champion": version})
    else:
        console.print(f"{name} is answered by version {version}; `scoreops models rollback {name}` takes it back")


@models.command()
@handled
def rollback(name: Name, *, as_json: JsonFlag = False) -> None:
    """Let the previous version answer again; the next answer comes from it. A rollout under way is ended.

    Example: scoreops models rollback trust
    """
    from scoreops.adapters.registry import Registry
    from scoreops.adapters.settings import Settings
    from scoreops.cli.canary import ended

    was, now = ended(name) or Registry(Settings().mlflow_url).rollback(name)
    if as_json:
        emit({"model": name, "from": was, "to": now})
    else:
        console.print(f"{name} is answered by version {now} again, no longer by {was}")


@models.command()
@handled
def pack(
    file: Annotated[
        Path, typer.Argument(help="The model: .onnx, XGBoost's .json or .ubj, LightGBM's .txt.", show_default=False)
    ],
    *,
    name: Annotated[str, typer.Option(help="What the model is called.")],
    rows: Annotated[Path, typer.Option(help="JSON file with example rows: [[1.5, null], ...]; null is missing.")],
    out: Annotated[Path, typer.Option(help="Folder for the bundle, one for each version.")],
    columns: Annotated[
        str, typer.Option(help="Names of the columns, in order: a,b,c. Default: those that the model knows.")
    ] = "",
    tolerance: Annotated[
        float, typer.Option(help="How far a server's answers to the rows may be from this machine's.")
    ] = 1e-6,
    as_json: JsonFlag = False,
) -> None:
    """Make a bundle of a model of your own, with its answers to example rows as the golden request.

    A tree model is exported to ONNX and refused unless the export answers the rows as its library does.

    Example: scoreops models pack iris.json --name iris --rows rows.json --out models/iris/1
    """
    from predictors.packing import pack_model, read_rows, write_new
    from scoreops.core.bundle import digest, unpack

    chosen = tuple(columns.split(",")) if columns else ()
    files = pack_model(file, name, read_rows(rows), chosen, tolerance=tolerance)
    write_new(files, out)
    made = unpack(files)
    if as_json:
        emit(made.model_dump(include={"score", "columns", "inputs", "outputs"}) | {"digest": digest(files)})
        return
    specs = [("input", spec) for spec in made.inputs] + [("output", spec) for spec in made.outputs]
    shown = [(kind, spec.name, spec.datatype, list(spec.shape)) for kind, spec in specs]
    table(f"{name} in {out}", ("", "name", "datatype", "shape"), shown)
    console.print(f"columns: {', '.join(made.columns) or 'not named'}", soft_wrap=True)


@models.command()
@handled
def register(
    folder: Annotated[Path, typer.Argument(help="A bundle, as `models pack` writes it.", show_default=False)],
    *,
    as_json: JsonFlag = False,
) -> None:
    """Store a bundle in the registry as a new version and `candidate`, once it was loaded as a server loads it.

    `scoreops models promote` lets it answer. The same bundle once more is the same version.

    Example: scoreops models register models/iris/1
    """
    from predictors.loading import load_bundle
    from scoreops.adapters.bundles import read_folder
    from scoreops.adapters.registry import Registry
    from scoreops.adapters.settings import Settings
    from scoreops.catalog import SCORES
    from scoreops.core.bundle import unpack

    files = read_folder(folder)
    name = unpack(files).score
    load_bundle(name, SCORES.get(name), "new", files)
    made = Registry(Settings().mlflow_url).register(files, metrics={}, verdicts=[])
    if as_json:
        emit({"model": name, "version": made.number, "digest": made.digest})
    else:
        then = f"`scoreops models promote {name} {made.number}` lets it answer"
        console.print(f"{name} has version {made.number}; {then}", soft_wrap=True)
