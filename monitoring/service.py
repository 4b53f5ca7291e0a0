"""The evidence over HTTP: `GET /v1/evidence/{model}`, probes and metrics."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, Field, ValidationError

from monitoring.metrics import Metrics
from scoreops.core.errors import BadInput, NotReady, ScoreOpsError
from scoreops.core.gates.checks import Decision
from scoreops.core.gates.evidence import Evidence, Wanted
from scoreops.core.gates.ports import Book
from scoreops.core.rollout_spec import Frozen

READY_WITHIN: Final = timedelta(seconds=60)
_TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"


class Asked(Frozen):
    """`Wanted` as a query, with `decision` as JSON."""

    candidate: str
    since: AwareDatetime
    stable: str | None = None
    maturity_seconds: int = Field(default=0, ge=0)
    feature_seconds: float | None = Field(default=None, gt=0)
    decision: str | None = None


def create_app(book: Book, metrics: Metrics, read_at: Callable[[], datetime | None]) -> FastAPI:
    """The application."""
    app = FastAPI(title="ScoreOps evidence", version="1", description=__doc__ or "")
    app.add_exception_handler(ScoreOpsError, _failed)

    @app.get("/v1/evidence/{model}", response_model_by_alias=True)
    def evidence(model: str, asked: Annotated[Asked, Query()]) -> Evidence:
        """Sums over the answers of `candidate` since a time, and over its pairs with `stable`."""
        given = asked.model_dump(exclude={"decision"})
        return book.read(Wanted(model=model, decision=_decision(asked.decision), **given))

    @app.get("/health/live")
    def live() -> dict[str, bool]:
        return {"live": True}

    @app.get("/health/ready")
    def ready() -> JSONResponse:
        """Ready while all of the log was read within the last minute."""
        at = read_at()
        fresh = at is not None and datetime.now(UTC) - at < READY_WITHIN
        return JSONResponse({"ready": fresh, "read_at": at.isoformat() if at else None}, 200 if fresh else 503)

    @app.get("/metrics")
    def scrape() -> Response:
        return Response(metrics.render(), media_type=_TEXT)

    return app


def _failed(_request: Request, error: Exception) -> JSONResponse:
    status = 422 if isinstance(error, BadInput) else 503 if isinstance(error, NotReady) else 500
    return JSONResponse({"error": str(error)}, status)


def _decision(given: str | None) -> Decision | None:
    if given is None:
        return None
    try:
        return Decision.model_validate_json(given)
    except ValidationError as error:
        raise BadInput(str(error.errors(include_url=False)[0]["msg"]), "decision") from error
