"""Tiles as bytes of a key-value store: one value a tile, fields found by KOL, post and minute. Exact both ways."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, get_args

import numpy as np
import polars as pl

from scoreops.kol.events import Platform
from scoreops.kol.tiles import MINUTES_SCHEMA, POSTS_SCHEMA, Tiles, empty

_NULL: Final = np.iinfo(np.int64).min
_MINUTE_KEYS: Final = ("kol_id", "minute")
_POST_KEYS: Final = ("kol_id", "post_id", "minute")
_MINUTE_VALUES: Final = tuple(name for name in MINUTES_SCHEMA.names if name not in _MINUTE_KEYS)
_POST_VALUES: Final = tuple(name for name in POSTS_SCHEMA.names if name not in _POST_KEYS)
_SEPARATOR: Final = "|"
_PLATFORMS: Final = dict(enumerate(sorted(get_args(Platform))))
_BITS: Final = frozenset(name for name in MINUTES_SCHEMA.names if name.startswith(("text_", "user_")))


def encode(tiles: Tiles) -> tuple[dict[int, dict[bytes, bytes]], dict[int, dict[bytes, bytes]]]:
    """Minute tiles and post tiles as {hour: {field: value}}; a field is unique within its hour."""
    return _encode(tiles.minutes, _MINUTE_KEYS, _MINUTE_VALUES), _encode(tiles.posts, _POST_KEYS, _POST_VALUES)


def fields(tiles: Tiles) -> tuple[dict[int, list[bytes]], dict[int, list[bytes]]]:
    """Where the tiles with these keys are kept: {hour: fields} for minutes and for posts."""
    return _fields(tiles.minutes, _MINUTE_KEYS), _fields(tiles.posts, _POST_KEYS)


def decode(minutes: Iterable[tuple[bytes, bytes]], posts: Iterable[tuple[bytes, bytes]]) -> Tiles:
    """Tiles of (field, value) pairs, in any order."""
    blank = empty()
    left = _decode(list(minutes), _MINUTE_KEYS, _MINUTE_VALUES).select(blank.minutes.columns)
    right = _decode(list(posts), _POST_KEYS, _POST_VALUES).select(blank.posts.columns)
    return Tiles(left.sort("kol_id", "minute"), right.sort("kol_id", "post_id", "minute"))


def _named(frame: pl.DataFrame, keys: tuple[str, ...]) -> pl.DataFrame:
    joined = pl.concat_str([pl.col(name).cast(pl.String) for name in keys], separator=_SEPARATOR)
    return frame.select(joined.alias("field"), (pl.col("minute") // 60).alias("hour"))


def _fields(frame: pl.DataFrame, keys: tuple[str, ...]) -> dict[int, list[bytes]]:
    found: dict[int, list[bytes]] = {}
    for field, hour in _named(frame, keys).iter_rows():
        found.setdefault(hour, []).append(field.encode())
    return found


def _encode(frame: pl.DataFrame, keys: tuple[str, ...], values: tuple[str, ...]) -> dict[int, dict[bytes, bytes]]:
    filled = [_to_int(name) for name in values]
    block = np.ascontiguousarray(frame.select(filled).to_numpy()).astype("<i8", copy=False)
    size, raw = 8 * len(values), block.tobytes()
    made: dict[int, dict[bytes, bytes]] = {}
    for row, (field, hour) in enumerate(_named(frame, keys).iter_rows()):
        made.setdefault(hour, {})[field.encode()] = raw[row * size : (row + 1) * size]
    return made


def _decode(pairs: list[tuple[bytes, bytes]], keys: tuple[str, ...], values: tuple[str, ...]) -> pl.DataFrame:
    parts = [field.decode().split(_SEPARATOR) for field, _ in pairs]
    block = np.frombuffer(b"".join(value for _, value in pairs), "<i8").reshape(len(pairs), len(values))
    columns: dict[str, pl.Series] = {
        name: pl.Series([part[place] for part in parts], dtype=pl.String) for place, name in enumerate(keys)
    }
    columns["minute"] = columns["minute"].cast(pl.Int64)
    for place, name in enumerate(values):
        columns[name] = pl.Series(np.ascontiguousarray(block[:, place]), dtype=pl.Int64)
    return pl.DataFrame(columns).with_columns(_from_int(name) for name in values)


def _to_int(name: str) -> pl.Expr:
    if name == "platform":
        return pl.col(name).replace_strict({v: k for k, v in _PLATFORMS.items()}, return_dtype=pl.Int64)
    return pl.col(name) if name in _BITS else pl.col(name).fill_null(_NULL)


def _from_int(name: str) -> pl.Expr:
    if name == "platform":
        return pl.col(name).replace_strict(_PLATFORMS, return_dtype=pl.String)
    return pl.col(name) if name in _BITS else pl.when(pl.col(name) != _NULL).then(pl.col(name)).alias(name)
