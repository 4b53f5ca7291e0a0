"""Answers by organisation in Valkey, each of one version of the organisation's tables.

A version is part of the key: raising it makes every older answer unreachable at once, those that are being computed
meanwhile included, and they leave when their time is over.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, Final

import redis

from scoreops.core.errors import BadInput, NotReady

TTL_S: Final = 24 * 3600
_VERSION: Final = "cache:version"


class OrgCache:
    """Cached JSON values. No name of one organisation reaches a value of another: the organisation leads the key."""

    def __init__(self, url: str, *, ttl_s: int = TTL_S) -> None:
        self._redis = redis.Redis.from_url(url, socket_timeout=5, protocol=3)
        self._ttl_s = ttl_s

    def get(self, org: str, name: str, compute: Callable[[], Any]) -> Any:
        """The value `name` of an organisation, computed and kept where there is none of the present version."""
        key = self._key(org, name, self.version(org))
        kept = self._call(lambda: self._redis.get(key))
        if kept is not None:
            return json.loads(kept)
        value = compute()
        text = json.dumps(value, default=str)
        self._call(lambda: self._redis.set(key, text, ex=self._ttl_s))
        return json.loads(text)

    def version(self, org: str) -> int:
        """How often the tables of an organisation have changed."""
        return int(self._call(lambda: self._redis.hget(_VERSION, org)) or 0)

    def invalidate(self, orgs: Iterable[str]) -> dict[str, int]:
        """Forget every answer of these organisations. Returns their new versions."""
        names = sorted(set(orgs))

        def raised() -> list[int]:
            with self._redis.pipeline(transaction=True) as calls:
                for org in names:
                    calls.hincrby(_VERSION, org, 1)
                return [int(version) for version in calls.execute()]

        return dict(zip(names, self._call(raised), strict=True))

    @staticmethod
    def _key(org: str, name: str, version: int) -> str:
        if not org:
            raise BadInput("must not be empty", "org")
        return f"cache:{len(org)}:{org}:{version}:{name}"

    @staticmethod
    def _call(ask: Callable[[], Any]) -> Any:
        try:
            return ask()
        except redis.ConnectionError as error:
            raise NotReady(f"Valkey does not answer: {error}") from error
        except redis.TimeoutError as error:
            raise NotReady(f"Valkey answers too late: {error}") from error

    def close(self) -> None:
        """Leave."""
        self._redis.close()
