"""The gRPC door: inference.GRPCInferenceService, health and reflection. It translates and decides nothing.

Messages arrive as bytes and are parsed here, so that a message that is none is refused like any other bad input.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import grpc
import structlog
from google.protobuf.message import DecodeError

from predictors import rpc_codec
from predictors.copies import ID, KIND, told
from predictors.door import EXTENSIONS, NAME, PLATFORM, Door
from predictors.guard import Off, Unauthorised, key_of
from predictors.protocol import SERVICE, InferRequestMessage, message
from scoreops.core.errors import BadInput, NotFound, NotReady, Overloaded, Refused, ScoreOpsError, TooLate

Context = Any
Method = Callable[[Any, Context], Awaitable[Any]]
CODES: Final[Mapping[type[Exception], grpc.StatusCode]] = {
    BadInput: grpc.StatusCode.INVALID_ARGUMENT,
    NotFound: grpc.StatusCode.NOT_FOUND,
    NotReady: grpc.StatusCode.UNAVAILABLE,
    Overloaded: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Refused: grpc.StatusCode.FAILED_PRECONDITION,
    TooLate: grpc.StatusCode.DEADLINE_EXCEEDED,
    Unauthorised: grpc.StatusCode.UNAUTHENTICATED,
    Off: grpc.StatusCode.PERMISSION_DENIED,
}
"""Our errors as gRPC statuses; whatever is not here is INTERNAL."""
OPEN: Final = ("ServerLive", "ServerReady")
"""What needs no key, like the health service and reflection: who probes has none."""
_log: Final = structlog.get_logger("predictors.rpc")


class Rpc(Door):
    """The methods of the service."""

    def handlers(self) -> grpc.GenericRpcHandler:
        """What a server dispatches to."""
        methods: dict[str, tuple[Any, Method]] = {
            "ServerLive": (message("ServerLiveRequest"), self._live),
            "ServerReady": (message("ServerReadyRequest"), self._ready),
            "ModelReady": (message("ModelReadyRequest"), self._model_ready),
            "ServerMetadata": (message("ServerMetadataRequest"), self._server),
            "ModelMetadata": (message("ModelMetadataRequest"), self._model),
            "ModelInfer": (InferRequestMessage, self._infer),
            "RepositoryIndex": (message("RepositoryIndexRequest"), self._index),
            "RepositoryModelLoad": (message("RepositoryModelRequest"), self._load),
            "RepositoryModelUnload": (message("RepositoryModelRequest"), self._unload),
        }
        bound = {
            name: grpc.unary_unary_rpc_method_handler(self._bind(name, kind, method))
            for name, (kind, method) in methods.items()
        }
        return grpc.method_handlers_generic_handler(SERVICE, bound)

    def _bind(self, name: str, kind: Any, method: Method) -> Callable[[bytes, Context], Awaitable[bytes]]:
        async def handle(data: bytes, context: Context) -> bytes:
            try:
                if name in OPEN:  # a full server is still alive
                    return await method(_parsed(kind, data), context)  # type: ignore[no-any-return]
                self._guard.check(_key(context))
                with self._plane.admit() as turn:  # before it is parsed, which takes time and memory too
                    turn.hold(len(data))
                    answer: bytes = await method(_parsed(kind, data), context)
            except Exception as error:
                code = next((CODES[kind] for kind in type(error).__mro__ if kind in CODES), grpc.StatusCode.INTERNAL)
                self._metrics.rpc_errors.labels(code.name).inc()
                if code is grpc.StatusCode.INTERNAL:
                    _log.exception("a call failed", method=name)
                    await context.abort(code, "internal error; the server's log says more")
                await context.abort(code, str(error))
                raise
            return answer

        return handle

    async def _infer(self, request: Any, context: Context) -> bytes:
        found = dict(context.invocation_metadata() or ())
        span = self._tracing.begin("infer", str(found.get("traceparent", "")), str(found.get("tracestate", "")))
        outcome = "failed"
        try:
            asked = rpc_codec.decode(request)
            asked = asked._replace(trace=span.traceparent) if span.traceparent else asked
            asked = told(asked, name=str(found.get(ID, "")), kind=str(found.get(KIND, "")), host="")
            within = context.time_remaining()
            response = await self._plane.infer(request.model_name, request.model_version, asked, within)
            made = rpc_codec.encode(response, raw=bool(request.raw_input_contents))
            outcome = ""
        except ScoreOpsError as error:
            outcome = str(error)
            raise
        finally:
            span.end(outcome, {"model": request.model_name[:80], "version": request.model_version[:80]})
        if span.traceparent:
            context.set_trailing_metadata((("traceparent", span.traceparent),))
        return made

    async def _live(self, _request: Any, _context: Context) -> bytes:
        return _bytes("ServerLiveResponse", {"live": True})

    async def _ready(self, _request: Any, _context: Context) -> bytes:
        return _bytes("ServerReadyResponse", {"ready": self._plane.ready})

    async def _model_ready(self, request: Any, _context: Context) -> bytes:
        try:
            self._plane.check_ready(request.name, request.version)
        except NotReady:
            return _bytes("ModelReadyResponse", {"ready": False})
        return _bytes("ModelReadyResponse", {"ready": True})

    async def _server(self, _request: Any, _context: Context) -> bytes:
        return _bytes("ServerMetadataResponse", {"name": NAME, "version": self._version, "extensions": EXTENSIONS})

    async def _model(self, request: Any, _context: Context) -> bytes:
        found = self._plane.metadata(request.name, request.version)
        kinds = {"inputs": found.inputs, "outputs": found.outputs}
        tensors = {
            kind: [{"name": spec.name, "datatype": spec.datatype, "shape": spec.shape} for spec in specs]
            for kind, specs in kinds.items()
        }
        head = {"name": found.name, "versions": found.versions, "platform": PLATFORM, "properties": found.properties}
        return _bytes("ModelMetadataResponse", head | tensors)

    async def _index(self, request: Any, _context: Context) -> bytes:
        entries = self._plane.index(ready_only=request.ready)
        return _bytes("RepositoryIndexResponse", {"models": [entry._asdict() for entry in entries]})

    async def _load(self, request: Any, context: Context) -> bytes:
        keeper, name = self._guard.admin(_key(context)), request.model_name or request.repository_or_model
        line = await asyncio.to_thread(keeper.refresh, name, again=True)
        if line.problem:
            raise Refused(line.problem)
        return _bytes("RepositoryModelResponse", {"model_name": name, "done": True})

    async def _unload(self, request: Any, context: Context) -> bytes:
        keeper, name = self._guard.admin(_key(context)), request.model_name or request.repository_or_model
        await asyncio.to_thread(keeper.unload, name)
        return _bytes("RepositoryModelResponse", {"model_name": name, "done": True})


def _parsed(kind: Any, data: bytes) -> Any:
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise BadInput(f"the message is no {kind.DESCRIPTOR.name}") from error


def _bytes(kind: str, fields: Mapping[str, Any]) -> bytes:
    encoded: bytes = message(kind)(**fields).SerializeToString()
    return encoded


def _key(context: Context) -> bytes:
    found = {name: value.encode() if isinstance(value, str) else value for name, value in context.invocation_metadata()}
    return key_of(found.get("x-api-key", b""), found.get("authorization", b""))
