"""A shop of one model for tests of delivery: real registry, server and traffic, and rollouts in a HOME of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import httpx

from scoreops.adapters.registry import Registry
from scoreops.adapters.split_file import SplitFiles
from scoreops.local.rollout_server import ModelServer
from scoreops.local.rollouts import Rollouts
from tests.bundles import plain_bundle
from tests.tiny_server import free_port

ROOT = Path(__file__).resolve().parents[1]
NEVER_S = 120.0


class Shop:
    """`versions` are registered, the first is the champion; the server runs until the end of `open_shop`."""

    def __init__(self, settings, environment, model, home):
        self.model, self.home = model, home
        self.port = free_port()
        url = f"http://127.0.0.1:{self.port}"
        self.settings = settings.model_copy(update={"home": home, "predictor": url, "mlflow": settings.mlflow_url})
        kept = {name: value for name, value in environment.items() if not name.startswith("SCOREOPS_")}
        self.environment = kept | self.settings.environment()
        self.registry = Registry(self.settings.mlflow_url)
        self.files = SplitFiles(self.settings.splits_dir)
        self.rollouts = Rollouts(self.settings)
        self.server = None

    def put(self, files):
        """Register a bundle as the candidate; the first one is the champion."""
        made = self.registry.register(files, metrics={}, verdicts=[])
        if made.number == 1:
            self.registry.promote(self.model, 1)
        return made.number

    def bundle(self, factor=1.0):
        return plain_bundle((factor, 10.0 * factor, 100.0 * factor), self.model)

    def start(self, *more):
        argv = [sys.executable, "-W", "ignore", "-m", "predictors", "--model", self.model, "--port", str(self.port)]
        argv += [
            "--no-grpc",
            "--split-dir",
            str(self.settings.splits_dir),
            "--watch-s",
            "0.1",
            "--linger-s",
            "0",
            *more,
        ]
        log = (self.home / "server.log").open("ab")
        self.server = subprocess.Popen(argv, env=self.environment, cwd=ROOT, stderr=log)
        self.wait_ready()

    def wait_ready(self):
        deadline = time.monotonic() + NEVER_S
        while not self.ready():
            assert self.server.poll() is None, (self.home / "server.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def ready(self):
        try:
            return httpx.get(f"{self.settings.predictor_url}/v2/health/ready").status_code == 200
        except httpx.TransportError:
            return False

    def stop(self):
        if self.server is not None:
            self.server.send_signal(signal.SIGTERM)
            self.server.wait(60)

    def command(self, *arguments, code=0):
        """Standard output of `scoreops ARGUMENTS`, which must end with that code."""
        done = subprocess.run(
            self.argv(*arguments), env=self.environment, cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    def refusal(self, *arguments, code):
        """What `scoreops ARGUMENTS` says on standard error when it ends with that code."""
        done = subprocess.run(
            self.argv(*arguments), env=self.environment, cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stdout[-3000:] + done.stderr[-3000:]
        return " ".join(done.stderr.split())

    def argv(self, *arguments):
        return [sys.executable, "-W", "ignore", "-m", "scoreops", *arguments]

    def reset(self):
        """As on the first day: version 1 is the champion, and nothing is remembered."""
        self.registry.set_alias(self.model, "champion", 1)
        self.registry.drop_alias(self.model, "previous")
        shutil.rmtree(self.settings.rollouts_file.parent, ignore_errors=True)
        shutil.rmtree(self.settings.splits_dir, ignore_errors=True)
        server = ModelServer(self.settings.predictor_url, self.model)
        deadline = time.monotonic() + NEVER_S
        while server.look().weights != {"1": 100}:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def aliases(self):
        return self.registry.aliases(self.model)

    def status(self):
        return self.rollouts.book.read(self.model).status


@contextmanager
def open_shop(settings, environment, model, home, *bundles, options=()):
    """A shop whose server is ready; without bundles it has two equal ones that answer the same."""
    home.mkdir(parents=True, exist_ok=True)
    shop = Shop(settings, environment, model, home)
    for files in bundles or (shop.bundle(1.0), shop.bundle(2.0)):
        shop.put(files)
    try:
        shop.start(*options)
        yield shop
    finally:
        shop.stop()


@contextmanager
def traffic(shop, clients=4):
    """Requests all the time, from a process of their own; at the end (status, version) are counted into the answer."""
    report = shop.home / "traffic.json"
    argv = [sys.executable, "-m", "tests.shoppers", str(shop.port), shop.model, str(clients), str(report)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(argv, env=environment, cwd=ROOT, stdout=subprocess.PIPE)
    found = Counter()
    try:
        assert process.stdout.readline(), "nobody came"
        yield found
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        found.update({tuple(key): count for key, count in json.loads(report.read_text())})
