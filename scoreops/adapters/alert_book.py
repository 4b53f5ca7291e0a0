"""Alerts in Redis: each once, published at least once, acknowledged by a person.

An alert is written together with the wish to publish it, in one step; whoever publishes takes the wish away only when
the log has the message. A crash between the two publishes it again under the same id.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import redis

from scoreops.adapters.redis_client import answering
from scoreops.core.errors import NotFound

CHANNEL: Final = "alerts"
_ALL: Final = "alerts:all"
_WAITING: Final = "alerts:waiting"
_BY_TIME: Final = "alerts:by-time"
_OPEN_LUA: Final = """
local new = {}
for i = 1, #ARGV, 3 do
  if redis.call('HSETNX', KEYS[1], ARGV[i], ARGV[i + 2]) == 1 then
    redis.call('ZADD', KEYS[2], ARGV[i + 1], ARGV[i])
    redis.call('SADD', KEYS[3], ARGV[i])
    new[#new + 1] = ARGV[i]
  end
end
return new
"""
_ACK_LUA: Final = """
local found = redis.call('HGET', KEYS[1], ARGV[1])
if not found then return nil end
local alert = cjson.decode(found)
if not alert['acknowledged_by'] then
  found = string.sub(found, 1, -2) .. ',"acknowledged_by":' .. ARGV[2] .. ',"acknowledged_at":' .. ARGV[3] .. '}'
  redis.call('HSET', KEYS[1], ARGV[1], found)
end
return found
"""

Alert = dict[str, Any]
Send = Callable[[Sequence[tuple[str, bytes]]], None]
"""Puts (key, message) pairs on the log and returns once they are safe there."""


class AlertBook:
    """All alerts of one installation."""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(url, socket_timeout=30, protocol=3)
        self._open = self._redis.register_script(_OPEN_LUA)
        self._ack = self._redis.register_script(_ACK_LUA)

    def add(self, alerts: Iterable[Mapping[str, Any]]) -> list[str]:
        """Write the alerts that are not there yet; each has alert_id, kol_id and event_us. Returns the new ids."""
        flat: list[str | int] = []
        for alert in alerts:
            flat += [alert["alert_id"], alert["event_us"], json.dumps(alert, ensure_ascii=False)]
        if not flat:
            return []
        return [item.decode() for item in self._call(lambda: self._open(keys=[_ALL, _BY_TIME, _WAITING], args=flat))]

    def publish(self, send: Send) -> int:
        """Send what waits, to the log and to the channel `alerts`. Returns how many."""
        waiting = sorted(self._call(lambda: self._redis.smembers(_WAITING)))
        if not waiting:
            return 0
        found = [(item, text) for item, text in zip(waiting, self._get(waiting), strict=True) if text is not None]
        send([(json.loads(text)["kol_id"], text) for _, text in found])
        pipeline = self._redis.pipeline(transaction=True)
        for _, text in found:
            pipeline.publish(CHANNEL, text)
        pipeline.srem(_WAITING, *waiting)
        self._call(pipeline.execute)
        return len(found)

    def newest(self, limit: int = 100, *, since_us: int = 0, kol: str = "") -> list[Alert]:
        """Alerts from `since_us` on, the newest first; of one KOL where it is named."""
        count = None if kol else limit
        ids = self._call(
            lambda: self._redis.zrange(
                _BY_TIME, "+inf", since_us, desc=True, byscore=True, offset=0 if count else None, num=count
            )
        )
        found = [json.loads(text) for text in self._get(ids) if text is not None]
        return [alert for alert in found if not kol or alert["kol_id"] == kol][:limit]

    def acknowledge(self, alert_id: str, who: str, at: str) -> Alert:
        """Note that `who` has seen it at `at` (ISO 8601); the first one stands. Raises NotFound."""
        args = [alert_id, json.dumps(who), json.dumps(at)]
        text = self._call(lambda: self._ack(keys=[_ALL], args=args))
        if text is None:
            raise NotFound(f"there is no alert {alert_id!r}")
        alert: Alert = json.loads(text)
        return alert

    def close(self) -> None:
        """Leave."""
        self._redis.close()

    def _get(self, ids: Sequence[bytes]) -> list[bytes | None]:
        return list(self._call(lambda: self._redis.hmget(_ALL, ids))) if ids else []

    @staticmethod
    def _call(work: Callable[[], Any]) -> Any:
        with answering():
            return work()
