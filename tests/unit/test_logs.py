"""What is written when something goes wrong."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.tiny_server import ROOT

FAILING = """
import structlog
from predictors.logs import configure

def fail(key):
    raise ValueError("it failed")

configure(as_json={as_json})
try:
    fail("the " + "secret")
except ValueError:
    structlog.get_logger("predictors.test").exception("a request failed")
"""


@pytest.mark.parametrize("as_json", [True, False])
def test_a_traceback_names_places_and_no_values(as_json):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    argv = [sys.executable, "-c", FAILING.format(as_json=as_json)]
    said = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True).stderr
    assert "ValueError" in said
    assert "it failed" in said
    assert "fail" in said
    assert "the secret" not in said
