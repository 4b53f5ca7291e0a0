"""Two replicas, one Lease, on a real API server."""

from __future__ import annotations

import signal
import threading

import pytest

from operators.build.names import LEASES
from operators.lease import NAME, Lease, Pace
from scoreops.adapters.kube import connect
from scoreops.core.errors import NotReady
from tests.cluster.operator.rollouts import eventually


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def two(rollouts):
    clock = Clock()
    return clock, [Lease(rollouts.kube, rollouts.namespace, name, Pace(), clock) for name in ("one", "two")]


def test_one_has_it_and_the_other_waits_for_its_end(two):
    clock, (one, other) = two
    assert (one.attempt(), other.attempt()) == (True, False)
    clock.now += 14
    assert (one.held(), other.attempt()) == (False, False), "nobody acts for a while"
    clock.now += 1.1
    assert (other.attempt(), one.attempt()) == (True, False)
    with pytest.raises(NotReady):
        one.check()


def test_who_renews_keeps_it(two):
    clock, (one, other) = two
    for _ in range(20):
        assert (one.attempt(), other.attempt(), one.held()) == (True, False, True)
        clock.now += 5


def test_many_at_once_leave_one_holder(rollouts):
    leases = [Lease(rollouts.kube, rollouts.namespace, f"r{number}", Pace()) for number in range(8)]
    barrier, held = threading.Barrier(8), []

    def fight(lease):
        barrier.wait()
        held.extend((lease, lease.attempt()) for _ in range(5))

    threads = [threading.Thread(target=fight, args=(lease,)) for lease in leases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({lease for lease, got in held if got}) == 1
    assert sum(lease.held() for lease in leases) == 1


def test_an_api_server_that_is_away_ends_the_right_in_time():
    clock = Clock()
    lease = Lease(_nowhere(), "default", "one", Pace(), clock)
    lease._renewed = 0.0
    assert (lease.attempt(), lease.held()) == (True, True), "one failure is none"
    clock.now += 10.1
    assert (lease.attempt(), lease.held()) == (False, False)


def _nowhere():
    from kubernetes import client

    from scoreops.adapters.kube import Kube

    settings = client.Configuration()
    settings.host = "http://127.0.0.1:9"
    settings.retries = False
    return Kube(client.ApiClient(settings), timeout_s=1.0)


def test_another_replica_takes_over_from_a_killed_one(rollouts):
    rollouts.register()
    rollouts.make()
    pace = {"lease_s": 4, "renew_s": 3, "retry_s": 0.5}
    one = rollouts.operate("one", **pace)
    rollouts.reach("Completed")
    rollouts.operate("two", **pace)
    holder = lambda: rollouts.kube.get(LEASES, rollouts.namespace, NAME)["spec"]["holderIdentity"]  # noqa: E731
    assert holder() == "one"
    rollouts.register()
    rollouts.reach("Deploying", "Progressing", "Soaking")
    rollouts.end(one, signal.SIGKILL)
    rollouts.reach("Completed")
    assert (holder(), rollouts.weights) == ("two", {"2": 100})


def test_sigterm_ends_it_well_and_frees_the_lease(rollouts):
    rollouts.make()
    one = rollouts.operate("one")
    rollouts.reach("Idle")
    assert rollouts.end(one) == 0
    assert rollouts.kube.get(LEASES, rollouts.namespace, NAME)["spec"]["holderIdentity"] == ""
    rollouts.operate("two")
    eventually(lambda: rollouts.kube.get(LEASES, rollouts.namespace, NAME)["spec"]["holderIdentity"] == "two", 10)


def test_connections_come_from_a_file(api):
    assert connect(str(api)).get(LEASES, "default", "none") is None
    with pytest.raises(NotReady):
        connect("/nowhere/kubeconfig")
