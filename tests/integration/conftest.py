"""Real Kafka, Valkey, MLflow and S3 for a whole session: started when the first test asks, stopped at its end.

settings                own HOME, own free ports
kafka, valkey, mlflow,  the `Service`: `.kill()` is a crash, `.start()` and `.wait()` bring it back
seaweedfs
topics                  no topic of an earlier test is left; `module_topics`: of an earlier file
bucket                  s3://... of the one bucket, and the AWS_* variables to use it
redis_client            a client of an empty Valkey
prefix                  a name that no other test uses, for topics, keys, groups
environment             for child processes: the settings as environment variables
"""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from scoreops.adapters.settings import Settings
from scoreops.local.runtime import component, down, up

if TYPE_CHECKING:
    import redis

    from scoreops.local.service import Service


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_base() -> int:
    """First hundred of free ports: from SCOREOPS_PORT_BASE where it is set, else from a place of this process's own."""
    given = os.environ.get("SCOREOPS_PORT_BASE")
    first = int(given) if given else 12_000 + os.getpid() % 70 * 100
    for base in range(first, first + 2_000, 100):
        if all(_free(base + offset) for offset in (*range(50, 100), *range(10_060, 10_064))):
            return base
    raise AssertionError(f"no free ports between {first} and {first + 2_000}")


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    home = tmp_path_factory.mktemp("scoreops")
    made = Settings(home=home, port_base=_free_base(), kafka="", redis="", mlflow="", predictor="", lake=None)
    yield made
    down(made)


@pytest.fixture(scope="session")
def environment(settings: Settings) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SCOREOPS_")}
    return kept | {"SCOREOPS_HOME": str(settings.root), "SCOREOPS_PORT_BASE": str(settings.port_base)}


def _started(name: str, settings: Settings) -> Iterator[Service]:
    service = component(name, settings)
    up([service])
    yield service
    service.stop()


@pytest.fixture(scope="session")
def kafka(settings: Settings) -> Iterator[Service]:
    yield from _started("kafka", settings)


@pytest.fixture(scope="session")
def valkey(settings: Settings) -> Iterator[Service]:
    yield from _started("valkey", settings)


@pytest.fixture(scope="session")
def mlflow(settings: Settings) -> Iterator[Service]:
    yield from _started("mlflow", settings)


@pytest.fixture(scope="session")
def seaweedfs(settings: Settings) -> Iterator[Service]:
    yield from _started("seaweedfs", settings)


@pytest.fixture
def bucket(settings: Settings, seaweedfs: Service, monkeypatch: pytest.MonkeyPatch) -> str:
    from pyarrow import fs

    from scoreops.local.seaweedfs import environment

    up([seaweedfs])
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)
    s3 = fs.S3FileSystem(endpoint_override=os.environ["AWS_ENDPOINT_URL"], allow_bucket_creation=True)
    s3.create_dir("tests")  # one for all: each new one takes seven of the server's twenty volumes
    return "s3://tests"


@pytest.fixture
def prefix() -> str:
    return f"t{uuid.uuid4().hex[:10]}"


@pytest.fixture
def redis_client(settings: Settings, valkey: Service) -> Iterator[redis.Redis]:
    import redis

    up([valkey])
    with redis.Redis.from_url(settings.redis_url) as client:
        client.flushall()
        yield client


@pytest.fixture
def topics(settings: Settings, kafka: Service) -> None:
    _forget_topics(settings, kafka)


@pytest.fixture(scope="module")
def module_topics(settings: Settings, kafka: Service) -> None:
    _forget_topics(settings, kafka)


def _forget_topics(settings: Settings, kafka: Service) -> None:
    from confluent_kafka.admin import AdminClient

    up([kafka])
    admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap})
    deadline = time.monotonic() + 30
    while left := [name for name in admin.list_topics(timeout=10).topics if not name.startswith("__")]:
        for future in admin.delete_topics(left).values():
            future.exception(timeout=30)  # one that is already on its way out is as good
        assert time.monotonic() < deadline, f"topics stay: {left}"
