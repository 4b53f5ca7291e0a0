"""One decision about every KOL for a minute of event time: ask the branches, fuse, write down, tell."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from feature_repo.materialise import KOLS_KEY
from predictors.branches import Branch, Branches
from scoreops.adapters.alert_book import AlertBook
from scoreops.adapters.kafka import FastProducer
from scoreops.adapters.online_store import connect
from scoreops.adapters.score_book import ScoreBook
from scoreops.adapters.settings import Settings
from scoreops.core.errors import NotReady
from scoreops.kol.anomaly import Alert, forecast_drops
from scoreops.kol.events import ALERTS_TOPIC, SCORES_TOPIC
from scoreops.kol.fusion import Inputs, freshened, moving_average
from scoreops.kol.fusion_score import features_of
from scoreops.kol.success_features import SUCCESS_FEATURES, TARGETS
from scoreops.kol.tiles import HOUR_US

Array = NDArray[np.float64]

ALERT_HOURS: Final = 24
STRENGTH: Final = {"high": 1.0, "medium": 0.6, "info": 0.2}
"""How much an open alert of a severity weighs; an acknowledged one weighs nothing."""
_AVERAGED: Final = (
    "trust",
    "trust_low",
    "trust_high",
    "revenue_1h",
    "revenue_24h",
    "revenue_24h_low",
    "revenue_24h_high",
)
_PLACE: Final = {target: place for place, target in enumerate(TARGETS)}


@dataclass(frozen=True)
class Round:
    """What one minute gave: the records written, and whether this process wrote them."""

    minute: int
    records: list[dict[str, Any]]
    written: bool


class Decider:
    """Decides minute by minute. A minute that was decided stays as it is, whoever asks again."""

    def __init__(self, settings: Settings) -> None:
        self._branches = Branches(settings)
        self._book = ScoreBook(settings.redis_url)
        self._alerts = AlertBook(settings.redis_url)
        self._client = connect(settings.redis_url)
        self._producer = FastProducer(settings.kafka_bootstrap)

    def decide(self, minute: int) -> Round:
        """Decide for the end of `minute` (of event time). Raises NotReady while a part is missing."""
        found = self._client.hgetall(KOLS_KEY)
        if not found:
            raise NotReady("no KOL has hourly features yet; run `scoreops stream --sink lake` and `scoreops fuse`")
        kols, platforms = zip(*sorted((k.decode(), v.decode()) for k, v in found.items()), strict=True)
        at_us = (minute + 1) * 60_000_000
        trust = self._branches.ask("trust", kols, platforms, at_us)
        success = self._branches.ask("success", kols, platforms, at_us)
        if success.fresh:
            self._open(forecast_drops(kols, platforms, *_revenue(success), at_us // HOUR_US))
        raw = _raw(trust, success, at_us)
        raw |= {"sentiment": self._branches.mood(kols, at_us), "anomaly": self._anomaly(kols, at_us)}
        inputs, averages, stale = self._steady(kols, raw, minute)
        answer = self._branches.fuse(features_of(inputs))
        versions = {"trust": trust.version, "success": success.version, "fusion": answer.version}
        alerted = self._newest_alerts(at_us)
        extras = [
            {"platform": platforms[row], "reasons": json.loads(trust.outputs["reasons"][row]), "stale": stale[row]}
            | {"percentile": _number(trust.outputs["percentile"][row]), "alert": alerted.get(kol)}
            for row, kol in enumerate(kols)
        ]
        records = [
            {"kol_id": kol, "as_of": _time(at_us), "versions": versions, **extras[row]}
            | {"inputs": _row(inputs.model_dump(), row), "outputs": _row(answer.outputs, row)}
            for row, kol in enumerate(kols)
        ]
        return Round(minute, records, self._write(minute, averages, records))

    def newest(self) -> int:
        """The newest minute that was decided."""
        return self._book.minute()

    def _open(self, alerts: Sequence[Alert]) -> None:
        self._alerts.add(alert.as_dict() for alert in alerts)
        self._alerts.publish(lambda messages: self._send(ALERTS_TOPIC, messages))

    def _send(self, topic: str, messages: Sequence[tuple[str, bytes]]) -> None:
        for key, message in messages:
            self._producer.send(topic, key.encode(), message)
        self._producer.flush()

    def _write(self, minute: int, averages: Mapping[str, Any], records: Sequence[dict[str, Any]]) -> bool:
        """To the log first, then to the book: after a crash between the two the minute is decided and sent again."""
        if self._book.minute() >= minute:
            return False
        encoded = [(r["kol_id"], json.dumps(r, ensure_ascii=False).encode()) for r in records]
        self._send(SCORES_TOPIC, encoded)
        return self._book.put(minute, averages, encoded)

    def _steady(
        self, kols: Sequence[str], raw: dict[str, Array], minute: int
    ) -> tuple[Inputs, dict[str, Any], list[list[str]]]:
        """Inputs with what is stale replaced by its moving average, the new averages, and what was replaced where."""
        revision, kept = self._branches.revision(), self._book.averages()
        passed = float(minute - kept.get("minute", minute))
        places = {kol: i for i, kol in enumerate(kept.get("kols", []))}
        order = [places.get(kol, -1) for kol in kols]
        averages: dict[str, Any] = {"minute": minute, "kols": list(kols)}
        stale: list[list[str]] = [[] for _ in kols]
        for name in _AVERAGED:
            before = np.array([*kept.get(name, []), np.nan], dtype=np.float64)[order]
            age = raw["trust_age" if name.startswith("trust") else "success_age"]
            mixed = moving_average(before, raw[name], passed, revision.half_life_minutes)
            raw[name], old = freshened(raw[name], mixed, age, revision)
            averages[name] = [_number(value) for value in mixed]
            for row in np.flatnonzero(old):
                stale[row].append(name)
        return Inputs(**raw), averages, stale

    def _anomaly(self, kols: Sequence[str], at_us: int) -> Array:
        strongest = dict.fromkeys(kols, 0.0)
        for alert in self._alerts.newest(100_000, since_us=at_us - ALERT_HOURS * 3_600_000_000):
            if (
                alert["kol_id"] in strongest and "acknowledged_by" not in alert and alert["event_us"] <= at_us + HOUR_US
            ):  # stamped with its hour's end
                strongest[alert["kol_id"]] = max(strongest[alert["kol_id"]], STRENGTH[alert["severity"]])
        return np.array([strongest[kol] for kol in kols])

    def _newest_alerts(self, at_us: int) -> dict[str, str]:
        found = self._alerts.newest(100_000, since_us=at_us - ALERT_HOURS * 3_600_000_000)
        shown = (alert for alert in reversed(found) if alert["severity"] != "info")
        return {alert["kol_id"]: f"{alert['rule']}: {alert['message']}" for alert in shown}


def _revenue(success: Branch) -> tuple[Array, Array]:
    """(n,) expected revenue of the next day, and that of the last one."""
    past = success.features[:, SUCCESS_FEATURES.columns.index("revenue_past_24h")]
    return success.outputs["forecast"][:, _PLACE["revenue_24h"]], past


def _raw(trust: Branch, success: Branch, at_us: int) -> dict[str, Array]:
    forecast, low, high = (success.outputs[name] for name in ("forecast", "low", "high"))
    hour, day = _PLACE["revenue_1h"], _PLACE["revenue_24h"]
    return {
        "trust": trust.outputs["score"],
        "trust_low": trust.outputs["low"],
        "trust_high": trust.outputs["high"],
        "trust_age": trust.age(at_us),
        "revenue_1h": forecast[:, hour],
        "revenue_24h": forecast[:, day],
        "revenue_24h_low": low[:, day],
        "revenue_24h_high": high[:, day],
        "success_age": success.age(at_us),
    }


def _row(columns: Mapping[str, Any], row: int) -> dict[str, float | None]:
    return {name: _number(values[row]) for name, values in columns.items()}


def _number(value: Any) -> float | None:
    number = float(value)
    return None if np.isnan(number) else round(number, 6)


def _time(us: int) -> str:
    return datetime.fromtimestamp(us / 1e6, UTC).isoformat()
