"""A model that is delivered on a real cluster: registry, operator, pods, and requests through the gateway."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import httpx

from operators.build.names import GATE_TEMPLATES, HTTP_ROUTES, MODEL_ROLLOUTS, ROLLOUT_ACTIONS, version_of_backend
from scoreops.adapters.kube import connect
from tests.bundles import plain_bundle
from tests.cluster.clusters import eventually

ROOT = Path(__file__).resolve().parents[2]
NAME = "tiny"
GATES = {"contract": {"contract": {}}, "slo": {"slo": {"margin": 0.05, "slow": None}}}
PLAN = {
    "target": {"requests": {"cpu": "20m", "memory": "128Mi"}},
    "preflight": [{"name": "contract"}],
    "guards": [{"name": "slo", "critical": True}],
    "steps": [{"weight": 10, "minRequests": 30, "gates": [{"name": "contract"}]}, {"weight": 100}],
    "rollbackWindowSeconds": 600,
    "abortDelaySeconds": 1,
    "lookSeconds": 1,
}
SOAKING = {"steps": [{"weight": 10, "soakSeconds": 3600, "gates": [{"name": "contract"}]}, {"weight": 100}]}


class Shop:
    """Everything in one namespace, whose name the model has in the registry."""

    def __init__(self, cluster, namespace, registry):
        self.cluster, self.namespace, self.registry = cluster, namespace, registry
        self.kube = connect(str(cluster.place.kubeconfig))
        self.host = f"{NAME}.{namespace}.scoreops.local"

    def body(self, resource, name, spec):
        meta = {"name": name, "namespace": self.namespace}
        return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": meta, "spec": spec}

    def open(self, files, **plan):
        """Version 1 serves everybody."""
        self.put(files)
        for name, spec in GATES.items():
            self.kube.create(GATE_TEMPLATES, self.body(GATE_TEMPLATES, name, spec))
        source = {"mlflow": {"model": self.namespace, "alias": "candidate"}}
        spec = {"source": source} | PLAN | plan
        assert self.kube.create(MODEL_ROLLOUTS, self.body(MODEL_ROLLOUTS, NAME, spec))
        self.reach("Completed")
        eventually(lambda: self.ask(0)[0] == 200)

    def put(self, files):
        return self.registry.register(files, metrics={}, verdicts=[]).number

    @property
    def status(self):
        return self.kube.get(MODEL_ROLLOUTS, self.namespace, NAME).get("status", {})

    def reach(self, *phases, within_s=300.0):
        def there():
            status = self.status
            assert status.get("phase") in phases, f"{status.get('phase')}: {status.get('message')}"
            return status

        return eventually(there, within_s)

    @property
    def weights(self):
        route = self.kube.get(HTTP_ROUTES, self.namespace, NAME)
        backends = route["spec"]["rules"][0]["backendRefs"]
        return {version_of_backend(NAME, one["name"]): one["weight"] for one in backends}

    def act(self, verb):
        spec = {"rollout": NAME, "verb": verb, "by": "admin", "reason": "a test"}
        assert self.kube.create(ROLLOUT_ACTIONS, self.body(ROLLOUT_ACTIONS, f"now-{verb.lower()}", spec))

    def command(self, *arguments, code=0):
        """Standard output of `scoreops rollout ARGUMENTS`, which must end with that code."""
        argv = [sys.executable, "-W", "ignore", "-m", "scoreops", "rollout", *arguments, "-n", self.namespace]
        argv += ["--kubeconfig", str(self.cluster.place.kubeconfig)]
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    def ask(self, number, client=httpx):
        """Status and version of an answer through the gateway; status 0: there was none."""
        tensor = {"name": "features", "datatype": "FP64", "shape": [1, 3], "data": [float(number % 7), 1.0, 2.0]}
        question = {"id": f"r{number}", "inputs": [tensor | {"parameters": {"columns": "a,b,c"}}]}
        url = f"{self.cluster.place.gateway_url}/v2/models/{self.namespace}/infer"
        try:
            answer = client.post(url, headers={"Host": self.host}, content=json.dumps(question), timeout=10)
        except httpx.HTTPError:
            return 0, ""
        return answer.status_code, answer.json().get("model_version", "") if answer.status_code == 200 else ""


def bundle(shop, factor=1.0, columns=("a", "b", "c")):
    return plain_bundle((factor, 10.0 * factor, 100.0 * factor), shop.namespace, columns)


@contextmanager
def traffic(shop, clients=2, pause_s=0.02):
    """Requests all the time; what came back, counted by status and version, as it comes."""
    found, stop, numbers = Counter(), threading.Event(), itertools.count()

    def one():
        with httpx.Client() as client:
            while not stop.wait(pause_s):
                found[shop.ask(next(numbers), client)] += 1

    threads = [threading.Thread(target=one) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        stop.set()
        for thread in threads:
            thread.join()
