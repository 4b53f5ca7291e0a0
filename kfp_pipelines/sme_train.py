"""The pipeline `sme_train`: the scores of SME Pulse side by side, each checked, trained, judged, validated, registered.

No `from __future__ import annotations` here: KFP reads the annotations as they stand.
"""

from pathlib import Path

from kfp import compiler, dsl
from kfp.dsl import Dataset, Input, Model, Output

from kfp_pipelines import components
from kfp_pipelines.sme_steps import SCORES
from kfp_pipelines.tasks import IMAGE, retried

FOLDER = Path(__file__).with_name("compiled")
KNOWN = 0
"""The hour that the training sets say."""


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def training_sets(as_of: str, sets: Output[Dataset]):
    """What was known at the end of a day, and its hour."""
    from pathlib import Path

    from kfp_pipelines import sme_train_steps

    sme_train_steps.training_sets(as_of, Path(sets.path))


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def validate(
    score: str,
    until: int,
    outcomes: Input[Dataset],
    model: Input[Model],
    judged: Input[Dataset],
    verdicts: Output[Dataset],
) -> str:
    """Registry and store, before anything is registered. Answers ok or refused."""
    from pathlib import Path

    from kfp_pipelines import sme_train_steps

    paths = (Path(outcomes.path), Path(model.path), Path(judged.path), Path(verdicts.path))
    return str(sme_train_steps.validate(score, until, *paths)["answer"])


@dsl.pipeline(name="validated-score-train", description="Checks, trains, judges, validates and registers one score.")
def validated_score_train(score: str, until: int, rehearse: str, outcomes: Input[Dataset]):
    """One score from rows to the registry; data that are not sound, or a bundle that cannot be served, end it."""
    checked = retried(components.check(score=score, until=until, labels="", rehearse=rehearse, outcomes=outcomes))
    rows = checked.outputs["rows"]
    with dsl.If(checked.outputs["Output"] == "ok", "data is sound"):
        trained = retried(components.train(score=score, until=until, rehearse=rehearse, rows=rows, outcomes=outcomes))
        model = trained.outputs["model"]
        judged = retried(components.evaluate(score=score, rows=rows, model=model))
        with dsl.If(judged.outputs["Output"] != "unfit", "can be served"):
            valid = retried(
                validate(score=score, until=until, outcomes=outcomes, model=model, judged=judged.outputs["verdicts"])
            )
            retried(components.register(score=score, model=model, rows=rows, verdicts=valid.outputs["verdicts"]))


@dsl.pipeline(name="sme-train", description="Late payments, cash and odd transactions, gated against champions.")
def sme_train(as_of: str = "", rehearse: str = ""):
    """Train every score on what was known at the end of the day `as_of`, "" the last that was built, side by side.

    `rehearse` makes a candidate fail on purpose.
    """
    made = retried(training_sets(as_of=as_of))
    with dsl.ParallelFor(items=list(SCORES), parallelism=2, name="scores") as score:
        trained = validated_score_train(score=score, until=KNOWN, rehearse=rehearse, outcomes=made.outputs["sets"])
        trained.set_caching_options(False)


def compile_to(folder: Path = FOLDER) -> None:
    """Write the IR."""
    folder.mkdir(parents=True, exist_ok=True)
    compiler.Compiler().compile(sme_train, str(folder / "sme_train.yaml"))


if __name__ == "__main__":
    compile_to()
