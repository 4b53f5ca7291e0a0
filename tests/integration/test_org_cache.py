"""Cached answers of organisations on a real Valkey: versions, and nothing of one organisation for another."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from scoreops.adapters.org_cache import OrgCache
from scoreops.core.errors import BadInput, NotReady


@pytest.fixture
def cache(settings, redis_client):
    made = OrgCache(settings.redis_url)
    yield made
    made.close()


def test_an_answer_is_computed_once_for_each_version(cache):
    asked = []

    def compute():
        asked.append(1)
        return {"rows": [len(asked)]}

    assert [cache.get("a", "worklist", compute) for _ in range(3)] == [{"rows": [1]}] * 3
    assert cache.invalidate(["a", "a", "b"]) == {"a": 1, "b": 1}
    assert cache.get("a", "worklist", compute) == {"rows": [2]}
    assert cache.get("b", "worklist", lambda: "of b") == "of b"
    assert cache.get("a", "cash", lambda: None) is None


def test_what_is_computed_while_the_tables_change_is_never_read_again(cache):
    def compute():
        cache.invalidate(["a"])
        return "of before"

    assert cache.get("a", "cash", compute) == "of before"
    assert cache.get("a", "cash", lambda: "of after") == "of after"


def test_answers_leave_by_themselves(cache, redis_client):
    cache.get("a", "cash", lambda: 1)
    (key,) = redis_client.keys("cache:1:a:*")
    assert 0 < redis_client.ttl(key) <= 24 * 3600


NAMES = st.text("ab:1", min_size=1, max_size=6)


@examples(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.tuples(NAMES, NAMES), st.integers(), min_size=2, max_size=6))
def test_no_two_organisations_share_a_key_however_they_are_called(cache, redis_client, values):
    redis_client.flushall()
    for (org, name), value in values.items():
        assert cache.get(org, name, lambda v=value: v) == value
    assert {pair: cache.get(*pair, lambda: "lost") for pair in values} == values


def test_no_organisation_is_an_error_and_so_is_no_server(cache):
    with pytest.raises(BadInput, match="org"):
        cache.get("", "cash", lambda: 1)
    with pytest.raises(NotReady, match="Valkey"):
        OrgCache("redis://127.0.0.1:1/0").version("a")
