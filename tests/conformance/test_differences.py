"""The same requests to ours, to KServe's Python SDK server and to MLServer, all with the same model, case by case.

docs/reference/protocol-differences.md holds every answer; REGEN=1 writes it again. Each difference has its reason in
REASONS: a difference without a reason is a failure, and so is a reason without a difference.
"""

from __future__ import annotations

import os

import grpc
import httpx
import pytest

from bench.rivals.servers import HOST, ROOT
from tests.conformance.calls import CALLS
from tests.conformance.cases import CASES
from tests.conformance.reasons import REASONS

PAGE = ROOT / "docs" / "reference" / "protocol-differences.md"
HEAD = """# Where our answers differ

The same requests to our server, to KServe's Python SDK server (0.21.0) and to MLServer (1.7.1) on the same XGBoost
model of 29 features; they stand in `cases.py` and `calls.py` of `tests/conformance`. Compared are statuses and bodies,
floats to six digits; of an error only the form, since each server has its own words. A difference that appears or
disappears fails the test that writes this page: `REGEN=1 make test ARGS=tests/conformance`.
"""


@pytest.fixture(scope="module")
def answers(fleet):
    """By case: the answer of each server, in the order of the fleet."""
    made = {name: [] for name in CASES | CALLS}
    alone = httpx.Limits(max_keepalive_connections=0)  # MLServer breaks the connection after each 500
    for server in fleet:
        with httpx.Client(base_url=server.url, timeout=30, limits=alone) as client:
            for name, case in CASES.items():
                made[name].append(case.ask(client))
        with grpc.insecure_channel(f"{HOST}:{server.grpc}") as channel:
            for name, call in CALLS.items():
                made[name].append(call.ask(channel))
    return made


def rendered(answers):
    same = {name: found[0] for name, found in answers.items() if len(set(found)) == 1}
    other = {name: found for name, found in answers.items() if name not in same}
    lines = [HEAD, f"## Different: {len(other)} of {len(answers)}", ""]
    lines += ["| Request | Ours | KServe | MLServer | Why |", "|---|---|---|---|---|"]
    lines += [row(name, *map(code, found), REASONS.get(name, "")) for name, found in other.items()]
    lines += ["", f"## The same: {len(same)} of {len(answers)}", "", "| Request | Answer |", "|---|---|"]
    lines += [row(name, code(found)) for name, found in same.items()]
    return "\n".join(lines) + "\n"


def row(*cells):
    return f"| {' | '.join(cells)} |"


def code(text):
    return f"`{text}`"


def test_each_difference_has_a_reason_and_each_reason_a_difference(answers):
    differing = [name for name, found in answers.items() if len(set(found)) > 1]
    assert sorted(REASONS) == sorted(differing)


def test_the_page_holds_the_answers_as_they_are(answers):
    if os.environ.get("REGEN"):
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(rendered(answers))
    assert PAGE.read_text() == rendered(answers)


def test_what_we_refuse_and_others_answer_is_told_in_words(fleet):
    with httpx.Client(base_url=fleet[0].url) as client:
        for case in CASES.values():
            answer = client.request(case.method, case.path, content=case.body, headers=case.headers)
            if answer.status_code >= 400:
                assert list(answer.json()) == ["error"]
                assert len(answer.json()["error"]) > 10
