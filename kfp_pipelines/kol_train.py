"""The pipeline `kol_train`: features, then trust and success side by side, then the weights that join them.

No `from __future__ import annotations` here: KFP reads the annotations as they stand.
"""

from pathlib import Path

from kfp import compiler, dsl
from kfp.dsl import Dataset, Input

from kfp_pipelines import components

COMPILED = Path(__file__).with_name("compiled") / "kol_train.yaml"


@dsl.pipeline(name="score-train", description="Checks, trains, judges and registers one score.")
def score_train(score: str, until: int, labels: str, fault: str, outcomes: Input[Dataset]):
    """One score from rows to the registry; a gate that says no ends it."""
    checked = components.check(score=score, until=until, labels=labels, fault=fault, outcomes=outcomes)
    with dsl.If(checked.outputs["Output"] == "ok", "data is sound"):
        rows = checked.outputs["rows"]
        trained = components.train(score=score, until=until, fault=fault, rows=rows, outcomes=outcomes)
        model = trained.outputs["model"]
        judged = components.evaluate(score=score, rows=rows, model=model)
        components.register(score=score, model=model, rows=rows, verdicts=judged.outputs["verdicts"])


@dsl.pipeline(name="kol-train", description="Trust and success of influencers, gated against their champions.")
def kol_train(until: int, labels: str = "", trust_fault: str = "", success_fault: str = "", fusion: bool = True):
    """Train both scores on what was known before the hour `until` (since the epoch, UTC).

    `labels` is a file of labels, "" their topic. The faults rehearse what gates are for: permuted or drifted.
    """
    made = components.features(until=until)
    outcomes = made.outputs["outcomes"]
    branches = [
        score_train(score="trust", until=until, labels=labels, fault=trust_fault, outcomes=outcomes),
        score_train(score="success", until=until, labels=labels, fault=success_fault, outcomes=outcomes),
    ]
    with dsl.If(fusion == True, "fusion is wanted"):  # noqa: E712 - KFP's comparison, not Python's
        components.weigh(until=until, outcomes=outcomes).after(*branches)


def compile_to(path: Path = COMPILED) -> Path:
    """Write the pipeline's IR."""
    path.parent.mkdir(parents=True, exist_ok=True)
    compiler.Compiler().compile(kol_train, str(path))
    return path


if __name__ == "__main__":
    compile_to()
