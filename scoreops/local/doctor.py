"""What this machine lacks, or has in the way, for the embedded runtime."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Final, NamedTuple

import psutil

from scoreops.adapters.settings import Settings
from scoreops.core.errors import NotReady
from scoreops.local import jars, processes
from scoreops.local.service import names, recorded

_JAVA_MAJOR: Final = 17
_DISK_GB: Final = 2
_MEMORY_GB: Final = 3


class Check(NamedTuple):
    """One finding: `state` is ok, note (works without it) or missing (does not work); `detail` says what to do."""

    name: str
    state: str
    detail: str


def examine(settings: Settings) -> list[Check]:
    """Every check, in the order in which a person would repair things."""
    ports = [_port(name, port, settings) for name, port in _ports(settings).items()]
    return [
        _python(),
        _packages(),
        _java(),
        _maven(),
        *(_jars(name) for name in ("kafka", "spark")),
        _disk(settings.root),
        _memory(),
        *ports,
        _leftovers(settings.root),
    ]


def _python() -> Check:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] == (3, 11):
        return Check("python", "ok", found)
    return Check("python", "missing", f"{found} runs, 3.11 is needed: make setup")


def _packages() -> Check:
    from packaging.requirements import Requirement

    try:
        wanted = [Requirement(line) for line in requires("scoreops") or ()]
    except PackageNotFoundError:
        return Check("packages", "note", "scoreops runs from a folder and is not installed: make setup")
    wrong = []
    for requirement in wanted:
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            if not requirement.specifier.contains(version(requirement.name), prereleases=True):
                wrong.append(f"{requirement.name} {version(requirement.name)}")
        except PackageNotFoundError:
            wrong.append(requirement.name)
    if wrong:
        return Check("packages", "missing", f"{', '.join(wrong)}: make setup")
    return Check("packages", "ok", f"all that scoreops {version('scoreops')} asks for")


def _java() -> Check:
    try:
        done = subprocess.run([jars.tool("java"), "-version"], capture_output=True, text=True, check=False)
    except NotReady as error:
        return Check("java", "missing", str(error))
    said = re.search(r'version "((?:1\.)?(\d+)[^"]*)"', done.stderr)
    if said is None:
        return Check("java", "missing", f"does not tell its version: {done.stderr.strip()[:100]}")
    enough = int(said[2]) >= _JAVA_MAJOR
    return Check("java", "ok" if enough else "missing", said[1] if enough else f"{said[1]} is too old; {jars.INSTALL}")


def _maven() -> Check:
    if found := shutil.which("mvn"):
        return Check("mvn", "ok", found)
    if jars.folder("kafka").is_dir():
        return Check("mvn", "note", "absent, but the jars of the broker are here already")
    return Check("mvn", "missing", f"`mvn` is not on the PATH; {jars.INSTALL}")


def _jars(name: str) -> Check:
    folder = jars.folder(name)
    if folder.is_dir():
        return Check(f"jars {name}", "ok", str(folder))
    return Check(f"jars {name}", "note", "Maven fetches them when they are first needed")


def _disk(home: Path) -> Check:
    place = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(place).free / 1e9
    enough = free >= _DISK_GB
    return Check("disk", "ok" if enough else "missing", f"{free:.1f} GB free at {place}, {_DISK_GB} GB needed")


def _memory() -> Check:
    free = psutil.virtual_memory().available / 1e9
    enough = free >= _MEMORY_GB
    return Check("memory", "ok" if enough else "missing", f"{free:.1f} GB available, {_MEMORY_GB} GB needed")


def _ports(settings: Settings) -> dict[str, int]:
    return {
        "kafka": settings.kafka_port,
        "kafka controller": settings.kafka_port + 1,
        "valkey": settings.valkey_port,
        "mlflow": settings.mlflow_port,
        "predictor": settings.predictor_port,
        "predictor (gRPC)": settings.predictor_grpc_port,
        "console": settings.console_port,
        "collector": settings.collector_port,
    }


def _port(name: str, port: int, settings: Settings) -> Check:
    if processes.is_free(settings.host, port):
        return Check(f"port {port}", "ok", f"free for the {name}")
    for service in names(settings.root):
        record = recorded(settings.root, service)
        if record and port in record.ports:
            return Check(f"port {port}", "ok", f"our {service}, process {record.process.pid}")
    return Check(f"port {port}", "missing", f"the {name} needs it, held by {processes.holder(port)}")


def _leftovers(home: Path) -> Check:
    left = {
        name: [process.pid for process in family]
        for name, family in processes.marked(home).items()
        if recorded(home, name) is None
    }
    if not left:
        return Check("leftovers", "ok", "no process of a crashed run")
    what = ", ".join(f"{name} {pids}" for name, pids in sorted(left.items()))
    return Check("leftovers", "note", f"{what}: `scoreops down` ends them, `scoreops up` as well")
