"""After new tables: Metabase reads them again, and cached answers are forgotten. What is not configured is left out."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from feature_repo.sme.gold import orgs
from scoreops.adapters.integrations import read_integrations
from scoreops.adapters.metabase import refresh
from scoreops.adapters.org_cache import OrgCache
from scoreops.adapters.settings import Settings
from scoreops.core.errors import NotReady


def refresh_readers(settings: Settings) -> dict[str, Any]:
    """What Metabase said, and of how many companies answers were forgotten; -1 where no Valkey runs."""
    told = [asdict(each) for each in refresh(read_integrations(settings.integrations).metabase)]
    cache = OrgCache(settings.redis_url)
    try:
        forgotten = len(cache.invalidate(orgs(settings)))
    except NotReady:
        forgotten = -1  # without a cache there is no old answer
    finally:
        cache.close()
    return {"metabase": told, "forgotten": forgotten}
