"""What holds for every suite: only tests/integration, tests/e2e, tests/conformance and tests/cluster may open a network
socket; tests/cluster needs root and runs only where it is named.
"""

from __future__ import annotations

from pathlib import Path

import hypothesis
import pytest
import pytest_socket

# The same examples on every machine, however slow it is.
hypothesis.settings.register_profile("scoreops", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("scoreops")

_REAL = tuple(Path(__file__).parent / name for name in ("integration", "e2e", "conformance", "cluster"))
_LONG = (
    "e2e/*",
    "test_canary_crashes.py",
    "test_sme_trino.py",
    "test_runners.py",
    "test_training.py",
    "test_sme_tables.py",
)
_CLUSTER = Path(__file__).parent / "cluster"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    named = any(
        _CLUSTER in (path := Path(arg.partition("::")[0]).resolve()).parents or path == _CLUSTER for arg in config.args
    )
    return True if collection_path == _CLUSTER and not named else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if any(folder in item.path.parents for folder in _REAL):
            item.add_marker(pytest.mark.integration)
    items.sort(key=_length)


def _length(item: pytest.Item) -> int:
    """Long files first, so that no worker ends with one while the others rest."""
    return next((place for place, name in enumerate(_LONG) if item.path.match(name)), len(_LONG))


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("integration"):
        pytest_socket.enable_socket()
    else:
        pytest_socket.disable_socket(allow_unix_socket=True)
