"""A real Prometheus as a process that scrapes what it is told every second."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.request
from contextlib import contextmanager

from tests.tiny_server import free_port
from tests.waiting import until

CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
- job_name: predictors
  static_configs: [{{targets: {targets}}}]
"""


class Process:
    """A running Prometheus; `.kill()` is a crash, `.start()` brings it back on the same port with what it kept."""

    def __init__(self, home, targets):
        self.port, self._home = free_port(), home
        (home / "prometheus.yml").write_text(CONFIG.format(targets=json.dumps(targets)))

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        argv = [
            "prometheus",
            f"--config.file={self._home / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._home / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]
        with (self._home / "log").open("a") as log:
            self._process = subprocess.Popen(argv, stdout=log, stderr=log)
        until(self._ready, (self._home / "log").read_text)

    def kill(self):
        self._process.kill()
        self._process.wait()

    def _ready(self):
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False


@contextmanager
def scraping(home, targets):
    """A Prometheus for the length of a block. Fails with what to install where there is none."""
    assert shutil.which("prometheus"), "Prometheus is missing: apt-get install -y --no-install-recommends prometheus"
    made = Process(home, targets)
    made.start()
    try:
        yield made
    finally:
        made.kill()
