"""A client of the evidence service."""

from __future__ import annotations

import httpx
from pydantic import ValidationError

from scoreops.core.errors import BadInput, NotReady
from scoreops.core.gates.evidence import Evidence, Wanted


class EvidenceClient:
    """One evidence service. Keeps its connections; safe to share between threads."""

    def __init__(self, url: str, *, timeout_s: float = 10.0) -> None:
        self._url = url
        self._http = httpx.Client(base_url=url, timeout=timeout_s)

    def read(self, wanted: Wanted) -> Evidence:
        """What is known. Raises NotReady when nobody answers, BadInput when the question is not taken."""
        asked = wanted.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"model", "decision"})
        if wanted.decision is not None:
            asked["decision"] = wanted.decision.model_dump_json(by_alias=True)
        try:
            response = self._http.get(f"/v1/evidence/{wanted.model}", params=asked)
        except httpx.HTTPError as error:
            said = error or type(error).__name__
            raise NotReady(f"the evidence service does not answer at {self._url}: {said}") from error
        if response.status_code == 422:
            raise BadInput(f"the evidence service does not take the question: {response.text[:300]}")
        if response.status_code != 200:
            raise NotReady(f"the evidence service failed: HTTP {response.status_code}: {response.text[:300]}")
        try:
            return Evidence.model_validate_json(response.content)
        except ValidationError as error:
            raise NotReady(f"what answers at {self._url} is no evidence service of this version: {error}") from error

    def close(self) -> None:
        """Leave."""
        self._http.close()
