"""Feast's store for given settings: its configuration, its registry, and one way to open it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from feature_repo.views import PROJECT
from scoreops.adapters.settings import Settings

if TYPE_CHECKING:
    from feast import FeatureStore


def config(settings: Settings) -> dict[str, Any]:
    """What feature_store.yaml says for these settings, with absolute paths."""
    return {
        "project": PROJECT,
        "provider": "local",
        "registry": str(settings.root / "feast.db"),
        "offline_store": {"type": "duckdb"},
        "online_store": {"type": "redis", "connection_string": _connection(settings.redis_url)},
        "entity_key_serialization_version": 3,
    }


def apply(settings: Settings) -> Path:
    """Write the definitions to the registry and the configuration beside it. Returns the configuration's path.

    Feast truncates and rewrites its registry in place, which a reader could see half done: ours is written aside and
    moved into place. What else the registry holds stays.
    """
    from feature_repo.feast_objects import objects

    settings.offline_dir.mkdir(parents=True, exist_ok=True)
    wanted = config(settings)
    registry, aside = Path(wanted["registry"]), settings.root / f"feast.db.{os.getpid()}"
    if registry.exists():
        shutil.copyfile(registry, aside)
    try:
        _store(wanted | {"registry": str(aside)}).apply(list(objects(settings.offline_dir).values()))
        aside.replace(registry)
    finally:
        aside.unlink(missing_ok=True)
    return write_config(settings)


def write_config(settings: Settings) -> Path:
    """HOME/feature_store.yaml for Feast's own command, readable by its owner alone. Returns its path."""
    settings.root.mkdir(parents=True, exist_ok=True)
    target = settings.root / "feature_store.yaml"
    written = target.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        json.dump(config(settings), out, indent=2)  # JSON is YAML too
    written.replace(target)
    return target


def open_store(settings: Settings) -> FeatureStore:
    """Feast's store with our definitions applied; costs six seconds of CPU for the import."""
    apply(settings)
    return _store(config(settings))


def _store(wanted: dict[str, Any]) -> FeatureStore:
    import prometheus_client  # noqa: F401 - before feast, which would switch its values to files for the process
    from feast import FeatureStore, RepoConfig

    return FeatureStore(config=RepoConfig(**wanted))


def _connection(url: str) -> str:
    """Feast's spelling of a Redis URL: "host:port,db=0,username=...,password=...,ssl=true"."""
    parts = urlsplit(url)
    options = {"db": parts.path.strip("/") or "0", "username": parts.username, "password": parts.password}
    said = [f"{name}={unquote(value)}" for name, value in options.items() if value and (name, value) != ("db", "0")]
    if parts.scheme == "rediss":
        said.append("ssl=true")
    return ",".join([f"{parts.hostname}:{parts.port or 6379}", *said])
