"""Revisions of a fusion, who may follow whom, and whose turn it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from operators.api.fusion import KEPT_REVISIONS, FusionSpec, FusionStatus, MemberVersion
from operators.build.fusion import (
    answers_of,
    following,
    fused_route,
    incompatible,
    kept,
    over,
    revision_of,
    schedule,
    steered,
    way_back,
)
from operators.fusing import line
from scoreops.core.bundle import TensorSpec
from scoreops.core.rollout_status import Past, Phase, Reason, Status
from scoreops.core.rollout_world import Registry
from tests.rollout_stories import story
from tests.rollout_world import version
from tests.unit.operators.test_build import GATEWAY

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SPEC = FusionSpec.model_validate(
    {
        "source": {"mlflow": {"model": "fusion", "alias": "champion"}},
        "members": [{"name": "trust", "rollout": "trust"}, {"name": "success", "rollout": "sales"}],
    }
)


def member(name, number="1", answers="a"):
    return MemberVersion(name=name, rollout=name, model=name, version=number, digest=f"d{number}", answers=answers)


def revision(own="1", **members):
    given = {"trust": "1", "success": "1"} | members
    return revision_of("fusion", version(own), [member(name, number) for name, number in given.items()], NOW)


def test_the_same_versions_are_the_same_revision():
    assert revision().id == revision().id
    assert len({revision().id, revision("2").id, revision(trust="2").id, revision(success="2").id}) == 4


@pytest.mark.parametrize(
    ("own", "answers", "said"),
    [
        pytest.param("1", "a", "", id="the member answers the same"),
        pytest.param("1", "b", "version 2 of trust answers otherwise than the fusion's model expects", id="otherwise"),
        pytest.param("2", "b", "", id="otherwise, with a new model that knows"),
    ],
)
def test_members_stay_compatible(own, answers, said):
    after = revision_of("fusion", version(own), [member("trust", "2", answers), member("success")], NOW)
    assert incompatible(revision(), after) == said
    assert incompatible(None, after) == ""


def test_what_is_answered_is_names_and_types():
    spec = TensorSpec(name="score", datatype="FP64", shape=(-1,))
    other = TensorSpec(name="score", datatype="FP32", shape=(-1,))
    third = TensorSpec(name="known", datatype="BOOL", shape=(-1,))
    assert answers_of([spec, third]) == answers_of([third, spec])
    assert len({answers_of([spec]), answers_of([other]), answers_of([spec, third])}) == 3


def test_the_history_ends_with_the_one_before_and_has_an_end():
    status = FusionStatus()
    for number in range(KEPT_REVISIONS + 5):
        status = following(status, revision(str(number + 1)))
    assert len(status.history) == KEPT_REVISIONS
    assert status.history[-1].id == revision(str(KEPT_REVISIONS + 4)).id
    assert following(status, status.revision) == status
    back = following(status, status.history[-1])
    assert back.revision.id not in {one.id for one in back.history}
    assert back.history[-1].id == status.revision.id


def test_services_stay_for_the_way_back_and_not_for_what_was_left():
    old, new = revision(), revision(trust="2").model_copy(update={"at": NOW + timedelta(hours=1)})
    first = following(FusionStatus(), old)
    moved = following(first, new)
    assert kept("joined", FusionStatus()) == set()
    assert kept("joined", first) == {"joined-f1", "trust-v1", "success-v1"}
    assert kept("joined", moved) == {"joined-f1", "trust-v1", "trust-v2", "success-v1"}
    assert kept("joined", following(moved, old)) == kept("joined", first)


def test_during_a_rollback_members_see_the_versions_of_that_revision():
    old, new = revision(), revision(trust="2")
    status = following(following(FusionStatus(), old), new)
    registry = Registry(version("2"), "2", "1")
    assert steered(SPEC, status, "trust", registry) == registry
    back = SPEC.model_copy(update={"rollback_to": old.id})
    assert steered(back, status, "trust", registry).candidate.version == "1"
    assert steered(back, status, "other", registry) == registry
    unknown = SPEC.model_copy(update={"rollback_to": "none"})
    assert steered(unknown, status, "trust", registry) == registry


PAST = Past(attempt="1-1", version="2", outcome=Phase.COMPLETED, reason=Reason.AT_REST, at=NOW + timedelta(minutes=1))


@pytest.mark.parametrize(
    ("rollout", "seconds", "ended"),
    [
        pytest.param(None, 1, True, id="it is gone"),
        pytest.param(Status(since=NOW), 1, False, id="it has not begun yet"),
        pytest.param(Status(since=NOW), 11, True, id="it never began"),
        pytest.param(Status(since=NOW, phase=Phase.SOAKING), 9999, False, id="on its way"),
        pytest.param(Status(since=NOW, phase=Phase.PAUSED), 9999, False, id="paused on its way"),
        pytest.param(Status(since=NOW, phase=Phase.COMPLETED, history=(PAST,)), 1, True, id="done"),
    ],
)
def test_a_turn_ends(rollout, seconds, ended):
    assert over(rollout, NOW, NOW + timedelta(seconds=seconds)) is ended


def test_a_way_back_is_one_while_the_old_version_is_warm():
    soaking = story(Phase.SOAKING).world
    assert way_back(soaking.status, "16", soaking.now)
    assert not way_back(soaking.status, "15", soaking.now)
    done = story(Phase.COMPLETED).world
    assert way_back(done.status, "16", done.now)
    assert not way_back(done.status, "16", done.now + timedelta(seconds=61))
    assert not way_back(Status(since=NOW), "16", NOW)


def test_one_route_has_all_of_a_revision():
    body = fused_route("kol", "joined", revision("3", trust="2"), GATEWAY, "joined.kol.test")
    found = {one["matches"][0]["path"]["value"]: one["backendRefs"][0]["name"] for one in body["spec"]["rules"]}
    assert found == {
        "/v2/models/fusion": "joined-f3-predictor",
        "/v2/models/trust": "trust-v2-predictor",
        "/v2/models/success": "success-v1-predictor",
        "/v2/health": "joined-f3-predictor",
    }


@pytest.mark.parametrize("suspended", [False, True])
def test_the_process_that_decides_rests_when_it_shall(suspended):
    spec = SPEC.model_copy(update={"schedule": SPEC.schedule.model_copy(update={"suspend": suspended})})
    meta = {"name": "joined", "namespace": "kol", "uid": "u"}
    body = {"apiVersion": "scoreops.io/v1alpha1", "kind": "Fusion", "metadata": meta}
    made = schedule(body, spec, "image:1", "joined.kol.test", ("10.0.0.1", 8080))
    pod = made["spec"]["template"]["spec"]
    assert made["spec"]["replicas"] == (0 if suspended else 1)
    assert pod["hostAliases"] == [{"ip": "10.0.0.1", "hostnames": ["joined.kol.test"]}]
    assert pod["containers"][0]["env"] == [{"name": "SCOREOPS_PREDICTOR", "value": "http://joined.kol.test:8080"}]
    assert not pod["automountServiceAccountToken"]
    assert not pod["enableServiceLinks"]


def test_a_revision_is_told_in_a_line():
    assert line(revision("3", trust="2")) == "trust v2, success v1; fusion v3"
    assert line(None) == ""
