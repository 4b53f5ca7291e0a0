"""What a test asks of a running installation: its command line and what lies on its log."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from scoreops.adapters.kafka import original_of
from scoreops.adapters.kafka_log import read_all
from scoreops.kol.events import DLQ_TOPIC, RAW_TOPICS, parse

ROOT = Path(__file__).resolve().parents[1]


def on_log(settings, kol):
    """Messages about one KOL, by topic."""
    found = {topic: [r.value for r in read_all(settings.kafka_bootstrap, topic)] for topic in RAW_TOPICS}
    return {topic: [value for value in values if parse(value).kol_id == kol] for topic, values in found.items()}


def letters(settings, about):
    """Dead letters whose original holds `about`."""
    found = [r.value for r in read_all(settings.kafka_bootstrap, DLQ_TOPIC)]
    return [json.loads(value) | {"raw": original_of(value)} for value in found if about.encode() in original_of(value)]


def scoreops(environment, *arguments):
    argv = [sys.executable, "-W", "ignore", "-m", "scoreops", *arguments]
    own = environment | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(argv, env=own, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout
