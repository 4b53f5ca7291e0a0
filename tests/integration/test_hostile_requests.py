"""Fifty thousand requests that no honest client sends: no 5xx, no crash, no memory kept, and service as before."""

from __future__ import annotations

import asyncio
import json
from collections import Counter

import grpc
import pytest

from predictors.protocol import SERVICE
from scoreops.adapters.bundles import write_folder
from tests import hostile
from tests.load import Client, body_of, request_of
from tests.tiny import tiny_bundle
from tests.tiny_server import serving

COUNT = 50_000
CALLS = 5_000
CLIENTS = 8
GOOD = request_of(body_of([[1, 2, 3]]))
ALLOWED = {0, 200, 400, 401, 403, 404, 405, 413, 415}
"""0: a connection that HTTP itself gave up."""
KEPT_MB = 48
"""What an allocator may hold on to after large bodies."""


@pytest.fixture
def server(tmp_path, topics, settings):
    """With the log on: what it must write is as hostile as what it must answer."""
    write_folder(tiny_bundle(), tmp_path / "bundles" / "tiny" / "1")
    options = {"limits": {"body_bytes": 1_000_000}, "admin_key": "secret", "kafka": settings.kafka_bootstrap}
    with serving(tmp_path / "bundles", tmp_path / "log", **options) as made:
        yield made


def good(answer):
    return answer.status == 200 and json.loads(answer.body)["outputs"][0]["data"] == [321.0]


@pytest.mark.slow
def test_hostile_http(server):
    seen, bad, rss = Counter(), [], []
    todo = hostile.requests(11, COUNT)

    async def one(number):
        client = Client(server.port)
        for sent, (kind, request) in enumerate(todo):
            answer = await client.send(request, timeout_s=2.0 if kind == "framed" else 30.0)
            seen[answer.status] += 1
            if answer.status not in ALLOWED or (answer.status == 0 and kind != "framed"):
                bad.append((kind, answer.status, request[:600]))
            elif answer.status >= 400 and kind != "framed" and list(json.loads(answer.body)) != ["error"]:
                bad.append((kind, answer.body, request[:600]))
            if sent % 500 == 0:
                client.leave()
                if not good(await client.send(GOOD)):
                    bad.append((kind, "the next good request was not answered", request[:600]))
                if number == 0:
                    rss.append(server.rss_mb)

    async def everybody():
        await asyncio.gather(*(one(number) for number in range(CLIENTS)))

    asyncio.run(everybody())
    assert not bad, bad[:5]
    assert sum(seen.values()) == COUNT
    assert seen[400] > COUNT // 2
    assert server.process.poll() is None
    assert "a request failed" not in server.log
    assert server.rss_mb - rss[len(rss) // 5] < KEPT_MB


def test_hostile_grpc(server):
    codes = Counter()

    async def calls():
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
            call = channel.unary_unary(f"/{SERVICE}/ModelInfer")
            todo = hostile.messages(12, CALLS)

            async def one():
                for data in todo:
                    try:
                        await call(data)
                        codes["OK"] += 1
                    except grpc.aio.AioRpcError as error:
                        codes[error.code().name] += 1

            await asyncio.gather(*(one() for _ in range(CLIENTS)))

    asyncio.run(calls())
    assert sum(codes.values()) == CALLS
    assert set(codes) <= {"OK", "INVALID_ARGUMENT", "NOT_FOUND"}, codes
    assert "a call failed" not in server.log
    assert good(asyncio.run(Client(server.port).send(GOOD)))
