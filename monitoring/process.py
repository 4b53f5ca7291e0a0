"""The process: one thread follows the log, one keeps the metrics, and the rest answers."""

from __future__ import annotations

import signal
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import structlog
import uvicorn

from monitoring.book import StoredBook
from monitoring.following import Follower
from monitoring.metrics import Metrics
from monitoring.service import create_app
from scoreops.core.errors import ScoreOpsError

REFRESH_S: Final = 30.0
_log: Final = structlog.get_logger("monitoring")


@dataclass
class Process:
    """Runs until SIGTERM, or until the log can no longer be followed, which is a failure."""

    follower: Follower
    book: StoredBook
    metrics: Metrics
    host: str
    port: int
    _stop: threading.Event = field(default_factory=threading.Event)
    _failed: bool = False

    def run(self) -> bool:
        """Whether it ended well."""
        app = create_app(self.book, self.metrics, lambda: self.follower.read_at)
        server = uvicorn.Server(uvicorn.Config(app, host=self.host, port=self.port, log_level="warning"))
        threads = [
            threading.Thread(target=self._follow, args=(server,), name="follow"),
            threading.Thread(target=self._refresh, name="metrics"),
        ]
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _noted)  # uvicorn raises it once more after its own end, and would end us half way
        for thread in threads:
            thread.start()
        try:
            server.run()
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()
        return not self._failed

    def _follow(self, server: uvicorn.Server) -> None:
        try:
            self.follower.run(self._stop)
        except Exception:  # noqa: BLE001 - whatever it was, the process must end and say so
            _log.exception("the log is no longer followed")
            self._failed = True
        finally:
            server.should_exit = True

    def _refresh(self) -> None:
        while not self._stop.is_set():
            try:
                self.metrics.refresh(datetime.now(UTC))
            except ScoreOpsError as error:
                _log.warning("the metrics stay as they were", reason=str(error))
            except Exception:  # noqa: BLE001 - one look that fails must not be the last
                _log.exception("the metrics stay as they were")
            self._stop.wait(REFRESH_S)


def _noted(_signal: int, _frame: object) -> None:
    """Nothing more to do: the server has stopped for it."""
