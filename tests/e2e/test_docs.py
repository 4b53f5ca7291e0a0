"""The commands of the how-to guides run as they stand, and the documents hold what they promise."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from scoreops.catalog import SCORES

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
WITH_A_CLUSTER = ("run-a-cluster", "deliver-on-kubernetes")
"""Guides that need root: tests/cluster does what they say."""
RULES = ("follower_spike", "negative_sentiment", "engagement_shift", "forecast_drop")
VERDICTS = ("GateFailed", "GateInsufficient", "GateUnknown", "GateInvalid", "EvidenceBehind")
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
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


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


def test_every_rule_has_a_runbook_and_every_score_a_card():
    assert {file.stem for file in (DOCS / "runbooks").glob("*.md")} >= {*RULES, *VERDICTS}
    source = (ROOT / "scoreops" / "kol" / "anomaly.py").read_text()
    assert set(re.findall(r'_(?:alert|record)\("(\w+)"', source)) == set(RULES)
    assert {file.stem for file in (DOCS / "models").glob("*.md")} == set(SCORES)


@pytest.mark.parametrize("file", [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))], ids=lambda file: file.name)
def test_links_lead_somewhere(file):
    lost = [target for target in LINK.findall(file.read_text()) if not (file.parent / target).exists()]
    assert lost == []
