"""The fetcher of bundles: `python -m predictors.fetch mlflow://NAME/VERSION FOLDER`, run before a server starts.

KServe runs it as an init container for a storageUri of that kind. VERSION is a number or an alias; the files go to
FOLDER/NAME/NUMBER, where the server finds name and number. SCOREOPS_MLFLOW says where MLflow is.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from scoreops.adapters.registry import Registry
from scoreops.adapters.settings import Settings
from scoreops.core.bundle import MANIFEST
from scoreops.core.errors import BadInput, ScoreOpsError

SCHEME: Final = "mlflow://"


def parse(uri: str) -> tuple[str, str]:
    """Model and version, or alias, of `mlflow://NAME/VERSION`. Raises BadInput for anything else."""
    name, _, version = uri.removeprefix(SCHEME).partition("/")
    if not uri.startswith(SCHEME) or not name or not version or "/" in version:
        raise BadInput(f"{uri[:200]!r} is not {SCHEME}NAME/VERSION", "uri")
    return name, version


def store(files: Mapping[str, bytes], folder: Path) -> None:
    """Write a bundle into a folder, its manifest last: who finds that finds all."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in sorted(files, key=lambda name: name == MANIFEST):
        (folder / name).write_bytes(files[name])


def main(arguments: list[str]) -> None:
    """Fetch one bundle. Raises BadInput, NotFound or NotReady."""
    if len(arguments) != 2:
        raise BadInput(f"expected a URI and a folder, got {len(arguments)} arguments", "arguments")
    name, ref = parse(arguments[0])
    registry = Registry(Settings().mlflow_url)
    try:
        version, files = registry.fetch(name, ref)
    finally:
        registry.close()
    folder = Path(arguments[1]) / name / str(version.number)
    store(files, folder)
    sys.stdout.write(f"{name} version {version.number}, {sum(map(len, files.values()))} bytes in {folder}\n")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except ScoreOpsError as error:
        sys.exit(f"error: {error}")
