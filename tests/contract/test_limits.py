"""More than a server can do: who is refused, with what words, and that those who are inside are answered."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

import httpx
import numpy as np
import pytest

from predictors.admission import Admission, Lane, Limits
from predictors.lineup import Entry, Lineup
from predictors.metrics import Metrics
from predictors.tensors import InferRequest, Tensor
from scoreops.core.errors import BadInput, Overloaded, TooLate
from tests.serving import Server
from tests.tiny import JOINED, tiny_bundle


@pytest.fixture
def served(tmp_path):
    """Makes a server with limits of one's own."""
    made = []

    def make(limits, **more):
        server = Server(tmp_path, limits, **more)
        server.put("1", tiny_bundle())
        server.keeper.refresh("tiny")
        made.append(server)
        return server

    yield make
    for server in made:
        server.plane.close()


def together(server, count):
    """Answers to so many requests that are sent at once."""
    tensor = {"name": "features", "datatype": "FP64", "shape": [1, 3], "data": [1, 2, 3]}
    body = {"inputs": [tensor | {"parameters": {"columns": JOINED}}]}

    async def answers():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(server.app), base_url="http://here") as client:
            return await asyncio.gather(*(client.post("/v2/models/tiny/infer", json=body) for _ in range(count)))

    return asyncio.run(answers())


def test_who_comes_when_the_server_is_full_is_refused_and_all_others_are_answered(served):
    server = served(Limits(concurrency=4))
    answers = together(server, 20)
    codes = [answer.status_code for answer in answers]
    assert codes.count(200) == 4
    assert codes.count(429) == 16
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["retry-after"] == "1"
    assert "4 requests are being answered" in refused.json()["error"]
    assert 'predictor_rejected_total{why="concurrency"} 16.0' in server.metrics.render().decode()
    assert [answer.status_code for answer in together(server, 4)] == [200] * 4


def test_a_crowd_is_answered_by_one_call_and_each_gets_its_own(served):
    server = served(Limits())
    answers = together(server, 20)
    assert {tuple(answer.json()["outputs"][0]["data"]) for answer in answers} == {(321.0,)}
    assert len({answer.json()["id"] for answer in answers}) == 20
    said = server.metrics.render().decode()
    assert "predictor_batch_requests_count 1.0" in said
    assert "predictor_batch_requests_sum 20.0" in said


def test_a_lane_refuses_who_would_wait_too_long():
    lane = Lane("here", 1.0, Metrics())
    for _ in range(100):
        lane.enter()
        lane.leave(0.4)  # from now on it knows what one takes
    for _ in range(3):
        lane.enter()
    with pytest.raises(Overloaded, match="3 requests wait before this one"):
        lane.enter()
    lane.leave(None)
    lane.enter()


def test_a_lane_soon_knows_that_requests_take_long():
    lane = Lane("here", 1.0, Metrics())
    for _ in range(10):
        lane.enter()
    lane.leave(2.0)
    lane.enter()  # once may be a stall
    lane.leave(2.0)
    with pytest.raises(Overloaded, match="9 requests wait before this one"):
        lane.enter()


def test_bodies_are_held_up_to_a_limit_and_given_back():
    admission = Admission(Limits(buffered_bytes=100), Metrics())
    with admission.enter() as turn:
        turn.hold(60)
        with pytest.raises(Overloaded, match="bodies"):
            turn.hold(60)
    with admission.enter() as turn:
        turn.hold(100)
    assert admission.inside == 0


def rows(count, value=1.0, **parameters):
    values = np.full((count, 3), value)
    return InferRequest([Tensor("features", "FP64", values, {"columns": JOINED})], parameters=parameters)


def test_a_deadline_that_passes_is_told_and_the_work_is_not_begun(served):
    server = served(Limits(inline_s=0.0))

    async def ask():
        blocked, go = threading.Event(), threading.Event()
        loop = asyncio.get_running_loop()
        hold = loop.run_in_executor(server.plane._pool, lambda: (blocked.set(), go.wait()))
        await asyncio.to_thread(blocked.wait)
        with pytest.raises(TooLate):
            await server.plane.infer("tiny", "", rows(2, timeout=20_000))
        with pytest.raises(TooLate):
            await server.plane.infer("tiny", "", rows(2), within_s=0.02)
        go.set()
        await hold
        answer = await server.plane.infer("tiny", "", rows(2))
        assert answer.outputs[0].data.tolist() == [111.0, 111.0]

    asyncio.run(ask())


@pytest.mark.parametrize("inline_s", [pytest.param(0.0, id="in a thread"), pytest.param(1.0, id="on the loop")])
def test_an_answer_that_comes_too_late_is_none(served, inline_s):
    server = served(Limits(inline_s=inline_s))
    with pytest.raises(TooLate):
        asyncio.run(server.plane.infer("tiny", "", rows(2, timeout=1)))


@pytest.mark.parametrize("timeout", [-1, True, "soon", 1.5])
def test_a_timeout_is_microseconds(served, timeout):
    server = served(Limits())
    with pytest.raises(BadInput, match="microseconds"):
        asyncio.run(server.plane.infer("tiny", "", rows(1, timeout=timeout)))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({}, 401, id="none"),
        pytest.param({"X-API-Key": "guess"}, 401, id="wrong"),
        pytest.param({"Authorization": "Basic open"}, 401, id="another scheme"),
        pytest.param({"X-API-Key": "open"}, 200, id="the key"),
        pytest.param({"Authorization": "Bearer open"}, 200, id="as a bearer"),
    ],
)
def test_a_server_with_a_key_answers_who_has_it(served, headers, status):
    server = served(Limits(), key="open")
    assert server.ask("GET", "/v2/models/tiny", headers=headers).status_code == status
    assert server.ask("GET", "/v2/health/ready").status_code == 200
    assert server.ask("GET", "/metrics").status_code == 200


def test_a_row_at_which_the_engine_fails_fails_alone(served):
    """Not even an error that is none of ours may leave the others of its batch without an answer."""
    server = served(Limits())
    entry = server.lineups.find("tiny", "")

    def picky(inputs, parameters):
        if (inputs["features"] == 666).any():
            raise ValueError("the engine stumbled")
        return entry.served.predict(inputs, parameters)

    picky_entry = Entry(replace(entry.served, predict=picky), "champion")
    server.lineups.put("tiny", Lineup({"": picky_entry}))

    async def ask():
        questions = (server.plane.infer("tiny", "", rows(1, value=value)) for value in (1.0, 666.0, 2.0))
        return await asyncio.wait_for(asyncio.gather(*questions, return_exceptions=True), 10)

    first, failed, last = asyncio.run(ask())
    assert (first.outputs[0].data.tolist(), last.outputs[0].data.tolist()) == ([111.0], [222.0])
    assert isinstance(failed, ValueError)
    assert 'predictor_queue_requests{lane="loop"} 0.0' in server.ask("GET", "/metrics").text


@pytest.mark.parametrize("came", [pytest.param(0, id="headers alone"), pytest.param(1, id="a part of the body")])
def test_a_client_that_falls_silent_gives_its_place_back(served, came):
    server = served(Limits(concurrency=1, deadline_s=0.05))
    scope = {"type": "http", "method": "POST", "path": "/v2/models/tiny/infer", "headers": []}
    parts = [{"type": "http.request", "body": b"{", "more_body": True}] * came
    sent = []

    async def receive():
        if parts:
            return parts.pop()
        return await asyncio.Event().wait()

    async def send(message):
        sent.append(message)

    asyncio.run(asyncio.wait_for(server.app(scope, receive, send), 10))
    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]
    assert server.infer().status_code == 200


def test_who_is_told_of_an_answer_does_not_make_it_wait_for_the_next_one(served):
    class Told:
        def note(self, entry, question, response):
            pass

    server = served(Limits(inline_s=0.0), witnesses=[lambda _: Told()])

    async def ask():
        go = threading.Event()
        first = asyncio.create_task(server.plane.infer("tiny", "", rows(2)))
        await asyncio.sleep(0)  # it is in the thread
        hold = asyncio.get_running_loop().run_in_executor(server.plane._pool, go.wait)
        try:
            return await asyncio.wait_for(first, 10)
        finally:
            go.set()
            await hold

    assert asyncio.run(ask()).outputs[0].data.tolist() == [111.0, 111.0]
