"""Prometheus over its HTTP API: one instant query at a time, whole or not at all."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import httpx

from scoreops.core.errors import BadInput, NotReady, Refused
from scoreops.core.gates.ports import Series

TIMEOUT_S: Final = 10.0


class Prometheus:
    """One server, or what speaks its API. Keeps its connections; safe to share between threads."""

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self._url, self._timeout_s = url, timeout_s
        self._http = httpx.Client(base_url=url, timeout=timeout_s)

    def query(self, query: str, at: datetime) -> tuple[Series, ...]:
        """The series that a query gives at a time: one sample each, raw samples of a range, or a number without labels.

        NaN stays NaN, nothing stays nothing. Raises NotReady when nobody answers in time, when the server fails or when
        it warns that the answer is only a part; BadInput when it does not take the query; Refused when it wants a key.
        """
        form = {"query": query, "time": f"{at.timestamp():.3f}", "timeout": f"{self._timeout_s * 1000:.0f}ms"}
        try:
            response = self._http.post("/api/v1/query", data=form)
        except httpx.HTTPError as error:
            raise NotReady(f"Prometheus does not answer at {self._url}: {error or type(error).__name__}") from error
        answer = self._answer(response)
        if answer.get("warnings"):
            raise NotReady(f"Prometheus gave a part of the answer only: {answer['warnings'][0]}")
        try:
            return _series(answer["data"])
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise NotReady(f"what answers at {self._url} is no Prometheus: {error!r}") from error

    def close(self) -> None:
        """Leave."""
        self._http.close()

    def _answer(self, response: httpx.Response) -> dict[str, Any]:
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or "status" not in answer:
            raise NotReady(f"what answers at {self._url} is no Prometheus: HTTP {response.status_code}")
        if answer["status"] == "success" and response.status_code == 200:
            return answer
        reason = f"{answer.get('errorType', 'error')}: {str(answer.get('error', response.status_code))[:300]}"
        if response.status_code in {400, 422}:
            raise BadInput(f"Prometheus does not take the query: {reason}", "query")
        if response.status_code in {401, 403}:
            raise Refused(f"Prometheus at {self._url} wants a key: {reason}")
        raise NotReady(f"Prometheus failed: {reason}")


def _series(data: dict[str, Any]) -> tuple[Series, ...]:
    kind, result = data["resultType"], data["result"]
    if kind == "vector":
        return tuple(Series(one["metric"], (_sample(one["value"]),)) for one in result)
    if kind == "matrix":
        return tuple(Series(one["metric"], tuple(map(_sample, one["values"]))) for one in result)
    if kind == "scalar":
        return (Series({}, (_sample(result),)),)
    raise BadInput(f"gives a {kind}, not numbers", "query")


def _sample(pair: Any) -> tuple[float, float]:
    at, value = pair
    return float(at), float(value)
