"""Bundles from a folder on this machine."""

from __future__ import annotations

import os

import pytest

from predictors.sources import FolderSource
from scoreops.adapters.storage import Storage
from scoreops.core.bundle import MAX_BYTES
from scoreops.core.errors import BadInput, NotFound
from tests.places import FolderPlace
from tests.source_cases import Places, SourceCases, numbered


class TestFolder(SourceCases, Places):
    @pytest.fixture
    def place(self, tmp_path):
        return FolderPlace(tmp_path / "bundles")

    def test_hidden_folders_are_no_versions(self, place, tmp_path):
        """A volume that Kubernetes mounts keeps its data in `..data` and shows links to it."""
        place.write("tiny/1", numbered(1))
        place.write("tiny/.being-copied", numbered(2))
        place.write("tiny/..data", numbered(3))
        assert place.source.aliases("tiny") == {"champion": "1"}

    def test_links_are_followed(self, place, tmp_path):
        Storage(tmp_path / "elsewhere").write("", numbered(1))
        place.write("tiny/1", numbered(2))
        (tmp_path / "bundles" / "tiny" / "2").symlink_to(tmp_path / "elsewhere")
        assert place.source.aliases("tiny") == {"champion": "2", "previous": "1"}
        assert place.source.fetch("tiny", "2") == numbered(1)

    def test_what_is_no_file_is_not_read(self, place, tmp_path):
        place.write("tiny/1", numbered(1))
        os.mkfifo(tmp_path / "bundles" / "tiny" / "1" / "pipe")
        (tmp_path / "bundles" / "tiny" / "1" / "zeros").symlink_to("/dev/zero")
        assert place.source.fetch("tiny", "1") == numbered(1)

    def test_a_bundle_larger_than_any_is_not_read(self, place, tmp_path):
        place.write("tiny/1", numbered(1))
        with (tmp_path / "bundles" / "tiny" / "1" / "huge").open("wb") as file:
            file.truncate(MAX_BYTES)  # takes no room on the disk
        with pytest.raises(BadInput, match=r"^tiny/1: holds \d+ bytes"):
            place.source.fetch("tiny", "1")

    def test_a_relative_root_stays_where_it_was(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        place = FolderPlace("bundles")
        place.put("tiny", numbered(1))
        monkeypatch.chdir("/")
        assert place.source.fetch("tiny", "1") == numbered(1)


@pytest.mark.parametrize("root", ["none", "file"])
def test_a_root_that_is_no_folder_holds_nothing(tmp_path, root):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotFound, match=r"holds no bundle of tiny: there is no tiny/bundle\.json"):
        FolderSource(tmp_path / root).aliases("tiny")


@pytest.mark.parametrize("root", ["s3://", "s3:///prefix", "s3://bucket//prefix", "gs://bucket", "http://host/x"])
def test_a_place_of_another_kind_is_refused(root):
    with pytest.raises(BadInput, match="s3://"):
        FolderSource(root)
