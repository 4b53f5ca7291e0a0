"""The event contract: what a message on `events.{social,web,tx}.raw` may say.

Every event is immutable, in UTC, and carries a deterministic `event_id`: the same happening, reported twice, has the
same id, so that repeats can be recognised anywhere. Money is integer minor units of `currency`. `user_id` is a keyed
hash made at the edge, never a platform's own id. The JSON Schemas in `ingestion/schemas/` are exported from here.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import from_json

from scoreops.core.errors import BadInput

SOCIAL_TOPIC: Final = "events.social.raw"
WEB_TOPIC: Final = "events.web.raw"
TX_TOPIC: Final = "events.tx.raw"
RAW_TOPICS: Final = (SOCIAL_TOPIC, WEB_TOPIC, TX_TOPIC)
FEATURES_TOPIC: Final = "features.stream"
SCORES_TOPIC: Final = "scores.stream"
ALERTS_TOPIC: Final = "alerts.stream"
INFERENCE_TOPIC: Final = "inference.log"
LABELS_TOPIC: Final = "labels"
DLQ_TOPIC: Final = "events.dlq"
TOPICS: Final = (*RAW_TOPICS, FEATURES_TOPIC, SCORES_TOPIC, ALERTS_TOPIC, INFERENCE_TOPIC, LABELS_TOPIC, DLQ_TOPIC)

MAX_EVENT_BYTES: Final = 16_384
MAX_COUNT: Final = 2**53 - 1
"""Largest counter or amount: what a double, and so JSON and Lua, holds exactly."""
EARLIEST: Final = datetime(2010, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)
TIMES: Final = ("event_time", "published_at")

Platform = Literal["facebook", "instagram", "tiktok", "youtube"]
Currency = Literal["VND", "USD"]


def _utc(value: datetime) -> datetime:
    return value.astimezone(UTC) if value.utcoffset() else value


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be blank")
    return value


Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$")]
PseudonymousId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
EventId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
EventTime = Annotated[AwareDatetime, Field(ge=EARLIEST, lt=LATEST), AfterValidator(_utc)]
Count = Annotated[int, Field(strict=True, ge=0, le=MAX_COUNT)]
Amount = Annotated[int, Field(strict=True, gt=0, le=MAX_COUNT)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=2000), AfterValidator(_not_blank)]


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    event_id: EventId
    kol_id: Identifier
    platform: Platform
    event_time: EventTime


class PostMetrics(_Event):
    """Counters of one post as the platform shows them at `event_time`: cumulative since `published_at`.

    `views` and `shares` are null where the platform does not show them: missing is not zero.
    """

    type: Literal["post_metrics"]
    post_id: Identifier
    published_at: EventTime
    views: Count | None
    likes: Count
    comments: Count
    shares: Count | None


class Profile(_Event):
    """Counters of the account at `event_time`."""

    type: Literal["profile"]
    followers: Count
    following: Count
    posts: Count


class Comment(_Event):
    """One comment under a post. `text` is stored for the text branch and is never shown with a user."""

    type: Literal["comment"]
    post_id: Identifier
    comment_id: Identifier
    user_id: PseudonymousId
    text: Text


class _Visit(_Event):
    campaign_id: Identifier
    user_id: PseudonymousId
    session_id: Identifier


class View(_Visit):
    """A landing page opened through the KOL's link."""

    type: Literal["view"]


class Click(_Visit):
    """A click on an offer."""

    type: Literal["click"]


class AddToCart(_Visit):
    """A product put into the cart."""

    type: Literal["add_to_cart"]


class _Transaction(_Event):
    campaign_id: Identifier
    user_id: PseudonymousId
    order_id: Identifier
    amount_minor: Amount
    currency: Currency


class Purchase(_Transaction):
    """An order that was paid."""

    type: Literal["purchase"]


class Refund(_Transaction):
    """Money given back for an order, whole or in part."""

    type: Literal["refund"]


SocialEvent = PostMetrics | Profile | Comment
WebEvent = View | Click | AddToCart
TxEvent = Purchase | Refund
AnyEvent = SocialEvent | WebEvent | TxEvent
Event = Annotated[AnyEvent, Field(discriminator="type")]
ADAPTER: Final[TypeAdapter[AnyEvent]] = TypeAdapter(Event)

TYPES: Final = tuple(get_args(model.model_fields["type"].annotation)[0] for model in get_args(AnyEvent))
TOPIC_OF: Final[dict[str, str]] = {
    **dict.fromkeys(("post_metrics", "profile", "comment"), SOCIAL_TOPIC),
    **dict.fromkeys(("view", "click", "add_to_cart"), WEB_TOPIC),
    **dict.fromkeys(("purchase", "refund"), TX_TOPIC),
}
IDENTITY: Final[dict[str, tuple[str, ...]]] = {
    "post_metrics": ("post_id", "event_time"),
    "profile": ("event_time",),
    "comment": ("comment_id",),
    "view": ("campaign_id", "user_id", "session_id", "event_time"),
    "click": ("campaign_id", "user_id", "session_id", "event_time"),
    "add_to_cart": ("campaign_id", "user_id", "session_id", "event_time"),
    "purchase": ("order_id",),
    "refund": ("order_id", "event_time"),
}


def event_id(fields: dict[str, Any]) -> str:
    """The id of the happening that `fields` describe: 32 hex digits of SHA-256 over what identifies it.

    Two reports of one happening agree in the id whatever else differs. Times count in microseconds of UTC.
    """
    parts = [str(fields.get(name)) for name in ("type", "platform", "kol_id")]
    for name in IDENTITY.get(str(fields["type"]), ()):
        value = fields.get(name)
        if name == "event_time":
            value = _microseconds(value)
        parts.append(str(value))
    return hashlib.sha256("\x1f".join(parts).encode(errors="surrogatepass")).hexdigest()[:32]


_TIME: Final[TypeAdapter[datetime]] = TypeAdapter(AwareDatetime)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _microseconds(value: Any) -> str:
    """Read by the parser of the models, so that every spelling of one moment gives the same id."""
    try:
        delta = _TIME.validate_python(value) - _EPOCH
    except ValidationError:
        return str(value)
    return str((delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds)


def parse(raw: bytes | str) -> AnyEvent:
    """One event from its JSON; an absent `event_id` is derived, one that is given is kept as it is.

    Raises BadInput with the first field that does not fit and why.
    """
    if len(raw) > MAX_EVENT_BYTES:
        raise BadInput(f"is {len(raw)} bytes, more than {MAX_EVENT_BYTES}")
    try:
        return ADAPTER.validate_json(raw)
    except ValidationError as error:
        if any("event_id" in found["loc"] for found in error.errors(include_url=False, include_context=False)):
            return parse_fields(from_json(raw))  # looking for it in every event would cost as much as all the rest
        raise bad_input(error) from error


def parse_fields(fields: dict[str, Any]) -> AnyEvent:
    """One event from decoded JSON, like `parse`."""
    if isinstance(fields, dict) and fields.get("event_id") is None and "type" in fields:
        fields = {**fields, "event_id": event_id(fields)}
    try:
        return ADAPTER.validate_python(fields)
    except ValidationError as error:
        raise bad_input(error) from error


def bad_input(error: ValidationError) -> BadInput:
    """The first complaint of pydantic, in our words; input values are left out, they may be personal."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    if first["type"].startswith("union_tag"):
        return BadInput(f"must be one of {', '.join(TYPES)}", "type")
    path = ".".join(str(part) for part in first["loc"] if part not in TYPES)
    if first["type"] in {"greater_than_equal", "less_than"} and path.endswith(TIMES):
        return BadInput(f"must lie in [{EARLIEST:%Y}, {LATEST:%Y})", path)
    return BadInput(first["msg"].removeprefix("Value error, "), path)


def encode(event: AnyEvent) -> bytes:
    """The JSON of an event as it travels on its topic."""
    return ADAPTER.dump_json(event)
