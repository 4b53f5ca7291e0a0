"""HTTP requests that are tried again while the other side is away or busy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from scoreops.core.errors import BadInput, NotReady

_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
ATTEMPTS: Final = 4
FIRST_WAIT_S: Final = 0.5
MAX_WAIT_S: Final = 20.0


class _TryAgain(Exception):
    """Nobody there, or busy; `after_s` is what a Retry-After asks for."""

    def __init__(self, reason: str, after_s: float) -> None:
        super().__init__(reason)
        self.after_s = after_s


def send(
    ask: Callable[[], httpx.Response], who: str, *, attempts: int = ATTEMPTS, first_wait_s: float = FIRST_WAIT_S
) -> httpx.Response:
    """The answer to a request, which `ask` makes anew at each attempt; waits double, with jitter, up to MAX_WAIT_S.

    Raises:
        NotReady: nobody answered, or only errors that may pass (408, 425, 429, 5xx), at every attempt.
        BadInput: the other side refused the request (any other 4xx).
    """
    usual = wait_exponential_jitter(initial=first_wait_s, max=MAX_WAIT_S, jitter=first_wait_s)

    def wait(state: RetryCallState) -> float:
        failed = state.outcome.exception() if state.outcome else None
        asked = failed.after_s if isinstance(failed, _TryAgain) else 0.0
        return min(max(usual(state), asked), MAX_WAIT_S)

    tries = Retrying(
        stop=stop_after_attempt(attempts), wait=wait, retry=retry_if_exception_type(_TryAgain), reraise=True
    )
    try:
        return tries(_once, ask)
    except _TryAgain as error:
        raise NotReady(f"{who} did not answer in {attempts} attempts: {error}") from error
    except httpx.HTTPStatusError as error:
        said = error.response.text.strip()[:200] or error.response.reason_phrase
        raise BadInput(f"{who} refused: {error.response.status_code} {said}") from error
    except httpx.InvalidURL as error:
        raise BadInput(f"the address of {who} is none: {error}") from error


def _once(ask: Callable[[], httpx.Response]) -> httpx.Response:
    try:
        response = ask()
    except httpx.UnsupportedProtocol as error:
        raise httpx.InvalidURL(str(error)) from error
    except httpx.TransportError as error:
        raise _TryAgain(f"{type(error).__name__}: {error}", 0.0) from error
    if response.status_code in _AGAIN:
        after = response.headers.get("Retry-After", "")
        raise _TryAgain(f"status {response.status_code}", float(after) if after.isdigit() else 0.0)
    response.raise_for_status()
    return response
