"""Forged bundles in S3 and in MLflow. Both flavours are tried from a folder; where the files came from is all one."""

from __future__ import annotations

import pytest

from tests.places import FolderPlace, RegistryPlace
from tests.refusals import FLAVOURS, Refusals, registrable


class TestS3(Refusals):
    @pytest.fixture
    def flavour(self):
        return FLAVOURS["onnx"]

    @pytest.fixture
    def place(self, bucket, prefix):
        return FolderPlace(f"{bucket}/{prefix}")


class TestRegistry(Refusals):
    """What a registry does not take is put there behind its back: it keeps the digest of what was registered."""

    @pytest.fixture
    def flavour(self):
        return FLAVOURS["score"]

    @pytest.fixture
    def place(self, settings, mlflow, prefix):
        return RegistryPlace(settings.mlflow_url, prefix)

    def put(self, place, sound, bad):
        if registrable(bad, place.model):
            place.put(place.model, bad)
            return ""
        place.put(place.model, sound)
        place.spoil(
            place.model, "2", {name: bad.get(name) for name in {*sound, *bad} if sound.get(name) != bad.get(name)}
        )
        return "is not the one that was registered" if b'"other"' in bad.get("bundle.json", b"") else ""
