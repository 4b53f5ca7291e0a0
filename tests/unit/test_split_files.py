"""Splits on disk: whole or not at all, in turns, and only over what was seen."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from scoreops.adapters.split_file import SplitFiles
from scoreops.core.errors import BadInput, FenceMoved


@pytest.fixture
def files(tmp_path):
    return SplitFiles(tmp_path / "splits")


def test_without_a_file_the_split_is_empty(files):
    assert files.read("trust").revision == 0
    assert files.stamp("trust") is None


@pytest.mark.parametrize("model", ["trust", "a/b", "..", "Größe"])
def test_what_is_written_is_read(files, model):
    made = files.write(model, lambda split: split.routing("1", {"1": 90, "2": 10}, {}), 0)
    assert files.read(model) == made
    assert [file.parent for file in files.folder.glob("*.json")] == [files.folder]


def test_nobody_overwrites_what_he_has_not_seen(files):
    files.write("trust", lambda split: split.holding("2"), 0)
    with pytest.raises(FenceMoved, match="revision 1, not 0"):
        files.write("trust", lambda split: split.holding("3"), 0)
    assert files.read("trust").held == ("2",)


def test_the_same_again_is_no_write(files):
    files.write("trust", lambda split: split.holding("2"))
    before = files.stamp("trust")
    files.write("trust", lambda split: split.holding("2"))
    assert files.stamp("trust") == before
    files.write("trust", lambda split: split.holding("3"))
    assert files.stamp("trust") != before


def test_writers_take_turns(files):
    def add(number):
        files.write("trust", lambda split: split.holding(*split.held, str(number)))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(40)))
    assert sorted(map(int, files.read("trust").held)) == list(range(40))
    assert files.read("trust").revision == 40


@pytest.mark.parametrize("text", ["", "[]", "{", '{"weights": {"1": 5}}'])
def test_a_file_that_is_no_split_is_told_by_its_name(files, text):
    files.folder.mkdir()
    (files.folder / "trust.json").write_text(text)
    with pytest.raises(BadInput, match=r"trust\.json is no split"):
        files.read("trust")
