"""What is known of the answers of two versions: sufficient statistics, so that a gate can be judged on numbers alone.

An answer is one row of one request as one version scored it; a pair is one row that both versions scored. Answers count
from `since` on, and only those older than the maturity that was asked for. Labels come late and only partly, so each
number says how many it is made of.
"""

from __future__ import annotations

from pydantic import AwareDatetime, Field

from scoreops.core.gates.checks import Decision
from scoreops.core.rollout_spec import Frozen
from scoreops.core.sequential_calibration import Bins
from scoreops.core.sequential_losses import Pairs


class Wanted(Frozen):
    """What is asked of the evidence: versions, since when, and what only the asker can know.

    `stable` None: no pairs. `decision` is needed for values, `featureSeconds` for counting stale features.
    """

    model: str
    candidate: str
    stable: str | None = None
    since: AwareDatetime
    maturity_seconds: int = Field(default=0, ge=0)
    decision: Decision | None = None
    feature_seconds: float | None = Field(default=None, gt=0)


class Paired(Frozen):
    """Rows that both versions answered, and differences of losses, candidate less stable, of those with a label."""

    answered: int = 0
    labelled: int = 0
    brier: Pairs
    log_loss: Pairs
    value: Pairs | None = None


class Moved(Frozen):
    """The movement of one feature; `core.drift.Shift` with its names as JSON."""

    feature: str
    psi: float
    p_value: float
    moved: bool


class Drifted(Frozen):
    """The first `rows` inputs, and how each feature moved against the candidate's reference; `problem`: why not."""

    rows: int = 0
    need: int = 0
    moved: tuple[Moved, ...] = ()
    importance: dict[str, float] = Field(default={})
    problem: str = ""


class Fresh(Frozen):
    """Answers that said when their features stood, those with stale ones among them, and when news came last."""

    known: int = 0
    stale: int = 0
    newest_answer: AwareDatetime | None = None
    newest_label: AwareDatetime | None = None


class Skewed(Frozen):
    """Rows compared with the feature store, values in them, values that differ; `problem`: why none were compared."""

    rows: int = 0
    values: int = 0
    differing: int = 0
    worst: str = ""
    problem: str = ""


class Evidence(Frozen):
    """The answer to `Wanted`.

    answers   rows that the candidate answered, `labelled` those whose label is known
    brier     losses of the candidate itself, in [0, 1]
    read_at   when the service last had read all of the log; None: never since it started
    unusable  rows of the candidate whose answer held no probability, `abstained` those to which it gave none on purpose
    """

    read_at: AwareDatetime | None
    answers: int
    labelled: int
    unusable: int = 0
    abstained: int = 0
    brier: Pairs
    bins: Bins
    pairs: Paired | None = None
    drift: Drifted = Drifted()
    fresh: Fresh = Fresh()
    skew: Skewed = Skewed()
