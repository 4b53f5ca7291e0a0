"""Metabase: reads a database's tables and columns again, so that new ones can be asked for at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import httpx

from scoreops.adapters.integrations import MetabaseTool, secret
from scoreops.adapters.retrying import FIRST_WAIT_S, send
from scoreops.core.errors import ScoreOpsError

TIMEOUT_S: Final = 30.0


@dataclass(frozen=True)
class Refreshed:
    """Whether Metabase began to read a database again; `error` says why not."""

    database: int
    ok: bool
    error: str = ""


def refresh(tool: MetabaseTool | None, *, first_wait_s: float = FIRST_WAIT_S) -> list[Refreshed]:
    """Let Metabase sync the schema of every database that the settings name. One that fails keeps no other back."""
    if tool is None:
        return []
    try:
        headers = {"X-API-Key": secret(tool.key_env)}
    except ScoreOpsError as error:
        return [Refreshed(database, False, str(error)) for database in tool.databases]
    made = []
    with httpx.Client(base_url=tool.url, headers=headers, timeout=TIMEOUT_S) as client:
        for database in tool.databases:
            try:
                _sync(client, database, first_wait_s)
            except ScoreOpsError as error:
                made.append(Refreshed(database, False, str(error)))
            else:
                made.append(Refreshed(database, True))
    return made


def _sync(client: httpx.Client, database: int, first_wait_s: float) -> None:
    path = f"/api/database/{database}/sync_schema"
    send(lambda: client.post(path), f"Metabase, database {database},", first_wait_s=first_wait_s)
