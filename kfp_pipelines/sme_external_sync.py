"""The pipeline `sme_external_sync`: public tables, each month, into bronze and on to their dimensions.

No `from __future__ import annotations` here: KFP reads the annotations as they stand.
"""

from pathlib import Path

from kfp import compiler, dsl
from kfp.dsl import Dataset, Output

from kfp_pipelines.tasks import IMAGE, retried

FOLDER = Path(__file__).with_name("compiled")


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def external(as_of: str, report: Output[Dataset]) -> int:
    """World Bank and provinces into bronze. Answers how many rows."""
    from pathlib import Path

    from kfp_pipelines import sme_train_steps

    return sum(sme_train_steps.external(as_of, Path(report.path))["rows"].values())


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def external_dimensions(as_of: str, report: Output[Dataset]) -> str:
    """Their silver and gold. Answers ok or refused."""
    from pathlib import Path

    from kfp_pipelines import sme_train_steps

    return str(sme_train_steps.external_dimensions(as_of, Path(report.path))["answer"])


@dsl.pipeline(name="sme-external-sync", description="World Bank indicators and Vietnam's provinces, with dimensions.")
def sme_external_sync(as_of: str):
    """Bring the public tables up to the day `as_of`."""
    synced = retried(external(as_of=as_of), "60s")
    retried(external_dimensions(as_of=as_of), "60s").after(synced)


def compile_to(folder: Path = FOLDER) -> None:
    """Write the IR."""
    folder.mkdir(parents=True, exist_ok=True)
    compiler.Compiler().compile(sme_external_sync, str(folder / "sme_external_sync.yaml"))


if __name__ == "__main__":
    compile_to()
