"""The server as a process: stops and changes of the model under load, several workers, TLS, signals and ports."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import grpc
import numpy as np
import pytest

from predictors.protocol import SERVICE, InferRequestMessage, InferResponseMessage
from scoreops.adapters.bundles import write_folder
from tests.load import body_of, closed_loop, request_of
from tests.tiny import JOINED, tiny_bundle
from tests.tiny_server import ROOT, serving
from tests.waiting import until

REQUEST = request_of(body_of([[1, 2, 3]]))


@pytest.fixture
def folder(tmp_path):
    write_folder(tiny_bundle(), tmp_path / "bundles" / "tiny" / "1")
    return tmp_path / "bundles"


def score(answer):
    made = json.loads(answer.body)
    return made["model_version"], made["outputs"][0]["data"]


def seconds_from_now(seconds):
    until = time.perf_counter() + seconds
    return lambda: time.perf_counter() > until


def test_an_answer_is_sent_whole(folder, tmp_path):
    whole = []
    with serving(folder, tmp_path / "log") as server, socket.create_connection(("127.0.0.1", server.port)) as client:
        for _ in range(200):
            client.sendall(REQUEST)
            got = client.recv(65_536)
            head, _, body = got.partition(b"\r\n\r\n")
            size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            whole.append(len(body) == size)
            while len(body) < size:
                body += client.recv(65_536)
    assert all(whole)


def test_a_server_that_is_told_to_stop_fails_no_request(folder, tmp_path):
    with serving(folder, tmp_path / "one.log") as one, serving(folder, tmp_path / "two.log") as two:

        async def load():
            under_way = asyncio.create_task(closed_loop((one.port, two.port), REQUEST, 8, seconds_from_now(4)))
            await asyncio.sleep(1)
            gone = await asyncio.to_thread(one.terminate)
            return await under_way, gone

        answers, gone = asyncio.run(load())
        assert gone == 0
        assert one.log.count('"draining"') == 1
        assert {answer.status for answer in answers} == {200}
        assert two.metric('predictor_requests_total{model="tiny",outcome="ok"') > 0


def test_a_server_that_is_told_to_stop_waits_for_those_who_have_not_heard_yet(folder, tmp_path):
    with serving(folder, tmp_path / "log", linger_s=2) as server:
        server.process.send_signal(signal.SIGTERM)
        while '"draining"' not in server.log:
            assert server.process.poll() is None
        for _ in range(3):
            (answer,) = asyncio.run(closed_loop((server.port,), REQUEST, 1, iter((False, True)).__next__))
            assert answer.status == 200
            time.sleep(0.4)  # longer than it takes to find nobody there
        assert server.process.wait(30) == 0


def test_grpc_clients_that_look_at_health_lose_no_call_either(folder, tmp_path):
    config = {"loadBalancingConfig": [{"round_robin": {}}], "healthCheckConfig": {"serviceName": ""}}
    asked = InferRequestMessage(model_name="tiny")
    asked.inputs.add(name="features", datatype="FP64", shape=[1, 3]).parameters["columns"].string_param = JOINED
    asked.raw_input_contents.append(np.array([1.0, 2.0, 3.0]).tobytes())
    with serving(folder, tmp_path / "one.log") as one, serving(folder, tmp_path / "two.log") as two:

        async def load():
            both = f"ipv4:127.0.0.1:{one.grpc_port},127.0.0.1:{two.grpc_port}"
            options = [("grpc.service_config", json.dumps(config))]
            async with grpc.aio.insecure_channel(both, options=options) as channel:
                call = channel.unary_unary(f"/{SERVICE}/ModelInfer")
                over, answered = seconds_from_now(4), []

                async def client():
                    while not over():
                        answered.append(InferResponseMessage.FromString(await call(asked.SerializeToString())))

                under_way = [asyncio.create_task(client()) for _ in range(8)]
                await asyncio.sleep(1)
                gone = await asyncio.to_thread(one.terminate)
                await asyncio.gather(*under_way)
                return answered, gone

        answered, gone = asyncio.run(load())
    assert gone == 0
    assert {np.frombuffer(answer.raw_output_contents[0])[0] for answer in answered} == {321.0}


def test_a_new_version_under_load_fails_no_request_and_answers_are_of_one_version(folder, tmp_path):
    with serving(folder, tmp_path / "log") as server:

        async def load():
            under_way = asyncio.create_task(closed_loop((server.port,), REQUEST, 8, seconds_from_now(4)))
            for version in range(2, 7):
                await asyncio.sleep(0.5)
                weights = (float(version), 10.0 * version, 100.0 * version)
                await asyncio.to_thread(write_folder, tiny_bundle(weights), folder / "tiny" / str(version))
            return await under_way

        answers = asyncio.run(load())
    assert {answer.status for answer in answers} == {200}
    seen = {score(answer)[0] for answer in answers}
    assert len(seen) >= 5
    assert all(values == [321.0 * int(version)] for version, values in map(score, answers))


def test_workers_share_ports_and_metrics_and_one_that_dies_is_replaced(folder, tmp_path):
    """One that starts takes no request before it can answer, so only those of the one that dies are lost."""
    with serving(folder, tmp_path / "log", workers=2) as server:
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
        before = children.read_text().split()
        assert len(before) == 2
        until(lambda: server.log.count("line-up") == 2)
        stop = iter(range(400))
        answers = asyncio.run(closed_loop((server.port,), REQUEST, 8, lambda: next(stop, None) is None))
        assert {answer.status for answer in answers} == {200}
        assert server.metric('predictor_requests_total{model="tiny",outcome="ok"') == len(answers)

        async def load():
            over = False
            anew = request_of(body_of([[1, 2, 3]]), headers=["Connection: close"])
            under_way = asyncio.create_task(closed_loop((server.port,), anew, 8, lambda: over))
            os.kill(int(before[0]), signal.SIGKILL)
            await asyncio.to_thread(until, lambda: server.log.count("line-up") == 3)
            await asyncio.sleep(0.2)
            over = True
            return await under_way

        answers = asyncio.run(load())
        assert {answer.status for answer in answers} <= {200, 0}
        assert sum(answer.status == 0 for answer in answers) <= 8
        after = children.read_text().split()
        assert len(after) == 2
        assert set(after) & set(before) == {before[1]}
        assert server.terminate() == 0


def test_workers_end_when_their_parent_is_killed(folder, tmp_path):
    """They would go on answering beside the server that is started next, as they were."""
    with serving(folder, tmp_path / "log", workers=2) as server:
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
        server.process.kill()
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children))
    assert len(children) == 2


def test_a_port_that_is_taken_is_told_in_words(folder, tmp_path):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        with serving(folder, tmp_path / "log", ready=False, port=holder.getsockname()[1]) as server:
            assert server.process.wait(60) == 1
            assert "cannot listen on 127.0.0.1" in server.log


STOPPED_WHILE_IT_STARTS = """
import os, signal, time
from predictors.workers import Workers
os.register_at_fork(before=lambda: signal.raise_signal(signal.SIGTERM))
Workers(3, lambda: time.sleep(600)).run()
"""


def test_a_signal_that_comes_while_workers_are_started_reaches_each():
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    started = subprocess.Popen([sys.executable, "-c", STOPPED_WHILE_IT_STARTS], env=environment, start_new_session=True)
    try:
        assert started.wait(60) == 0
    finally:
        with suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
