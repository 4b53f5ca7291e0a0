"""The watch goes on, for every model, whatever the source says about one of them."""

from __future__ import annotations

import asyncio

import pytest

from predictors.dataplane import DataPlane
from predictors.keeper import Keeper
from predictors.lineup import Lineups
from predictors.metrics import Metrics
from predictors.sources import FolderSource
from scoreops.adapters.bundles import write_folder
from scoreops.core.errors import NotReady
from tests.tiny import tiny_bundle, tiny_score


class Stumbling(FolderSource):
    """A source that fails for the model `first`, `times` times."""

    def __init__(self, root, error, times):
        super().__init__(root)
        self.error = error
        self.left = times

    def aliases(self, model):
        if model == "first" and self.left:
            self.left -= 1
            raise self.error
        return super().aliases(model)


@pytest.mark.parametrize("error", [NotReady("no answer"), ValueError("an answer that is no JSON")])
@pytest.mark.parametrize("times", [2, -1], ids=["a while", "for ever"])
def test_what_fails_for_one_model_delays_no_other(error, times, tmp_path):
    for name in ("first", "second"):
        write_folder(tiny_bundle(name=name), tmp_path / name)
    lineups = Lineups(["first", "second"])
    scores = {name: tiny_score(name) for name in lineups.models}
    keeper = Keeper(Stumbling(tmp_path, error, times), scores, lineups, Metrics())
    awaited = ("first", "second") if times > 0 else ("second",)

    async def until_ready():
        watch = asyncio.create_task(keeper.watch(0.01))
        while not all(lineups.of(name).ready for name in awaited):  # noqa: ASYNC110 - to be ready is no event
            await asyncio.sleep(0.01)
        watch.cancel()

    asyncio.run(asyncio.wait_for(until_ready(), 30))
    assert lineups.of("first").ready == (times > 0)


class Aliased(FolderSource):
    """A source whose aliases are set by hand, and some of whose versions are out of reach."""

    def __init__(self, root):
        super().__init__(root)
        self.now, self.away = {}, set()

    def aliases(self, _model):
        return self.now

    def fetch(self, model, version):
        if version in self.away:
            raise NotReady(f"version {version} is out of reach")
        return super().fetch(model, version)


def test_a_version_that_is_out_of_reach_keeps_nobody_from_going_back(tmp_path):
    for version in "123":
        write_folder(tiny_bundle(), tmp_path / "tiny" / version)
    source, lineups = Aliased(tmp_path), Lineups(["tiny"])
    keeper = Keeper(source, {"tiny": tiny_score()}, lineups, Metrics())
    source.now = {"champion": "2", "previous": "1"}
    keeper.refresh("tiny")
    source.now, source.away = {"champion": "1", "previous": "2", "candidate": "3"}, {"3"}
    with pytest.raises(NotReady, match="version 3 is out of reach"):
        keeper.refresh("tiny")
    assert lineups.find("tiny", "").served.version == "1"
    assert lineups.of("tiny").problem == "version 3 is out of reach"
    source.now, source.away = {"champion": "3", "previous": "1"}, {"3"}
    with pytest.raises(NotReady):
        keeper.refresh("tiny")
    assert lineups.find("tiny", "").served.version == "1"  # the one before goes on
    source.away = set()
    keeper.refresh("tiny")
    assert (lineups.find("tiny", "").served.version, lineups.of("tiny").problem) == ("3", "")


@pytest.mark.parametrize("every", [True, False], ids=["named models", "whatever is there"])
def test_a_score_that_nobody_has_registered_holds_up_only_a_server_that_is_for_it(every, tmp_path):
    lineups = Lineups(["first", "second"], every=every)
    keeper = Keeper(FolderSource(tmp_path), {name: tiny_score(name) for name in lineups.models}, lineups, Metrics())
    plane = DataPlane(lineups, Metrics())
    assert plane.unready() == "first: loading; second: loading"
    for name in lineups.models:
        keeper.refresh(name)
    assert not plane.ready  # nothing is there: neither kind has anything to answer with
    write_folder(tiny_bundle(name="first"), tmp_path / "first")
    keeper.refresh("first")
    assert plane.ready == (not every)
    assert ("second: " in plane.unready()) == every
    write_folder(tiny_bundle(name="second", golden_shift=1.0), tmp_path / "second")
    keeper.refresh("second")
    assert not plane.ready  # it is there now, and refused
    assert "golden request" in plane.unready()
