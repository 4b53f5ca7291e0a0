"""Traces: W3C context in and out, spans to an OpenTelemetry collector where one is named.

Without a collector nothing is recorded, and the context that came in is passed on to the log and the answer as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

_TRACEPARENT: Final = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
SERVICE: Final = "scoreops-predictor"


class Span:
    """One request's part of a trace. `traceparent` is what its followers continue from, "" for none."""

    __slots__ = ("_span", "traceparent")

    def __init__(self, traceparent: str, span: Any = None) -> None:
        self.traceparent = traceparent
        self._span = span

    def end(self, outcome: str, attributes: Mapping[str, str | int]) -> None:
        """Close it; `outcome` is "" for an answer, else what went wrong."""
        if self._span is not None:
            from opentelemetry.trace import Status, StatusCode

            self._span.set_attributes(dict(attributes))
            self._span.set_status(Status(StatusCode.ERROR, outcome) if outcome else Status(StatusCode.OK))
            self._span.end()


class Tracing:
    """Begins spans. `exporter`: where spans go, None for nowhere."""

    def __init__(self, exporter: Any = None) -> None:
        self._provider: Any = None
        if exporter is not None:
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
            from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

            self._provider = TracerProvider(resource=Resource.create({"service.name": SERVICE}))
            self._provider.add_span_processor(BatchSpanProcessor(exporter))
            self._tracer = self._provider.get_tracer("predictors")
            self._propagator = TraceContextTextMapPropagator()

    @property
    def on(self) -> bool:
        """Whether spans go anywhere."""
        return self._provider is not None

    def begin(self, name: str, traceparent: str, tracestate: str = "") -> Span:
        """A server span that continues `traceparent`, or begins a trace where that is none."""
        if self._provider is None:
            return Span(traceparent if traceparent and _TRACEPARENT.fullmatch(traceparent) else "")
        from opentelemetry.trace import SpanKind

        parent = self._propagator.extract({"traceparent": traceparent, "tracestate": tracestate})
        span = self._tracer.start_span(name, context=parent, kind=SpanKind.SERVER)
        context = span.get_span_context()
        return Span(f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}", span)

    def close(self) -> None:
        """Send what is left."""
        if self._provider is not None:
            self._provider.shutdown()


def otlp() -> Any:
    """An exporter over OTLP/HTTP, set by the standard variables (OTEL_EXPORTER_OTLP_ENDPOINT and the like)."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()
