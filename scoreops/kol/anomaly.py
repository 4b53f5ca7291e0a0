"""Alert rules over a KOL's hours. One alert opens an episode; hours that follow within the quiet time belong to it.

The same functions judge a history and the live stream: they look back at most LOOK_BACK hours, so the last hours of any
longer cube give equal alerts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from scoreops.kol.hours import HourCube

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

BASELINE_HOURS: Final = 40
QUIET_HOURS: Final = 6
LOOK_BACK: Final = BASELINE_HOURS + QUIET_HOURS + 1
MIN_BASELINE: Final = 12

SPIKE_SHARE: Final = 0.05
SPIKE_Z: Final = 4.0
SPIKE_FLOOR: Final = 0.004
"""Smallest hourly growth that a z above SPIKE_Z may call a spike, as a share of the followers."""
EXPLAINED_RATIO: Final = 2.5
"""Views of the last four hours above this many times their usual level explain a spike."""
RISING_HOURS: Final = 3
RISING_COMMENTS: Final = 6
RISING_BY: Final = 0.15
EWMA_ALPHA: Final = 0.1
EWMA_Z: Final = 12.0
EWMA_VOLUME: Final = 200.0
DROP: Final = 0.3
DROP_REVENUE: Final = 1_000_000.0


@dataclass(frozen=True)
class Alert:
    """One episode of one rule for one KOL. `event_us` is the end of its first hour; the id depends on nothing else."""

    alert_id: str
    rule: str
    kol_id: str
    event_us: int
    severity: str
    message: str
    evidence: Mapping[str, float | bool]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def alerts(cube: HourCube, start: int, stop: int) -> list[Alert]:
    """Episodes of every rule that begin in the hours [start, stop), in order of time and KOL."""
    found = [alert for rule in _RULES for alert in rule(cube, start, stop)]
    return sorted(found, key=lambda alert: (alert.event_us, alert.kol_id, alert.rule))


def follower_spikes(cube: HourCube, start: int, stop: int) -> list[Alert]:
    """Followers +5 % within an hour, or more than 4 robust sigma above the usual hour.

    The evidence says whether views explain it: an honest viral does, bought followers do not.
    """
    followers = np.nan_to_num(cube["followers"])
    before = np.concatenate([followers[:, :1], followers[:, :-1]], axis=1)
    delta = np.where(before > 0, followers - before, 0.0)
    views = np.maximum(np.where(np.isnan(cube["d_views"]), cube["d_likes"], cube["d_views"]), 0)
    recent = _trailing(views, 4)
    fired, evidence = np.zeros(delta.shape, dtype=bool), {}
    for j in _columns(cube, start):
        median, sigma = _usual(delta, j, floor=np.maximum(1.0, 0.0002 * before[:, j]))
        z = (delta[:, j] - median) / sigma
        share = np.divide(delta[:, j], before[:, j], out=np.zeros(len(z)), where=before[:, j] > 0)
        fired[:, j] = (share >= SPIKE_SHARE) | ((z > SPIKE_Z) & (share >= SPIKE_FLOOR))
        usual, _ = _usual(recent, j)
        evidence[j] = (z, share, recent[:, j] / np.maximum(usual, 1.0))
    made = []
    for row, j in _openings(fired, cube, start, stop):
        sigmas, growth, ratio = (float(values[row]) for values in evidence[j])
        explained = ratio >= EXPLAINED_RATIO
        numbers = {
            "new_followers": float(delta[row, j]),
            "share": growth,
            "z": sigmas,
            "views_ratio": ratio,
            "explained": explained,
        }
        why = f"views {ratio:.1f} times their usual level" if explained else f"views only {ratio:.1f} times their usual"
        words = f"{delta[row, j]:+,.0f} followers ({growth:+.1%}) in an hour, {sigmas:.1f} sigma; {why}"
        made.append(_alert("follower_spike", cube, row, j, "info" if explained else "high", words, numbers))
    return made


def negative_sentiment(cube: HourCube, start: int, stop: int) -> list[Alert]:
    """The share of negative comments rising three hours running, each with enough comments."""
    comments = cube["n_comments"]
    share = np.divide(cube["n_negative"], comments, out=np.zeros(comments.shape), where=comments > 0)
    fired = np.zeros(comments.shape, dtype=bool)
    for j in _columns(cube, start, least=RISING_HOURS):
        hours = slice(j - RISING_HOURS, j + 1)
        rising = (np.diff(share[:, hours], axis=1) > 0).all(axis=1)
        enough = (comments[:, hours] >= RISING_COMMENTS).all(axis=1)
        fired[:, j] = rising & enough & (share[:, j] - share[:, j - RISING_HOURS] >= RISING_BY)
    made = []
    for row, j in _openings(fired, cube, start, stop):
        first, last = float(share[row, j - RISING_HOURS]), float(share[row, j])
        words = f"negative comments rose from {first:.0%} to {last:.0%} in {RISING_HOURS} hours running"
        numbers = {"from": first, "to": last, "comments": float(comments[row, j])}
        made.append(_alert("negative_sentiment", cube, row, j, "high", words, numbers))
    return made


def engagement_shift(cube: HourCube, start: int, stop: int) -> list[Alert]:
    """Likes of an hour far from their exponentially weighted mean, in units of their weighted deviation."""
    likes = np.maximum(cube["d_likes"], 0)
    fired, evidence = np.zeros(likes.shape, dtype=bool), {}
    weights = (1 - EWMA_ALPHA) ** np.arange(BASELINE_HOURS)[::-1]
    for j in _columns(cube, start):
        past = likes[:, max(0, j - BASELINE_HOURS) : j]
        weight = weights[-past.shape[1] :] / weights[-past.shape[1] :].sum()
        mean = past @ weight
        spread = np.sqrt(np.maximum((past - mean[:, None]) ** 2 @ weight, np.maximum(mean, 1.0)))
        z = (likes[:, j] - mean) / spread
        fired[:, j] = (z > EWMA_Z) & (likes[:, j] >= EWMA_VOLUME)
        evidence[j] = (z, mean)
    made = []
    for row, j in _openings(fired, cube, start, stop):
        z, mean = (float(values[row]) for values in evidence[j])
        words = f"{likes[row, j]:,.0f} likes in an hour where {mean:,.0f} are usual ({z:.1f} sigma)"
        numbers = {"likes": float(likes[row, j]), "ewma": mean, "z": z}
        made.append(_alert("engagement_shift", cube, row, j, "info", words, numbers))
    return made


def forecast_drops(
    kols: Sequence[str], platforms: Sequence[str], forecast: Array, trailing: Array, hour: int
) -> list[Alert]:
    """Revenue forecast for the next day 30 % below what the KOL's peers lead one to expect.

    `forecast` and `trailing` are revenue of the next and of the last 24 hours (n,), VND; the baseline is the median of
    forecast / trailing over the KOLs of the platform.
    """
    busy = trailing >= DROP_REVENUE
    ratio = np.divide(forecast, trailing, out=np.full(len(kols), np.nan), where=busy)
    names, made = np.array(platforms), []
    for name in np.unique(names):
        peers = (names == name) & busy
        if peers.sum() < 8:
            continue
        baseline = float(np.median(ratio[peers]))
        for row in np.nonzero(peers & (ratio < (1 - DROP) * baseline))[0]:
            own = float(ratio[row])
            words = f"revenue forecast at {own:.0%} of the last day, peers at {baseline:.0%}"
            numbers = {"ratio": own, "peers": baseline, "forecast": float(forecast[row])}
            made.append(_record("forecast_drop", kols[int(row)], hour // 24 * 24, "medium", words, numbers))
    return made


_RULES: Final[tuple[Callable[[HourCube, int, int], list[Alert]], ...]] = (
    follower_spikes,
    negative_sentiment,
    engagement_shift,
)


def _columns(cube: HourCube, start: int, least: int = MIN_BASELINE) -> range:
    """Columns that must be judged to know the episodes from `start` on."""
    return range(max(least, start - QUIET_HOURS - cube.start), cube.stop - cube.start)


def _usual(values: Array, j: int, floor: Array | float = 1.0) -> tuple[Array, Array]:
    """Median and robust sigma (1.4826 MAD, at least `floor`) of the hours before column j."""
    past = values[:, max(0, j - BASELINE_HOURS) : j]
    median = np.median(past, axis=1)
    mad = np.median(np.abs(past - median[:, None]), axis=1)
    return median, np.maximum(1.4826 * mad, floor)


def _trailing(values: Array, hours: int) -> Array:
    summed = np.cumsum(values, axis=1)
    made = summed.copy()
    made[:, hours:] -= summed[:, :-hours]
    return made


def _openings(fired: Flags, cube: HourCube, start: int, stop: int) -> list[tuple[int, int]]:
    """(row, column) where a rule fires after a quiet time, in [start, stop)."""
    made = []
    for j in range(max(start - cube.start, 0), min(stop, cube.stop) - cube.start):
        quiet = ~fired[:, max(0, j - QUIET_HOURS) : j].any(axis=1)
        made += [(int(row), j) for row in np.nonzero(fired[:, j] & quiet)[0]]
    return made


def _alert(
    rule: str, cube: HourCube, row: int, j: int, severity: str, words: str, numbers: Mapping[str, float | bool]
) -> Alert:
    return _record(rule, cube.kols[row], cube.start + j, severity, words, numbers)


def _record(rule: str, kol: str, hour: int, severity: str, words: str, numbers: Mapping[str, float | bool]) -> Alert:
    identity = hashlib.sha256(f"{rule}|{kol}|{hour}".encode()).hexdigest()[:16]
    return Alert(identity, rule, kol, (hour + 1) * 3_600_000_000, severity, words, numbers)
