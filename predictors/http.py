"""What the REST door needs of HTTP: a request that is read with a limit, a reply, the table from errors to statuses."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final, NamedTuple

from predictors.admission import Limits, Turn
from predictors.wire import encode
from scoreops.core.errors import BadInput, NotFound, NotReady, Overloaded, Refused, ScoreOpsError, TooLate

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

STATUS: Final[Mapping[type[ScoreOpsError], int]] = {
    BadInput: 400,
    NotFound: 404,
    NotReady: 503,
    Overloaded: 429,
    Refused: 409,
    TooLate: 504,
}
"""Our errors as HTTP statuses; whatever is not here is 500."""
JSON: Final = b"application/json"
BINARY: Final = b"application/octet-stream"
SIZE_HEADER: Final = b"inference-header-content-length"
"""Size of the JSON in a body in which raw tensor bytes follow it."""
_AS_IT_IS: Final = frozenset((b"", b"identity"))
_PACKED: Final = _AS_IT_IS | {b"gzip", b"deflate"}
_UNPACK_INLINE: Final = 2_048
_PACK_FROM: Final = 1_024
TEXT: Final = b"text/plain; version=0.0.4; charset=utf-8"


class Reply(NamedTuple):
    """What goes back."""

    status: int
    body: bytes
    kind: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


class HttpError(Exception):
    """A request that HTTP itself refuses."""

    def __init__(self, status: int, reason: str, *headers: tuple[bytes, bytes]) -> None:
        super().__init__(reason)
        self.reply = error_reply(status, reason, *headers)


class Disconnected(Exception):
    """The client went away before its request was complete."""


def ok(value: object) -> Reply:
    """200 with JSON."""
    return Reply(200, encode(value))


def error_reply(status: int, reason: str, *headers: tuple[bytes, bytes]) -> Reply:
    """The error object of the protocol."""
    return Reply(status, encode({"error": reason}), JSON, headers)


def reply_of(error: ScoreOpsError) -> Reply:
    """The reply that an error of ours means."""
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 500)
    return error_reply(status, str(error), *((b"retry-after", b"1"),) * (status in {429, 503}))


_FIELDS: Final = "scoreops.headers"


def header(scope: Scope, name: bytes) -> bytes:
    """Value of a header, b"" when absent. `name` in lower case."""
    fields = scope.get(_FIELDS)
    if fields is None:
        fields = scope[_FIELDS] = dict(scope["headers"])
    value: bytes = fields.get(name, b"")
    return value


def json_size(scope: Scope) -> int | None:
    """How many bytes of the body are JSON, None for all. Raises BadInput."""
    value = header(scope, SIZE_HEADER)
    if not value:
        return None
    if not value.isdigit() or len(value) > 12:
        raise BadInput(f"{value[:40].decode('latin-1')!r} is no number of bytes", SIZE_HEADER.decode())
    return int(value)


async def read_body(scope: Scope, receive: Receive, limits: Limits, turn: Turn) -> bytes:
    """The body, unpacked. Raises HttpError when it is too large, too slow or packed in an unknown way, Disconnected."""
    length, packed = header(scope, b"content-length"), header(scope, b"content-encoding").lower()
    if length.isdigit() and int(length) > limits.body_bytes:
        raise _too_large(limits.body_bytes)
    if packed not in _PACKED:
        raise HttpError(415, f"content-encoding {_shown(packed)} is not taken; gzip and deflate are")
    body = await _read(receive, limits, turn)
    if packed in _AS_IT_IS:
        return body
    if len(body) <= _UNPACK_INLINE:
        body = unpack(body, limits.body_bytes)
    else:
        body = await asyncio.to_thread(unpack, body, limits.body_bytes)
    turn.hold(len(body))
    return body


async def _read(receive: Receive, limits: Limits, turn: Turn) -> bytes:
    """All of the body. The deadline holds for its first part too: who sends headers alone holds a place."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    late = loop.call_later(limits.deadline_s, task.cancel)  # asyncio.timeout does the same for twice the time
    parts: list[bytes] = []
    size, more = 0, True
    try:
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > limits.body_bytes:
                raise _too_large(limits.body_bytes)
            turn.hold(len(parts[-1]))
            more = message.get("more_body", False)
    except asyncio.CancelledError:
        if loop.time() < late.when() or task.uncancel():
            raise  # somebody else wants the request to end
        reason = f"the body did not arrive within {limits.deadline_s:g} seconds"
        raise HttpError(408, reason, (b"connection", b"close")) from None
    finally:
        late.cancel()
    return parts[0] if len(parts) == 1 else b"".join(parts)


def unpack(packed: bytes, limit: int) -> bytes:
    """What a gzip or zlib stream holds. Raises BadInput when it is none or cut off, HttpError above `limit` bytes."""
    stream = zlib.decompressobj(wbits=32 + zlib.MAX_WBITS)
    try:
        body = stream.decompress(packed, limit + 1)
    except zlib.error as error:
        raise BadInput(f"the body cannot be unpacked: {error}") from error
    if len(body) > limit:
        raise _too_large(limit)
    if not stream.eof or stream.unused_data:
        raise BadInput("the packed body is cut off" if not stream.eof else "something follows the packed body")
    return body


def packed(reply: Reply, scope: Scope) -> Reply:
    """The reply as gzip or deflate, where the client takes that and the body is worth it."""
    if len(reply.body) < _PACK_FROM:
        return reply
    fields = (field.replace(b" ", b"") for field in header(scope, b"accept-encoding").lower().split(b","))
    accepted = {field.partition(b";")[0] for field in fields if not field.endswith((b";q=0", b";q=0.0"))}
    if b"gzip" in accepted:
        body, name = gzip.compress(reply.body, compresslevel=1, mtime=0), b"gzip"
    elif b"deflate" in accepted:
        body, name = zlib.compress(reply.body, 1), b"deflate"
    else:
        return reply
    said = ((b"content-encoding", name), (b"vary", b"accept-encoding"))
    return reply._replace(body=body, headers=(*reply.headers, *said))


def _too_large(limit: int) -> HttpError:
    return HttpError(413, f"the body is larger than {limit} bytes; send fewer rows at once", (b"connection", b"close"))


def _shown(value: bytes) -> str:
    return repr(value[:40].decode("latin-1"))


async def send_reply(send: Send, reply: Reply, *, close: bool) -> None:
    """Send it; `close` asks the client to connect anew for its next request."""
    headers = [(b"content-type", reply.kind), (b"content-length", b"%d" % len(reply.body)), *reply.headers]
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
