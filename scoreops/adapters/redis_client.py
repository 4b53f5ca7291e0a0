"""A Redis client that says of a server which is starting, gone or too slow what everything here says: NotReady."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis

from scoreops.core.errors import NotReady


@contextmanager
def answering() -> Iterator[None]:
    """Raises NotReady where the block finds the server away; any other error is a fault of ours, and stays as it is."""
    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise NotReady(f"the online store does not answer: {error}") from error


class Client(redis.Redis):  # type: ignore[misc]
    """Each command and script raises NotReady while the server is away; a pipeline is asked within `answering`."""

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """See redis-py."""
        with answering():
            return super().execute_command(*args, **options)
