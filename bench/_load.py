"""The load generators: vegeta for HTTP and ghz for gRPC, built once with the versions of tools/load, and their reports.

With a rate both count from the moment a request was due, so a server that stalls cannot hide it. Without one, `WORKERS`
ask again as soon as they are answered. Only successes count as answers; what failed is told apart.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from scoreops.core.errors import NotReady, Refused

SOURCES: Final = Path(__file__).resolve().parents[1] / "tools" / "load"
TOOLS: Final = {"vegeta": "github.com/tsenart/vegeta/v12", "ghz": "github.com/bojand/ghz/cmd/ghz"}
WORKERS: Final = 16
CONNECTIONS: Final = 4
"""Connections of gRPC, which sends many requests through each; HTTP/1.1 needs one for each worker."""
CALL: Final = "inference.GRPCInferenceService.ModelInfer"
_NS_PER_MS: Final = 1e6


class Load(NamedTuple):
    """What one run found: answers a second, and milliseconds from due to answered."""

    answers: int
    failed: int
    per_s: float
    p50_ms: float
    p99_ms: float


def folder() -> Path:
    """Where the tools are kept: a change of the pinned versions means another folder."""
    pinned = b"".join((SOURCES / name).read_bytes() for name in ("go.mod", "go.sum"))
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return cache / "scoreops" / "load" / hashlib.sha256(pinned).hexdigest()[:12]


def build() -> dict[str, Path]:
    """Path of each tool, built if it is not there yet. Raises NotReady when Go is missing or the build fails."""
    target = folder()
    if not all((target / name).is_file() for name in TOOLS):
        go = shutil.which("go")
        if go is None:
            raise NotReady("the load generators are built with Go, which is missing: apt-get install golang")
        target.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {"GOBIN": str(target)}
        argv = [go, "install", *TOOLS.values()]
        done = subprocess.run(argv, cwd=SOURCES, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NotReady(f"Go could not build the load generators: {done.stderr.strip()[-800:]}")
    return {name: target / name for name in TOOLS}


def http(tool: Path, work: Path, url: str, headers: Mapping[str, str], body: bytes, seconds: float, rate: int) -> Load:
    """POST `body` for so long; `rate` 0 is the closed loop. `work` is a folder for files."""
    (work / "body").write_bytes(body)
    lines = [f"POST {url}", *(f"{name}: {value}" for name, value in headers.items()), f"@{work / 'body'}"]
    (work / "targets").write_text("\n".join(lines) + "\n")
    most = ["-workers", str(WORKERS), *(["-max-workers", str(WORKERS)] if not rate else [])]
    asked = ["-rate", f"{rate}/1s" if rate else "0", "-duration", f"{seconds}s", "-max-body", "0", *most]
    files = ["-targets", str(work / "targets"), "-output", str(work / "results")]
    _run([str(tool), "attack", *asked, *files])
    return http_report(_run([str(tool), "report", "-type", "json", str(work / "results")]))


def grpc(tool: Path, work: Path, address: str, protoset: bytes, message: bytes, seconds: float, rate: int) -> Load:
    """Call ModelInfer with the serialised `message` for so long; `rate` 0 is the closed loop."""
    (work / "protoset").write_bytes(protoset)
    (work / "message").write_bytes(message)
    asked = ["-c", str(WORKERS), "--connections", str(CONNECTIONS), "-z", f"{seconds}s", "--duration-stop", "wait"]
    paced = ["--rps", str(rate), "--async"] if rate else []
    files = ["--protoset", str(work / "protoset"), "-B", str(work / "message"), "--call", CALL]
    return grpc_report(_run([str(tool), "--insecure", *asked, *paced, *files, "-O", "json", address]))


def http_report(text: str) -> Load:
    """The report of vegeta. Raises Refused when nothing was answered with 200."""
    said = json.loads(text)
    answers = said["status_codes"].get("200", 0)
    if not answers:
        raise Refused(f"no answer was a 200: {said['status_codes']} {said['errors'][:3]}")
    late = said["latencies"]
    failed = said["requests"] - answers
    return Load(answers, failed, said["throughput"], late["50th"] / _NS_PER_MS, late["99th"] / _NS_PER_MS)


def grpc_report(text: str) -> Load:
    """The report of ghz. Raises Refused when nothing was answered with OK."""
    said = json.loads(text)
    answers = said["statusCodeDistribution"].get("OK", 0)
    if not answers:
        raise Refused(f"no answer was OK: {said['statusCodeDistribution']} {said.get('errorDistribution')}")
    late = {one["percentage"]: one["latency"] / _NS_PER_MS for one in said["latencyDistribution"]}
    failed = said["count"] - answers
    return Load(answers, failed, said["rps"] * answers / said["count"], late[50], late[99])


def _run(argv: Sequence[str]) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(f"{Path(argv[0]).name} failed: {(done.stderr or done.stdout).strip()[-800:]}")
    return done.stdout
