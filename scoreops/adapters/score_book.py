"""The newest decision about each KOL in Redis, with the moving averages that the next one starts from."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import redis

from scoreops.adapters.redis_client import answering
from scoreops.core.errors import NotFound

_NEWEST: Final = "scores:newest"
_MINUTE: Final = "scores:minute"
_AVERAGES: Final = "scores:averages"
_PUT_LUA: Final = """
if tonumber(redis.call('GET', KEYS[1]) or '0') >= tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1])
redis.call('SET', KEYS[2], ARGV[2])
for i = 3, #ARGV, 2 do redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1]) end
return 1
"""

Record = dict[str, Any]


class ScoreBook:
    """Newest decisions. A minute is written once, as a whole."""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(url, socket_timeout=30, protocol=3)
        self._put = self._redis.register_script(_PUT_LUA)

    def minute(self) -> int:
        """The newest event minute that was decided; 0 before the first."""
        return int(self._call(lambda: self._redis.get(_MINUTE)) or 0)

    def averages(self) -> dict[str, Any]:
        """The moving averages as they stand after that minute."""
        found: dict[str, Any] = json.loads(self._call(lambda: self._redis.get(_AVERAGES)) or "{}")
        return found

    def put(self, minute: int, averages: Mapping[str, Any], records: Sequence[tuple[str, bytes]]) -> bool:
        """Write (KOL, record) pairs and averages of a minute, unless it or a later one was written before."""
        flat = [part for pair in records for part in pair]
        keys = [_MINUTE, _AVERAGES, _NEWEST]
        return bool(self._call(lambda: self._put(keys=keys, args=[minute, json.dumps(averages), *flat])))

    def all(self) -> list[Record]:
        """The newest record of every KOL, best rank first."""
        found = [json.loads(text) for text in self._call(lambda: self._redis.hvals(_NEWEST))]
        return sorted(found, key=lambda record: (record["outputs"]["rank"], record["kol_id"]))

    def of(self, kol: str) -> Record:
        """The newest record of one KOL. Raises NotFound."""
        text = self._call(lambda: self._redis.hget(_NEWEST, kol))
        if text is None:
            raise NotFound(f"there is no score of {kol!r} yet")
        record: Record = json.loads(text)
        return record

    def close(self) -> None:
        """Leave."""
        self._redis.close()

    @staticmethod
    def _call(work: Callable[[], Any]) -> Any:
        with answering():
            return work()
