"""The demo on an export of real posts: every one through the log and the fold, and what they amount to.

Such an export has no labels and no sales, so nothing is trained on it and no score is given: "not enough data".
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import polars as pl

from feature_repo.intake import read
from feature_repo.stream import PlainRunner, open_state
from ingestion.replay import lines, replay
from scoreops.adapters.kafka_log import read_all
from scoreops.adapters.settings import Settings
from scoreops.adapters.state_store import StateStore
from scoreops.kol.events import SOCIAL_TOPIC
from scoreops.kol.features import ROLLING, rolling
from scoreops.kol.tiles import Tiles, fold, increments
from scoreops.local import runtime
from scoreops.local.demo_report import Reporter
from scoreops.local.demo_summary import from_scratch

COMPONENTS: Final = ("kafka", "valkey")
FEATURES_FILE: Final = "features.parquet"
_TOP: Final = 10
_JOB: Final = "posts"


def run_posts(settings: Settings, file: Path, reporter: Reporter, *, keep: bool) -> dict[str, Any]:
    """Replay `file` (an export in the shape of instafake, or events as JSON lines) under HOME/demo.

    Returns what summary.json holds: events, what the stream made of them, and totals of the accounts. The features of
    every account at its newest minute are in features.parquet.
    """
    own = settings.model_copy(update={"home": settings.root / "demo"})
    seconds: dict[str, float] = {}
    with from_scratch(own, keep=keep):
        with _timed("start", reporter, seconds):
            runtime.up([runtime.component(name, own) for name in COMPONENTS])
        with _timed("replay", reporter, seconds):
            form = "instafake" if file.suffix == ".json" else "events"
            sent = replay(lines(file, form), own, progress=lambda c: reporter.doing(f"{c.produced:,} events"))
        with _timed("stream", reporter, seconds):
            PlainRunner(own, open_state(own, _JOB)).run(threading.Event(), until_idle=True)
            counts = StateStore(own.redis_url, _JOB).counts()
        with _timed("features", reporter, seconds):
            tiles = fold(read(list(read_all(own.kafka_bootstrap, SOCIAL_TOPIC))).events)
            table = account_features(tiles)
            table.write_parquet(own.root / FEATURES_FILE)
    made = {
        "events": {"produced": sent.produced, "accepted": sent.accepted, "dead_lettered": sent.dead_lettered},
        "stream": counts,
        "accounts": len(table),
        "posts": int(table["n_posts_seen"].sum()),
        "likes": int(table["likes"].sum()),
        "comments": int(table["comments"].sum()),
        "reasons": dict(sent.reasons.most_common()),
        "seconds": seconds,
    }
    (own.root / "summary.json").write_text(json.dumps(made, indent=1) + "\n")
    _tell(made, table, reporter)
    return made


def account_features(tiles: Tiles) -> pl.DataFrame:
    """One row an account: its totals, and its rolling features at the end of its newest minute."""
    gained = increments(tiles.posts).group_by("kol_id").agg(pl.col("d_likes").sum(), pl.col("d_comments").sum())
    posts = tiles.posts.group_by("kol_id").agg(pl.col("post_id").n_unique().alias("n_posts_seen"))
    last = tiles.minutes.group_by("kol_id").agg(pl.col("minute").max())
    rows = [_at(tiles, kol, minute) for kol, minute in last.sort("kol_id").iter_rows()]
    totals = posts.join(gained.rename({"d_likes": "likes", "d_comments": "comments"}), on="kol_id")
    return pl.concat(rows).join(totals, on="kol_id", how="left").sort("kol_id")


def _at(tiles: Tiles, kol: str, minute: int) -> pl.DataFrame:
    own = pl.col("kol_id") == kol
    return rolling(Tiles(tiles.minutes.filter(own), tiles.posts.filter(own)), minute).select(
        "kol_id", "minute", *ROLLING
    )


@contextmanager
def _timed(name: str, reporter: Reporter, seconds: dict[str, float]) -> Iterator[None]:
    began = time.monotonic()
    with reporter.phase(name):
        yield
    seconds[name] = round(time.monotonic() - began, 1)


def _tell(made: dict[str, Any], table: pl.DataFrame, reporter: Reporter) -> None:
    events = made["events"]
    reporter.line(
        f"{events['produced']:,} events, {events['accepted']:,} accepted, {events['dead_lettered']:,} dead letters; "
        f"{made['posts']:,} posts of {made['accounts']} accounts with {made['likes']:,} likes"
    )
    best = table.sort("likes", descending=True).head(_TOP)
    for row in best.iter_rows(named=True):
        followers = "?" if row["followers"] is None else f"{row['followers']:,.0f}"
        per_post = row["likes"] / row["n_posts_seen"]
        reporter.line(
            f"{row['kol_id']}  {row['n_posts_seen']:>5} posts  {per_post:8.1f} likes each  {followers} followers"
        )
    reporter.line("trust: not enough data (an export has neither labels nor sales)")
