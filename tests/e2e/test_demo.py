"""The demo as a new user runs it: the whole loop on real parts, judged by what it writes down. Then the commands of the
how-to guides, as they stand, on what it leaves running.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from scoreops.adapters.kafka_log import read_all
from scoreops.kol.events import SCORES_TOPIC

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
WITH_A_CLUSTER = ("run-a-cluster", "deliver-on-kubernetes")
"""Guides that need root: tests/cluster does what they say."""
ORDER = (
    "rank-and-explain",
    "acknowledge-alerts",
    "read-scores-over-v2",
    "serve-your-own-model",
    "feed-your-own-events",
    "repair-dead-letters",
    "use-feast",
    "roll-back-a-model",
    "roll-out-with-a-canary",
    "use-the-spark-engine",
    "chase-invoices",
    "read-sme-tables",
    "read-a-company-over-rest",
    "schedule-pipelines",
    "train-and-gates",
)
"""Guides that change what others look at come last."""
BLOCK = re.compile(r"```(console[^\n]*)\n(.*?)```", re.DOTALL)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_demo_reaches_its_figures(kept):
    summary = kept.summary
    events = summary["events"]
    assert events["accepted"] + events["dead_lettered"] == events["produced"]
    assert events["folded"] == events["accepted"] - events["repeats_ignored"]
    assert events["too_late"] == 0
    agreement = summary["agreement"]
    assert agreement["trust"]["auc"] >= 0.90
    assert agreement["trust"]["ece"] <= 0.05
    assert agreement["follower_spike"]["recall"] >= 0.95
    assert agreement["follower_spike"]["precision"] >= 0.90
    judged = {step["score"]: step["metrics"] for step in summary["training"][-1]["steps"] if step["step"] == "evaluate"}
    for target in ("clicks_24h", "orders_24h", "revenue_24h"):
        assert judged["success"][f"smape_{target}"] <= 0.9 * judged["success"][f"smape_naive_{target}"]
        assert 0.75 <= judged["success"][f"coverage_{target}"] <= 0.85
    assert {(one["score"], one["gate"]) for one in summary["refusals"]} >= {("trust", "contract"), ("success", "drift")}
    assert summary["rollback"]["to"] < summary["rollback"]["from"]
    fusion = summary["fusion"]  # minutes whose time is over before they were decided are skipped, and counted
    assert fusion["decided_minutes"] + fusion["skipped_minutes"] > 60
    assert fusion["decided_minutes"] > 10


def test_a_decision_is_explained_as_it_stood_before_and_after_the_rollback(kept):
    minutes = {}
    for record in read_all(f"127.0.0.1:{kept.installation.base + 92}", SCORES_TOPIC):
        decision = json.loads(record.value)
        if decision["kol_id"] == "kol-00042":
            minutes[decision["as_of"]] = decision
    first, last = minutes[min(minutes)], minutes[max(minutes)]
    rollback = kept.summary["rollback"]
    assert first["versions"]["trust"] == str(rollback["from"])
    assert str(rollback["to"]) in {decision["versions"]["trust"] for decision in minutes.values()}
    for then in (first, last):
        told = json.loads(kept.installation.run("explain", "kol-00042", "--as-of", then["as_of"], "--json"))
        assert {name: told[name] for name in then} == then


def blocks(guide):
    """(where a command that stays answers: port from the base and path, or ""; its commands) of each console block."""
    for kind, text in BLOCK.findall((DOCS / "how-to" / f"{guide}.md").read_text()):
        yield kind.partition("background ")[2], [line[2:] for line in text.splitlines() if line.startswith("$ ")]


@pytest.fixture(scope="module")
def shell(kept, tmp_path_factory):
    """Environment in which a reader's shell runs: `scoreops` on the path, a folder of its own."""
    folder = tmp_path_factory.mktemp("reader")
    command = folder / "bin" / "scoreops"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -W ignore -m scoreops "$@"\n')
    command.chmod(0o755)
    path = f"{command.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    return kept.installation.environment | {"PATH": path}, kept.installation.base


@pytest.mark.timeout(400)
@pytest.mark.parametrize("guide", ORDER)
def test_every_command_of_the_guide_works(guide, shell):
    environment, base = shell
    background = []
    try:
        for stays, commands in blocks(guide):
            if stays:
                background.append(subprocess.Popen(["bash", "-c", f"exec {commands[0]}"], env=environment, cwd=ROOT))
                offset, _, path = stays.partition("/")
                answering(f"http://127.0.0.1:{base + int(offset)}/{path}")
                continue
            lines = [line for line in commands if not line.startswith("export SCOREOPS_HOME")]
            script = "set -eu\n" + "\n".join(lines)
            done = subprocess.run(
                ["bash", "-c", script], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{script}\n{done.stdout[-1500:]}\n{done.stderr[-3000:]}"
            assert done.stdout.strip() or done.stderr.strip(), script
    finally:
        for process in background:
            process.terminate()
            process.wait(timeout=30)
        for made in ("mine.jsonl", "letters.jsonl"):
            (ROOT / made).unlink(missing_ok=True)


def answering(url):
    """Wait until a server answers."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=1)
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.2)
        else:
            return
    raise AssertionError(f"{url} does not answer")


def test_every_guide_is_tried_and_listed():
    found = {file.stem for file in (DOCS / "how-to").glob("*.md")}
    assert found == {*ORDER, *WITH_A_CLUSTER}
    index = (DOCS / "README.md").read_text()
    assert all(f"how-to/{guide}.md" in index for guide in found)
