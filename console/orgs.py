"""What one company reads of itself: whom to call first, how much cash there will be, what is odd. A key opens one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request
from fastapi.security import APIKeyHeader
from pydantic import BaseModel, Field

from feature_repo.sme import gold
from feature_repo.sme.feedback import say
from scoreops.adapters.org_cache import OrgCache
from scoreops.adapters.org_keys import OrgKeys
from scoreops.adapters.settings import Settings
from scoreops.core.errors import NotReady

Record = dict[str, Any]
Given = Annotated[str | None, Depends(APIKeyHeader(name="X-API-Key", auto_error=False))]
Org = Annotated[str, Path(min_length=1, max_length=100, description="The company.")]
By = Annotated[Literal["rule", "expected-cash"], Query(description="Order of the list.")]
Severity = Literal["low", "medium", "high"]
Limit = Annotated[int, Query(ge=1, le=10_000)]
REFUSED: Final = "this key opens another company, or none of this name"
"""The same words whether there is such a company or not."""


class Cash(BaseModel):
    """Where a company stands, and the days to come."""

    position: list[Record]
    forecast: list[Record]


class Verdict(BaseModel):
    """What a person says of an alert."""

    is_anomaly: bool
    by: str = Field(min_length=1, max_length=100)


def opened(request: Request, org: Org, given: Given) -> str:
    """The company that the request may read, by its key."""
    keys: OrgKeys = request.app.state.org_keys
    owner = keys.org_of(given) if given else None
    if owner is None:
        raise HTTPException(401, "the header X-API-Key is missing or wrong")
    if owner != org:
        raise HTTPException(403, REFUSED)
    return org


Opened = Annotated[str, Depends(opened)]


def org_router(settings: Settings) -> APIRouter:
    """Routes below /orgs/{org}; each wants a key of that company in the header X-API-Key."""
    cache = OrgCache(settings.redis_url)
    router = APIRouter(prefix="/orgs/{org}", tags=["companies"])

    def kept(org: str, name: str, compute: Callable[[], Any]) -> Any:
        try:
            return cache.get(org, name, compute)
        except NotReady:  # no Valkey runs
            return compute()

    @router.get("/worklist")
    def worklist(org: Opened, by: By = "rule", limit: Limit = 100) -> list[Record]:
        """Open invoices, the first to chase first, by the rule or by the cash that a call should bring."""
        name = f"worklist:{by}:{limit}"
        found: list[Record] = kept(org, name, lambda: gold.worklist(settings, org, by=by, limit=limit))
        return found

    @router.get("/cash")
    def cash(org: Opened) -> Cash:
        """Balance and runway by currency, and the newest forecast day by day."""

        def read() -> dict[str, list[Record]]:
            return {"position": gold.cash_position(settings, org), "forecast": gold.forecast(settings, org)}

        return Cash.model_validate(kept(org, "cash", read))

    @router.get("/anomalies")
    def anomalies(org: Opened, at_least: Severity = "low") -> list[Record]:
        """Odd transactions of this severity and above, the worst first, each with its reasons."""
        found: list[Record] = kept(org, f"anomalies:{at_least}", lambda: gold.alerts(settings, org, at_least))
        return found

    @router.post("/anomalies/{transaction_id}/feedback")
    def feedback(org: Opened, transaction_id: str, verdict: Verdict) -> Record:
        """Note whether an alert was right; the newest answer counts and moves the thresholds at the next training."""
        at = datetime.now(UTC)
        say(settings, org, transaction_id, odd=verdict.is_anomaly, by=verdict.by, at=at)
        return {"transaction_id": transaction_id, "is_anomaly": verdict.is_anomaly, "said_at": at.isoformat()}

    return router
