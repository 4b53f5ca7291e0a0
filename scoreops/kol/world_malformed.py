"""Events that break the contract, one function for each way in which real ones do."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from scoreops.kol.events import MAX_EVENT_BYTES

Break = Callable[[dict[str, Any], np.random.Generator], bytes]


def _dump(fields: Any) -> bytes:
    return json.dumps(fields, ensure_ascii=False).encode()


def _with(**changes: Any) -> Break:
    def broken(fields: dict[str, Any], _rng: np.random.Generator) -> bytes:
        return _dump({**fields, **changes})

    return broken


def _truncated(fields: dict[str, Any], rng: np.random.Generator) -> bytes:
    raw = _dump(fields)
    return raw[: int(rng.integers(1, len(raw)))]


def _missing(fields: dict[str, Any], rng: np.random.Generator) -> bytes:
    names = sorted(set(fields) - {"event_id"})
    lost = names[int(rng.integers(len(names)))]
    return _dump({name: value for name, value in fields.items() if name != lost})


def _not_utf8(fields: dict[str, Any], rng: np.random.Generator) -> bytes:
    raw = bytearray(_dump({**fields, "platform": "tiktok"}))
    at = raw.index(b"tiktok") + int(rng.integers(6))
    raw[at] = int(rng.integers(0xF8, 0x100))
    return bytes(raw)


def _garbage(_fields: dict[str, Any], rng: np.random.Generator) -> bytes:
    return b"\x00" + rng.bytes(int(rng.integers(1, 80))).replace(b"\n", b"~").replace(b"\r", b"~")


def _doubled(fields: dict[str, Any], _rng: np.random.Generator) -> bytes:
    return _dump(fields) + b" " + _dump(fields)


def _negative(fields: dict[str, Any], rng: np.random.Generator) -> bytes:
    return _number(fields, -int(rng.integers(1, 10_000)))


def _fraction(fields: dict[str, Any], rng: np.random.Generator) -> bytes:
    return _number(fields, float(rng.integers(1, 10_000)) + 0.5)


def _too_large(fields: dict[str, Any], rng: np.random.Generator) -> bytes:
    return _number(fields, 2**53 + int(rng.integers(1, 10_000)))


def _words(fields: dict[str, Any], rng: np.random.Generator) -> bytes:
    return _number(fields, f"{rng.integers(1, 900)}k")


def _number(fields: dict[str, Any], value: object) -> bytes:
    counters = [name for name, old in fields.items() if isinstance(old, int) and name != "views"]
    return _dump({**fields, (counters[0] if counters else "event_time"): value})


def _naive_time(fields: dict[str, Any], _rng: np.random.Generator) -> bytes:
    return _dump({**fields, "event_time": str(fields["event_time"]).removesuffix("Z")})


def _too_long(fields: dict[str, Any], _rng: np.random.Generator) -> bytes:
    return _dump({**fields, "text": "a" * MAX_EVENT_BYTES})


def _unquoted(fields: dict[str, Any], _rng: np.random.Generator) -> bytes:
    return _dump(fields).replace(b'"kol_id"', b"kol_id", 1)


def _python(fields: dict[str, Any], _rng: np.random.Generator) -> bytes:
    return repr(fields).encode()


def _listed(fields: dict[str, Any], _rng: np.random.Generator) -> bytes:
    return _dump([fields])


def _as_string(fields: dict[str, Any], _rng: np.random.Generator) -> bytes:
    return _dump(json.dumps(fields))


MALFORMED: Final[Mapping[str, Break]] = {
    "truncated": _truncated,
    "missing field": _missing,
    "not UTF-8": _not_utf8,
    "garbage": _garbage,
    "two events on one line": _doubled,
    "negative number": _negative,
    "fraction": _fraction,
    "number too large": _too_large,
    "number in words": _words,
    "time without zone": _naive_time,
    "time of a calendar that is not": _with(event_time="2026-02-30T10:00:00Z"),
    "time in local style": _with(event_time="21/03/2026 10:00"),
    "time before all": _with(event_time="1970-01-01T00:00:00Z"),
    "unknown type": _with(type="story_view"),
    "type of the wrong type": _with(type=["profile"]),
    "no type": _with(type=None),
    "unknown platform": _with(platform="myspace"),
    "raw user id": _with(user_id="nguyen.van.a"),
    "empty id": _with(kol_id=""),
    "id with spaces": _with(kol_id="kol 7; drop"),
    "bad event id": _with(event_id="not-a-hash"),
    "field too many": _with(email="someone@example.com"),
    "null id": _with(kol_id=None),
    "too long": _too_long,
    "unquoted key": _unquoted,
    "not JSON but Python": _python,
    "in a list": _listed,
    "in a string": _as_string,
    "empty object": lambda _fields, _rng: b"{}",
    "bare number": lambda _fields, _rng: b"42",
    "bare null": lambda _fields, _rng: b"null",
}
"""Each takes the fields of a good event, leaves them alone and gives bytes (no line break) that must be refused."""


def malformed(fields: dict[str, Any], rng: np.random.Generator) -> bytes:
    """A good event, broken in one way drawn at random."""
    kinds = list(MALFORMED.values())
    return kinds[int(rng.integers(len(kinds)))](fields, rng)
