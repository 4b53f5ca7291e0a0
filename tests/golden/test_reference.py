"""docs/reference is written by the code (REGEN=1 rewrites it)."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import typer

from predictors.command import serve
from predictors.metrics import Metrics

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"


def metrics_page():
    """Every metric of the prediction server."""
    rows = ["# Metrics of the prediction server", "", "| Metric | Kind | Labels | What |", "|---|---|---|---|"]
    collectors = {id(c): c for c in Metrics().registry._collector_to_names if hasattr(c, "_labelnames")}
    for one in sorted(collectors.values(), key=lambda one: one._name):
        suffix = "_total" if one._type == "counter" else ""
        labels = ", ".join(f"`{label}`" for label in one._labelnames)
        rows.append(f"| `{one._name}{suffix}` | {one._type} | {labels} | {one._documentation} |")
    said = "Durations are in seconds. With several workers the numbers are those of all; else `process_*` is there too."
    return "\n".join([*rows, "", said, ""])


def options_page():
    """Every option of `scoreops serve`."""
    app = typer.Typer()
    app.command()(serve)
    command = typer.main.get_command(app)
    rows = ["# Options of `scoreops serve`", "", "| Option | Default | What |", "|---|---|---|"]
    for option in command.params:
        if option.name in {"install_completion", "show_completion"}:
            continue
        names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
        default = "" if option.default in (None, False) or option.multiple else f"`{option.default}`"
        said = re.sub(r"([|\[\]])", r"\\\1", option.help or "")
        rows.append(f"| {names} | {default} | {said} |")
    return "\n".join([*rows, ""])


PAGES = {"predictor-metrics.md": metrics_page, "serve.md": options_page}


@pytest.mark.parametrize("name", PAGES)
def test_the_reference_is_that_of_the_code(name):
    page = PAGES[name]()
    if os.environ.get("REGEN"):
        (FOLDER / name).write_text(page)
    assert (FOLDER / name).read_text() == page
