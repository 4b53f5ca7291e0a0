"""What every source of bundles promises, as tests to inherit. The class that inherits gives a fixture `place`.

A place has `source`, and the name of a `model` that nobody has used there. `put(model, files)` stores a bundle as the
next version, makes it the champion and returns its number. `spoil(model, version, changes)` changes files behind the
source's back; None removes one.
"""

from __future__ import annotations

import pytest

from predictors.sources import PinnedSource
from scoreops.adapters.registry import CHAMPION, PREVIOUS
from scoreops.core.bundle import MANIFEST
from scoreops.core.errors import BadInput, NotFound
from tests.tiny import tiny_bundle


def numbered(number, model="tiny"):
    """A bundle that no other number has."""
    return tiny_bundle((float(number), 10.0, 100.0), name=model)


class Places:
    """Cases for places where bundles are folders of their own: this machine and S3."""

    def test_a_version_is_there_once_its_manifest_is(self, place):
        place.put("tiny", numbered(1))
        complete = numbered(2)
        place.write("tiny/2", {"model.onnx": complete["model.onnx"]})
        assert place.source.aliases("tiny") == {CHAMPION: "1"}
        place.write("tiny/2", {MANIFEST: complete[MANIFEST]})
        assert place.source.aliases("tiny") == {CHAMPION: "2", PREVIOUS: "1"}

    @pytest.mark.parametrize("where", ["", "tiny"])
    def test_a_bundle_in_no_version_s_folder_is_version_1(self, place, where):
        place.write(where, numbered(1))
        assert place.source.aliases("tiny") == {CHAMPION: "1"}
        assert place.source.fetch("tiny", "1") == numbered(1)
        with pytest.raises(NotFound):
            place.source.fetch("tiny", "2")

    def test_folders_that_are_no_numbers_come_before_them_by_name(self, place):
        for name in ("spring", "winter"):
            place.write(f"tiny/{name}", numbered(1))
        assert place.source.aliases("tiny") == {CHAMPION: "winter", PREVIOUS: "spring"}
        for name in ("9", "10", "10.bak"):
            place.write(f"tiny/{name}", numbered(1))
        assert place.source.aliases("tiny") == {CHAMPION: "10", PREVIOUS: "9"}

    def test_folders_within_a_bundle_are_left_alone(self, place):
        place.put("tiny", numbered(1))
        place.write("tiny/1/notes", {"a.txt": b"x"})
        assert place.source.fetch("tiny", "1") == numbered(1)


class SourceCases:
    """Cases for every source."""

    def test_the_newest_is_the_champion_and_its_files_are_those_that_were_put(self, place):
        files = tiny_bundle(name=place.model, extra={"empty.json": b"", "all-bytes.npy": bytes(range(256)) * 1000})
        version = place.put(place.model, files)
        assert place.source.aliases(place.model)[CHAMPION] == version == "1"
        assert place.source.fetch(place.model, "1") == files

    def test_a_new_version_appears_and_the_one_before_is_previous(self, place):
        place.put(place.model, numbered(1, place.model))
        before = place.source.aliases(place.model)
        assert PREVIOUS not in before
        place.put(place.model, numbered(2, place.model))
        found = place.source.aliases(place.model)
        assert (found[CHAMPION], found[PREVIOUS]) == ("2", "1")
        for number in (1, 2):
            assert place.source.fetch(place.model, str(number)) == numbered(number, place.model)

    def test_an_unknown_model_is_not_found(self, place):
        with pytest.raises(NotFound, match="nobody"):
            place.source.aliases("nobody")

    def test_an_unknown_version_is_not_found(self, place):
        place.put(place.model, numbered(1, place.model))
        for version in ("2", "10"):
            with pytest.raises(NotFound):
                place.source.fetch(place.model, version)

    def test_version_1_has_nothing_of_version_10(self, place):
        for number in range(1, 11):
            assert place.put(place.model, numbered(number, place.model)) == str(number)
        found = place.source.aliases(place.model)
        assert (found[CHAMPION], found[PREVIOUS]) == ("10", "9")
        for number in (1, 10):
            assert place.source.fetch(place.model, str(number)) == numbered(number, place.model)

    def test_a_model_has_nothing_of_one_whose_name_begins_alike(self, place):
        other = f"{place.model}2"
        place.put(place.model, numbered(1, place.model))
        for number in (1, 2):
            place.put(other, numbered(number, other))
        assert place.source.aliases(place.model)[CHAMPION] == "1"
        assert place.source.aliases(other)[CHAMPION] == "2"
        assert place.source.fetch(place.model, "1") == numbered(1, place.model)
        assert place.source.fetch(other, "1") == numbered(1, other)

    def test_a_bundle_without_its_manifest_is_none(self, place):
        place.put(place.model, numbered(1, place.model))
        place.spoil(place.model, "1", {MANIFEST: None})
        with pytest.raises((NotFound, BadInput)):
            place.source.fetch(place.model, "1")

    def test_a_pin_holds_one_version_of_one_model(self, place):
        for number in (1, 2):
            place.put(place.model, numbered(number, place.model))
        for pin, version in (("1", "1"), ("2", "2"), (CHAMPION, "2"), (PREVIOUS, "1")):
            pinned = PinnedSource(place.source, {place.model: pin})
            assert pinned.aliases(place.model) == {CHAMPION: version}
            assert pinned.fetch(place.model, version) == numbered(int(version), place.model)
        with pytest.raises(NotFound, match="has no alias 'spring'"):
            PinnedSource(place.source, {place.model: "spring"}).aliases(place.model)
        assert PinnedSource(place.source, {"other": "7"}).aliases(place.model)[CHAMPION] == "2"
