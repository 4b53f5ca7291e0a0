"""The operator is killed before each of its writes and after the last: it ends where the undisturbed one ends.

A crash leaves nothing but what was written, so one after a write is one before the next. What the API server wrote down
meanwhile is read again: no weight rose without a stored Pass.
"""

from __future__ import annotations

import re
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from operators.api.rollout import Gateway, Target
from operators.build.names import HTTP_ROUTES, INFERENCE_SERVICES, host_of, version_of_backend
from operators.build.route import http_route
from operators.build.service import inference_service
from scoreops.core.rollout_status import Version
from scoreops.core.rollout_world import Route
from tests.cluster.clusters import audited
from tests.cluster.operator.rollouts import NAME, SPEC, eventually

TOGETHER = 8
LIMIT_S = 180.0


def begin(rollouts):
    """Version 1 has served for long; version 2 is the candidate."""
    digests = {}
    for aliases in (("champion",), ("candidate",)):
        number = rollouts.register(*aliases)
        digests[number] = rollouts.registry.digest_of(rollouts.namespace, number)
    model, gateway = rollouts.namespace, Gateway(namespace="scoreops", name="scoreops")
    stable = Version(version="1", digest=digests["1"])
    rollouts.kube.apply(INFERENCE_SERVICES, inference_service(model, NAME, model, stable, Target()))
    host = host_of(NAME, rollouts.namespace, "scoreops.local")
    rollouts.kube.apply(HTTP_ROUTES, http_route(model, NAME, model, Route({"1": 100}), gateway, host))
    rollouts.make()


def promoted(rollouts):
    rollouts.reach("Completed", within_s=LIMIT_S)
    eventually(lambda: rollouts.services == ["trust-v2"], LIMIT_S)


def rolled_back(rollouts):
    rollouts.gate("quality", 1)
    rollouts.reach("RolledBack", within_s=LIMIT_S)
    eventually(lambda: rollouts.services == ["trust-v1"], LIMIT_S)


def all_said(rollouts):
    """The status, when no event waits to be sent."""
    status, process = rollouts.status, rollouts.started[-1]
    assert not status.get("notices"), f"{status['notices']}; operator {process.pid} ended with {process.exitcode}"
    return status


def ended(rollouts):
    """What is there at the end; the moment and the number of looks are not the same twice."""
    status = eventually(lambda: all_said(rollouts), LIMIT_S)
    evidence = [(one["stage"], one["source"].rpartition("-")[0]) for one in status["evidence"]]
    history = [(one["attempt"], one["version"], one["outcome"], one["reason"]) for one in status["history"]]
    blocked = [one["version"] for one in status.get("blocked", ())]
    runs = [run["id"] for run in rollouts.runs()]
    assert len(runs) == len(set(runs)), "evidence twice"
    events = sorted(reason for reason, _ in rollouts.events())
    place = (status["phase"], rollouts.weights, rollouts.services, rollouts.aliases(), status["stable"]["version"])
    return (*place, evidence, history, blocked, events)


def told(make, script, kill_at):
    """One run; killed once, unless it ends before that write. Returns (end, names of the writes, was it killed)."""
    rollouts = make()
    begin(rollouts)
    process = rollouts.operate(kill_at=kill_at)
    killed = False
    if kill_at != "count":
        if script is rolled_back:
            rollouts.gate("quality", 1)
        killed = (
            eventually(lambda: not process.is_alive() or done(rollouts, script), LIMIT_S) and not process.is_alive()
        )
        if killed:
            assert process.exitcode == -signal.SIGKILL
            rollouts.operate()
    script(rollouts)
    end = ended(rollouts)
    rollouts.forget()
    log = (rollouts.logs / "one.log").read_text()
    return end, re.findall(r"^write \d+ (.*)$", log, re.MULTILINE), killed, rollouts.namespace


def done(rollouts, script):
    """Whether nothing is left to write."""
    services = ["trust-v2"] if script is promoted else ["trust-v1"]
    status = rollouts.status
    rests = status.get("phase") in {"Completed", "RolledBack"} and not status.get("notices")
    return rests and rollouts.services == services


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("script", [promoted, rolled_back], ids=lambda script: script.__name__)
def test_a_killed_operator_ends_where_the_undisturbed_one_does(make_rollouts, place, script):
    expected, writes, _, namespace = told(make_rollouts, script, "count")
    assert len(writes) > 20
    kinds = {re.sub(r".*/namespaces/[^/]+/(\w+)(/[^/]+)?(/status)?$", r"\1\3", name) for name in writes}
    assert {"modelrollouts/status", "inferenceservices", "httproutes", "gateruns", "events"} <= kinds
    cases = [*(f"{number}:before" for number in range(len(writes))), f"{len(writes) - 1}:after"]
    with ThreadPoolExecutor(TOGETHER) as pool:
        found = list(pool.map(lambda case: told(make_rollouts, script, case), cases))
    for case, (end, _, _, _) in zip(cases, found, strict=True):
        assert end == expected, f"killed at write {case}"
    kills = sum(killed for _, _, killed, _ in found)
    assert kills > len(cases) * 0.8
    print(f"{script.__name__}: {len(writes)} writes, {kills} kills")  # noqa: T201 - a figure for the report
    judge(place, {namespace, *(one[3] for one in found)})


def judge(place, namespaces):
    """The candidate's weight rose only while a Pass of every stage before was stored."""
    passed, weights, rises = {}, {}, 0
    for entry in audited(place):
        reference, written = entry.get("objectRef", {}), entry.get("responseObject") or {}
        namespace = reference.get("namespace")
        if namespace not in namespaces or entry["responseStatus"]["code"] >= 300:
            continue
        if reference["resource"] == "modelrollouts" and "status" in written:
            passed[namespace] = {one["stage"] for one in written["status"].get("evidence", ())}
        if reference["resource"] == "httproutes" and "spec" in written:
            backends = written["spec"]["rules"][0].get("backendRefs", ())
            shares = {version_of_backend(NAME, one["name"]): one["weight"] for one in backends}
            before, now = weights.get(namespace, 0), shares.get("2", 0)
            if now > before:
                rises += 1
                needed = {"preflight"} | ({"step-0"} if now > SPEC["steps"][0]["weight"] else set())
                assert needed <= passed[namespace], f"{namespace}: {before} -> {now} % with {passed[namespace]}"
            weights[namespace] = now
    assert rises
