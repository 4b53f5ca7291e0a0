"""Alert rules on the stream: the hours of the last two days, kept up to date minute by minute of event time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from feature_repo.tile_state import ONLINE_HOURS, Applied, TileState
from scoreops.adapters.alert_book import AlertBook
from scoreops.adapters.kafka import FastProducer
from scoreops.kol.anomaly import LOOK_BACK, Alert, alerts
from scoreops.kol.events import ALERTS_TOPIC
from scoreops.kol.hours import HourCube, hour_cube
from scoreops.kol.tiles import HOUR_US, MINUTE_US

CAUGHT_UP_HOURS: Final = 6
_KEPT_HOURS: Final = LOOK_BACK + 2


class AlertEngine:
    """Judges the newest two hours once in every minute of event time; call it with each micro-batch.

    The hours before those are taken as they were then: an event that is later than that changes no alert. After a gap
    it judges the last CAUGHT_UP_HOURS; what is older than that is for the backfill, which has the whole history.
    """

    def __init__(self, state: TileState, book: AlertBook, producer: FastProducer) -> None:
        self._state = state
        self._book = book
        self._producer = producer
        self._cube: HourCube | None = None
        self._minute = 0
        self.opened = 0
        """Alerts that this process was the first to see."""

    def __call__(self, applied: Applied) -> None:
        """Judge if a minute has passed, and publish what is new."""
        minute = applied.watermark_us // MINUTE_US
        if minute == self._minute:
            return
        self._minute = minute
        found = self._judge(applied.watermark_us // HOUR_US)
        self.opened += len(self._book.add(alert.as_dict() for alert in found))
        self._book.publish(self._send)

    def _judge(self, hour: int) -> list[Alert]:
        """Alerts that begin in `hour` or shortly before it."""
        recent, cube, since = self._state.recent, self._cube, hour - 1
        names = set(recent.minutes.get_column("kol_id").unique())
        if cube is None or hour - 1 > cube.stop or not names <= set(cube.kols):
            since = hour + 1 - CAUGHT_UP_HOURS
            cube = hour_cube(self._state.tiles(hour + 1 - ONLINE_HOURS, hour + 1), hour + 1 - ONLINE_HOURS, hour + 1)
        else:
            cube = cube.append(hour_cube(recent, hour - 1, hour + 1, cube.kols))
        self._cube = cube = cube.slice(max(cube.start, cube.stop - _KEPT_HOURS), cube.stop)
        return alerts(cube, since, hour + 1)

    def _send(self, messages: Sequence[tuple[str, bytes]]) -> None:
        for key, message in messages:
            self._producer.send(ALERTS_TOPIC, key.encode(), message)
        self._producer.flush()
