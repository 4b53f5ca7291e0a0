"""How the requests for one model are shared between its versions, and which versions are held for that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b

from pydantic import BaseModel, ConfigDict, Field, field_validator

Percent = Mapping[str, int]


class Split(BaseModel):
    """What a server is asked to do for one model; the empty one leaves all to the champion.

    Attributes:
        revision: counts the writes, so that nobody overwrites what he has not seen.
        routed: the revision that last changed who gets what; requests are counted by it.
        beside: the champion that it was made beside. Once another version is the champion, the split is over.
        weights: percent of the requests by version; they add up to 100, or there are none.
        mirror: percent of the requests that a version is shown too, without its answer being given.
        held: versions to hold in memory, with or without traffic.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    revision: int = 0
    routed: int = 0
    beside: str = ""
    weights: Percent = Field(default_factory=dict)
    mirror: Percent = Field(default_factory=dict)
    held: tuple[str, ...] = ()

    @field_validator("weights", "mirror")
    @classmethod
    def _shares(cls, given: Percent) -> Percent:
        if any(not 0 < share <= 100 for share in given.values()):
            raise ValueError(f"shares must be above 0 and at most 100, got {dict(given)}")
        return given

    @field_validator("weights")
    @classmethod
    def _whole(cls, given: Percent) -> Percent:
        if given and sum(given.values()) != 100:
            raise ValueError(f"weights must add up to 100, got {dict(given)}")
        return given

    @field_validator("mirror")
    @classmethod
    def _one(cls, given: Percent) -> Percent:
        if len(given) > 1:
            raise ValueError("one version at most is mirrored to")
        return given

    @property
    def versions(self) -> frozenset[str]:
        """Every version that a server must hold for it."""
        return frozenset((*self.weights, *self.mirror, *self.held))

    def routing(self, beside: str, weights: Percent, mirror: Percent) -> Split:
        """The next revision with other shares; itself if they are the same."""
        if (self.beside, self.weights, self.mirror) == (beside, weights, mirror):
            return self
        return self._next(beside=beside, weights=dict(weights), mirror=dict(mirror), routed=self.revision + 1)

    def holding(self, *held: str) -> Split:
        """The next revision with other versions held; itself if they are the same."""
        return self if self.held == held else self._next(held=held)

    def _next(self, **changes: object) -> Split:
        return Split.model_validate(self.model_dump() | changes | {"revision": self.revision + 1})

    def version_at(self, point: float) -> str:
        """Which version gets the request at `point`, 0 <= point < 100; "" is the champion.

        Between two versions a request changes sides only if the weights make it: who has the candidate at 10 % keeps
        it at 50 %.
        """
        for version, until in self._edges():
            if point < until:
                return version
        return ""

    def _edges(self) -> Iterator[tuple[str, int]]:
        until = 0
        for version in sorted(self.weights):
            until += self.weights[version]
            yield version, until


def point_of(model: str, request_id: str) -> float:
    """Where a request lies, 0 <= point < 100: the same on every server.

    No checksum: two of them differ by a constant, and the same requests would be shadowed and split, or none.
    """
    digest = blake2b(f"{model}/{request_id}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") / 2**32 * 100


def shares_text(shares: Percent) -> str:
    """`1=90,2=10`."""
    return ",".join(f"{version}={share}" for version, share in sorted(shares.items()))


def shares_of(text: str) -> dict[str, int]:
    """The other way round."""
    pairs = (part.rpartition("=") for part in text.split(",") if part)
    return {version: int(share) for version, _, share in pairs}
