"""State of a streaming job in Redis: one script commits a micro-batch, all or nothing, and only behind its fence.

The fence is a string that says how far the job has read. A commit names the fence it started from; when another writer
has moved it, nothing is written and FenceMoved is raised. After a crash the job reads the fence and goes on from there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgpack
import redis

from scoreops.core.errors import FenceMoved, NotReady

_COMMIT: Final = """
local fence = redis.call('GET', KEYS[1]) or ''
if fence ~= ARGV[1] then return 0 end
local batch = cmsgpack.unpack(ARGV[3])
for _, row in ipairs(batch[1]) do redis.call('HSET', unpack(row)) end
for _, row in ipairs(batch[2]) do redis.call('SADD', unpack(row)) end
for _, row in ipairs(batch[3]) do redis.call('HINCRBY', row[1], row[2], row[3]) end
for _, row in ipairs(batch[4]) do redis.call('SET', row[1], row[2]) end
for _, key in ipairs(batch[5]) do redis.call('UNLINK', key) end
redis.call('SET', KEYS[1], ARGV[2])
return 1
"""
_AWAY: Final = (redis.ConnectionError, redis.TimeoutError)
"""What a store that is starting, gone or loading raises; anything else is a fault of ours and is not waited out."""
_CHUNK: Final = 1_000
"""Arguments of one call inside the script; Lua's stack holds a few thousand."""


@dataclass
class Batch:
    """What one commit writes. Keys are relative to the job; those of `foreign` are written as they are."""

    hashes: dict[str, dict[bytes, bytes]] = field(default_factory=dict)
    sets: dict[str, list[bytes]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    values: dict[str, bytes] = field(default_factory=dict)
    drops: list[str] = field(default_factory=list)
    foreign: Sequence[tuple[bytes, Mapping[bytes, bytes]]] = ()


class StateStore:
    """The state of the job `job`: hashes, sets, counters and a fence."""

    def __init__(self, url: str, job: str) -> None:
        self._redis = redis.Redis.from_url(url, socket_timeout=30, protocol=3)
        self._commit = self._redis.register_script(_COMMIT)
        self._job = job

    def key(self, name: str) -> str:
        """The full key of `name`; the braces keep a job on one slot of a cluster."""
        return f"{{{self._job}}}:{name}"

    def fence(self) -> str:
        """How far the job has read; "" before its first commit."""
        return self._text(self._call("GET", self.key("fence")))

    def value(self, name: str) -> str:
        """The value `name`, or ""."""
        return self._text(self._call("GET", self.key(name)))

    def counts(self) -> dict[str, int]:
        """Counters of all commits."""
        return {name.decode(): int(count) for name, count in self._call("HGETALL", self.key("counts")).items()}

    def hashes(self, names: Iterable[str]) -> list[dict[bytes, bytes]]:
        """The whole hashes, in the order of `names`."""
        return self._pipeline([("HGETALL", self.key(name)) for name in names])

    def fields(self, wanted: Mapping[str, Sequence[bytes]]) -> dict[str, list[bytes | None]]:
        """The wanted fields of each hash, None where there is none."""
        names = [name for name in wanted if wanted[name]]
        answers = self._pipeline([("HMGET", self.key(name), *wanted[name]) for name in names])
        return dict(zip(names, answers, strict=True))

    def members(self, wanted: Mapping[str, Sequence[bytes]]) -> dict[str, list[bool]]:
        """For each set and item whether it is a member."""
        names = [name for name in wanted if wanted[name]]
        answers = self._pipeline([("SMISMEMBER", self.key(name), *wanted[name]) for name in names])
        return {name: [bool(flag) for flag in answer] for name, answer in zip(names, answers, strict=True)}

    def commit(self, expected: str, fence: str, batch: Batch) -> None:
        """Write the batch and move the fence. Raises FenceMoved, having written nothing, when it is not `expected`."""
        rows: list[list[object]] = []
        own = [(self.key(name).encode(), mapping) for name, mapping in batch.hashes.items()]
        for key, mapping in (*own, *batch.foreign):
            rows += _chunks(key, mapping)
        sets = [
            [self.key(name), *items[start : start + _CHUNK]]
            for name, items in batch.sets.items()
            for start in range(0, len(items), _CHUNK)
        ]
        counts = [[self.key("counts"), name, count] for name, count in batch.counts.items() if count]
        values = [[self.key(name), value] for name, value in batch.values.items()]
        drops = [self.key(name) for name in batch.drops]
        packed = msgpack.packb([rows, sets, counts, values, drops], use_bin_type=False)  # cmsgpack knows no bin type
        try:
            done = self._commit(keys=[self.key("fence")], args=[expected, fence, packed])
        except _AWAY as error:
            raise NotReady(f"the online store did not take a batch: {error}") from error
        if not done:
            raise FenceMoved(f"another writer moved the fence of {self._job!r}; it is no longer {expected!r}")

    def close(self) -> None:
        """Leave."""
        self._redis.close()

    def _call(self, *command: str | bytes) -> Any:
        try:
            return self._redis.execute_command(*command)
        except _AWAY as error:
            raise NotReady(f"the online store does not answer: {error}") from error

    def _pipeline(self, commands: Sequence[Sequence[str | bytes]]) -> list[Any]:
        if not commands:
            return []
        pipeline = self._redis.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        try:
            return list(pipeline.execute())
        except _AWAY as error:
            raise NotReady(f"the online store does not answer: {error}") from error

    @staticmethod
    def _text(value: object) -> str:
        return value.decode() if isinstance(value, bytes) else ""


def _chunks(key: bytes, mapping: Mapping[bytes, bytes]) -> list[list[object]]:
    flat = [part for item in mapping.items() for part in item]
    return [[key, *flat[start : start + _CHUNK]] for start in range(0, len(flat), _CHUNK)]
