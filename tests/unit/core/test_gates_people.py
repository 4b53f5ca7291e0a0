"""Approvals and hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreops.core.gates import GateSpec, Sources, Trial, Yes, evaluate
from scoreops.core.verdict import Outcome as O  # noqa: N817
from tests.gate_world import trial, verdict

ANN, BEN, CAT = Yes("ann", ("risk",)), Yes("ben", ("dev",)), Yes("cat", ("risk", "dev"))


@pytest.mark.parametrize(
    ("spec", "said", "author", "n"),
    [
        pytest.param({}, (), "", 0, id="nobody"),
        pytest.param({}, (BEN,), "", 1, id="anybody"),
        pytest.param({"count": 2}, (ANN, ANN), "", 1, id="twice is once"),
        pytest.param({"groups": ["risk"]}, (BEN,), "", 0, id="not of the group"),
        pytest.param({"groups": ["risk"], "count": 2}, (ANN, BEN, CAT), "", 2, id="of the group"),
        pytest.param({}, (ANN,), "ann", 0, id="the author"),
        pytest.param({"notAuthor": False}, (ANN,), "ann", 1, id="the author where that is allowed"),
    ],
)
def test_approval(spec, said, author, n):
    need = spec.get("count", 1)
    found = verdict({"approval": spec}, trial(approvals=said, author=author))
    assert (found.outcome, found.n, found.need) == (O.PASS if n >= need else O.INSUFFICIENT, n, need)


HANOI = {"timezone": "Asia/Ho_Chi_Minh", "windows": [{"days": ["Mon", "Tue"], "from": "09:00", "to": "17:00"}]}
NIGHT = {"windows": [{"days": ["Fri"], "from": "22:00", "to": "06:00"}]}
TET = {"from": "2027-02-05T00:00:00+07:00", "to": "2027-02-12T00:00:00+07:00", "reason": "Tet"}


@pytest.mark.parametrize(
    ("spec", "at", "opens"),
    [
        pytest.param({}, "2026-11-25T03:00Z", None, id="always"),
        pytest.param(HANOI, "2026-11-23T02:00Z", None, id="nine on Monday, there"),
        pytest.param(HANOI, "2026-11-23T01:59Z", "Mon 2026-11-23 09:00", id="a minute before"),
        pytest.param(HANOI, "2026-11-24T10:00Z", "Mon 2026-11-30 09:00", id="the end is outside"),
        pytest.param(NIGHT, "2026-11-27T23:00Z", None, id="before midnight"),
        pytest.param(NIGHT, "2026-11-28T05:59Z", None, id="after midnight"),
        pytest.param(NIGHT, "2026-11-28T22:30Z", "Fri 2026-12-04 22:00", id="the next night"),
        pytest.param({"freezes": [TET]}, "2027-02-06T00:00Z", "Thu 2027-02-11 17:00", id="frozen"),
        pytest.param(HANOI | {"freezes": [TET]}, "2027-02-08T03:00Z", "Mon 2027-02-15 09:00", id="frozen, then closed"),
    ],
)
def test_schedule(spec, at, opens):
    now = datetime.fromisoformat(at)
    (found,) = evaluate({"s": GateSpec.model_validate({"schedule": spec})}, trial(), Sources(), now)
    assert found.outcome is (O.PASS if opens is None else O.INSUFFICIENT)
    assert opens is None or f"opens {opens}" in found.reason
    assert ("Tet" in found.reason) == ("frozen" in found.reason)


def test_an_unknown_time_zone_is_invalid():
    assert verdict({"schedule": {"timezone": "Mars/Olympus"}}).outcome is O.INVALID


@given(st.integers(0, 14 * 24 * 60), st.integers(0, 23), st.integers(0, 23), st.sampled_from(["Mon", "Sat"]))
def test_a_schedule_opens_when_it_says(minutes, first, last, day):
    window = {"days": [day], "from": f"{first:02}:00", "to": f"{last:02}:00"}
    gates = {"s": GateSpec.model_validate({"schedule": {"windows": [window]}})}
    asked = Trial("t", "guard", "m", "2", "1", datetime(2026, 1, 1, tzinfo=UTC))
    now = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    (found,) = evaluate(gates, asked, Sources(), now)
    if found.outcome is O.INSUFFICIENT:
        words = found.reason.partition("opens ")[2].split()
        opens = datetime.fromisoformat(f"{words[1]} {words[2]}+00:00")
        assert opens > now
        assert evaluate(gates, asked, Sources(), opens)[0].outcome is O.PASS
        before = opens - timedelta(minutes=1)
        assert before < now or evaluate(gates, asked, Sources(), before)[0].outcome is O.INSUFFICIENT
