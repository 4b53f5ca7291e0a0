"""What each kind of gate asks for; `spec` holds the template that is exactly one of them."""

from __future__ import annotations

from datetime import time
from enum import StrEnum
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import AwareDatetime, Field, model_validator

from scoreops.core.rollout_spec import Frozen

Share = Annotated[float, Field(ge=0, le=1)]
Alpha = Annotated[float, Field(gt=0, lt=0.5, description="Probability of a wrong answer over the whole run.")]
Maturity = Annotated[int, Field(ge=0, description="Only answers so many seconds old: their labels have had the time.")]
Labels = dict[Annotated[str, Field(max_length=63)], Annotated[str, Field(max_length=63)]]
Query = Annotated[str, Field(min_length=1, max_length=2000)]
DEFAULT_ALPHA: Final = 0.01


class Slow(Frozen):
    """An answer that takes more than `seconds`, which must be a bucket of the server's histogram, is slow."""

    seconds: float = Field(default=0.25, gt=0)
    margin: Share = Field(default=0.02, description="How much larger than stable's the share of slow answers may be.")


class Slo(Frozen):
    """Errors and slow answers of the candidate against stable's, from the servers' own metrics."""

    margin: Share = Field(default=0.005, description="How much larger than stable's the share of errors may be.")
    slow: Slow | None = Slow()
    alpha: Alpha = DEFAULT_ALPHA
    labels: Labels = Field(default={}, max_length=10, description="Further labels of the metrics, as namespace.")


class TrafficMin(Frozen):
    """Enough requests were answered by the candidate itself; copies don't count."""

    requests: int = Field(ge=1)
    labels: Labels = Field(default={}, max_length=10)


class PromQuery(Frozen):
    """A number from Prometheus between two limits.

    In both queries $model, $stable, $candidate, $namespace and $seconds (since the stage began) stand for their values.
    `samples` counts what the number was made of; without it one value is one sample.
    """

    query: Query
    at_least: float | None = None
    at_most: float | None = None
    samples: Query | None = None
    need: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _limited(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("atLeast or atMost must be given")
        return self


class Contract(Frozen):
    """The candidate's own server serves the registered bundle: its digest, its schema, its golden answers."""

    same_schema: bool = Field(default=False, description="Whether the columns must be stable's too.")


class OfflineEval(Frozen):
    """A metric of the candidate's evaluation in the registry, on rows that it never saw.

    `mayLose`: how much worse than the champion on the same rows; None compares with no champion.
    """

    metric: str = Field(min_length=1, max_length=100)
    better: Literal["Higher", "Lower"] = "Lower"
    limit: float | None = None
    may_lose: float | None = Field(default=0.0, ge=0)
    need: int = Field(default=60, ge=1, description="Rows in the evaluation.")

    @model_validator(mode="after")
    def _limited(self) -> Self:
        if self.limit is None and self.may_lose is None:
            raise ValueError("limit or mayLose must be given")
        return self


class Calibration(Frozen):
    """The candidate's probabilities against labels: mean Brier score and expected calibration error."""

    max_brier: Share | None = None
    max_ece: Share | None = 0.1
    alpha: Alpha = DEFAULT_ALPHA
    maturity_seconds: Maturity = 0

    @model_validator(mode="after")
    def _limited(self) -> Self:
        if self.max_brier is None and self.max_ece is None:
            raise ValueError("maxBrier or maxEce must be given")
        return self


class Loss(StrEnum):
    """What a probability costs once its label is known."""

    BRIER = "Brier"
    LOG_LOSS = "LogLoss"


class PairedShadow(Frozen):
    """The candidate's loss against stable's on the same requests."""

    loss: Loss = Loss.LOG_LOSS
    margin: float = Field(default=0.02, gt=0, lt=1, description="How much larger the mean loss may be; nats or Brier.")
    alpha: Alpha = DEFAULT_ALPHA
    maturity_seconds: Maturity = 0


class Decision(Frozen):
    """What is done with a probability: act from `threshold` on, and win `gain` where the label is 1, else lose `cost`.

    Money is in any one unit. `cap` bounds what one request may count, without it the larger of both does.
    """

    threshold: Share = 0.5
    gain: float = Field(gt=0)
    cost: float = Field(ge=0)
    cap: float | None = Field(default=None, gt=0)

    @property
    def bound(self) -> float:
        """The largest difference that one request may count."""
        return self.cap or max(self.gain, self.cost)


class ExpectedValue(Frozen):
    """What decisions by the candidate earn against those by stable, on the same requests."""

    decision: Decision
    margin: float = Field(gt=0, description="How much less the mean request may earn.")
    alpha: Alpha = DEFAULT_ALPHA
    maturity_seconds: Maturity = 0

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.margin >= self.decision.bound:
            raise ValueError(f"margin must be below {self.decision.bound:g}, what one request may count at most")
        return self


class Drift(Frozen):
    """The candidate's inputs against the rows that it was trained on."""

    max_share: Share = Field(default=0.2, description="Share of the features, by their importance, that may move.")
    weighted: bool = True


class Freshness(Frozen):
    """How old features were when they were answered, and how old the newest label is."""

    max_feature_seconds: float | None = Field(default=None, gt=0)
    max_stale: float = Field(
        default=0.05, gt=0, lt=1, description="Share of answers whose features may be older than that."
    )
    max_label_seconds: float | None = Field(default=None, gt=0)
    alpha: Alpha = DEFAULT_ALPHA

    @model_validator(mode="after")
    def _limited(self) -> Self:
        if self.max_feature_seconds is None and self.max_label_seconds is None:
            raise ValueError("maxFeatureSeconds or maxLabelSeconds must be given")
        return self


class Skew(Frozen):
    """Features as they were served against what the feature store says of the same entity and time."""

    max_share: Share = Field(default=0.01, description="Share of the compared values that may differ.")
    need: int = Field(default=30, ge=1, description="Rows compared.")


class Approval(Frozen):
    """People who said yes to this attempt."""

    count: int = Field(default=1, ge=1, le=10)
    groups: tuple[Annotated[str, Field(max_length=253)], ...] = Field(
        default=(), max_length=20, description="Whoever approves must be in one of these; none: anybody may."
    )
    not_author: bool = Field(default=True, description="Whether the candidate's author does not count.")


Day = Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
DAYS: Final[tuple[str, ...]] = get_args(Day)


class Window(Frozen):
    """Hours of some days of the week, in the schedule's time zone; one that ends before it starts passes midnight."""

    days: tuple[Day, ...] = Field(default=get_args(Day), min_length=1, max_length=7)
    start: time = Field(default=time(0), alias="from")
    end: time = Field(default=time(0), alias="to", description="Not included; the same as `from` is a whole day.")


class Freeze(Frozen):
    """A time in which nothing moves."""

    start: AwareDatetime = Field(alias="from")
    end: AwareDatetime = Field(alias="to")
    reason: str = Field(default="", max_length=200)


class Schedule(Frozen):
    """When a rollout may move: within a window, if there is any, and outside of every freeze."""

    timezone: str = Field(default="UTC", min_length=1, max_length=64)
    windows: tuple[Window, ...] = Field(default=(), max_length=20)
    freezes: tuple[Freeze, ...] = Field(default=(), max_length=50)
