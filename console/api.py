"""The application: what was decided, why, what is odd, and which versions answer."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import JSONResponse
from fastapi.security import APIKeyHeader
from pydantic import AwareDatetime, BaseModel, Field

from console.orgs import org_router
from feature_repo.score_sink import explained
from scoreops.adapters.alert_book import AlertBook
from scoreops.adapters.org_keys import org_keys
from scoreops.adapters.registry import Registry
from scoreops.adapters.score_book import ScoreBook
from scoreops.adapters.settings import Settings
from scoreops.catalog import SCORES, score
from scoreops.core.errors import BadInput, NotFound, NotReady, Refused, ScoreOpsError, Unsupported

STATUS: Final[Mapping[type[ScoreOpsError], int]] = {
    BadInput: 422,
    NotFound: 404,
    Unsupported: 404,
    Refused: 409,
    NotReady: 503,
}
Sort = Literal["ev", "trust", "score", "probability"]
Limit = Annotated[int, Query(ge=1, le=1000)]
Record = dict[str, Any]
Given = Annotated[str | None, Depends(APIKeyHeader(name="X-API-Key", auto_error=False))]
"""The key of a request. FastAPI reads annotations in the names of the module, so this cannot live in a function."""


class Acknowledgement(BaseModel):
    """Who has seen an alert."""

    by: str = Field(min_length=1, max_length=100)


class RolledBack(BaseModel):
    """Which version answered and which one answers now."""

    model: str
    was: int
    now: int


def create_app(settings: Settings, api_key: str) -> FastAPI:
    """The application; every route but /health wants a key in the header X-API-Key: `api_key`, or that of a company."""

    def authorised(given: Given) -> None:
        if given is None or not hmac.compare_digest(given.encode(), api_key.encode()):
            raise HTTPException(401, "the header X-API-Key is missing or wrong")

    app = FastAPI(title="ScoreOps", version="1", description=__doc__ or "")
    app.add_exception_handler(ScoreOpsError, _failed)
    scores, alerts = ScoreBook(settings.redis_url), AlertBook(settings.redis_url)
    registry = Registry(settings.mlflow_url)
    for router in (_kols(settings, scores), _alerts(alerts), _models(registry)):
        app.include_router(router, prefix="/v1", dependencies=[Depends(authorised)])

    app.state.org_keys = org_keys(settings)
    app.include_router(org_router(settings), prefix="/v1")

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    return app


async def _failed(_request: Request, error: Exception) -> JSONResponse:
    code = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 500)
    return JSONResponse({"detail": str(error)}, code)


def _kols(settings: Settings, book: ScoreBook) -> APIRouter:
    router = APIRouter(tags=["kols"])

    @router.get("/kols")
    def kols(sort: Sort = "ev", min_trust: float = 0, platform: str = "", limit: Limit = 100) -> list[Record]:
        """KOLs as decided last, best first; those without a value of `sort` come last."""
        kept = [
            record
            for record in book.all()
            if (record["inputs"]["trust"] or 0) >= min_trust and platform in ("", record["platform"])
        ]
        return sorted(kept, key=lambda record: _worst_first(record, sort))[:limit]

    @router.get("/kols/{kol_id}")
    def kol(kol_id: str) -> Record:
        """What was decided last about one KOL."""
        return book.of(kol_id)

    @router.get("/kols/{kol_id}/explain")
    def explain(kol_id: str, as_of: AwareDatetime | None = None) -> Record:
        """Score, inputs, reasons and versions, now or as they stood at `as_of`."""
        return book.of(kol_id) if as_of is None else explained(settings, kol_id, as_of)

    return router


def _worst_first(record: Record, sort: Sort) -> tuple[bool, float]:
    value = record["inputs"]["trust"] if sort == "trust" else record["outputs"][sort]
    return (value is None, -(value or 0.0))


def _alerts(book: AlertBook) -> APIRouter:
    router = APIRouter(prefix="/alerts", tags=["alerts"])

    @router.get("")
    def alerts(kol: str = "", since: AwareDatetime | None = None, limit: Limit = 100) -> list[Record]:
        """The newest alerts first, each with its evidence."""
        since_us = round(since.timestamp() * 1_000_000) if since else 0
        return book.newest(limit, since_us=since_us, kol=kol)

    @router.post("/{alert_id}/ack")
    def acknowledge(alert_id: str, who: Acknowledgement) -> Record:
        """Note that somebody has seen it; the first one stands."""
        return book.acknowledge(alert_id, who.by, datetime.now(UTC).isoformat(timespec="seconds"))

    return router


def _models(registry: Registry) -> APIRouter:
    router = APIRouter(prefix="/models", tags=["models"])

    @router.get("")
    def models() -> list[Record]:
        """Every version of every score, with aliases, metrics and what its gates said."""
        return [vars(version) for name in SCORES for version in registry.versions(name)]

    @router.post("/{name}/rollback")
    def rollback(name: str) -> RolledBack:
        """Let the previous version answer again."""
        was, now = registry.rollback(score(name).name)
        return RolledBack(model=name, was=was, now=now)

    return router
