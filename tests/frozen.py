"""The scorers' formulas as they stood before they were made fast: one row, one target, one step after the other.

Do not make this faster or share code with the scorers; it is what their answers are compared with.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np

from scoreops.core.onnx_models import OnnxModel
from scoreops.kol.success_curves import curve_of
from scoreops.kol.success_features import METRICS, SUCCESS_FEATURES, TARGETS, WEEK
from scoreops.kol.text import MAX_COMMENTS, MIN_COMMENTS, embed
from scoreops.kol.trust_features import LOGGED, MEANING, TRUST_FEATURES

_TIERS = np.log([1e4, 1e5, 1e6])


def sigmoid(x):
    return 1 / (1 + np.exp(-np.clip(x, -40, 40)))


class Trust:
    """Answers from the files of a bundle."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.head, self.text = json.loads(files["head.json"]), json.loads(files["text.json"])
        self.booster = OnnxModel(files["xgboost.onnx"], "margin")
        self.forest = OnnxModel(files["forest.onnx"], "score")
        self.medians = np.array(self.head["medians"])

    def answer(self, row, comments, platform):
        """Score, low, high, percentile, abstained, reasons of one row (d,)."""
        unknown = np.isnan(row)
        if np.mean(~unknown) < 0.5:
            names = [MEANING[n] for n, gone in zip(TRUST_FEATURES.columns, unknown, strict=True) if gone]
            said = f"{len(names)} of {len(row)} inputs are unknown, among them {', '.join(names[:3])}"
            return (np.nan,) * 4 + (True, [f"not enough data: {said}"])
        members = np.zeros(3)
        members[0] = self.booster(row[None, :])[0]
        members[1] = -10 * (self.forest(np.where(unknown, self.medians, row)[None, :])[0] - 0.5)
        if len(comments) >= MIN_COMMENTS:
            raw = (embed(comments[-MAX_COMMENTS:]) * np.array(self.text["weights"])).sum() + self.text["bias"]
            members[2] = np.clip(raw, -8, 8)
        score = 100 * sigmoid((members * self.head["stacker"][:3]).sum() + self.head["stacker"][3])
        replicas = np.array(self.head["replicas"])
        low, high = 100 * np.quantile(sigmoid((members * replicas[:, :3]).sum(axis=1) + replicas[:, 3]), [0.1, 0.9])
        size = row[TRUST_FEATURES.columns.index("log_followers")]
        group = f"{platform}/{int(np.searchsorted(_TIERS, np.nan_to_num(size)))}"
        peers = self.head["peers"].get(group, self.head["peers"]["*"])
        percentile = np.interp(score, peers, np.linspace(0, 100, 21))
        return score, min(low, score), max(high, score), percentile, False, self._reasons(row, members)

    def _reasons(self, row, members):
        weights = self.head["stacker"]
        said = []
        for place, (name, value, usual) in enumerate(zip(TRUST_FEATURES.columns, row, self.medians, strict=True)):
            swapped = row.copy()
            swapped[place] = usual
            shift = weights[0] * (members[0] - self.booster(swapped[None, :])[0])
            if abs(shift) >= 0.05 and not np.isnan(value):
                side, read = "above" if value > usual else "below", LOGGED.get(name, float)
                said.append((shift, f"{MEANING[name]} {side} the usual ({read(value):.3g}, usually {read(usual):.3g})"))
        text = weights[2] * members[2]
        if abs(text) >= 0.05:
            said.append((text, f"comments read like those under {'genuine' if text > 0 else 'dishonest'} accounts"))
        said.sort(key=lambda item: -abs(item[0]))
        return [f"{'+' if shift > 0 else '-'} {words}" for shift, words in said[:3]]


class Success:
    """Answers from the files of a bundle."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.head = json.loads(files["head.json"])
        self.boosters = {target: OnnxModel(files[f"{target}.onnx"], "predict") for target in TARGETS}
        self.lstm = OnnxModel(files["lstm.onnx"], "forecast")
        stop = self.head["until"] + 21 * 24
        self.curves = {name: curve_of(text, stop) for name, text in json.loads(files["prophet.json"]).items()}

    def answer(self, features):
        """Forecast, low, high, median (n, 6) and degraded (n,) of rows (n, d)."""
        blind = np.isnan(_column(features, "clicks_past_24h"))
        made = {name: np.zeros((len(features), len(TARGETS))) for name in ("forecast", "low", "high", "median")}
        recurrent = np.expm1(self.lstm.table(sequences(features)))
        for place, target in enumerate(TARGETS):
            boosted = np.expm1(self.boosters[target](features))
            members = np.stack([boosted, *self._baseline(features, target), recurrent[:, place]], axis=1)
            plain, full = ((members * self.head[kind][target]).sum(axis=1) for kind in ("baselines", "blends"))
            value = np.maximum(np.where(blind, plain, full), 0)
            ends = {}
            for kind in ("bands", "baseline_bands"):
                low, high, offset, power = self.head[kind][target]
                scale = (np.maximum(value, 0) + offset) ** power
                ends[kind] = np.maximum(value + low * scale, 0), np.maximum(value + high * scale, 0)
            made["forecast"][:, place] = value
            made["low"][:, place] = np.minimum(np.where(blind, ends["baseline_bands"][0], ends["bands"][0]), value)
            made["high"][:, place] = np.maximum(np.where(blind, ends["baseline_bands"][1], ends["bands"][1]), value)
            made["median"][:, place] = self._median(target, value, features, made["median"][:, place - 1])
        return made | {"degraded": blind}

    def _baseline(self, features, target):
        metric, horizon = target.removesuffix("h").rsplit("_", 1)
        share, hours = (np.nan_to_num(_column(features, name)) for name in (f"{metric}_share", "as_of_hour"))
        platform = _column(features, "platform")
        prophet = np.zeros(len(features))
        for index in np.unique(platform[np.isfinite(platform)]).astype(int):
            rows, curve = platform == index, self.curves.get(f"{index}/{metric}")
            if curve is not None:
                prophet[rows] = share[rows] * curve.total(hours[rows].astype(np.int64), int(horizon))
        return prophet, np.nan_to_num(_column(features, f"{metric}_week_ago_{horizon}h"))

    def _median(self, target, value, features, orders_median):
        if target.startswith("revenue"):
            orders, revenue = (np.nan_to_num(_column(features, f"{name}_past_168h")) for name in ("orders", "revenue"))
            return orders_median * ((revenue + 3 * self.head["order_value"]) / (orders + 3))
        knots, values = self.head["medians"][target]
        inside = np.interp(value, knots, values)
        return np.rint(np.where(value > knots[-1], value * values[-1] / max(knots[-1], 1e-12), inside))


def sequences(features):
    """(n, 5, 13) what the recurrent member reads, a metric and a span at a time."""
    spans = (WEEK, 24, 6, 3, 1, 0)
    made = np.zeros((len(features), 5, 13))
    for place, metric in enumerate(METRICS):
        sums = [_column(features, f"{metric}_past_{span}h") for span in spans[:-1]] + [np.zeros(len(features))]
        for step in range(5):
            rate = (sums[step] - sums[step + 1]) / (spans[step] - spans[step + 1])
            made[:, step, place] = np.log1p(np.maximum(rate, 0))
    for place, name in enumerate(("log_followers", "hour_sin", "hour_cos", "weekday")):
        made[:, :, 3 + place] = _column(features, name)[:, None]
    for place, name in enumerate(f"{metric}_week_ago_{span}h" for span in (1, 24) for metric in METRICS):
        made[:, :, 7 + place] = np.log1p(np.maximum(_column(features, name), 0))[:, None]
    return np.nan_to_num(made).astype(np.float32)


def decisions(features, revision):
    """Fusion's outputs for rows (n, 11) in the order of `fusion.Inputs`."""
    trust, trust_low, trust_high, _, hour, day, day_low, day_high, _, mood, anomaly = features.T
    quantiles = revision.revenue_quantiles
    revenue = np.where(np.isnan(hour), np.nan, np.interp(hour, quantiles, np.linspace(0, 1, len(quantiles))))
    mood = (np.nan_to_num(mood) + 1) / 2
    w1, w2, w3 = revision.logit_weights
    ev, trust_sd, day_sd = day * (trust / 100), (trust_high - trust_low) / 100 / 2.5632, (day_high - day_low) / 2.5632
    spread = np.sqrt((day * trust_sd) ** 2 + (trust / 100 * day_sd) ** 2 + (trust_sd * day_sd) ** 2)
    rank, low, high = ranks(ev, spread)
    return {
        "score": revision.revenue_weight * revenue
        + revision.trust_weight * trust / 100
        + revision.sentiment_weight * mood
        - revision.anomaly_weight * np.nan_to_num(anomaly),
        "probability": sigmoid(w1 * revenue + w2 * trust / 100 + w3 * mood + revision.logit_bias),
        "ev": ev,
        "ev_low": np.maximum(ev - 1.2816 * spread, 0),
        "ev_high": ev + 1.2816 * spread,
        "spend_factor": np.where(trust < revision.block_below, 0, np.clip(trust / revision.discount_below, 0, 1)),
        "rank": rank,
        "rank_low": low,
        "rank_high": high,
    }


def ranks(ev, spread):
    """Ranks, 1 for the largest, and between which they lie in 80 % of the draws."""
    known = np.where(np.isnan(ev), -np.inf, ev)
    drawn = known + np.nan_to_num(spread) * np.random.default_rng(0).standard_normal((400, len(ev)))
    drawn = np.where(np.isfinite(known), drawn, -np.inf)
    order = [np.argsort(np.argsort(-values, kind="stable"), kind="stable") + 1 for values in (known, *drawn)]
    low, high = np.quantile(order[1:], [0.1, 0.9], axis=0)
    return order[0], np.floor(low), np.ceil(high)


def _column(features, name):
    return features[:, SUCCESS_FEATURES.columns.index(name)]
