"""The documented routes of the REST doors, without a server: what is there, what it takes, what it wants as key."""

from __future__ import annotations

import pytest

from console.api import create_app as console_app
from ingestion.collector import create_app as collector_app
from scoreops.adapters.settings import Settings


class Nowhere:
    """A log that is never asked."""

    def send(self, messages):
        raise AssertionError(messages)


@pytest.fixture(scope="module")
def console():
    return console_app(Settings(), "key").openapi()


@pytest.fixture(scope="module")
def collector():
    return collector_app(Nowhere(), api_key="key", pseudonym_key="other").openapi()


def routes(document):
    return {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}


def test_the_console_has_these_routes_and_no_others(console):
    assert routes(console) == {
        ("GET", "/health"),
        ("GET", "/v1/kols"),
        ("GET", "/v1/kols/{kol_id}"),
        ("GET", "/v1/kols/{kol_id}/explain"),
        ("GET", "/v1/alerts"),
        ("POST", "/v1/alerts/{alert_id}/ack"),
        ("GET", "/v1/models"),
        ("POST", "/v1/models/{name}/rollback"),
        ("GET", "/v1/orgs/{org}/worklist"),
        ("GET", "/v1/orgs/{org}/cash"),
        ("GET", "/v1/orgs/{org}/anomalies"),
        ("POST", "/v1/orgs/{org}/anomalies/{transaction_id}/feedback"),
    }


def test_the_collector_has_these_routes_and_no_others(collector):
    assert routes(collector) == {("GET", "/health"), ("POST", "/v1/events")}


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/v1/kols", {"sort", "min_trust", "platform", "limit"}),
        ("/v1/kols/{kol_id}/explain", {"kol_id", "as_of"}),
        ("/v1/alerts", {"kol", "since", "limit"}),
    ],
)
def test_what_a_route_takes_is_documented(console, path, names):
    assert {parameter["name"] for parameter in console["paths"][path]["get"]["parameters"]} == names


def test_every_route_says_in_words_what_it_does(console):
    for path, methods in console["paths"].items():
        for method in methods.values():
            assert path == "/health" or method["description"].endswith("."), path
    assert console["components"]["schemas"]["RolledBack"]["required"] == ["model", "was", "now"]
