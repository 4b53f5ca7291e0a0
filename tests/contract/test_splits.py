"""A split on the server: who answers, what is told and counted, and what happens to it when the world moves on."""

from __future__ import annotations

import asyncio
import resource
from collections import Counter

import pytest

from predictors.splitting import Splits
from tests.serving import Server
from tests.tiny import tiny_bundle


@pytest.fixture
def server(tmp_path):
    """Versions 1 and 2 in the folder; the higher one, 2, is the champion."""
    server = Server(tmp_path)
    for version in ("1", "2"):
        server.put(version, numbered(version))
    server.keeper.refresh("tiny")
    yield server
    server.plane.close()


def numbered(version):
    return tiny_bundle((float(version), 10.0 * int(version), 100.0 * int(version)))


def split(server, weights, beside="2", mirror=None, held=()):
    server.files.write("tiny", lambda now: now.routing(beside, weights, mirror or {}).holding(*held))
    server.splits.look()
    server.keeper.refresh("tiny")


def answers(server, names=()):
    """How many requests each version answered; ids are given or, without, there are none."""
    given = [{"id": name} for name in names] or [{}] * 200
    found = [server.infer(**one).json() for one in given]
    for one in found:
        assert one["outputs"][0]["data"] == [321.0 * int(one["model_version"])]
    return Counter(one["model_version"] for one in found)


def counted(server):
    samples = (sample for metric in server.metrics.registry.collect() for sample in metric.samples)
    return {
        (sample.labels["version"], sample.labels["split"], sample.labels["outcome"]): sample.value
        for sample in samples
        if sample.name == "predictor_split_requests_total"
    }


def test_requests_are_shared_by_weight_and_counted_by_version(server):
    split(server, {"1": 30, "2": 70})
    found = answers(server, [f"request-{number}" for number in range(400)])
    assert 90 < found["1"] < 150
    assert counted(server) == {("1", "1", "ok"): found["1"], ("2", "1", "ok"): found["2"]}
    without = answers(server)
    assert 20 < without["1"] < 110


def test_the_same_request_is_answered_by_the_same_version(server):
    split(server, {"1": 50, "2": 50})
    names = [f"request-{number}" for number in range(50)]
    first, again = ([server.infer(id=name).json()["model_version"] for name in names] for _ in range(2))
    assert first == again
    assert set(first) == {"1", "2"}


def test_who_names_a_version_gets_it_and_is_not_counted(server):
    split(server, {"1": 100})
    assert server.score("/v2/models/tiny/versions/2/infer") == [642.0]
    assert server.score("/v2/models/tiny/versions/champion/infer") == [642.0]
    assert counted(server) == {}
    assert server.score() == [321.0]


def test_refused_requests_are_counted_too(server):
    split(server, {"1": 100})
    assert server.infer(parameters={"columns": "b,a,c"}).status_code == 400
    assert counted(server) == {("1", "1", "error"): 1}


def test_the_metadata_tell_what_holds(server):
    def properties():
        return server.ask("GET", "/v2/models/tiny").json()["properties"]

    assert "weights" not in properties()
    split(server, {"1": 10, "2": 90}, mirror={"1": 50})
    told = {"weights": "1=10,2=90", "mirror": "1=50", "split": "1", "split_revision": "1"}
    assert properties().items() >= told.items()
    split(server, {"1": 10, "2": 90}, mirror={"1": 50}, held=("1", "2"))
    assert properties().items() >= (told | {"split_revision": "2"}).items()


def test_another_champion_ends_a_split_and_it_stays_over(server):
    split(server, {"1": 100}, beside="2")
    assert answers(server, "abc") == {"1": 3}
    server.put("3", numbered("3"))
    server.keeper.refresh("tiny")
    assert answers(server, "abc") == {"3": 3}
    (server.root / "tiny" / "3" / "bundle.json").unlink()
    server.keeper.refresh("tiny")
    assert answers(server, "abc") == {"2": 3}
    split(server, {"1": 50, "2": 50})
    assert set(answers(server)) == {"1", "2"}


def test_a_split_beside_a_champion_that_is_not_seen_yet_waits_for_it(server):
    split(server, {"1": 100}, beside="3")
    assert answers(server, "abc") == {"2": 3}
    server.put("3", numbered("3"))
    server.keeper.refresh("tiny")
    assert answers(server, "abc") == {"1": 3}


def test_a_version_without_an_alias_is_held_and_let_go(server):
    server.put("3", numbered("3"))
    server.put("4", numbered("4"))
    server.keeper.refresh("tiny")
    path = "/v2/models/tiny/versions/1/infer"
    assert "has no version '1'" in server.score(path)
    split(server, {}, beside="4", held=("1",))
    assert server.score(path) == [321.0]
    assert server.score() == [4 * 321.0]
    split(server, {}, beside="4")
    assert "has no version '1'" in server.score(path)


@pytest.mark.parametrize("files", [None, tiny_bundle(golden_shift=1.0)], ids=["missing", "refused"])
def test_a_share_of_a_version_that_cannot_answer_goes_to_the_champion(server, files):
    if files:
        server.put("0", files)
    split(server, {"0": 50, "2": 50})
    assert answers(server) == {"2": 200}
    assert "0" in server.lineups.of("tiny").failed


@pytest.mark.parametrize("text", ["", "{", '{"weights": {"1": 5}}'])
def test_a_broken_file_changes_nothing(server, text):
    split(server, {"1": 100})
    (server.files.folder / "tiny.json").write_text(text)
    server.splits.look()
    assert answers(server, "abc") == {"1": 3}


def test_a_file_that_cannot_be_opened_once_is_read_later(server):
    split(server, {"1": 100})
    server.files.write("tiny", lambda now: now.routing("2", {"2": 100}, {}))
    usual = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, usual[1]))
    try:
        server.splits.look()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, usual)
    assert answers(server, "abc") == {"1": 3}
    server.splits.look()
    assert answers(server, "abc") == {"2": 3}


def test_a_file_that_is_gone_leaves_all_to_the_champion(server):
    split(server, {"1": 100})
    (server.files.folder / "tiny.json").unlink()
    server.splits.look()
    assert answers(server, "abc") == {"2": 3}


def test_who_deletes_the_file_begins_anew(server):
    split(server, {"1": 100})
    server.put("3", numbered("3"))
    server.keeper.refresh("tiny")
    assert answers(server, "abc") == {"3": 3}
    (server.files.folder / "tiny.json").unlink()
    server.splits.look()
    split(server, {"1": 100}, beside="3")
    assert answers(server, "abc") == {"1": 3}


def test_a_split_is_known_before_the_first_answer(server):
    split(server, {"1": 100})
    fresh = Splits(server.lineups, server.metrics, server.files)
    assert fresh.find("tiny", "", "a").entry.served.version == "1"


def test_the_watch_sees_a_change(server):
    async def seen():
        watch = asyncio.create_task(server.splits.watch(0.01))
        server.files.write("tiny", lambda now: now.routing("2", {"1": 100}, {}))
        while server.splits.find("tiny", "", "a").entry.served.version != "1":  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.01)
        watch.cancel()

    asyncio.run(asyncio.wait_for(seen(), 30))


def test_a_registry_that_is_away_keeps_nobody_from_going_back(server):
    split(server, {"1": 50, "2": 50})
    (server.root / "tiny").rename(server.root / "away")
    server.files.write("tiny", lambda now: now.routing("2", {"2": 100}, {}))
    server.splits.look()
    server.keeper.refresh("tiny")
    assert answers(server) == {"2": 200}
