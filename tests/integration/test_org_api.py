"""A key opens one company: whatever the others own, nothing of it is answered, cached or told by an error."""

from __future__ import annotations

import json
import stat

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from scoreops.adapters.lake import Lake
from scoreops.adapters.org_cache import OrgCache
from scoreops.adapters.org_keys import OrgKeys
from scoreops.adapters.settings import Settings
from scoreops.core.errors import NotFound
from tests.sme_console import ORGS, build, console

PATHS = ("worklist", "worklist?by=expected-cash&limit=2", "cash", "anomalies", "anomalies?at_least=high")
AMOUNTS = st.lists(st.integers(1, 10**12), min_size=1, max_size=4)
THEIRS = st.fixed_dictionaries({"invoices": AMOUNTS, "odd": AMOUNTS, "cash": AMOUNTS})
OWN = {"invoices": [5, 7, 9], "odd": [11, 12, 13], "cash": [100, 200]}


@pytest.fixture
def place(tmp_path):
    return Settings(home=tmp_path, redis="redis://127.0.0.1:1")


def rows_of(own, theirs):
    return {"alpha": own, "beta": theirs, "gamma": theirs}


def answers(client, key):
    return {path: client.get(f"/v1/orgs/alpha/{path}", headers={"X-API-Key": key}).json() for path in PATHS}


def test_a_company_reads_its_own(place):
    build(place, rows_of(OWN, OWN))
    client, keys = console(place)
    found = answers(client, keys["alpha"])
    assert [row["open_amount_minor"] for row in found["worklist"]] == [5, 7, 9]
    assert [row["open_amount_minor"] for row in found["worklist?by=expected-cash&limit=2"]] == [9, 7]
    assert [row["balance_minor"] for row in found["cash"]["forecast"]] == [100, 200]
    assert [row["severity"] for row in found["anomalies"]] == ["high", "medium", "low"]
    assert [row["reasons"] for row in found["anomalies?at_least=high"]] == [["of alpha"]]
    assert "beta" not in json.dumps(found)


@examples(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(THEIRS, THEIRS)
def test_nothing_that_others_own_changes_an_answer(place, before, after):
    build(place, rows_of(OWN, before))
    client, keys = console(place)
    first = answers(client, keys["alpha"])
    build(place, rows_of(OWN, after))
    assert answers(client, keys["alpha"]) == first


@pytest.mark.parametrize("path", PATHS)
def test_no_other_key_opens_a_company_and_none_tells_whether_there_is_one(place, path):
    build(place, rows_of(OWN, OWN))
    client, keys = console(place)
    for org in ("beta", "nobody"):
        answer = client.get(f"/v1/orgs/{org}/{path}", headers={"X-API-Key": keys["alpha"]})
        assert (answer.status_code, answer.json()["detail"]) == (
            403,
            "this key opens another company, or none of this name",
        )
    for key in ("", "admin", "sk_wrong", keys["alpha"][:-1]):
        assert client.get(f"/v1/orgs/alpha/{path}", headers={"X-API-Key": key}).status_code == 401
    assert client.get(f"/v1/orgs/alpha/{path}").status_code == 401
    assert client.get("/v1/models", headers={"X-API-Key": keys["alpha"]}).status_code == 401


def test_feedback_is_kept_for_the_company_that_gave_it(place):
    build(place, rows_of(OWN, {"invoices": [1], "odd": [1] * 5, "cash": [1]}))
    client, keys = console(place)

    def say(org, transaction, key):
        body = {"is_anomaly": False, "by": "Lan"}
        path = f"/v1/orgs/{org}/anomalies/{transaction}/feedback"
        return client.post(path, json=body, headers={"X-API-Key": keys[key]}).status_code

    assert say("alpha", "t1", "alpha") == 200
    assert say("alpha", "t4", "alpha") == 404  # there is one of that name, but of others
    assert say("beta", "t1", "alpha") == 403
    (row,) = Lake(place.lake_dir).scan("bronze_anomaly_feedback").to_pylist()
    assert (row["org_id"], row["transaction_id"], row["is_anomaly"], row["said_by"]) == ("alpha", "t1", False, "Lan")


def test_answers_are_cached_by_company_until_its_tables_change(tmp_path, settings, redis_client):
    own = Settings(home=tmp_path, redis=settings.redis_url)
    build(own, rows_of(OWN, OWN))
    client, keys = console(own)
    first = answers(client, keys["alpha"])
    build(own, rows_of(OWN | {"invoices": [1]}, OWN))
    assert answers(client, keys["alpha"]) == first
    OrgCache(own.redis_url).invalidate(["alpha"])
    assert [row["open_amount_minor"] for row in answers(client, keys["alpha"])["worklist"]] == [1]
    of_beta = client.get("/v1/orgs/beta/worklist", headers={"X-API-Key": keys["beta"]}).json()
    assert {row["org_id"] for row in of_beta} == {"beta"}


def test_only_digests_are_kept_and_a_key_can_be_taken_back(tmp_path):
    keys = OrgKeys(tmp_path / "secrets" / "org_keys.json")
    first, second = keys.issue("alpha"), keys.issue("alpha")
    assert first not in (tmp_path / "secrets" / "org_keys.json").read_text()
    assert stat.S_IMODE((tmp_path / "secrets" / "org_keys.json").stat().st_mode) == 0o600
    assert keys.counts() == {"alpha": 2}
    assert (keys.org_of(first), keys.org_of(second), keys.org_of("")) == ("alpha", "alpha", None)
    assert keys.revoke("alpha") == 2
    assert keys.org_of(first) is None
    with pytest.raises(NotFound):
        keys.revoke("alpha")
    assert set(ORGS) == {"alpha", "beta", "gamma"}
