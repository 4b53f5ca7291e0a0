"""The REST door: Open Inference Protocol v2 as a bare ASGI application. It translates and decides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import lru_cache, partial
from typing import Final, NamedTuple

import msgspec
import structlog

from predictors import v1, wire
from predictors.dataplane import DataPlane
from predictors.door import EXTENSIONS, NAME, PLATFORM, Door
from predictors.guard import Guard, Off, Unauthorised
from predictors.headers import given_key, marked, trace_of
from predictors.http import (
    BINARY,
    SIZE_HEADER,
    TEXT,
    Disconnected,
    HttpError,
    Receive,
    Reply,
    Scope,
    Send,
    error_reply,
    header,
    json_size,
    ok,
    packed,
    read_body,
    reply_of,
    send_reply,
)
from predictors.metrics import Metrics
from predictors.tracing import Tracing
from scoreops.core.bundle import TensorSpec
from scoreops.core.errors import BadInput, Refused, ScoreOpsError

_log: Final = structlog.get_logger("predictors.rest")
_SMALL_BODY: Final = 65_536
OPEN: Final = (("v2", "health"), ("metrics",))
"""What needs no key: who probes and who scrapes has none."""
PLACES: Final = 128
"""Paths whose meaning is kept."""
Handler = Callable[[Scope, Receive], Awaitable[Reply]]
Answer = Callable[[str, str, str, Scope, Receive], Awaitable[Reply]]
"""Of a model, a version and a traceparent."""


class _Place(NamedTuple):
    """What a path leads to: nothing without a handler; an open one needs no key."""

    open: bool
    method: str
    handler: Handler | None


class _IndexRequest(msgspec.Struct):
    ready: bool = False


class Rest(Door):
    """Routes requests to the data plane."""

    def __init__(self, plane: DataPlane, metrics: Metrics, version: str, guard: Guard, tracing: Tracing) -> None:
        super().__init__(plane, metrics, version, guard, tracing)
        self._places = lru_cache(PLACES)(self._place)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        try:
            reply = await self._reply(scope, receive)
        except Disconnected:
            return
        if reply.status >= 400:
            self._metrics.refused.labels(str(reply.status)).inc()
        await send_reply(send, packed(reply, scope), close=self._plane.draining)

    async def _reply(self, scope: Scope, receive: Receive) -> Reply:
        try:
            return await self._handler(scope)(scope, receive)
        except HttpError as error:
            return error.reply
        except ScoreOpsError as error:
            return reply_of(error)
        except Unauthorised as error:
            return error_reply(401, str(error), (b"www-authenticate", b"ApiKey"))
        except Off as error:
            return error_reply(403, str(error))
        except Disconnected:
            raise
        except Exception:  # noqa: BLE001 - one request must not take the server down
            _log.exception("a request failed", path=scope["path"])
            return error_reply(500, "internal error; the server's log says more")

    def _handler(self, scope: Scope) -> Handler:
        place = self._places(scope["path"])
        if self._guard.key and not place.open:
            self._guard.check(given_key(scope))
        method, handler = place.method, place.handler
        if handler is None:
            raise HttpError(404, f"there is nothing at {scope['path'][:200]}")
        if scope["method"] != method and (scope["method"], method) != ("HEAD", "GET"):
            raise HttpError(405, f"{scope['path'][:200]} takes {method}", (b"allow", method.encode()))
        return handler

    def _place(self, path: str) -> _Place:
        parts = path.strip("/").split("/")
        return _Place(any(tuple(parts[: len(free)]) == free for free in OPEN), *self._route(parts))

    def _route(self, parts: list[str]) -> tuple[str, Handler | None]:  # noqa: PLR0911, PLR0912, C901 - a table
        match parts:
            case ["v2", "models", model, "infer"]:
                return "POST", partial(self._traced, self._infer, model, "")
            case ["v2", "models", model, "versions", version, "infer"]:
                return "POST", partial(self._traced, self._infer, model, version)
            case ["v2"]:
                return "GET", self._server
            case ["v2", "health", "live"]:
                return "GET", self._live
            case ["v2", "health", "ready"]:
                return "GET", self._ready
            case ["v2", "models"] | ["v1", "models"]:
                return "GET", self._models
            case ["v2", "models", model]:
                return "GET", partial(self._model, model, "")
            case ["v2", "models", model, "ready"] | ["v1", "models", model] if not model.endswith(":predict"):
                return "GET", partial(self._model_ready, model, "")
            case ["v2", "models", model, "versions", version]:
                return "GET", partial(self._model, model, version)
            case ["v2", "models", model, "versions", version, "ready"]:
                return "GET", partial(self._model_ready, model, version)
            case ["v2", "repository", "index"]:
                return "POST", self._index
            case ["v2", "repository", "models", model, "load"]:
                return "POST", partial(self._load, model)
            case ["v2", "repository", "models", model, "unload"]:
                return "POST", partial(self._unload, model)
            case ["v1", "models", model]:
                return "POST", partial(self._traced, self._predict, model.removesuffix(":predict"), "")
            case ["metrics"]:
                return "GET", self._scrape
        return "", None

    async def _traced(self, answer: Answer, model: str, version: str, scope: Scope, receive: Receive) -> Reply:
        if not (self._tracing.on or header(scope, b"traceparent")):
            return await answer(model, version, "", scope, receive)
        span = self._tracing.begin("infer", *trace_of(scope))
        outcome = "failed"
        try:
            reply = await answer(model, version, span.traceparent, scope, receive)
            outcome = ""
        except ScoreOpsError as error:
            outcome = str(error)
            raise
        finally:
            span.end(outcome, {"model": model[:80], "version": version[:80]})
        if span.traceparent:
            return reply._replace(headers=(*reply.headers, (b"traceparent", span.traceparent.encode())))
        return reply

    async def _infer(self, model: str, version: str, trace: str, scope: Scope, receive: Receive) -> Reply:
        with self._plane.admit() as turn:
            body = await read_body(scope, receive, self._plane.limits, turn)
            size, rows = json_size(scope), self._plane.limits.rows
            if len(body) <= _SMALL_BODY:
                decoded = wire.decode_request(body, size, rows)
            else:
                turn.hold(wire.SWELLS * (len(body) if size is None else size))
                decoded = await asyncio.to_thread(wire.decode_request, body, size, rows)
            request = decoded.request._replace(trace=trace) if trace else decoded.request
            request = marked(request, scope)
            response = await self._plane.infer(model, version, request)
            made, size = wire.encode_response(response, decoded)
        if size is None:
            return Reply(200, made)
        return Reply(200, made, BINARY, ((SIZE_HEADER, b"%d" % size),))

    async def _predict(self, model: str, version: str, trace: str, scope: Scope, receive: Receive) -> Reply:
        with self._plane.admit() as turn:
            body = await read_body(scope, receive, self._plane.limits, turn)
            request = await asyncio.to_thread(v1.decode, body, self._plane.metadata(model, version))
            request = marked(request._replace(trace=trace), scope)
            answer = await self._plane.infer(model, version, request)
            return Reply(200, v1.encode(answer))

    async def _server(self, _scope: Scope, _receive: Receive) -> Reply:
        return ok({"name": NAME, "version": self._version, "extensions": EXTENSIONS})

    async def _live(self, _scope: Scope, _receive: Receive) -> Reply:
        return ok({"live": True})

    async def _ready(self, _scope: Scope, _receive: Receive) -> Reply:
        return ok({"ready": True}) if self._plane.ready else error_reply(503, f"not ready: {self._plane.unready()}")

    async def _models(self, _scope: Scope, _receive: Receive) -> Reply:
        return ok({"models": self._plane.models})

    async def _model(self, model: str, version: str, _scope: Scope, _receive: Receive) -> Reply:
        found = self._plane.metadata(model, version)
        return ok(
            {
                "name": found.name,
                "versions": found.versions,
                "platform": PLATFORM,
                "inputs": [_tensor_metadata(spec) for spec in found.inputs],
                "outputs": [_tensor_metadata(spec) for spec in found.outputs],
                "properties": found.properties,
            }
        )

    async def _model_ready(self, model: str, version: str, _scope: Scope, _receive: Receive) -> Reply:
        self._plane.check_ready(model, version)
        return ok({"name": model, "ready": True})

    async def _index(self, scope: Scope, receive: Receive) -> Reply:
        with self._plane.admit() as turn:
            body = await read_body(scope, receive, self._plane.limits, turn)
        try:
            request = msgspec.json.decode(body or b"{}", type=_IndexRequest)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise BadInput(str(error)) from error
        return ok([entry._asdict() for entry in self._plane.index(ready_only=request.ready)])

    async def _load(self, model: str, scope: Scope, _receive: Receive) -> Reply:
        line = await asyncio.to_thread(self._guard.admin(given_key(scope)).refresh, model, again=True)
        if line.problem:
            raise Refused(line.problem)
        return ok({"name": model, "load": True, "version": line.entries[""].served.version})

    async def _unload(self, model: str, scope: Scope, _receive: Receive) -> Reply:
        await asyncio.to_thread(self._guard.admin(given_key(scope)).unload, model)
        return ok({"name": model, "unload": True})

    async def _scrape(self, _scope: Scope, _receive: Receive) -> Reply:
        self._plane.show()
        return Reply(200, self._metrics.render(), TEXT)


def _tensor_metadata(spec: TensorSpec) -> dict[str, object]:
    return {"name": spec.name, "datatype": spec.datatype, "shape": spec.shape}
