"""The REST door: Open Inference Protocol v2 as a bare ASGI application. It translates and decides nothing."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, NamedTuple

import msgspec
import structlog

from predictors import wire
from predictors.dataplane import DataPlane
from predictors.http import (
    TEXT,
    Disconnected,
    HttpError,
    Receive,
    Reply,
    Scope,
    Send,
    error_reply,
    header,
    ok,
    read_body,
    reply_of,
    send_reply,
)
from predictors.keeper import Keeper
from predictors.metrics import Metrics
from scoreops.core.bundle import TensorSpec
from scoreops.core.errors import BadInput, Refused, ScoreOpsError

_log: Final = structlog.get_logger("predictors.rest")
NAME: Final = "scoreops"
EXTENSIONS: Final = ("model_repository",)
PLATFORM: Final = "scoreops_bundle"
_SMALL_BODY: Final = 65_536
Handler = Callable[[Scope, Receive], Awaitable[Reply]]


class Control(NamedTuple):
    """Who may load and unload models: whoever knows `key`."""

    keeper: Keeper
    key: str


class _IndexRequest(msgspec.Struct):
    ready: bool = False


class Rest:
    """Routes requests to the data plane. Without `control` the models cannot be loaded or unloaded from outside."""

    def __init__(self, plane: DataPlane, metrics: Metrics, version: str, control: Control | None = None) -> None:
        self._plane = plane
        self._metrics = metrics
        self._version = version
        self._control = control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        try:
            reply = await self._handler(scope)(scope, receive)
        except Disconnected:
            return
        except HttpError as error:
            reply = error.reply
        except ScoreOpsError as error:
            reply = reply_of(error)
        except Exception:  # noqa: BLE001 - one request must not take the server down
            _log.exception("a request failed", path=scope["path"])
            reply = error_reply(500, "internal error; the server's log says more")
        if reply.status >= 400:
            self._metrics.refused.labels(str(reply.status)).inc()
        await send_reply(send, reply, close=self._plane.draining)

    def _handler(self, scope: Scope) -> Handler:
        method, handler = self._route(scope["path"].strip("/").split("/"))
        if handler is None:
            raise HttpError(404, f"there is nothing at {scope['path'][:200]}")
        if scope["method"] != method:
            raise HttpError(405, f"{scope['path'][:200]} takes {method}", (b"allow", method.encode()))
        return handler

    def _route(self, parts: list[str]) -> tuple[str, Handler | None]:  # noqa: PLR0911, PLR0912, C901 - a table
        match parts:
            case ["v2", "models", model, "infer"]:
                return "POST", partial(self._infer, model, "")
            case ["v2", "models", model, "versions", version, "infer"]:
                return "POST", partial(self._infer, model, version)
            case ["v2"]:
                return "GET", self._server
            case ["v2", "health", "live"]:
                return "GET", self._live
            case ["v2", "health", "ready"]:
                return "GET", self._ready
            case ["v2", "models"]:
                return "GET", self._models
            case ["v2", "models", model]:
                return "GET", partial(self._model, model, "")
            case ["v2", "models", model, "ready"]:
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
            case ["metrics"]:
                return "GET", self._scrape
        return "", None

    async def _infer(self, model: str, version: str, scope: Scope, receive: Receive) -> Reply:
        body = await read_body(scope, receive, self._plane.limits.body_bytes)
        if len(body) <= _SMALL_BODY:
            request = wire.decode_request(body)
        else:
            request = await asyncio.to_thread(wire.decode_request, body)
        return Reply(200, wire.encode_response(await self._plane.infer(model, version, request)))

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
        body = await read_body(scope, receive, _SMALL_BODY)
        try:
            request = msgspec.json.decode(body or b"{}", type=_IndexRequest)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise BadInput(str(error)) from error
        return ok([entry._asdict() for entry in self._plane.index(ready_only=request.ready)])

    async def _load(self, model: str, scope: Scope, _receive: Receive) -> Reply:
        line = await asyncio.to_thread(self._keeper(scope).refresh, model, again=True)
        if line.problem:
            raise Refused(line.problem)
        return ok({"name": model, "load": True, "version": line.entries[""].served.version})

    async def _unload(self, model: str, scope: Scope, _receive: Receive) -> Reply:
        await asyncio.to_thread(self._keeper(scope).unload, model)
        return ok({"name": model, "unload": True})

    def _keeper(self, scope: Scope) -> Keeper:
        if self._control is None:
            raise HttpError(403, "loading and unloading is off on this server; it is started with --admin")
        if not hmac.compare_digest(header(scope, b"x-api-key"), self._control.key.encode()):
            raise HttpError(401, "this needs the API key in the header X-API-Key", (b"www-authenticate", b"ApiKey"))
        return self._control.keeper

    async def _scrape(self, _scope: Scope, _receive: Receive) -> Reply:
        return Reply(200, self._metrics.render(), TEXT)


def _tensor_metadata(spec: TensorSpec) -> dict[str, object]:
    return {"name": spec.name, "datatype": spec.datatype, "shape": spec.shape}
