"""What a model reads, in which order: the schema that training and serving must share, and its hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from scoreops.core.errors import BadInput


@dataclass(frozen=True)
class Schema:
    """Ordered feature columns, all 64-bit floats; NaN means missing."""

    columns: tuple[str, ...]

    @property
    def hash(self) -> str:
        """16 hex digits over names, order and type: equal hashes mean that vectors can be exchanged."""
        text = json.dumps([[name, "FP64"] for name in self.columns])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def __len__(self) -> int:
        """How many columns."""
        return len(self.columns)

    def check(self, given: Sequence[str], where: str = "features") -> None:
        """Raise BadInput with a sentence that names the first difference between `given` and this schema.

        `where` is the input whose columns these are.
        """
        if tuple(given) == self.columns:
            return
        missing = [name for name in self.columns if name not in given]
        unknown = [name for name in given if name not in self.columns]
        if missing or unknown:
            said = [
                f"{kind} {', '.join(names[:5])}"
                for kind, names in (("missing", missing), ("unknown", unknown))
                if names
            ]
            raise BadInput(f"columns differ: {'; '.join(said)}", where)
        if len(given) != len(self.columns):
            raise BadInput(f"{len(given)} columns where {len(self.columns)} are expected: one comes twice", where)
        place = next(i for i, name in enumerate(self.columns) if given[i] != name)
        moved = sum(a != b for a, b in zip(given, self.columns, strict=True))
        got, want = given[place], self.columns[place]
        raise BadInput(f"{moved} columns are out of order; column {place} is {got!r} where {want!r} is expected", where)
