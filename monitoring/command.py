"""The command that starts the evidence service: `scoreops evidence` and `python -m monitoring` are the same."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scoreops.adapters.settings import Settings


def evidence(
    *,
    store: Annotated[Path | None, typer.Option(help="File that holds answers and labels. Default: in HOME.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on. Default: SCOREOPS_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port. Default: SCOREOPS_PORT_BASE + 85.")] = None,
    inputs_share: Annotated[float, typer.Option(min=0, max=1, help="Share of requests whose inputs are kept.")] = 1.0,
    keep_days: Annotated[float, typer.Option(min=0.01, help="Days after which answers and labels are dropped.")] = 30,
) -> None:
    """Join the inference log with labels, and answer how each version does: evidence for gates, and metrics.

    Example: scoreops evidence --keep-days 7
    """
    from monitoring.book import StoredBook
    from monitoring.feature_truth import OfflineTruth
    from monitoring.following import Follower
    from monitoring.metrics import Metrics
    from monitoring.process import Process
    from monitoring.store import Store
    from scoreops.adapters.gate_sources import RegistryShelf
    from scoreops.adapters.registry import Registry

    settings = Settings()
    kept = Store(store or settings.root / "evidence" / "evidence.sqlite")
    follower = Follower(settings.kafka_bootstrap, kept, inputs_share=inputs_share, keep_days=keep_days)
    shelf, truth = RegistryShelf(Registry(settings.mlflow_url, timeout_s=5.0)), OfflineTruth(settings)
    book = StoredBook(kept, read_at=lambda: follower.read_at, registry=shelf, truth=truth)
    made = Process(follower, book, Metrics(kept, book), host or settings.host, port or settings.evidence_port)
    if not made.run():
        raise typer.Exit(1)
