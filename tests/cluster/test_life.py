"""A cluster comes up, stays up, comes back after a crash, and leaves nothing behind."""

from __future__ import annotations

import fcntl
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cluster import cgroups
from cluster.life import down, up
from cluster.state import examine
from scoreops.core.errors import NotReady, Refused
from scoreops.local import processes
from scoreops.local.service import recorded
from tests.cluster.clusters import Cluster, cluster_of, eventually, pod

PLACE = cluster_of("scoreops-life")
ROOT = Path(__file__).resolve().parents[2]


def bring_up(level="node"):
    return up(PLACE, level, fake_nodes=False, tell=print)


def said(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def machine():
    """All that a cluster could leave behind on this machine."""
    links = {line.split(": ")[1].partition("@")[0] for line in said("ip", "-o", "link").splitlines()}
    others = re.compile(r"scoreops-\d+")
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return {
        "processes": [process.pid for those in processes.marked(PLACE.home).values() for process in those],
        "pods": cgroups.processes(PLACE),
        "mounts": sorted(mount for mount in mounts if PLACE.name in mount or str(PLACE.home) in mount),
        "links": sorted(link for link in links if link == PLACE.link or not others.fullmatch(link)),
        "namespaces": [line for line in said("ip", "netns", "list").splitlines() if PLACE.name in line],
        "routes": [line for line in said("ip", "route").splitlines() if PLACE.host in line or PLACE.link in line],
        "rules": [line for line in said("iptables-save").splitlines() if not line.startswith(("#", ":"))],
        "cgroups": [folder for folder in cgroups.roots(PLACE) if folder.exists()],
        "folders": [folder for folder in ("/var/lib/cni", "/var/log/containers") if Path(folder).exists()],
    }


@pytest.fixture(scope="module")
def untouched():
    down(PLACE)
    yield machine()
    down(PLACE)


@pytest.fixture
def running(untouched):
    bring_up()
    return Cluster(PLACE)


def ready(cluster):
    node = cluster.get("node", "node")
    return any(one["type"] == "Ready" and one["status"] == "True" for one in node["status"]["conditions"])


def a_pod(cluster, name):
    eventually(lambda: cluster.kubectl("get", "serviceaccount", "default"))
    cluster.create(pod(name, "default", "pause"))
    cluster.wait(f"pod/{name}", "condition=Ready", "default")


def test_a_second_up_changes_nothing(running):
    before = {one.name: one.pid for one in examine(PLACE)}
    assert not bring_up()
    assert not bring_up("api")
    assert {one.name: one.pid for one in examine(PLACE)} == before
    assert {one.state for one in examine(PLACE)} == {"ready"}


@pytest.mark.parametrize("component", ["kube-apiserver", "kube-scheduler", "kubelet", "containerd"])
def test_a_component_that_died_is_started_again(running, component):
    died = recorded(PLACE.home, component).process
    died.kill()
    processes.wait_gone([died], 10)
    assert bring_up()
    assert {one.state for one in examine(PLACE)} == {"ready"}
    a_pod(running, f"after-{component}")


def test_nodes_that_do_not_exist_take_pods(running):
    assert up(PLACE, "node", fake_nodes=True, tell=print)
    annotations = {"kwok.x-k8s.io/node": "fake"}
    fake = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "fake", "annotations": annotations}}
    asleep = pod("asleep", "default", "pause")
    asleep["spec"]["nodeName"] = "fake"
    running.create(fake)
    running.wait("node/fake", "condition=Ready", "default")
    running.create(asleep)
    running.wait("pod/asleep", "condition=Ready", "default")
    assert ready(running)


def test_a_crash_of_everything_is_survived(running):
    a_pod(running, "before")
    for family in processes.marked(PLACE.home).values():
        processes.send(family, signal.SIGKILL)
    assert bring_up()
    assert ready(running)
    assert "before" not in running.kubectl("get", "pods", "-A")
    a_pod(running, "after")


def test_down_leaves_nothing_behind(running, untouched):
    a_pod(running, "last")
    assert cgroups.processes(PLACE)
    assert down(PLACE)
    assert machine() == untouched
    assert examine(PLACE) == []
    assert not down(PLACE)


def test_down_after_a_crash_leaves_nothing_behind(running, untouched):
    for family in processes.marked(PLACE.home).values():
        processes.send(family, signal.SIGKILL)
    assert down(PLACE)
    assert machine() == untouched


def test_an_up_that_is_interrupted_leaves_nothing_behind(untouched):
    code = "from tests.cluster.test_life import bring_up; bring_up()"
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.DEVNULL) as coming:
        eventually(lambda: recorded(PLACE.home, "kube-apiserver"))
        coming.send_signal(signal.SIGTERM)
    assert coming.returncode
    assert machine() == untouched


def test_two_commands_at_once_are_refused(untouched):
    with PLACE.lock.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        for command in (bring_up, lambda: down(PLACE)):
            with pytest.raises(NotReady, match="is starting or stopping cluster scoreops-life"):
                command()


def test_a_cluster_of_another_checkout_is_left_alone(running, tmp_path):
    from dataclasses import replace

    other = replace(PLACE, home=tmp_path / "other" / ".run" / "cluster")
    for command in (lambda: up(other, "api", fake_nodes=False, tell=print), lambda: down(other)):
        with pytest.raises(Refused, match="is up from"):
            command()
    assert ready(running)
