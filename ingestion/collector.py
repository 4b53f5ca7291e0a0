"""The HTTP door: events in JSON, one or many, acknowledged once the log has them."""

from __future__ import annotations

import hmac
import uuid
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Protocol

import orjson
from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.security import APIKeyHeader
from pydantic import BaseModel, Field

from ingestion.pseudonym import pseudonym
from scoreops.adapters.kafka import dead_letter
from scoreops.core.errors import BadInput, NotReady
from scoreops.kol.events import DLQ_TOPIC, MAX_EVENT_BYTES, TOPIC_OF, AnyEvent, encode, parse_fields

MAX_BATCH: Final = 1_000
MAX_BODY: Final = 4_194_304
MAX_DEPTH: Final = 16
Message = tuple[str, bytes | None, bytes]
Given = Annotated[str | None, Depends(APIKeyHeader(name="X-API-Key", auto_error=False))]
"""The key of a request. FastAPI reads annotations in the names of the module, so this cannot live in a function."""


class Sender(Protocol):
    """Something that puts messages on the log and returns once they are safe there."""

    def send(self, messages: Sequence[Message]) -> None:
        """Raises NotReady when the log did not acknowledge all of them."""
        ...


class Rejected(BaseModel):
    """An event that does not fit: its place in the batch, the field and why."""

    index: int
    status: int = 422
    field: str
    reason: str


class Receipt(BaseModel):
    """What became of a request. `accepted` events are on the log, `rejected` ones among the dead letters."""

    accepted: int
    rejected: list[Rejected] = Field(default_factory=list)


def create_app(sender: Sender, *, api_key: str, pseudonym_key: str) -> FastAPI:
    """The application. `user_id` of an event is the platform's own id; only its keyed hash goes any further."""
    app = FastAPI(title="ScoreOps collector", version="1", docs_url="/docs")

    def authorised(given: Given) -> None:
        if given is None or not hmac.compare_digest(given.encode(), api_key.encode()):
            raise _Problem(401, "the header X-API-Key is missing or wrong")

    @app.exception_handler(_Problem)
    async def problem(_request: Request, error: _Problem) -> JSONResponse:
        return JSONResponse({"error": error.reason}, error.status)

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/v1/events", status_code=202, dependencies=[Depends(authorised)], response_model=Receipt)
    async def events(request: Request) -> JSONResponse:
        """Take one event, or a list of at most 1,000. 202 when the log has at least one of them, 422 when none fits."""
        items = _items(await _body(request))
        messages, receipt = sort_out(items, pseudonym_key, uuid.uuid4().hex)
        try:
            await _in_thread(sender, messages)
        except NotReady as error:
            raise _Problem(503, f"nothing was taken for certain, send it again: {error}") from error
        return JSONResponse(receipt.model_dump(), 202 if receipt.accepted else 422)

    return app


class _Problem(Exception):
    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


async def _in_thread(sender: Sender, messages: Sequence[Message]) -> None:
    from starlette.concurrency import run_in_threadpool

    await run_in_threadpool(sender.send, messages)


async def _body(request: Request) -> bytes:
    """The body; refused as soon as it is seen to be too long."""
    parts, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY:
            raise _Problem(413, f"the body is longer than {MAX_BODY} bytes")
        parts.append(chunk)
    return b"".join(parts)


def _items(body: bytes) -> list[Any]:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _Problem(400, f"the body is no JSON: {error}") from error
    items = parsed if isinstance(parsed, list) else [parsed]
    if not 1 <= len(items) <= MAX_BATCH:
        raise _Problem(413, f"{len(items)} events, 1 to {MAX_BATCH} are taken at once")
    return items


def sort_out(items: Sequence[Any], key: str, request_id: str) -> tuple[list[Message], Receipt]:
    """Messages for the log, dead letters among them, and the receipt. No message holds a user id in the clear."""
    messages: list[Message] = []
    receipt = Receipt(accepted=0)
    for index, item in enumerate(items):
        safe = _pseudonymised(item, key)
        try:
            event = _event(safe)
        except BadInput as error:
            receipt.rejected.append(Rejected(index=index, field=error.field, reason=error.reason))
            letter = dead_letter(orjson.dumps(safe), error.reason, error.field, "collector", f"{request_id}/{index}")
            messages.append((DLQ_TOPIC, *letter))
        else:
            messages.append((TOPIC_OF[event.type], event.kol_id.encode(), encode(event)))
            receipt.accepted += 1
    return messages, receipt


def _event(item: Any) -> AnyEvent:
    if not isinstance(item, dict):
        raise BadInput("must be an object")
    size = len(orjson.dumps(item))
    if size > MAX_EVENT_BYTES:
        raise BadInput(f"is {size} bytes, more than {MAX_EVENT_BYTES}")
    return parse_fields(item)


def _pseudonymised(item: Any, key: str, depth: int = 0) -> Any:
    """The same with every `user_id` in it hashed, wherever it stands: dead letters hold what does not fit, too.

    An event id that was given beside one was made from the clear one and goes. What is neither text nor number is
    nobody's id and becomes null.
    """
    if depth > MAX_DEPTH:
        raise _Problem(400, f"an event is nested more than {MAX_DEPTH} deep")
    if isinstance(item, list):
        return [_pseudonymised(part, key, depth + 1) for part in item]
    if not isinstance(item, Mapping):
        return item
    personal = "user_id" in item
    left_out = {"user_id", "event_id"} if personal else set()
    kept = {name: _pseudonymised(value, key, depth + 1) for name, value in item.items() if name not in left_out}
    return kept | {"user_id": _hashed(item["user_id"], key)} if personal else kept


def _hashed(who: Any, key: str) -> str | None:
    known = isinstance(who, str | int) and not isinstance(who, bool) and who != ""
    return pseudonym(str(who), key) if known else None
