"""How a step runs as a task of a pipeline: its image, never from a cache, and how often it is tried."""

import os

from kfp import dsl

IMAGE = os.environ.get("SCOREOPS_PIPELINE_IMAGE", "scoreops/pipelines-python:0.1.0")


def anew(task: dsl.PipelineTask) -> dsl.PipelineTask:
    """The task, never answered from KFP's cache: steps read and write stores whose content its key does not hold."""
    return task.set_caching_options(False)


def retried(task: dsl.PipelineTask, wait: str = "5s") -> dsl.PipelineTask:
    """The task anew, tried again twice, `wait` after the first failure and twice as long after the second."""
    return anew(task).set_retry(2, backoff_duration=wait, backoff_factor=2.0)
