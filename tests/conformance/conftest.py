"""Real servers as processes, each started once for all tests, and what they answer for.

echo    our server with the two models of tests/conformance/echo.py
fleet   ours, KServe's and MLServer, all with the XGBoost model of bench/rivals
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from bench.rivals import booster, servers
from bench.rivals.servers import Server
from scoreops.local import probes
from scoreops.local.runtime import up
from scoreops.local.service import Service, python
from tests.tiny_server import free_port


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("conformance")


@pytest.fixture(scope="session")
def echo(home) -> Iterator[Server]:
    ports = (http, grpc) = (free_port(), free_port())
    argv = python("-m", "tests.conformance.echo", str(home / "bundles"), str(http), str(grpc))
    ready = probes.http(servers.HOST, http, "/v2/health/ready")
    service = Service("echo", home, argv, ready, ports, env=os.environ | {"PYTHONPATH": str(servers.ROOT)})
    up([service])
    yield Server("echo", service, http, grpc)
    service.stop()


@pytest.fixture(scope="session")
def fleet(home) -> Iterator[list[Server]]:
    ports = [free_port() for _ in range(6)]
    model_file = booster.save(booster.train(), home / "booster")
    made = [
        servers.ours(home, servers.bundles(home, model_file, columns=()), tuple(ports[:2])),
        servers.kserve(home, model_file, tuple(ports[2:4])),
        servers.mlserver(home, model_file, tuple(ports[4:])),
    ]
    up([server.service for server in made])
    yield made
    for server in made:
        server.service.stop()
