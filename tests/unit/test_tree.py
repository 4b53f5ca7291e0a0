"""The shape of the tree: short files and functions, documented modules, layers that a linter holds, no pickles."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("scoreops", "ingestion", "feature_repo", "kfp_pipelines", "predictors", "console", "bench")
SOURCES = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
MAX_LINES = 250
MAX_FUNCTION = 40
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX|HA" + r"CK)\b")


def name_of(path):
    return str(path.relative_to(ROOT))


def functions(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def is_table(node):
    """A match statement that routes, or a literal that is returned, is a table however long it is."""
    longest = max((b.end_lineno - b.lineno + 1 for b in node.body), default=0)
    return any(isinstance(b, ast.Match) and b.end_lineno - b.lineno + 1 == longest for b in node.body)


def code_lines(node):
    """Lines of the body, without its docstring."""
    body = node.body[1:] if ast.get_docstring(node) else node.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("path", SOURCES + TESTS, ids=name_of)
def test_no_file_is_long(path):
    assert len(path.read_text().splitlines()) <= MAX_LINES


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_function_is_long(path):
    long = [f"{f.name}: {code_lines(f)}" for f in functions(path) if code_lines(f) > MAX_FUNCTION and not is_table(f)]
    assert not long


@pytest.mark.parametrize("path", [path for path in SOURCES if path.read_text().strip()], ids=name_of)
def test_every_module_says_what_it_is(path):
    assert ast.get_docstring(ast.parse(path.read_text()))


def test_nothing_is_left_for_later():
    folders = [*SOURCES, *TESTS, ROOT / "Makefile", ROOT / "pyproject.toml", *(ROOT / "docs").rglob("*.md")]
    assert [name_of(path) for path in folders if UNFINISHED.search(path.read_text())] == []


def calls(path):
    """Dotted names of what a file calls."""
    return {ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)}


def imports(path):
    """Top names of what a file imports, anywhere."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_nothing_is_unpickled(path):
    assert not {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"} & set(imports(path))
    assert not {"eval", "exec", "yaml.load", "torch.load"} & calls(path)
    assert "allow_pickle=True" not in path.read_text()


PURE = [path for path in SOURCES if name_of(path).startswith(("scoreops/core/", "scoreops/kol/"))]
OUTSIDE = {"os", "socket", "time", "pathlib", "subprocess", "threading", "requests", "redis", "kafka", "feast", "mlflow", "kfp"}


@pytest.mark.parametrize("path", PURE, ids=name_of)
def test_mathematics_and_rules_touch_nothing_outside(path):
    assert not OUTSIDE & set(imports(path))
    said = calls(path)
    assert not {"open", "print", "datetime.now", "datetime.utcnow", "time.time", "np.random.seed"} & said
    assert "np.random.default_rng()" not in path.read_text()


def test_the_layers_are_written_down_for_the_linter():
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert set(config["root_packages"]) == set(PACKAGES) - {"bench"}
    assert config["include_external_packages"]
    by_type = {contract["type"]: contract for contract in config["contracts"]}
    layers = by_type["layers"]["layers"]
    order = ["scoreops.cli", "scoreops.local", "scoreops.catalog", "scoreops.kol | scoreops.adapters", "scoreops.core"]
    assert [layer for layer in layers if layer in order] == order
    named = {part.strip() for layer in layers for part in layer.split("|")}
    assert named >= set(PACKAGES) - {"scoreops", "bench"}
    assert {"scoreops.core", "scoreops.kol"} <= set(by_type["forbidden"]["source_modules"])
    forbidden = {"os", "socket", "time", "feast", "mlflow", "redis", "kafka", "confluent_kafka", "fastapi", "kfp"}
    assert forbidden <= set(by_type["forbidden"]["forbidden_modules"])


def test_every_package_is_in_the_wheel_and_typed_strictly():
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    shipped = set(PACKAGES) - {"bench"}
    assert set(tools["hatch"]["build"]["targets"]["wheel"]["packages"]) == shipped
    assert set(tools["mypy"]["packages"]) == shipped
    assert tools["mypy"]["strict"]
    assert tools["ruff"]["lint"]["select"] == ["ALL"]
