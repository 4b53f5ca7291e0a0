"""The shape of the tree: short files and functions, documented modules, layers that a linter holds, no pickles."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ("scoreops", "ingestion", "feature_repo", "kfp_pipelines", "predictors", "operators", "console", "monitoring")
PACKAGES = (*SHIPPED, "cluster", "bench")
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
    """A routing `match`, or one literal or call that is returned or named, may fill most of a function."""
    longest = max(node.body, key=lambda part: part.end_lineno - part.lineno)
    kind = getattr(longest, "value", None)
    table = isinstance(longest, ast.Match) or isinstance(kind, ast.Call | ast.Dict | ast.List | ast.Tuple)
    return table and longest.end_lineno - longest.lineno + 1 > code_lines(node) / 2


def code_lines(node):
    """Lines of the body, without its docstring."""
    body = node.body[1:] if ast.get_docstring(node) else node.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def offenders(found):
    """Names of the files, and what is found in them, where anything is."""
    return {name_of(path): what for path, what in found if what}


def test_no_file_is_long():
    lengths = ((path, len(path.read_text().splitlines())) for path in SOURCES + TESTS)
    assert not offenders((path, n if n > MAX_LINES else 0) for path, n in lengths)


def test_no_function_is_long():
    assert not offenders(
        (path, [f.name for f in functions(path) if code_lines(f) > MAX_FUNCTION and not is_table(f)])
        for path in SOURCES
    )


def test_every_module_says_what_it_is():
    texts = ((path, path.read_text()) for path in SOURCES)
    assert not offenders((path, text.strip() and not ast.get_docstring(ast.parse(text))) for path, text in texts)


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


PICKLES = {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
UNSAFE = {"eval", "exec", "yaml.load", "torch.load"}


def test_nothing_is_unpickled():
    assert not offenders((path, PICKLES & set(imports(path)) | UNSAFE & calls(path)) for path in SOURCES)
    assert not offenders((path, "allow_pickle=True" in path.read_text()) for path in SOURCES)


PURE = [path for path in SOURCES if name_of(path).startswith(("scoreops/core/", "scoreops/kol/", "scoreops/sme/"))]
OUTSIDE = {
    "os",
    "socket",
    "time",
    "pathlib",
    "subprocess",
    "threading",
    "requests",
    "redis",
    "kafka",
    "feast",
    "mlflow",
}
UNREPEATABLE = {"open", "print", "datetime.now", "datetime.utcnow", "date.today", "np.random.seed", "random.random"}


def test_mathematics_and_rules_touch_nothing_outside():
    assert len(PURE) > 30
    assert not offenders((path, OUTSIDE & set(imports(path)) | UNREPEATABLE & calls(path)) for path in PURE)
    assert not offenders((path, "np.random.default_rng()" in path.read_text()) for path in PURE)


def test_the_layers_are_written_down_for_the_linter():
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert set(config["root_packages"]) == set(PACKAGES) - {"bench"}
    assert config["include_external_packages"]
    by_type = {contract["type"]: contract for contract in config["contracts"]}
    layers = by_type["layers"]["layers"]
    domains = "scoreops.kol | scoreops.sme | scoreops.adapters"
    order = ["scoreops.cli", "scoreops.local", "scoreops.catalog", domains, "scoreops.core"]
    assert [layer for layer in layers if layer in order] == order
    named = {part.strip() for layer in layers for part in layer.split("|")}
    assert named >= set(PACKAGES) - {"scoreops", "bench"}
    assert {"scoreops.core", "scoreops.kol", "scoreops.sme"} <= set(by_type["forbidden"]["source_modules"])
    forbidden = {"os", "socket", "time", "feast", "mlflow", "redis", "kafka", "confluent_kafka", "fastapi", "kfp"}
    assert forbidden <= set(by_type["forbidden"]["forbidden_modules"])


def test_every_package_is_in_the_wheel_and_typed_strictly():
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    assert set(tools["hatch"]["build"]["targets"]["wheel"]["packages"]) == set(SHIPPED)
    assert set(tools["mypy"]["packages"]) == set(PACKAGES) - {"bench"}
    assert tools["mypy"]["strict"]
    assert tools["ruff"]["lint"]["select"] == ["ALL"]
