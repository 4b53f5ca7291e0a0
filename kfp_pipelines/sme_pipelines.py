"""The pipelines `sme_daily_etl` (files to gold, every night) and `sme_predict` (what the registered scores say).

No `from __future__ import annotations` here: KFP reads the annotations as they stand.
"""

from pathlib import Path

from kfp import compiler, dsl

from kfp_pipelines import sme_components as components
from kfp_pipelines.tasks import retried

FOLDER = Path(__file__).with_name("compiled")


def _predictions(as_of: str) -> None:
    """Late payments first: the cash forecast reads when customers will pay. Odd transactions beside it."""
    late = retried(components.predict(score="late-payment", as_of=as_of).set_display_name("late payments"))
    cash = retried(components.predict(score="cash-flow", as_of=as_of).set_display_name("cash in 30 days"))
    odd = retried(components.predict(score="sme-anomaly", as_of=as_of).set_display_name("odd transactions of 7 days"))
    published = retried(components.publish(as_of=as_of)).after(cash.after(late), odd)
    retried(components.refresh(as_of=as_of)).after(published)


@dsl.pipeline(name="sme-predict", description="Late payments, cash of 30 days and odd transactions of 7, published.")
def sme_predict(as_of: str):
    """Ask the registered versions of three scores about the end of the day `as_of`; nothing is trained."""
    there = retried(components.place(as_of=as_of, landing="", predict=True))
    with dsl.If(there.outputs["Output"] == "ok", "everything is there"):
        _predictions(as_of)


@dsl.pipeline(name="sme-daily-etl", description="Delivered files into bronze, silver and gold, then sme_predict.")
def sme_daily_etl(as_of: str, landing: str, predict: bool = True):
    """Load what was delivered up to the day `as_of`, build and test every table, and start the predictions."""
    there = retried(components.place(as_of=as_of, landing=landing, predict=predict))
    with dsl.If(there.outputs["Output"] == "ok", "everything is there"):
        loaded = retried(components.bronze(as_of=as_of, landing=landing))
        staged = retried(components.silver(as_of=as_of)).after(loaded)
        with dsl.If(staged.outputs["Output"] == "ok", "silver is sound"):
            built = retried(components.gold(as_of=as_of))
            with (
                dsl.If(built.outputs["Output"] == "ok", "gold is sound"),
                dsl.If(predict == True, "predictions are wanted"),  # noqa: E712 - KFP's comparison
            ):
                _predictions(as_of)


def compile_to(folder: Path = FOLDER) -> None:
    """Write the IR of both pipelines."""
    folder.mkdir(parents=True, exist_ok=True)
    for pipeline in (sme_daily_etl, sme_predict):
        compiler.Compiler().compile(pipeline, str(folder / f"{pipeline.name.replace('-', '_')}.yaml"))


if __name__ == "__main__":
    compile_to()
