"""Everything ScoreOps raises on purpose.

    ScoreOpsError
    ├── BadInput        what came in does not fit; nothing was changed
    ├── NotFound        the named thing does not exist
    ├── NotReady        try again later: a part is starting, gone or behind
    ├── Overloaded      try again later: there is more to do than can be done in time
    ├── TooLate         the answer would have come after its deadline
    ├── Unsupported     a name that is not one of the choices
    ├── Refused         a gate or a check said no
    └── FenceMoved      another writer owns this work now; reload and start over

Each edge (HTTP, command line, operator) owns one table from these to its own codes.
"""


class ScoreOpsError(Exception):
    """Root of the tree; its message is written for the person who has to act on it."""


class BadInput(ScoreOpsError):
    """Input that breaks its contract. `field` is the dotted path of the first offender, or ""."""

    def __init__(self, reason: str, field: str = "") -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.reason = reason
        self.field = field


class NotFound(ScoreOpsError):
    """The named thing does not exist."""


class NotReady(ScoreOpsError):
    """A part is starting, gone or behind. Trying again later may succeed."""


class Overloaded(ScoreOpsError):
    """There is more to do than can be done in time; nothing was begun. Trying again later may succeed."""


class TooLate(ScoreOpsError):
    """The deadline of the request passed before its answer was there."""


class Unsupported(ScoreOpsError):
    """A name that is not one of the choices; the message lists them."""


class Refused(ScoreOpsError):
    """A gate or a check said no; the message says which, with its numbers."""


class FenceMoved(ScoreOpsError):
    """Another writer has moved the fence: what this process holds in memory is no longer the truth."""
