"""The command line starts light, and every command explains itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from scoreops.cli import GROUPS
from scoreops.cli.app import app
from scoreops.cli.output import EXIT_CODES
from scoreops.core import errors

HEAVY = (
    "numpy",
    "pandas",
    "pyarrow",
    "polars",
    "mlflow",
    "feast",
    "kfp",
    "sklearn",
    "xgboost",
    "fastapi",
    "kafka",
    "redis",
)
ROOT = Path(__file__).resolve().parents[2]


def commands():
    for group in GROUPS:
        import_module(f"scoreops.cli.{group}")
    found = {}

    def walk(command, path):
        inner = getattr(command, "commands", None)
        if inner:
            for name, child in inner.items():
                walk(child, (*path, name))
        else:
            found[" ".join(path)] = command

    walk(get_command(app), ())
    return found


COMMANDS = commands()


def test_help_imports_nothing_heavy():
    code = (
        "import json, sys; from scoreops.cli import main; sys.argv = ['scoreops', '--help']\n"
        "try: main()\n"
        "except SystemExit as stop: assert not stop.code\n"
        f"sys.stderr.write(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert json.loads(done.stderr) == []
    for name in COMMANDS:
        assert name.split()[0] in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example_of_itself(name):
    done = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "300"})
    assert done.exit_code == 0
    example = done.output.partition("Example: ")[2] or done.output.partition("Examples:")[2]
    assert f"scoreops {name}" in example


@pytest.mark.parametrize("name", COMMANDS)
def test_the_options_of_an_example_exist(name):
    """An example that would be refused teaches nothing."""
    command = COMMANDS[name]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    for line in (command.help or "").splitlines():
        if f"scoreops {name}" in line:
            used = [word.split("=")[0] for word in line.split("#")[0].split() if word.startswith("--")]
            assert set(used) <= known | {"--help"}, line


@pytest.mark.parametrize("kind", [e for e in vars(errors).values() if isinstance(e, type) and e is not Exception])
def test_every_error_ends_with_a_line_and_a_code_of_its_own(kind):
    from scoreops.cli.output import handled

    other = typer.Typer()

    @other.command()
    @handled
    def fail() -> None:
        raise kind("the message of [trust] and [/success]")

    done = CliRunner().invoke(other, [])
    assert done.exit_code == EXIT_CODES.get(kind, 1) != 0
    assert "the message of [trust] and [/success]" in done.output
    assert "Traceback" not in done.output


def test_cells_of_a_table_are_shown_as_they_are(capsys):
    from rich.console import Console

    from scoreops.cli import output

    before, output.console = output.console, Console(width=80)
    try:
        output.table(
            "missing [files]", ["name"], [["a cell wide enough for inputs[0]"], ["[red]"], ["[/x]"], [None], [3]]
        )
    finally:
        output.console = before
    said = capsys.readouterr().out
    for text in ("missing [files]", "inputs[0]", "[red]", "[/x]", "3"):
        assert text in said
