"""The feature views and services of the KOL product, known without Feast: names, order, lifetimes, how to compute them.

Everything else reads this list: Feast's definitions, the offline files, the training rows, the online reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scoreops.core.errors import Unsupported
from scoreops.kol.features import ROLLING
from scoreops.kol.hours import HourCube
from scoreops.kol.success_features import COUPLING, SUCCESS_FEATURES, success_features
from scoreops.kol.trust_features import TRUST_FEATURES, trust_features

Array = NDArray[np.float64]
Hours = NDArray[np.int64]

PROJECT: Final = "scoreops"
ENTITY: Final = "kol"
JOIN_KEY: Final = "kol_id"


@dataclass(frozen=True)
class View:
    """Features of one KOL that are computed and stamped together, all 64-bit floats.

    Attributes:
        name: of the view, and of its offline file.
        features: their names in order, d of them.
        ttl: a row older than this says nothing.
        meaning: one sentence for people.
        compute: (cube, hours) -> (n_kols, len(hours), d) of an hourly view; at hour h it may use hours before h only.
    """

    name: str
    features: tuple[str, ...]
    ttl: timedelta
    meaning: str
    compute: Callable[[HourCube, Hours], Array] | None = None

    @property
    def refs(self) -> tuple[str, ...]:
        """The features as "view:feature"."""
        return tuple(f"{self.name}:{feature}" for feature in self.features)


def _success_alone(cube: HourCube, hours: Hours) -> Array:
    return success_features(cube, hours)[:, :, _ALONE]


_ALONE: Final = [i for i, name in enumerate(SUCCESS_FEATURES.columns) if name != COUPLING]
ROLLING_VIEW: Final = View(
    "kol_rolling",
    ROLLING,
    timedelta(hours=2),
    "The last 5, 15 and 60 minutes at the end of a minute, written by the stream.",
)
TRUST_VIEW: Final = View(
    "kol_trust",
    TRUST_FEATURES.columns,
    timedelta(hours=24),
    "A week of behaviour before the hour, what the trust score reads.",
    trust_features,
)
SUCCESS_VIEW: Final = View(
    "kol_success",
    tuple(SUCCESS_FEATURES.columns[i] for i in _ALONE),
    timedelta(hours=24),
    "Calendar, past and seasonal sums before the hour, what the success forecast reads.",
    _success_alone,
)
LAG_VIEW: Final = View(
    "kol_trust_lag",
    (COUPLING,),
    timedelta(hours=24),
    "The trust score of hour t, stamped t + 1 h: a row at t + 1 h never sees the score of its own hour.",
)
VIEWS: Final[Mapping[str, View]] = {view.name: view for view in (ROLLING_VIEW, TRUST_VIEW, SUCCESS_VIEW, LAG_VIEW)}

RATES: Final[Mapping[str, tuple[str, str]]] = {
    "click_rate_60m": ("clicks_60m", "visits_60m"),
    "cart_rate_60m": ("carts_60m", "clicks_60m"),
    "order_rate_60m": ("orders_60m", "clicks_60m"),
    "refund_rate_60m": ("refunds_60m", "orders_60m"),
    "revenue_per_order_60m": ("revenue_60m", "orders_60m"),
}
"""The on-demand view `kol_rates`: what is divided by what, all of the view `kol_rolling`."""
RATES_VIEW: Final = "kol_rates"


def rates(columns: Mapping[str, Array]) -> dict[str, Array]:
    """RATES of (n,) rolling features; NaN where nothing, or nothing known, stands below the line."""
    return {
        name: np.divide(
            columns[top], columns[bottom], out=np.full(len(columns[top]), np.nan), where=columns[bottom] > 0
        )
        for name, (top, bottom) in RATES.items()
    }


def _coupled(name: str) -> str:
    return f"{LAG_VIEW.name if name == COUPLING else SUCCESS_VIEW.name}:{name}"


SERVICES: Final[Mapping[str, tuple[str, ...]]] = {
    "trust": TRUST_VIEW.refs,
    "success": tuple(map(_coupled, SUCCESS_FEATURES.columns)),
    "live": (*ROLLING_VIEW.refs, *(f"{RATES_VIEW}:{name}" for name in RATES)),
}
"""What each model reads, as "view:feature" in the order of its schema; `live` is for rules and for people."""


def service_refs(service: str) -> tuple[str, ...]:
    """Features of a service. Raises Unsupported with the names that there are."""
    try:
        return SERVICES[service]
    except KeyError:
        raise Unsupported(f"{service!r} is not one of the feature services {', '.join(SERVICES)}") from None
