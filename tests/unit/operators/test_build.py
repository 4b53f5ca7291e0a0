"""Manifests and what is read back of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.api.rollout import Gateway, Target, remembered
from operators.build.event import event
from operators.build.evidence import KEPT, belongs, gate_run, read_run, run_name, superfluous
from operators.build.names import backend_name, host_of, service_name, version_of_backend
from operators.build.route import http_route, read_route
from operators.build.service import failure_of, inference_service, read_service
from operators.build.status import conditions_of, split, stored
from operators.evaluating import approvals
from scoreops.core.gates.ports import Yes
from scoreops.core.rollout_status import Phase, Version
from scoreops.core.rollout_world import Evaluation, Notify, Route
from scoreops.core.verdict import Outcome, Verdict, unknown
from tests.rollout_operator import phase
from tests.rollout_stories import SHADOW, asked, failed, stalled, story, told
from tests.rollout_world import version

NOW = datetime(2026, 1, 2, tzinfo=UTC)
GATEWAY = Gateway(namespace="gates", name="main")
HOST = host_of("trust", "kol", "example.test")
MODEL_ROLLOUT = {
    "apiVersion": "scoreops.io/v1alpha1",
    "kind": "ModelRollout",
    "metadata": {"name": "trust", "namespace": "kol", "uid": "u-1"},
}
names = st.from_regex(r"[1-9][0-9]{0,3}", fullmatch=True)


def there(manifest, revision="7"):
    """As the API server gives it back."""
    manifest["metadata"]["resourceVersion"] = revision
    manifest["spec"]["rules"][0]["matches"] = [{"path": {"type": "PathPrefix", "value": "/"}}]
    return manifest


@given(
    st.dictionaries(names, st.integers(1, 100), min_size=1, max_size=2),
    st.dictionaries(names, st.integers(1, 100), max_size=1),
)
def test_a_route_is_read_as_it_was_written(weights, mirror):
    body = there(http_route("kol", "trust", "trust", Route(weights, mirror), GATEWAY, HOST))
    assert read_route(body, "trust", GATEWAY, HOST) == Route(weights, mirror, "7")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"hostnames": ["other.test"]}, id="another host"),
        pytest.param({"parentRefs": [{"name": "main", "namespace": "theirs"}]}, id="another gateway"),
        pytest.param({"rules": []}, id="no rule"),
        pytest.param(
            {"rules": [{"backendRefs": [], "matches": [{"path": {"type": "Exact", "value": "/x"}}]}]}, id="a match"
        ),
        pytest.param({"rules": [{"backendRefs": [], "filters": [{"type": "URLRewrite"}]}]}, id="a filter"),
    ],
)
def test_a_route_that_is_not_ours_any_more_is_none_that_could_be_wanted(change):
    body = there(http_route("kol", "trust", "trust", Route({"1": 100}), GATEWAY, HOST))
    body["spec"] |= change
    assert not read_route(body, "trust", GATEWAY, HOST).same(Route({"1": 100}))


def test_no_route_is_an_empty_one():
    assert read_route(None, "trust", GATEWAY, HOST) == Route()


@given(names)
def test_a_backend_names_its_version(number):
    assert version_of_backend("trust", backend_name(service_name("trust", number))) == number
    foreign = backend_name(service_name("trusty", number))
    assert version_of_backend("trust", foreign) == foreign


def test_a_service_is_pinned_and_locked_down():
    target = Target.model_validate({"replicas": 3, "limits": {"cpu": "1", "memory": "512Mi"}})
    body = inference_service("kol", "trust", "trust", version("17"), target)
    predictor = body["spec"]["predictor"]
    assert (predictor["minReplicas"], predictor["maxReplicas"]) == (3, 3)
    assert predictor["model"]["storageUri"] == "mlflow://trust/17"
    assert predictor["model"]["resources"] == {"limits": {"cpu": "1", "memory": "512Mi"}}
    assert predictor["model"]["securityContext"]["readOnlyRootFilesystem"]
    assert not predictor["automountServiceAccountToken"]
    assert not predictor["enableServiceLinks"]
    assert "ownerReferences" not in body["metadata"], "a deleted rollout leaves what serves"


@pytest.mark.parametrize(
    ("status", "ready", "failed_with"),
    [
        pytest.param({}, False, "", id="nothing yet"),
        pytest.param({"conditions": [{"type": "PredictorReady", "status": "True"}]}, True, "", id="ready"),
        pytest.param({"conditions": [{"type": "Ready", "status": "True"}]}, False, "", id="only its own route"),
        pytest.param(
            {"modelStatus": {"transitionStatus": "InvalidSpec", "lastFailureInfo": {"message": "no runtime"}}},
            False,
            "KServe cannot serve it: no runtime",
            id="no runtime",
        ),
    ],
)
def test_a_service_is_what_its_pods_are(status, ready, failed_with):
    body = inference_service("kol", "trust", "trust", version("17"), Target()) | {"status": status}
    found = read_service(body, reported="17")
    assert (found.version, found.ready, found.failed) == (version("17"), ready, failed_with)
    assert found.reported == ("17" if ready else None)


def container(reason="", restarts=0, message="", code=1):
    state = {"waiting": {"reason": reason, "message": message}} if reason else {"running": {}}
    return {"state": state, "restartCount": restarts, "lastState": {"terminated": {"exitCode": code}}, "image": "i"}


@pytest.mark.parametrize(
    ("pods", "said"),
    [
        pytest.param([], "", id="no pod yet"),
        pytest.param([{"status": {"containerStatuses": [container()]}}], "", id="running"),
        pytest.param([{"status": {"containerStatuses": [container("ContainerCreating")]}}], "", id="starting"),
        pytest.param([{"status": {"containerStatuses": [container("CrashLoopBackOff", 1)]}}], "", id="fell once"),
        pytest.param(
            [{"status": {"containerStatuses": [container("CrashLoopBackOff", 4, code=137)]}}],
            "its server ended 4 times, the last time with exit code 137",
            id="falls again and again",
        ),
        pytest.param(
            [{"status": {"containerStatuses": [container("ImagePullBackOff", message="no such image")]}}],
            "ImagePullBackOff: no such image",
            id="no image",
        ),
        pytest.param(
            [{"status": {"initContainerStatuses": [container("CrashLoopBackOff", 9)]}}], "", id="the registry is away"
        ),
    ],
)
def test_only_what_waiting_will_not_mend_is_a_failure(pods, said):
    assert failure_of(pods) == said


STORIES = {
    "idle": story,
    "shadowing": lambda: story(Phase.SHADOWING, **SHADOW),
    "soaking": lambda: story(Phase.SOAKING),
    "paused": lambda: asked(story(Phase.SOAKING), "Pause"),
    "completed": lambda: story(Phase.COMPLETED),
    "stalled": stalled,
    "metrics away": lambda: told(story(Phase.SOAKING), metrics_up=False),
    "failed": lambda: failed(story(Phase.SOAKING)),
}


@pytest.mark.parametrize("name", STORIES)
def test_what_is_stored_is_remembered(name):
    operator = STORIES[name]()
    if name == "failed":
        operator.run(phase(Phase.ROLLED_BACK))
    observed = operator.world.observe()
    shown = stored(observed.status, observed, url="http://x", before={}, now=NOW)
    assert remembered(shown) == observed.status
    again = stored(observed.status, observed, url="http://x", before=shown, now=datetime(2027, 1, 1, tzinfo=UTC))
    assert again == shown, "a condition keeps the moment of its last change"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param(
            "soaking", {"Ready": True, "Progressing": True, "MetricsAvailable": True, "Paused": False}, id="soaking"
        ),
        pytest.param("paused", {"Paused": True, "Ready": True}, id="paused"),
        pytest.param("stalled", {"Stalled": True, "Progressing": False}, id="stalled"),
        pytest.param("metrics away", {"MetricsAvailable": False}, id="metrics away"),
        pytest.param("completed", {"Progressing": False, "TrafficVerified": True, "SpecValid": True}, id="completed"),
    ],
)
def test_conditions_say_how_it_stands(name, expected):
    observed = STORIES[name]().world.observe()
    found = {kind: answer for kind, answer, _, _ in conditions_of(observed.status, observed)}
    assert expected.items() <= found.items()


def test_the_split_is_told_in_a_line():
    assert split({"16": 90, "17": 10}, {"17": 50}) == "90% v16, 10% v17, copies 50% v17"


def test_an_event_is_named_after_its_notice():
    body = event(MODEL_ROLLOUT, Notify("1-2-5", "GateFailed", "x" * 2000), "pod-1", NOW)
    assert (body["metadata"]["name"], body["type"], len(body["message"])) == ("trust.1-2-5", "Warning", 1000)
    assert event(MODEL_ROLLOUT, Notify("1-2-6", "Promoted", "fine"), "pod-1", NOW)["type"] == "Normal"


def test_evidence_is_read_as_it_was_written():
    status = story(Phase.SOAKING).world.status
    verdicts = (Verdict("slo", Outcome.PASS, 5, 5, 0.01, 0.02, "fine"), unknown("drift", "away"))
    body = gate_run(MODEL_ROLLOUT, Evaluation("1-1-guard-3", "guard", NOW, verdicts), status)
    assert body["metadata"]["name"] == run_name("trust", "1-1-guard-3")
    assert body["spec"]["summary"] == "slo Pass, drift Unknown"
    assert read_run(body) == Evaluation("1-1-guard-3", "guard", NOW, verdicts)


def test_evidence_of_a_rollout_that_was_deleted_says_nothing_about_its_namesake():
    run = gate_run(MODEL_ROLLOUT, Evaluation("1-1-guard-3", "guard", NOW, ()), story(Phase.SOAKING).world.status)
    again = MODEL_ROLLOUT | {"metadata": MODEL_ROLLOUT["metadata"] | {"uid": "another"}}
    assert belongs(run, MODEL_ROLLOUT)
    assert not belongs(run, again)


def test_who_approved_a_rollout_that_was_deleted_has_not_approved_its_namesake():
    def said(at, by, **more):
        spec = {"verb": "Approve", "attempt": "1-1", "by": by, "groups": ["leads"], **more}
        return {"metadata": {"creationTimestamp": at}, "spec": spec}

    born = "2026-01-01T12:00:00Z"
    actions = [
        said("2026-01-01T11:59:59Z", "ann"),
        said(born, "bob"),
        said("2026-01-02T00:00:00Z", "eve", attempt="1-2"),
        said("2026-01-02T00:00:00Z", "joe", verb="Pause"),
    ]
    assert approvals(actions, "1-1", born) == (Yes("bob", ("leads",)),)


def test_old_evidence_goes_unless_something_stands_on_it():
    status = story(Phase.COMPLETED).world.status
    named = [one.source for one in status.evidence]
    runs = []
    for place, name in enumerate([*named, *(f"old-{number}" for number in range(KEPT + 20))]):
        found = Evaluation(name, "guard", NOW.replace(minute=place // 60, second=place % 60), ())
        runs.append(gate_run(MODEL_ROLLOUT, found, status))
    gone = {run["spec"]["id"] for run in superfluous(runs, status)}
    assert len(gone) == 20
    assert not gone & set(named)


def test_a_digest_that_differs_is_another_service():
    one = inference_service("kol", "trust", "trust", Version(version="1", digest="a"), Target())
    other = inference_service("kol", "trust", "trust", Version(version="1", digest="b"), Target())
    assert one["metadata"]["name"] == other["metadata"]["name"]
    assert one["metadata"]["annotations"] != other["metadata"]["annotations"]
