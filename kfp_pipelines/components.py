"""Thin components: each imports one step and calls it. KFP copies their source: nothing else of this file exists there.

No `from __future__ import annotations` here: KFP reads the annotations as they stand.
"""

from kfp import dsl
from kfp.dsl import HTML, Dataset, Input, Metrics, Model, Output

from kfp_pipelines.tasks import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def features(until: int, outcomes: Output[Dataset]) -> int:
    """Offline features and outcomes of everything before the hour `until`."""
    from pathlib import Path

    from kfp_pipelines import steps

    return int(steps.features(until, Path(outcomes.path))["kols"])


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def check(
    score: str,
    until: int,
    labels: str,
    rehearse: str,
    outcomes: Input[Dataset],
    rows: Output[Dataset],
    drift: Output[HTML],
) -> str:
    """Training rows, data checks and the drift gate. Answers ok or refused."""
    from pathlib import Path

    from kfp_pipelines import steps

    report = steps.check(score, until, labels, rehearse, Path(outcomes.path), Path(drift.path), Path(rows.path))
    return str(report["answer"])


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def train(
    score: str, until: int, rehearse: str, rows: Input[Dataset], outcomes: Input[Dataset], model: Output[Model]
) -> int:
    """The bundle of a score."""
    from pathlib import Path

    from kfp_pipelines import steps

    paths = (Path(rows.path), Path(outcomes.path), Path(model.path))
    return int(steps.train(score, until, rehearse, *paths)["bytes"])


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def evaluate(
    score: str, rows: Input[Dataset], model: Input[Model], verdicts: Output[Dataset], metrics: Output[Metrics]
) -> str:
    """Candidate and champion on the same held-out rows. Answers ok, refused or unfit."""
    from pathlib import Path

    from kfp_pipelines import steps

    report = steps.judge_candidate(score, Path(rows.path), Path(model.path), Path(verdicts.path))
    for name, value in report["metrics"].items():
        metrics.log_metric(name, value)
    return str(report["answer"])


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def register(
    score: str, model: Input[Model], rows: Input[Dataset], verdicts: Input[Dataset], version: Output[Dataset]
) -> int:
    """The bundle as candidate, and as champion where every gate passed."""
    from pathlib import Path

    from kfp_pipelines import steps

    paths = (Path(model.path), Path(rows.path), Path(verdicts.path), Path(version.path))
    return int(steps.register(score, *paths)["version"])


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def lag(until: int, rows: Input[Dataset], scores: Output[Dataset]) -> int:
    """Trust scores of earlier hours, each by a model that knew no later label."""
    from pathlib import Path

    from kfp_pipelines import steps

    return int(steps.lag(until, Path(rows.path), Path(scores.path))["rows"])


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def weigh(until: int, answers: list[str], outcomes: Input[Dataset], revision: Output[Model]) -> int:
    """Fusion weights by a rolling backtest of the champions, registered as a score of its own; after all `answers`."""
    from pathlib import Path

    from kfp_pipelines import weighing

    return int(weighing.weigh(until, Path(outcomes.path), Path(revision.path))["version"])
