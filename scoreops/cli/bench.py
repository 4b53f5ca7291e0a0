"""`scoreops bench`: side-by-side measurements of bench/*.py.

A benchmark is a module with a docstring and `main() -> Mapping[str, object]`; what it returns is printed and saved.
"""

from __future__ import annotations

import ast
import json
import os
import platform
import sys
from collections.abc import Mapping
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from scoreops.cli.app import app
from scoreops.cli.output import JsonFlag, console, emit, err, handled, table
from scoreops.core.errors import Unsupported

ROOT: Final = Path(__file__).resolve().parents[2]

Name = Annotated[str, typer.Argument(help="Which one; without it all are listed.")]
Every = Annotated[bool, typer.Option("--all", help="Run all, one after the other.")]


def listed(folder: Path) -> dict[str, str]:
    """Name and first docstring line of every benchmark in `folder`."""
    found = {}
    for file in sorted(folder.glob("[!_]*.py")):
        said = ast.get_docstring(ast.parse(file.read_text())) or ""
        found[file.stem] = said.partition("\n")[0]
    return found


@app.command(rich_help_panel="Measure")
@handled
def bench(
    name: Name = "",
    *,
    every: Every = False,
    suite: Annotated[str | None, typer.Option(help="models: whose scores, such as sme.")] = None,
    data: Annotated[Path | None, typer.Option(help="models: folder of public data. Default: SCOREOPS_DATA.")] = None,
    test: Annotated[Path | None, typer.Option(help="models: folder of unseen files of the same shape.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Run a measurement of bench/, print it and save it as HOME/bench/NAME.json.

    Examples: scoreops bench stream; scoreops bench models --suite sme --test unseen/
    """
    known = listed(ROOT / "bench")
    if not name and not every:
        if as_json:
            emit(known)
        else:
            table("Benchmarks", ("name", "what it measures"), list(known.items()))
        return
    if name and name not in known:
        raise Unsupported(f"{name!r} is not one of {', '.join(known) or 'none, bench/ is empty'}")
    asked = {"suite": suite, "data": data, "test": test}
    options = {key: value for key, value in asked.items() if value is not None}
    results = {}
    for one in known if every else [name]:
        err.print(f"[bold]bench {one}[/]")
        results[one] = document = _run(one, options)
        if not as_json:
            table(f"{one} on {document['context']['cpus']} CPUs", *_columns(document["result"]))
            console.print(f"saved as {document['saved']}", highlight=False, soft_wrap=True)
    if as_json:
        emit(results if every else results[name])


def _columns(result: Mapping[str, Any]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Head and rows of a table: a column for each name that all results share, else one of their JSON."""
    first = next(iter(result.values()), None)
    names = tuple(first) if isinstance(first, dict) else ()
    if names and all(isinstance(value, dict) and tuple(value) == names for value in result.values()):
        return ("what", *names), [
            (key, *("" if value[name] is None else str(value[name]) for name in names)) for key, value in result.items()
        ]
    return ("what", "value"), [(key, json.dumps(value, default=str)) for key, value in result.items()]


def _run(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    from scoreops.adapters.settings import Settings

    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    main = import_module(f"bench.{name}").main
    unknown = sorted(set(options) - set(signature(main).parameters))
    if unknown:
        raise Unsupported(f"bench {name} has no option --{', --'.join(unknown)}")
    out = Settings().root / "bench" / f"{name}.json"
    document = {
        "name": name,
        "context": {"cpus": os.cpu_count(), "python": platform.python_version(), "machine": platform.machine()},
        "result": dict(main(**options)),
        "saved": str(out),
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(document, indent=2, default=str) + "\n")
    return document
