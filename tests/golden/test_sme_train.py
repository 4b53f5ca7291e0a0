"""The compiled `sme_train` and `sme_external_sync` are those of the source (REGEN=1 rewrites them), in right order."""

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

from scoreops.catalog import recipe_of

ROOT = Path(__file__).resolve().parents[2]
COMPILED = ROOT / "kfp_pipelines" / "compiled"
NAMES = ("sme_train", "sme_external_sync")


def spec(name):
    (document,) = yaml.safe_load_all((COMPILED / f"{name}.yaml").read_text())
    return json_format.ParseDict(document, pipeline_spec_pb2.PipelineSpec())


def dags(made):
    return [made.root.dag, *(component.dag for component in made.components.values() if component.HasField("dag"))]


@pytest.mark.parametrize("name", NAMES)
def test_the_compiled_file_is_that_of_the_source(name, tmp_path):
    folder = COMPILED if os.environ.get("REGEN") else tmp_path
    code = f"from pathlib import Path; from kfp_pipelines.{name} import compile_to; compile_to(Path({str(folder)!r}))"
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, env=environment)
    assert (COMPILED / f"{name}.yaml").read_text() == (folder / f"{name}.yaml").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_every_step_is_tried_again_and_never_answered_from_a_cache(name):
    for dag in dags(spec(name)):
        for place, task in dag.tasks.items():
            assert not task.caching_options.enable_cache, place
            inner = place.startswith(("for-loop", "condition", "validated-score-train"))
            assert inner or task.retry_policy.max_retry_count == 2, place


def test_scores_that_can_be_trained_train_side_by_side_on_one_set():
    made = spec("sme_train")
    (loop,) = (task for task in made.root.dag.tasks.values() if task.HasField("parameter_iterator"))
    scores = json.loads(loop.parameter_iterator.items.raw)
    assert all(recipe_of(score) for score in scores)
    assert loop.iterator_policy.parallelism_limit == 2
    assert list(loop.dependent_tasks) == ["training-sets"]


def test_nothing_is_registered_before_registry_and_store_were_validated():
    (inner,) = (dag for dag in dags(spec("sme_train")) if "register" in dag.tasks)
    assert list(inner.tasks["register"].dependent_tasks) == ["validate"]
    judged = inner.tasks["register"].inputs.artifacts["verdicts"].task_output_artifact
    assert (judged.producer_task, judged.output_artifact_key) == ("validate", "verdicts")
    conditions = {
        task.task_info.name: task.trigger_policy.condition
        for dag in dags(spec("sme_train"))
        for task in dag.tasks.values()
        if task.trigger_policy.condition
    }
    assert conditions["data is sound"].endswith("== 'ok'")
    assert conditions["can be served"].endswith("!= 'unfit'")


def test_dimensions_follow_the_sync():
    dag = spec("sme_external_sync").root.dag
    assert list(dag.tasks["external-dimensions"].dependent_tasks) == ["external"]
    assert not dag.tasks["external"].dependent_tasks
