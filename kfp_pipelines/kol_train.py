"""The pipelines `kol_train` (trust and success side by side) and `kol_train_coupled` (trust first, success reads it).

No `from __future__ import annotations` here: KFP reads the annotations as they stand.
"""

from pathlib import Path
from typing import NamedTuple

from kfp import compiler, dsl
from kfp.dsl import Dataset, Input

from kfp_pipelines import components
from kfp_pipelines.tasks import anew

Checked = NamedTuple("Checked", [("rows", Dataset), ("answer", str)])  # noqa: UP014 - KFP reads it so
FOLDER = Path(__file__).with_name("compiled")


@dsl.pipeline(name="score-train", description="Checks, trains, judges and registers one score.")
def score_train(score: str, until: int, labels: str, rehearse: str, outcomes: Input[Dataset]) -> Checked:
    """One score from rows to the registry; a gate that says no ends it. Returns the rows and what the checks said."""
    checked = anew(components.check(score=score, until=until, labels=labels, rehearse=rehearse, outcomes=outcomes))
    rows = checked.outputs["rows"]
    with dsl.If(checked.outputs["Output"] == "ok", "data is sound"):
        trained = anew(components.train(score=score, until=until, rehearse=rehearse, rows=rows, outcomes=outcomes))
        model = trained.outputs["model"]
        judged = anew(components.evaluate(score=score, rows=rows, model=model))
        with dsl.If(judged.outputs["Output"] != "unfit", "can be served"):
            anew(components.register(score=score, model=model, rows=rows, verdicts=judged.outputs["verdicts"]))
    return Checked(rows=rows, answer=checked.outputs["Output"])


@dsl.pipeline(name="kol-train", description="Trust and success of influencers, gated against their champions.")
def kol_train(until: int, labels: str = "", rehearse: str = "", fusion: bool = True):
    """Train both scores on what was known before the hour `until` (since the epoch, UTC), side by side.

    `labels` is a file of labels, "" their topic; `rehearse` makes a candidate fail on purpose.
    """
    made = anew(components.features(until=until))
    outcomes = made.outputs["outcomes"]
    with dsl.ParallelFor(items=["trust", "success"], parallelism=2, name="scores") as score:
        trained = anew(score_train(score=score, until=until, labels=labels, rehearse=rehearse, outcomes=outcomes))
    answers = dsl.Collected(trained.outputs["answer"])
    with dsl.If(fusion == True, "fusion is wanted"):  # noqa: E712 - KFP's comparison, not Python's
        anew(components.weigh(until=until, answers=answers, outcomes=outcomes))


@dsl.pipeline(name="kol-train-coupled", description="Trust first; its scores of earlier hours feed the forecast.")
def kol_train_coupled(until: int, labels: str = "", rehearse: str = "", fusion: bool = True):
    """Train trust, then success with `trust_score_t_1`, on what was known before the hour `until`."""
    made = anew(components.features(until=until))
    outcomes = made.outputs["outcomes"]
    trust = anew(score_train(score="trust", until=until, labels=labels, rehearse=rehearse, outcomes=outcomes))
    lagged = anew(components.lag(until=until, rows=trust.outputs["rows"]))
    success = anew(score_train(score="success", until=until, labels=labels, rehearse=rehearse, outcomes=outcomes))
    success.after(lagged)
    with dsl.If(fusion == True, "fusion is wanted"):  # noqa: E712 - KFP's comparison, not Python's
        anew(components.weigh(until=until, answers=[], outcomes=outcomes)).after(success)


def compile_to(folder: Path = FOLDER) -> None:
    """Write the IR of both pipelines."""
    folder.mkdir(parents=True, exist_ok=True)
    for pipeline in (kol_train, kol_train_coupled):
        compiler.Compiler().compile(pipeline, str(folder / f"{pipeline.name.replace('-', '_')}.yaml"))


if __name__ == "__main__":
    compile_to()
