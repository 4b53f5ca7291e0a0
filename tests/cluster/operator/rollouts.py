"""A rollout of a test: its objects, the operator's process beside it, and what is asked of both."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from operators.build.names import (
    EVENTS,
    GATE_RUNS,
    GATE_TEMPLATES,
    HTTP_ROUTES,
    INFERENCE_SERVICES,
    MODEL_ROLLOUTS,
    ROLLOUT,
    ROLLOUT_ACTIONS,
    version_of_backend,
)
from scoreops.adapters.kube import Resource
from tests.cluster.clusters import eventually

NAME = "trust"
NAMESPACES = Resource("", "v1", "namespaces", "Namespace")
SPEC = {
    "preflight": [{"name": "contract"}],
    "guards": [{"name": "slo", "critical": True}],
    "steps": [{"weight": 10, "soakSeconds": 1, "minRequests": 3, "gates": [{"name": "quality"}]}, {"weight": 100}],
    "bake": {"durationSeconds": 1, "gates": [{"name": "quality"}]},
    "rollbackWindowSeconds": 2,
    "abortDelaySeconds": 1,
    "lookSeconds": 1,
}
SLOW = {"steps": [SPEC["steps"][0] | {"soakSeconds": 600}, {"weight": 100}]}
GATES = ("contract", "slo", "quality")
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["operators.main"])


def _operate(environment, log):
    """The operator's `main`, in a process that has the modules already."""
    with Path(log).open("ab", 0) as file:
        os.dup2(file.fileno(), sys.stderr.fileno())
        os.dup2(file.fileno(), sys.stdout.fileno())
    os.environ.update(environment)
    from operators.main import main

    sys.exit(main())


@dataclass
class Rollouts:
    """Everything in one namespace; `operate` starts a replica of the operator that watches it alone."""

    kube: object
    stage: object
    registry: object
    namespace: str
    environment: dict
    logs: object
    started: list = field(default_factory=list)

    def operate(self, identity="one", **more):
        environment = self.environment | {"OPERATOR_IDENTITY": identity}
        environment |= {f"OPERATOR_{name}".upper(): str(value) for name, value in more.items()}
        log = self.logs / f"{identity}.log"
        process = processes.Process(target=_operate, args=(environment, str(log)), name=identity)
        process.start()
        self.started.append(process)
        return process

    def end(self, process, sign=signal.SIGTERM):
        os.kill(process.pid, sign)
        process.join(20)
        assert process.exitcode is not None, "it does not end"
        return process.exitcode

    def stop(self):
        """End every replica, as a crash would."""
        for process in self.started:
            with contextlib.suppress(ProcessLookupError, TypeError):
                os.kill(process.pid, signal.SIGKILL)
            process.join(10)

    def forget(self):
        """No replica runs, and the stage has nothing left to play here."""
        self.stop()
        for resource in (INFERENCE_SERVICES, HTTP_ROUTES):
            for body in self.kube.list(resource, self.namespace):
                self.kube.delete(resource, self.namespace, body["metadata"]["name"], body["metadata"]["uid"])
        self.stage.forget(self.namespace)

    def close(self):
        """Nothing of it is left."""
        self.stop()
        for body in self.kube.list(MODEL_ROLLOUTS, self.namespace):
            name = body["metadata"]["name"]
            self.kube.merge(MODEL_ROLLOUTS, self.namespace, name, {"metadata": {"finalizers": None}})
        if found := self.kube.get(NAMESPACES, None, self.namespace):
            self.kube.delete(NAMESPACES, None, self.namespace, found["metadata"]["uid"])

    def make_gates(self):
        for gate in GATES:
            query = {"query": f"{self.namespace}_{gate}", "atMost": 0.5}
            self.kube.create(GATE_TEMPLATES, self.body(GATE_TEMPLATES, gate, {"promQuery": query}))

    def make(self, name=NAME, **spec):
        self.make_gates()
        source = {"mlflow": {"model": self.namespace, "alias": "candidate"}}
        self.kube.create(MODEL_ROLLOUTS, self.body(MODEL_ROLLOUTS, name, {"source": source} | SPEC | spec))

    def register(self, *aliases):
        """The next version of the model, without files, as nobody serves them here. Returns its number."""
        self.registry._ensure("registered-models", self.namespace)
        digest = f"sha256:{uuid.uuid4().hex}"
        run, root = self.registry._run(self.namespace, {})
        tags = [{"key": "digest", "value": digest}]
        body = {"name": self.namespace, "source": f"{root}/bundle", "run_id": run, "tags": tags}
        made = self.registry._send("POST", "/api/2.0/mlflow/model-versions/create", json=body)
        number = made["model_version"]["version"]
        for alias in aliases or ("candidate",):
            self.registry.set_alias(self.namespace, alias, int(number))
        return str(number)

    def aliases(self):
        return self.registry.aliases(self.namespace)

    def body(self, resource, name, spec):
        return {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": spec,
        }

    def gate(self, name, value):
        self.stage.gates[f"{self.namespace}_{name}"] = value

    def ask(self, verb, name=None, **more):
        name = name or f"{verb.lower()}-{time.monotonic_ns()}"
        spec = {"rollout": NAME, "verb": verb, "by": "admin", "reason": "a test"} | more
        assert self.kube.create(ROLLOUT_ACTIONS, self.body(ROLLOUT_ACTIONS, name, spec))
        return name

    def action(self, name):
        return self.kube.get(ROLLOUT_ACTIONS, self.namespace, name)

    def answer(self, name):
        return self.action(name).get("status")

    def get(self, name=NAME):
        return self.kube.get(MODEL_ROLLOUTS, self.namespace, name)

    @property
    def status(self):
        return self.get().get("status", {})

    def reach(self, *phases, within_s=60.0):
        def there():
            status = self.status
            phase = status.get("phase")
            assert phase in phases, f"{phase}: {status.get('reason')} {status.get('message')}"
            return status

        return eventually(there, within_s)

    @property
    def actions(self):
        return ROLLOUT_ACTIONS

    @property
    def weights(self):
        route = self.kube.get(HTTP_ROUTES, self.namespace, NAME)
        if route is None:
            return {}
        backends = route["spec"]["rules"][0]["backendRefs"]
        return {version_of_backend(NAME, one["name"]): one["weight"] for one in backends}

    @property
    def services(self):
        found = self.kube.list(INFERENCE_SERVICES, self.namespace, labels=f"{ROLLOUT}={NAME}")
        return sorted(one["metadata"]["name"] for one in found)

    def runs(self):
        return [run["spec"] for run in self.kube.list(GATE_RUNS, self.namespace)]

    def events(self):
        return [(one["reason"], one["message"]) for one in self.kube.list(EVENTS, self.namespace)]


def first(rollouts, **spec):
    """Version 1 serves everybody, and is champion."""
    rollouts.register()
    rollouts.make(**spec)
    process = rollouts.operate()
    rollouts.reach("Completed")
    return process


def soaking(rollouts, **spec):
    """Version 2 has 10 % and keeps them."""
    process = first(rollouts, **(SLOW | spec))
    rollouts.register()
    rollouts.reach("Soaking")
    eventually(lambda: rollouts.weights == {"1": 90, "2": 10})
    return process
