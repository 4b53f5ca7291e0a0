"""Real posts through the demo's loop, counted and equal to features by hand."""

from __future__ import annotations

import json
import os
from pathlib import Path

import polars as pl

from tests.e2e.conftest import Installation

ROOT = Path(__file__).resolve().parents[2]


def test_every_real_post_is_counted_and_features_equal_the_oracle(tmp_path):
    data = Path(os.environ.get("SCOREOPS_DATA", ROOT.parent / "shared" / "data"))
    export = data / "instafake" / "genuine_posts.json"
    if not export.exists():
        export = tmp_path / "export.json"
        export.write_text(json.dumps(made_up()))
    own = Installation(tmp_path / "home", 10_200)
    summary = json.loads(own.run("demo", "--posts", str(export), "--json"))
    accounts = json.loads(export.read_text())
    posts = sum(len(account["mediaUploadTimes"]) for account in accounts)
    assert summary["posts"] == posts
    assert summary["events"]["dead_lettered"] == 0
    assert summary["stream"]["folded"] == summary["events"]["accepted"] == summary["events"]["produced"]
    assert not own.leftovers()
    found = pl.read_parquet(own.home / "demo" / "features.parquet")
    rows = {row["kol_id"]: row for row in found.iter_rows(named=True)}
    for number, account in enumerate(accounts):
        if account["mediaUploadTimes"]:
            expected = by_hand(account)
            got = rows[f"ig-{number:04d}"]
            assert {name: got[name] for name in expected} == expected


def by_hand(account):
    """An account's features at the end of the minute of its newest post, by plain loops."""
    names = ("mediaUploadTimes", "mediaLikeNumbers", "mediaCommentNumbers")
    looks = list(zip(*(account[name] for name in names), strict=True))
    newest = max(at for at, _, _ in looks) // 60
    made = {
        "minute": newest,
        "n_posts_seen": len(looks),
        "likes": sum(likes for _, likes, _ in looks),
        "comments": sum(comments for _, _, comments in looks),
        "followers": float(account["userFollowerCount"]),
        "d_views_60m": 0.0,
    }
    for window in (5, 15, 60):
        inside = [(likes, comments) for at, likes, comments in looks if newest - at // 60 < window]
        made[f"d_likes_{window}m"] = float(sum(likes for likes, _ in inside))
        made[f"d_comments_{window}m"] = float(sum(comments for _, comments in inside))
        made[f"comments_{window}m"] = 0.0
    return made


def made_up():
    """A small export where the public one is absent."""
    return [
        {
            "userMediaCount": 3 + number,
            "userFollowerCount": 100 * number,
            "userFollowingCount": 7,
            "mediaUploadTimes": [1_541_700_000 + number * 100 - 900 * place for place in range(3 + number)],
            "mediaLikeNumbers": [10 * place + number for place in range(3 + number)],
            "mediaCommentNumbers": list(range(3 + number)),
        }
        for number in range(5)
    ]
