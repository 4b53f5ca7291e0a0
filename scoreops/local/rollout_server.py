"""What the embedded prediction server says of one model: who answers, what is loaded, and what was counted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import httpx

from scoreops.core.errors import NotFound, NotReady, Refused
from scoreops.core.rollout_world import Requests
from scoreops.core.split import shares_of

TIMEOUT_S: Final = 2.0
SPLIT_REQUESTS: Final = "predictor_split_requests_total"
_LINE: Final = re.compile(r"^(\w+)\{(.*)\} (\S+)$")
_LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class Counted(NamedTuple):
    """One number of the server's metrics."""

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class Said:
    """One look at the server.

    Attributes:
        champion: the version that its champion is.
        weights: percent of the requests by version, as it shares them now.
        mirror: percent of the requests that a version is shown too.
        routed: the revision by which it counts them, "" while there is no split.
        digests: versions that answer, with the digests of their bundles.
        failed: versions that it refused, with its reasons.
    """

    champion: str
    weights: Mapping[str, int]
    mirror: Mapping[str, int]
    routed: str
    digests: Mapping[str, str]
    failed: Mapping[str, str]


class ModelServer:
    """One model on one server. Raises NotReady when nobody answers in time."""

    def __init__(self, url: str, model: str) -> None:
        self.url, self.model = url, model
        self._http = httpx.Client(base_url=url, timeout=TIMEOUT_S)
        self._path = f"/v2/models/{quote(model, safe='')}"

    def look(self) -> Said:
        """Who answers now. Raises NotFound for a model that is not served, Refused for a server without splits."""
        properties = self._json("GET", self._path)["properties"]
        if "split_revision" not in properties:
            raise Refused(f"the prediction server at {self.url} watches no splits; start it with --split-dir")
        index = [line for line in self._json("POST", "/v2/repository/index") if line["name"] == self.model]
        champion = properties["model_version"]
        return Said(
            champion=champion,
            weights=shares_of(properties.get("weights", "")) or {champion: 100},
            mirror=shares_of(properties.get("mirror", "")),
            routed=properties.get("split", ""),
            digests={line["version"]: self._digest(line["version"]) for line in index if line["state"] == "READY"},
            failed={line["version"]: line["reason"] for line in index if line["state"] == "UNAVAILABLE"},
        )

    def metrics(self) -> list[Counted]:
        """Every number that is labelled with this model."""
        response = self._answer("GET", "/metrics")
        return [one for one in _counted(response.text) if one.labels.get("model") == self.model]

    def close(self) -> None:
        """Leave."""
        self._http.close()

    def _digest(self, version: str) -> str:
        try:
            found = self._json("GET", f"{self._path}/versions/{quote(version, safe='')}")
        except NotFound:  # it was let go a moment ago
            return ""
        return str(found["properties"]["digest"])

    def _json(self, method: str, path: str) -> Any:
        return self._answer(method, path).json()

    def _answer(self, method: str, path: str) -> httpx.Response:
        try:
            response = self._http.request(method, path)
        except httpx.HTTPError as error:
            raise NotReady(f"no prediction server answers at {self.url}: {error}") from error
        if response.status_code == 404:
            raise NotFound(response.text)
        if response.status_code != 200:
            raise NotReady(f"the prediction server says {response.status_code}: {response.text[:300]}")
        return response


def requests_of(counted: list[Counted], said: Said, candidate: str) -> Requests:
    """Requests that the split which holds gave to somebody.

    The last split of a rollout gives all to the candidate and is over once the candidate is the champion, which changes
    nothing for anybody: its requests are those that were seen.
    """
    splits = [one for one in counted if one.name == SPLIT_REQUESTS]
    routed = said.routed
    if not routed and said.weights == {candidate: 100}:
        routed = max((one.labels["split"] for one in splits), key=int, default="")
    own = [one for one in splits if one.labels["split"] == routed]
    to_candidate = sum(one.value for one in own if one.labels["version"] == candidate)
    return Requests(round(to_candidate), round(sum(one.value for one in own)))


def _counted(text: str) -> Iterator[Counted]:
    for line in text.splitlines():
        found = _LINE.match(line)
        if found:
            name, labels, value = found.groups()
            yield Counted(name, dict(_LABEL.findall(labels)), float(value))
