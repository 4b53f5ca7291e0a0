"""Kinds are upgraded under a rollout: what is stored stays, and what this operator does not know it does not guess."""

from __future__ import annotations

import pytest
import yaml

from cluster.kube import apply, established, kubectl
from cluster.place import ROOT
from operators.build.names import MODEL_ROLLOUTS
from tests.cluster.clusters import eventually
from tests.cluster.operator.rollouts import NAME, soaking

SHIPPED = sorted((ROOT / "operators" / "api" / "crds").glob("*.yaml"))


def newer(file):
    """The same kind with a member and a column more, as a later release has it."""
    body = yaml.safe_load(file.read_text())
    version = body["spec"]["versions"][0]
    version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["later"] = {"type": "string"}
    column = {"name": "Later", "type": "string", "jsonPath": ".spec.later"}
    version["additionalPrinterColumns"] = [*version.get("additionalPrinterColumns", ()), column]
    return body


@pytest.fixture
def upgraded(place):
    def upgrade():
        apply(place, map(newer, SHIPPED))
        established(place)

    yield upgrade
    apply(place, files=SHIPPED)
    established(place)


def test_a_rollout_goes_on_over_an_upgrade_of_its_kind(place, rollouts, upgraded):
    soaking(rollouts)
    before = rollouts.status["attempt"]
    upgraded()
    eventually(lambda: "LATER" in kubectl(place, "get", "modelrollouts", "-n", rollouts.namespace))
    assert rollouts.status["attempt"]["candidate"] == before["candidate"]
    rollouts.kube.merge(MODEL_ROLLOUTS, rollouts.namespace, NAME, {"spec": {"later": "yes"}})
    conditions = eventually(lambda: [one for one in rollouts.status["conditions"] if said(one)])
    assert "later" in conditions[0]["message"]
    assert rollouts.weights == {"1": 90, "2": 10}
    rollouts.kube.merge(MODEL_ROLLOUTS, rollouts.namespace, NAME, {"spec": {"later": None}})
    rollouts.ask("SkipStep")
    rollouts.reach("Completed")
    assert rollouts.weights == {"2": 100}


def said(condition):
    return (condition["type"], condition["status"]) == ("SpecValid", "False")
