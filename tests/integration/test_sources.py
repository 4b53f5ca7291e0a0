"""Bundles from S3 and from MLflow, and what happens when these do not answer."""

from __future__ import annotations

import pytest

from predictors.sources import FolderSource, RegistrySource
from scoreops.adapters.registry import Registry
from scoreops.core.errors import NotFound, NotReady
from scoreops.local.runtime import up
from tests.places import FolderPlace, RegistryPlace
from tests.source_cases import Places, SourceCases, numbered


class TestS3(SourceCases, Places):
    @pytest.fixture
    def place(self, bucket, prefix):
        return FolderPlace(f"{bucket}/{prefix}")

    def test_a_whole_bucket_is_a_root(self, bucket, prefix):
        place = FolderPlace(f"{bucket}/")
        place.put(prefix, numbered(1, prefix))
        assert place.source.fetch(prefix, "1") == numbered(1, prefix)

    def test_a_bucket_that_is_not_there_holds_nothing(self, bucket):
        with pytest.raises(NotFound, match="holds no bundle of tiny"):
            FolderSource(f"{bucket}-no").aliases("tiny")

    def test_wrong_keys_are_an_outage_that_says_so(self, bucket, monkeypatch):
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "guess")
        with pytest.raises(NotReady, match=r"is out of reach: .*signature"):
            FolderSource(bucket).aliases("tiny")

    def test_an_outage_is_told_and_ends_by_itself(self, place, seaweedfs):
        place.put("tiny", numbered(1))
        try:
            seaweedfs.kill()
            for ask in (lambda: place.source.aliases("tiny"), lambda: place.source.fetch("tiny", "1")):
                with pytest.raises(NotReady, match="is out of reach"):
                    ask()
        finally:
            up([seaweedfs])
        assert place.source.fetch("tiny", "1") == numbered(1)


class TestRegistry(SourceCases):
    @pytest.fixture
    def place(self, settings, mlflow, prefix):
        return RegistryPlace(settings.mlflow_url, prefix)

    def test_aliases_of_people_are_told_as_they_are(self, place):
        place.put(place.model, numbered(1, place.model))
        place.registry.set_alias(place.model, "spring", 1)
        found = place.source.aliases(place.model)
        assert found["spring"] == found["champion"] == "1"

    def test_the_first_bundles_of_two_scores_may_come_together(self, place, prefix, monkeypatch):
        """As at the end of a first training: the other one makes the experiment that this one has just not found."""
        monkeypatch.setattr("scoreops.adapters.registry._EXPERIMENT", prefix)
        other = RegistryPlace(place.registry._url, f"{prefix}-other")

        def interrupt(response):
            if response.status_code == 404 and "get-by-name" in response.url.path:
                other.put(other.model, numbered(1, other.model))

        place.registry._http.event_hooks["response"].append(interrupt)
        assert place.put(place.model, numbered(1, place.model)) == "1"
        assert other.source.fetch(other.model, "champion") == numbered(1, other.model)

    def test_folders_within_a_bundle_are_left_alone(self, place):
        place.put(place.model, numbered(1, place.model))
        place.spoil(place.model, "1", {"notes/a.txt": b"x"})
        assert place.source.fetch(place.model, "1") == numbered(1, place.model)


def test_a_registry_that_does_not_answer_is_an_outage(settings):
    source = RegistrySource(Registry("http://127.0.0.1:1", timeout_s=1.0))
    for ask in (lambda: source.aliases("tiny"), lambda: source.fetch("tiny", "1")):
        with pytest.raises(NotReady, match="does not answer"):
            ask()
