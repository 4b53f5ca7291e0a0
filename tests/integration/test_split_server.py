"""Splits on a real server under load: no request fails while weights and versions change; a restart forgets nothing."""

from __future__ import annotations

import asyncio
import json
from collections import Counter

import pytest

from scoreops.adapters.bundles import write_folder
from scoreops.adapters.split_file import SplitFiles
from tests.load import body_of, closed_loop, request_of
from tests.tiny import tiny_bundle
from tests.tiny_server import serving

REQUEST = request_of(body_of([[1, 2, 3]]))


@pytest.fixture
def folder(tmp_path):
    for version in ("1", "2"):
        write_folder(numbered(version), tmp_path / "bundles" / "tiny" / version)
    return tmp_path / "bundles"


@pytest.fixture
def files(tmp_path):
    return SplitFiles(tmp_path / "splits")


def numbered(version):
    return tiny_bundle((float(version), 10.0 * int(version), 100.0 * int(version)))


def versions(answers):
    """Who answered how often; each answer is that of the version which it names."""
    assert {answer.status for answer in answers} == {200}
    found = [json.loads(answer.body) for answer in answers]
    assert all(one["outputs"][0]["data"] == [321.0 * int(one["model_version"])] for one in found)
    return Counter(one["model_version"] for one in found)


async def told(server, part):
    """Wait until the server's metadata hold `part`."""
    async with asyncio.timeout(30):
        while part not in (await asyncio.to_thread(server.get, "/v2/models/tiny"))[1]:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.05)


def ask(server, count=400):
    left = iter(range(count))
    return asyncio.run(closed_loop((server.port,), REQUEST, 8, lambda: next(left, None) is None))


@pytest.mark.parametrize("workers", [1, 2])
def test_weights_and_versions_change_under_load_and_no_request_fails(folder, files, tmp_path, workers):
    with serving(folder, tmp_path / "log", splits=str(files.folder), workers=workers) as server:
        over = False

        async def load():
            nonlocal over
            under_way = asyncio.create_task(closed_loop((server.port,), REQUEST, 8, lambda: over))
            for weight in (10, 50, 100, 50, 10):
                shares = {"1": weight, "2": 100 - weight} if weight < 100 else {"1": 100}
                files.write("tiny", lambda now, shares=shares: now.routing("2", shares, {}))
                await told(server, f'"split":"{files.read("tiny").routed}"')
            for version in ("3", "4"):
                await asyncio.to_thread(write_folder, numbered(version), folder / "tiny" / version)
                await told(server, f'"model_version":"{version}"')
                shares = {version: 90, "1": 10}
                files.write("tiny", lambda now, v=version, s=shares: now.routing(v, s, {}).holding("1"))
                await told(server, f'"split":"{files.read("tiny").routed}"')
            over = True
            return await under_way

        assert versions(asyncio.run(load())).keys() == {"1", "2", "3", "4"}
        assert server.terminate() == 0


def test_shares_are_counted_and_outlive_a_restart(folder, files, tmp_path):
    files.write("tiny", lambda now: now.routing("2", {"1": 30, "2": 70}, {}))
    for run in ("first", "second"):
        with serving(folder, tmp_path / run, splits=str(files.folder)) as server:
            found = versions(ask(server))
            assert 60 < found["1"] < 180
            for version in ("1", "2"):
                line = f'predictor_split_requests_total{{model="tiny",outcome="ok",split="1",version="{version}"}}'
                assert server.metric(line) == found[version]
