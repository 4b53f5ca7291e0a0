"""A real server of the tiny score as a process: python -m tests.tiny_server FOLDER '{"port": ..., "limits": {...}}'."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


PORTS = range(61_000, 65_500)
"""Above those that the kernel gives to connections, which could take one before its server has come up."""


def free_port():
    """A port that nobody listens on now."""
    while True:
        with socket.socket() as probe, suppress(OSError):
            port = random.choice(PORTS)
            probe.bind(("127.0.0.1", port))
            return port


class Process:
    """A running server, its two ports and what it has logged."""

    def __init__(self, folder, log, **options):
        self.port, self.grpc_port = options["port"], options["grpc_port"]
        self._log = log
        argv = [sys.executable, "-W", "ignore", "-m", "tests.tiny_server", str(folder), json.dumps(options)]
        environment = {k: v for k, v in os.environ.items() if k != "PROMETHEUS_MULTIPROC_DIR"} | {
            "PYTHONPATH": str(ROOT)
        }
        self.process = subprocess.Popen(argv, env=environment, stdout=log.open("w"), stderr=subprocess.STDOUT)

    def wait_ready(self):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            if self.get("/v2/health/ready")[0] == 200:
                return self
            time.sleep(0.05)
        raise AssertionError(f"the server did not become ready: {self.log}")

    def get(self, path):
        """Status and body; 0 when nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def metric(self, line):
        """Value of the first sample that begins with `line`; 0 when there is none."""
        found = (row.rpartition(" ")[2] for row in self.get("/metrics")[1].splitlines() if row.startswith(line))
        return float(next(found, 0))

    @property
    def log(self):
        return self._log.read_text()

    @property
    def rss_mb(self):
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * 4096 >> 20

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@contextmanager
def serving(folder, log, *, ready=True, **options):
    """A server for the length of a block."""
    made = Process(folder, log, **{"port": free_port(), "grpc_port": free_port(), **options})
    try:
        yield made.wait_ready() if ready else made
    finally:
        made.process.kill()
        made.process.wait()


def main():
    folder, given = Path(sys.argv[1]), json.loads(sys.argv[2])
    workers = given.pop("workers", 1)
    from predictors.workers import run_workers, share_metrics

    shared = share_metrics() if workers > 1 else ""
    from predictors.admission import Limits
    from predictors.inference_log import Detail
    from predictors.listening import Tls
    from predictors.logs import configure
    from predictors.server import Options, run
    from predictors.shadow import parse_rule
    from predictors.sources import FolderSource
    from predictors.tracing import otlp
    from tests.tiny import tiny_score

    configure(as_json=True)
    given["splits"] = Path(given["splits"]) if "splits" in given else None
    given["limits"] = Limits(**given.get("limits", {}))
    given["shadows"] = dict(parse_rule(rule) for rule in given.get("shadows", []))
    given["log_detail"] = Detail(given.get("log_detail", Detail.VALUES))
    given["exporter"] = otlp() if given.pop("trace", False) else None
    if "tls" in given:
        given["tls"] = Tls(*(Path(file) for file in given["tls"]))
    made = Options(
        host="127.0.0.1",
        scores={"tiny": tiny_score()},
        source=FolderSource(folder),
        version="1.2",
        shared=workers > 1,
        watch_s=0.1,
        **given,
    )
    if workers > 1:
        run_workers(workers, lambda: run(made), shared)
    else:
        run(made)


if __name__ == "__main__":
    main()
