"""The bytes of Feast 0.67's Redis online store: entity keys, field names, values and event times.

One hash per entity. Its key is Feast's entity key (serialization version 3) followed by the project's name. Its fields
are, for each feature, the murmur3 of "view:feature" holding a protobuf `Value`, and for each view `_ts:view` holding a
protobuf `Timestamp` of the row's event time. Our features are doubles: the byte 0x29 and eight bytes, little endian; an
empty value is a missing one.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import mmh3
import numpy as np
from numpy.typing import NDArray

from scoreops.core.errors import BadInput

_STRING: Final = 2  # feast.types.ValueType.STRING
_DOUBLE: Final = 0x29  # field 5 (double_val), wire type 1
_WIDTH: Final = 9


@lru_cache(maxsize=100_000)
def entity_key(join_key: str, entity: str, project: str) -> bytes:
    """Key of the hash of one entity."""
    name, value = join_key.encode(), entity.encode()
    head = struct.pack("<III", 1, _STRING, len(name)) + name
    return head + struct.pack("<II", _STRING, len(value)) + value + project.encode()


def feature_field(view: str, feature: str) -> bytes:
    """Name of the hash field of one feature."""
    return struct.pack("<I", mmh3.hash(f"{view}:{feature}", signed=False))


def stamp_field(view: str) -> bytes:
    """Name of the hash field of a view's event time."""
    return f"_ts:{view}".encode()


def encode(columns: Sequence[NDArray[np.float64]], n: int) -> list[list[bytes]]:
    """(n, d) protobuf values of d columns of n doubles."""
    values = np.stack(columns, axis=1) if columns else np.empty((n, 0))
    proto = np.empty((*values.shape, _WIDTH), np.uint8)
    proto[..., 0] = _DOUBLE
    proto[..., 1:] = np.ascontiguousarray(values, "<f8").view(np.uint8).reshape(*values.shape, 8)
    encoded: list[list[bytes]] = proto.view(f"V{_WIDTH}")[..., 0].tolist()
    for row, column in np.argwhere(np.isnan(values)):
        encoded[row][column] = b""
    return encoded


def decode(values: Sequence[bytes | None]) -> NDArray[np.float64]:
    """(n,) doubles of n protobuf values; NaN for a missing one."""
    missing = struct.pack("<Bd", _DOUBLE, np.nan)
    raw = np.frombuffer(b"".join([value or missing for value in values]), np.uint8)
    if raw.size == _WIDTH * len(values):
        rows = raw.reshape(-1, _WIDTH)
        if bool(np.all(rows[:, 0] == _DOUBLE)):
            return np.ascontiguousarray(rows[:, 1:]).view("<f8")[:, 0]
    return np.fromiter((_number(value) for value in values), np.float64, len(values))


def _number(value: bytes | None) -> float:
    """One protobuf value of any numeric kind: what another writer's view may hold."""
    if not value:
        return np.nan
    if value[0] == _DOUBLE:
        return float(struct.unpack("<d", value[1:])[0])
    if value[0] == 0x35:  # field 6 (float_val)
        return float(struct.unpack("<f", value[1:])[0])
    if value[0] in {0x18, 0x20, 0x38}:  # fields 3, 4, 7 (int32, int64, bool)
        number, _ = _varint(value, 1)
        return float(number - 2**64 if number >= 2**63 else number)
    raise BadInput(f"a stored feature is no number: {value[:16]!r}")


def encode_time(us: int) -> bytes:
    """Protobuf timestamp of microseconds since the epoch."""
    if us < 0:
        raise BadInput("an event time must not lie before 1970")
    parts = ((0x08, us // 1_000_000), (0x10, us % 1_000_000 * 1_000))
    return b"".join(bytes([tag]) + _varint_bytes(part) for tag, part in parts if part)


@lru_cache(maxsize=10_000)
def decode_time(stamp: bytes | None) -> int:
    """Microseconds of a protobuf timestamp; 0 for none."""
    parts, at = {0x08: 0, 0x10: 0}, 0
    while stamp and at < len(stamp):
        parts[stamp[at]], at = _varint(stamp, at + 1)
    return parts[0x08] * 1_000_000 + parts[0x10] // 1_000


def _varint_bytes(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return value, at
