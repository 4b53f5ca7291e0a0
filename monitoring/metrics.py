"""Prometheus metrics of the evidence: how answers of the last hour turned out, by model and version."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from monitoring.book import StoredBook
from monitoring.store import Store
from scoreops.core.gates.evidence import Drifted, Evidence, Wanted
from scoreops.core.sequential_calibration import calibration_error
from scoreops.core.sequential_losses import Pairs, interval

WINDOW: Final = timedelta(hours=1)
ALPHA: Final = 0.01
_BY: Final = ("model", "version")


class Metrics:
    """Gauges that `refresh` brings up to date; a version that no longer answers leaves them."""

    def __init__(self, store: Store, book: StoredBook) -> None:
        self._store, self._book = store, book
        self.registry = CollectorRegistry()
        gauge = partial(Gauge, registry=self.registry)
        self._read_at = gauge("evidence_read_timestamp_seconds", "When all of the log was last known to be read.")
        self._messages = gauge("evidence_rows", "Rows read since the store began: answers, labels, refused.", ["kind"])
        self._answers = gauge("evidence_answers", "Answers of the last hour.", _BY)
        self._labelled = gauge("evidence_labelled_answers", "Those with a label.", _BY)
        self._abstained = gauge("evidence_abstained_answers", "Answers without a probability.", _BY)
        self._brier = gauge("evidence_brier_score", "Mean squared error of probabilities with a label.", _BY)
        self._ece = gauge("evidence_calibration_error", "Expected calibration error.", _BY)
        self._drift = gauge("evidence_drifted_share", "Share of the importance of features that moved.", _BY)
        self._label_time = gauge("evidence_newest_label_timestamp_seconds", "When the newest label came.", ["model"])
        said = "Mean loss of a version less that of the one before on the same requests; and its confidence sequence."
        self._paired = gauge("evidence_paired_loss", said, ["model", "stable", "candidate", "loss", "bound"])

    def refresh(self, now: datetime) -> None:
        """Read the evidence of the last hour."""
        for kind, n in self._store.counts().items():
            self._messages.labels(kind).set(n)
        versions: dict[str, list[str]] = {}
        for model, version, _ in self._store.versions(round((now - WINDOW).timestamp() * 1e6)):
            versions.setdefault(model, []).append(version)
        for one in (self._answers, self._labelled, self._abstained, self._brier, self._ece, self._drift, self._paired):
            one.clear()
        for model, found in versions.items():
            found.sort(key=lambda version: (len(version), version))
            for place, version in enumerate(found):
                stable = found[place - 1] if place else None
                wanted = Wanted(model=model, candidate=version, stable=stable, since=now - WINDOW)
                self._show(wanted, self._book.read(wanted))

    def render(self) -> bytes:
        """The text exposition format."""
        return generate_latest(self.registry)

    def _show(self, wanted: Wanted, seen: Evidence) -> None:
        by = (wanted.model, wanted.candidate)
        self._answers.labels(*by).set(seen.answers)
        self._labelled.labels(*by).set(seen.labelled)
        self._abstained.labels(*by).set(seen.abstained)
        if seen.labelled:
            self._brier.labels(*by).set(seen.brier.total / seen.brier.n)
            self._ece.labels(*by).set(calibration_error(seen.bins))
        if seen.drift.rows >= seen.drift.need > 0:
            self._drift.labels(*by).set(_share(seen.drift))
        if seen.read_at is not None:
            self._read_at.set(seen.read_at.timestamp())
        if seen.fresh.newest_label is not None:
            self._label_time.labels(wanted.model).set(seen.fresh.newest_label.timestamp())
        if seen.pairs is not None and seen.pairs.labelled and wanted.stable is not None:
            names = (wanted.model, wanted.stable, wanted.candidate)
            self._show_pairs((*names, "brier"), seen.pairs.brier)
            self._show_pairs((*names, "log"), seen.pairs.log_loss)

    def _show_pairs(self, names: tuple[str, ...], pairs: Pairs) -> None:
        low, high = interval(pairs, ALPHA)
        for bound, value in (("low", low), ("mean", pairs.total / max(pairs.n, 1)), ("high", high)):
            self._paired.labels(*names, bound).set(value)


def _share(drift: Drifted) -> float:
    weights = drift.importance if any(drift.importance.values()) else {one.feature: 1.0 for one in drift.moved}
    total = sum(weights.values()) or 1.0
    return sum(weights.get(one.feature, 0.0) for one in drift.moved if one.moved) / total
