"""What the REST door needs of HTTP: a request that is read with a limit, a reply, the table from errors to statuses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final, NamedTuple

from predictors.wire import encode
from scoreops.core.errors import BadInput, NotFound, NotReady, Refused, ScoreOpsError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

STATUS: Final[Mapping[type[ScoreOpsError], int]] = {BadInput: 400, NotFound: 404, NotReady: 503, Refused: 409}
"""Our errors as HTTP statuses; whatever is not here is 500."""
JSON: Final = b"application/json"
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
    return error_reply(status, str(error))


def header(scope: Scope, name: bytes) -> bytes:
    """Value of a header, b"" when absent. `name` in lower case."""
    return next((value for key, value in scope["headers"] if key == name), b"")


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The body of JSON. Raises HttpError when it is too large or in a form that is not taken, Disconnected."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value) > limit:
            raise _too_large(limit)
        if name == b"content-encoding" and value != b"identity":
            raise HttpError(415, f"content-encoding {_shown(value)} is not taken; send plain JSON")
        if name == b"inference-header-content-length":
            raise HttpError(415, "binary tensor data is not taken; send `data` as JSON")
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


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
