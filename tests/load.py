"""A lean HTTP client for load: keep-alive, one request at a time a connection, and what came back of each."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from typing import NamedTuple

import numpy as np

from tests.tiny import JOINED

INFER = "/v2/models/tiny/infer"


class Answer(NamedTuple):
    """`status` 0: the connection broke before there was an answer."""

    status: int
    body: bytes
    seconds: float = 0.0


def body_of(rows):
    """JSON of a request for the scores of `rows`."""
    values = np.asarray(rows, dtype=np.float64)
    tensor = {"name": "features", "datatype": "FP64", "shape": values.shape, "data": values.ravel().tolist()}
    tensor["parameters"] = {"columns": JOINED}
    return json.dumps({"inputs": [tensor], "outputs": [{"name": "score"}]}).encode()


def request_of(body, path=INFER, headers=()):
    """Bytes of a POST."""
    head = [f"POST {path} HTTP/1.1", "Host: here", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


class Client:
    """One connection at a time to one of `ports`; a port that takes no new connection is left for the next."""

    def __init__(self, *ports):
        self._ports = list(ports)
        self._streams = None

    async def send(self, request, timeout_s=60.0):
        """The answer to the bytes of one request."""
        started = time.perf_counter()
        try:
            async with asyncio.timeout(timeout_s):
                if self._streams is None:
                    self._streams = await self._connect()
                reader, writer = self._streams
                writer.write(request)
                status, body, close = await self._read(reader)
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            self.leave()
            return Answer(0, b"", time.perf_counter() - started)
        if close:  # it is asked to go elsewhere
            self.leave()
            self._ports.append(self._ports.pop(0))
        return Answer(status, body, time.perf_counter() - started)

    def leave(self):
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def _connect(self):
        for _ in self._ports:
            try:
                return await asyncio.open_connection("127.0.0.1", self._ports[0], limit=1 << 24)
            except ConnectionRefusedError:
                self._ports.append(self._ports.pop(0))
        raise ConnectionRefusedError

    @staticmethod
    async def _read(reader):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        body = await reader.readexactly(int(fields.get("content-length", 0)))
        return int(head.split()[1]), body, fields.get("connection") == "close"


async def closed_loop(ports, request, clients, until):
    """Answers to `request` sent by so many clients, each as soon as it has its answer, while `until()` is false."""
    answers = []

    async def one():
        client = Client(*ports)
        while not until():
            answers.append(await client.send(request))
        client.leave()

    await asyncio.gather(*(one() for _ in range(clients)))
    return answers


async def open_loop(ports, request, rate, seconds, most=400):
    """Answers to `request` sent at a fixed rate whatever the server does; more clients come as they are needed."""
    answers, idle, tasks = [], deque(), set()  # who has rested longest goes next: a server ends idle connections
    started = time.perf_counter()

    async def one():
        client = idle.popleft() if idle else Client(*ports)
        answers.append(await client.send(request))
        idle.append(client)

    sent = 0
    while (now := time.perf_counter() - started) < seconds:
        while sent < now * rate and len(tasks) < most:
            task = asyncio.create_task(one())
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            sent += 1
        sent = max(sent, int(now * rate))  # what could not be sent is not made up for
        await asyncio.sleep(0.001)
    await asyncio.gather(*tasks)
    for client in idle:
        client.leave()
    return answers
