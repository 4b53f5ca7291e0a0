"""Prometheus metrics of the server, by model and version."""

from __future__ import annotations

from functools import partial
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

SECONDS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
ROWS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
TOGETHER: Final = (1, 2, 4, 8, 16, 32, 64, 128)
_BY: Final = ("model", "version")


RUN: Final = 64
"""Answers are counted so many at a time: each then costs a third of what it would between two requests. Of several
workers one shows what all have counted, so that none may keep anything back."""


class Meter:
    """Counts the requests to one model version, or the copies; its children are looked up once. Of one thread."""

    __slots__ = ("_failed", "_new", "_ok", "_rows", "_run", "_seconds")

    def __init__(self, metrics: Metrics, model: str, version: str, *, copy: bool) -> None:
        requests, seconds = (metrics.shadowed, metrics.shadow_seconds) if copy else (metrics.requests, metrics.seconds)
        self._ok = requests.labels(model, version, "ok")
        self._failed = requests.labels(model, version, "error")
        self._seconds = seconds.labels(model, version)
        self._rows = metrics.rows.labels(model, version)
        self._new: list[tuple[int, float]] = []
        self._run = metrics.run

    def ok(self, rows: int, seconds: float) -> None:
        """Note an answer of `rows` rows that took `seconds`."""
        self._new.append((rows, seconds))
        if len(self._new) >= self._run:
            self.flush()

    def flush(self) -> None:
        """Count what was noted."""
        new, self._new = self._new, []
        self._ok.inc(len(new))
        for rows, seconds in new:
            self._seconds.observe(seconds)
            self._rows.observe(rows)

    def failed(self) -> None:
        """Note a request without an answer."""
        self._failed.inc()


class Metrics:
    """All metrics of one server, in a registry of their own; `shared` when this is one of several workers."""

    def __init__(self, *, shared: bool = False) -> None:
        self._shared = shared
        self.run: Final = 1 if shared else RUN
        self.registry = own = CollectorRegistry()
        if not shared:  # among several workers it would be that of one of them
            ProcessCollector(registry=own)
        count, measure = partial(Counter, registry=own), partial(Histogram, registry=own)
        outcome, now = (*_BY, "outcome"), partial(Gauge, registry=own, multiprocess_mode="livesum")
        self.requests = count("predictor_requests", "Inference requests to a known version.", outcome)
        self.refused = count("predictor_http_errors", "HTTP requests answered with an error, by status.", ["status"])
        self.rpc_errors = count("predictor_grpc_errors", "gRPC calls answered with an error, by code.", ["code"])
        said = "From the decoded request to its answer."
        self.seconds = measure("predictor_request_duration_seconds", said, _BY, buckets=SECONDS)
        self.rows = measure("predictor_batch_rows", "Rows in one request.", _BY, buckets=ROWS)
        said = "Requests answered by one call of a model."
        self.together = measure("predictor_batch_requests", said, buckets=TOGETHER)
        said = "Requests waiting or being computed: few rows on the loop, others in a thread."
        self.queued = now("predictor_queue_requests", said, ["lane"])
        said = "Requests refused before any work: concurrency, wait, memory."
        self.rejected = count("predictor_rejected", said, ["why"])
        self.in_flight = now("predictor_requests_in_flight", "Requests being answered.")
        self.loads = count("predictor_model_loads", "Bundles loaded or refused.", outcome)
        said = "From fetching a bundle to ready."
        self.load_seconds = measure("predictor_model_load_duration_seconds", said, ["model"])
        said = "1 while a version answers under an alias, 0 after."
        everywhere = partial(Gauge, registry=own, multiprocess_mode="livemin")
        self.serving = everywhere("predictor_model_ready", said, (*_BY, "alias"))
        said = "Requests that named no version, by the version that the split of this revision gave them to."
        self.split_requests = count("predictor_split_requests", said, (*_BY, "split", "outcome"))
        said = "Copies of requests, which nobody waits for: ok, error, dropped, missing (not loaded)."
        self.shadowed = count("predictor_shadow", said, outcome)
        said = "From the decoded copy of a request to its answer."
        self.shadow_seconds = measure("predictor_shadow_duration_seconds", said, _BY, buckets=SECONDS)
        said = "Answers for the inference log: in, sent, dropped."
        self.logged = count("predictor_inference_log", said, ["stage"])
        for stage in ("in", "sent", "dropped"):
            self.logged.labels(stage)
        self._meters: dict[tuple[str, str, bool], Meter] = {}
        self._batches: list[int] = []

    def meter(self, model: str, version: str, *, copy: bool = False) -> Meter:
        """What counts the requests to a version, or the copies of requests to others."""
        found = self._meters.get((model, version, copy))
        if found is None:
            found = self._meters[model, version, copy] = Meter(self, model, version, copy=copy)
        return found

    def batch(self, requests: int) -> None:
        """Note that so many requests were answered by one call of a model."""
        self._batches.append(requests)
        if len(self._batches) >= self.run:
            self._count_batches()

    def _count_batches(self) -> None:
        batches, self._batches = self._batches, []
        for requests in batches:
            self.together.observe(requests)

    def render(self) -> bytes:
        """The text exposition format; of all workers, where there are several."""
        self._count_batches()
        for meter in self._meters.values():
            meter.flush()
        if not self._shared:
            return generate_latest(self.registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)
