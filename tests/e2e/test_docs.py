"""The documents hold what they promise."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scoreops.catalog import SCORES

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
RULES = ("follower_spike", "negative_sentiment", "engagement_shift", "forecast_drop")
VERDICTS = ("GateFailed", "GateInsufficient", "GateUnknown", "GateInvalid", "EvidenceBehind")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


def test_every_rule_has_a_runbook_and_every_score_a_card():
    assert {file.stem for file in (DOCS / "runbooks").glob("*.md")} >= {*RULES, *VERDICTS}
    source = (ROOT / "scoreops" / "kol" / "anomaly.py").read_text()
    assert set(re.findall(r'_(?:alert|record)\("(\w+)"', source)) == set(RULES)
    assert {file.stem for file in (DOCS / "models").glob("*.md")} == set(SCORES)


@pytest.mark.parametrize("file", [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))], ids=lambda file: file.name)
def test_links_lead_somewhere(file):
    lost = [target for target in LINK.findall(file.read_text()) if not (file.parent / target).exists()]
    assert lost == []
