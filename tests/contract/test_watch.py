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
