"""Feast's online store in Redis or Valkey, spoken directly: the bytes that Feast 0.67 writes, without its SDK.

Importing Feast costs six seconds of CPU and its reader decodes value by value; a stream or a server should pay neither.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scoreops.adapters.feast_encoding import (
    decode,
    decode_time,
    encode,
    encode_time,
    entity_key,
    feature_field,
    stamp_field,
)
from scoreops.adapters.redis_client import Client, answering
from scoreops.core.errors import BadInput

EVENT_TIME: Final = "event_timestamp"
_BATCH: Final = 1_000

PUT_NEWER_LUA: Final = """
local function micros(stamp)
  local at, parts = 1, {0, 0}
  while at <= #stamp do
    local field, scale, value = math.floor(string.byte(stamp, at) / 8), 1, 0
    repeat
      at = at + 1
      local byte = string.byte(stamp, at)
      value = value + (byte % 128) * scale
      scale = scale * 128
    until byte < 128
    parts[field] = value
    at = at + 1
  end
  return parts[1] * 1000000 + math.floor(parts[2] / 1000)
end
local function put_newer(key, fields)
  local stored = redis.call('HGET', key, fields[1])
  if stored and micros(stored) > micros(fields[2]) then return 0 end
  redis.call('HSET', key, unpack(fields))
  return 1
end
"""
"""Defines `put_newer(key, {"_ts:view", stamp, field, value, ...})` for a server-side script: writes unless the stored
row is of a later event time, and returns 1 if it wrote. An equal time writes: the later computation knows more."""

_WRITE_LUA: Final = (
    PUT_NEWER_LUA
    + """
local width, written = tonumber(ARGV[1]), 0
for row, key in ipairs(KEYS) do
  local fields = {}
  for column = 1, width do
    fields[2 * column - 1] = ARGV[1 + column]
    fields[2 * column] = ARGV[1 + row * width + column]
  end
  written = written + put_newer(key, fields)
end
return written
"""
)


def connect(url: str) -> Any:
    """A client as OnlineStore wants it."""
    return Client.from_url(url, socket_timeout=30, protocol=3)


class FeatureWriter:
    """Turns feature tables into the hashes that Feast reads.

    Args:
        join_key: name of the entity's column, a string.
        project: name of the Feast project.
    """

    def __init__(self, join_key: str, project: str = "scoreops") -> None:
        self._join_key = join_key
        self._project = project

    def key(self, entity: str) -> bytes:
        """Key of one entity's hash."""
        return entity_key(self._join_key, entity, self._project)

    def rows(self, view: str, table: pa.Table) -> list[tuple[bytes, dict[bytes, bytes]]]:
        """Hash key and fields of every row; the first field is the view's event time, as `put_newer` wants it.

        Args:
            view: name of the feature view.
            table: the join key, `event_timestamp` (timestamp, UTC, in or after 1970), and numeric features, (n, 2 + d).
                A null or NaN is written as Feast's missing value.

        Raises:
            BadInput: a column is missing, not numeric, or an event time is null or before 1970.
        """
        for name in (self._join_key, EVENT_TIME):
            if name not in table.column_names or table[name].null_count:
                raise BadInput("must be a column without nulls", name)
        names = [name for name in table.column_names if name not in (self._join_key, EVENT_TIME)]
        stamps = [
            encode_time(us) for us in table[EVENT_TIME].cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_pylist()
        ]
        values = encode([_doubles(table[name], name) for name in names], table.num_rows)
        fields = [stamp_field(view), *(feature_field(view, name) for name in names)]
        keys = [self.key(entity) for entity in table[self._join_key].cast(pa.string()).to_pylist()]
        return [
            (key, dict(zip(fields, (stamp, *row), strict=True)))
            for key, stamp, row in zip(keys, stamps, values, strict=True)
        ]


@dataclass(frozen=True)
class Features:
    """Feature values of n entities.

    Attributes:
        names: "view:feature" of each column.
        values: (n, d) float64; NaN is missing.
        times: for each view (n,) int64 microseconds since the epoch of its row's event time; 0 without a row.
    """

    names: tuple[str, ...]
    values: NDArray[np.float64]
    times: Mapping[str, NDArray[np.int64]]

    @property
    def event_time(self) -> NDArray[np.int64]:
        """(n,) microseconds: the oldest among the entity's rows, so ages are upper bounds; 0 where a view has none."""
        oldest: NDArray[np.int64] = np.stack(list(self.times.values())).min(axis=0)
        return oldest

    @property
    def present(self) -> NDArray[np.bool_]:
        """(n,) whether every view asked for has a row."""
        return self.event_time > 0

    def standing(self, as_of_us: int, ttl_us: int) -> Features:
        """The same with rows outside [as_of - ttl, as_of] taken away: Feast itself never enforces a ttl online."""
        stands = {view: (at >= as_of_us - ttl_us) & (at <= as_of_us) & (at > 0) for view, at in self.times.items()}
        columns = np.stack([stands[name.partition(":")[0]] for name in self.names], axis=1)
        return replace(
            self,
            values=np.where(columns, self.values, np.nan),
            times={view: np.where(stands[view], at, 0) for view, at in self.times.items()},
        )


class OnlineStore:
    """Writes and reads features of one Feast project.

    Args:
        client: a redis-py client that returns bytes.
        join_key: name of the entity's column.
        project: name of the Feast project.
    """

    def __init__(self, client: Any, join_key: str, project: str = "scoreops") -> None:
        self._client = client
        self._script: Callable[..., Any] = client.register_script(_WRITE_LUA)
        self.writer = FeatureWriter(join_key, project)

    def write(self, view: str, table: pa.Table) -> int:
        """Write rows (see `FeatureWriter.rows`) of which no later one stands. Returns how many were written.

        Each row is compared and set on the server in one step, so two writers cannot mix or turn back a row.
        """
        rows, written = self.writer.rows(view, table), 0
        for start in range(0, len(rows), _BATCH):
            batch = rows[start : start + _BATCH]
            fields = list(batch[0][1])
            values = chain.from_iterable(mapping.values() for _, mapping in batch)
            written += int(self._script(keys=[key for key, _ in batch], args=[len(fields), *fields, *values]))
        return written

    def read(self, view_features: Sequence[str], ids: Sequence[str]) -> Features:
        """Values of `view_features` ("view:feature", d of them) for `ids` (n), in that order.

        Raises:
            BadInput: a name without a view, or a stored value that is no number.
            NotReady: the store does not answer.
        """
        views = {name.partition(":")[0]: 0 for name in view_features}
        if not all(name.partition(":")[2] for name in view_features):
            raise BadInput(f"a feature is named view:feature, not {list(view_features)!r}", "view_features")
        fields = [*(feature_field(*name.split(":", 1)) for name in view_features), *map(stamp_field, views)]
        replies = self._hmget([self.writer.key(entity) for entity in ids], fields)
        width = len(view_features)
        values = decode([value for row in replies for value in row[:width]]).reshape(len(ids), width)
        times = {
            view: np.fromiter((decode_time(row[width + at]) for row in replies), np.int64, len(ids))
            for at, view in enumerate(views)
        }
        return Features(tuple(view_features), values, times)

    def _hmget(self, keys: Sequence[bytes], fields: Sequence[bytes]) -> list[list[bytes | None]]:
        """The same fields of many hashes in one write. To pack each argument anew, as a pipeline does, would take
        longer than the server's answer.
        """
        tail = b"".join(b"$%d\r\n%s\r\n" % (len(field), field) for field in fields)
        head = b"*%d\r\n$5\r\nHMGET\r\n" % (len(fields) + 2)
        message = [b"".join(head + b"$%d\r\n%s\r\n" % (len(key), key) + tail for key in keys)]
        pool = self._client.connection_pool
        with answering():
            connection = pool.get_connection()

        def ask() -> list[list[bytes | None]]:
            connection.send_packed_command(message)
            return [connection.read_response() for _ in keys]

        try:
            with answering():
                found: list[list[bytes | None]] = connection.retry.call_with_retry(
                    ask, lambda _: connection.disconnect()
                )
        except BaseException:
            connection.disconnect()  # half an answer must not be read by the next one who asks
            raise
        finally:
            pool.release(connection)
        return found


def _doubles(column: pa.ChunkedArray, name: str) -> NDArray[np.float64]:
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type) or pa.types.is_boolean(column.type)):
        raise BadInput(f"must be numeric, not {column.type}", name)
    numbers = column.cast(pa.int8()) if pa.types.is_boolean(column.type) else column
    return np.asarray(pc.fill_null(numbers.cast(pa.float64()), np.nan).to_numpy(), dtype="<f8")
