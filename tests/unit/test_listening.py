"""How the HTTP listener sends: whole answers, in order, also to a client that has said all it has to say."""

from __future__ import annotations

import asyncio
import socket

import pytest
import uvloop
from uvicorn.server import ServerState

from predictors.http import Reply, send_reply
from predictors.listening import http_config

OK = b"HTTP/1.1 200 OK"
ASK = b"%s / HTTP/1.1\r\nhost: here\r\n\r\n"


async def app(_scope, receive, send):
    await receive()
    await send_reply(send, Reply(200, b"{}"), close=False)


async def parts(asked, count, *, leaves=False):
    """What comes back until `count` answers have begun, as it comes; the client may say that it will send no more."""
    config, loop = http_config(app, None), asyncio.get_running_loop()
    config.load()
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    made = config.http_protocol_class(config=config, server_state=ServerState(), app_state={})
    transport, _ = await loop.connect_accepted_socket(lambda: made, ours)
    with theirs:
        await loop.sock_sendall(theirs, asked)
        if leaves:
            theirs.shutdown(socket.SHUT_WR)
        got = []
        while b"".join(got).count(OK) < count:
            got.append(await asyncio.wait_for(loop.sock_recv(theirs, 65_536), 10))
            assert got[-1], "the server has closed"
        transport.close()
    return got


@pytest.mark.parametrize(
    ("method", "body"), [pytest.param(b"GET", b"{}", id="a body"), pytest.param(b"HEAD", b"", id="none")]
)
def test_who_sends_no_more_is_answered_still(method, body):
    (got,) = uvloop.run(parts(ASK % method, 1, leaves=True))
    assert got.startswith(OK)
    assert got.partition(b"\r\n\r\n")[2] == body


def test_no_answer_is_sent_in_two_parts():
    got = uvloop.run(parts(3 * (ASK % b"GET"), 3))
    assert all(part.endswith(b"{}") for part in got)
    assert b"".join(got).count(b"{}") == 3


def test_a_head_alone_comes_before_the_next_answer():
    first, _, second = b"".join(uvloop.run(parts(ASK % b"HEAD" + ASK % b"GET", 2))).rpartition(OK)
    assert first.endswith(b"\r\n\r\n")
    assert second.endswith(b"{}")
