"""Compiled pipelines are those of the source (REGEN=1 rewrites them), valid, and ordered as they should be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

ROOT = Path(__file__).resolve().parents[2]
COMPILED = ROOT / "kfp_pipelines" / "compiled"
NAMES = ("kol_train", "kol_train_coupled")
SME = ("sme_daily_etl", "sme_predict")
WEEKLY_AND_MONTHLY = ("sme_train", "sme_external_sync")
EVERY = (*NAMES, *SME, *WEEKLY_AND_MONTHLY)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """A compile of its own, in a process of its own, without settings of this machine."""
    folder = COMPILED if os.environ.get("REGEN") else tmp_path_factory.mktemp("compiled")
    code = (
        "from pathlib import Path; from kfp_pipelines import kol_train, sme_external_sync, sme_pipelines, sme_train;"
        "every = (kol_train, sme_external_sync, sme_pipelines, sme_train);"
        f"[part.compile_to(Path({str(folder)!r})) for part in every]"
    )
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, env=environment)
    return folder


def spec(name):
    """The IR, read by KFP's own schema: an unknown field is an error."""
    (document,) = yaml.safe_load_all((COMPILED / f"{name}.yaml").read_text())
    return json_format.ParseDict(document, pipeline_spec_pb2.PipelineSpec())


def dags(made):
    return [made.root.dag, *(component.dag for component in made.components.values() if component.HasField("dag"))]


def after(dag, task):
    """Everything that must end before `task` begins."""
    found = set(dag.tasks[task].dependent_tasks)
    return found.union(*(after(dag, other) for other in found))


def test_nothing_but_these_is_compiled():
    assert {path.name for path in COMPILED.iterdir()} == {f"{name}.yaml" for name in EVERY}


@pytest.mark.parametrize("name", EVERY)
def test_the_compiled_file_is_that_of_the_source(fresh, name):
    assert (COMPILED / f"{name}.yaml").read_text() == (fresh / f"{name}.yaml").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_it_is_valid_and_every_part_that_it_names_is_there(name):
    made = spec(name)
    assert made.pipeline_info.name == name.replace("_", "-")
    assert set(made.root.input_definitions.parameters) == {"until", "labels", "rehearse", "fusion"}
    executors = json_format.MessageToDict(made.deployment_spec)["executors"]
    used = set()
    for dag in dags(made):
        for task_name, task in dag.tasks.items():
            used.add(task.component_ref.name)
            assert set(task.dependent_tasks) <= set(dag.tasks), task_name
    assert used == set(made.components)
    labels = {part.executor_label for part in made.components.values() if part.executor_label}
    assert labels == set(executors)
    assert {executor["container"]["image"] for executor in executors.values()} == {"scoreops/pipelines-python:0.1.0"}


@pytest.mark.parametrize("name", EVERY)
def test_no_step_is_answered_from_a_cache_that_cannot_see_the_stores(name):
    for dag in dags(spec(name)):
        for task_name, task in dag.tasks.items():
            assert not task.caching_options.enable_cache, task_name


def test_trust_and_success_train_side_by_side():
    made = spec("kol_train")
    (loop,) = (task for task in made.root.dag.tasks.values() if task.HasField("parameter_iterator"))
    assert json.loads(loop.parameter_iterator.items.raw) == ["trust", "success"]
    assert loop.iterator_policy.parallelism_limit == 2
    inside = made.components[loop.component_ref.name].dag
    assert list(inside.tasks) == ["score-train"]
    assert not inside.tasks["score-train"].dependent_tasks
    assert list(loop.dependent_tasks) == ["features"]


def test_coupled_success_waits_for_the_scores_of_trust():
    dag = spec("kol_train_coupled").root.dag
    scores = {
        task.inputs.parameters["score"].runtime_value.constant.string_value: name
        for name, task in dag.tasks.items()
        if name.startswith("score-train")
    }
    assert set(scores) == {"trust", "success"}
    assert {"lag", scores["trust"], "features"} <= after(dag, scores["success"])
    assert scores["success"] not in after(dag, scores["trust"])


@pytest.mark.parametrize("name", NAMES)
def test_fusion_is_weighed_last_and_only_when_wanted(name):
    dag = spec(name).root.dag
    (place,) = (n for n, task in dag.tasks.items() if task.task_info.name == "fusion is wanted")
    assert "fusion'] == true" in dag.tasks[place].trigger_policy.condition
    assert after(dag, place) == set(dag.tasks) - {place}


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_registered_that_a_gate_has_refused(name):
    """Training hangs on the data checks, registering on the judgement of the very model that is registered."""
    made = spec(name)
    conditions = [
        (task.task_info.name, task.trigger_policy.condition) for dag in dags(made) for task in dag.tasks.values()
    ]
    assert any(n == "data is sound" and c.endswith("== 'ok'") for n, c in conditions)
    assert any(n == "can be served" and c.endswith("!= 'unfit'") for n, c in conditions)
    for component in made.components.values():
        for name_, task in component.dag.tasks.items():
            if name_.startswith("register"):
                assert "model" in task.inputs.artifacts
                assert task.inputs.artifacts["model"].component_input_artifact


def test_a_night_checks_its_surroundings_first_and_builds_layer_upon_layer():
    made = spec("sme_daily_etl")
    assert list(made.root.dag.tasks["place"].dependent_tasks) == []
    conditions = {
        task.task_info.name: task.trigger_policy.condition for dag in dags(made) for task in dag.tasks.values()
    }
    for name in ("everything is there", "silver is sound", "gold is sound"):
        assert conditions[name].endswith("== 'ok'"), name
    (body,) = (dag for dag in dags(made) if "silver" in dag.tasks)
    assert after(body, "silver") == {"bronze"}


@pytest.mark.parametrize("name", SME)
def test_what_was_predicted_is_published_before_readers_are_told(name):
    (body,) = (dag for dag in dags(spec(name)) if "publish" in dag.tasks)
    predictions = {task for task in body.tasks if task.startswith("predict")}
    assert len(predictions) >= 2
    assert predictions <= after(body, "publish") < after(body, "refresh")


@pytest.mark.parametrize("name", SME)
def test_every_step_of_a_night_is_tried_again(name):
    for dag in dags(spec(name)):
        for place, task in dag.tasks.items():
            if task.HasField("caching_options") and not place.startswith("condition"):
                assert task.retry_policy.max_retry_count == 2, place
