"""Thin components of the SME pipelines: each imports one step and calls it.

No `from __future__ import annotations` here: KFP reads the annotations as they stand.
"""

from kfp import dsl
from kfp.dsl import Dataset, Output

from kfp_pipelines.tasks import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def place(as_of: str, landing: str, predict: bool, report: Output[Dataset]) -> str:
    """Whether everything is there. Answers ok or refused."""
    from pathlib import Path

    from kfp_pipelines import sme_steps

    return str(sme_steps.place(as_of, landing, predict, Path(report.path))["answer"])


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def bronze(as_of: str, landing: str, report: Output[Dataset]) -> int:
    """Delivered files into bronze and quarantine."""
    from pathlib import Path

    from kfp_pipelines import sme_steps

    return int(sme_steps.bronze(as_of, landing, Path(report.path))["accepted"])


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def silver(as_of: str, report: Output[Dataset]) -> str:
    """Staging, features, training sets. Answers ok or refused."""
    from pathlib import Path

    from kfp_pipelines import sme_steps

    return str(sme_steps.silver(as_of, Path(report.path))["answer"])


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def gold(as_of: str, report: Output[Dataset]) -> str:
    """Dimensions, facts, links, KPIs, AR priority. Answers ok or refused."""
    from pathlib import Path

    from kfp_pipelines import sme_steps

    return str(sme_steps.gold(as_of, Path(report.path))["answer"])


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def predict(score: str, as_of: str, report: Output[Dataset]) -> str:
    """Predictions of one registered score. Answers its version."""
    from pathlib import Path

    from kfp_pipelines import sme_steps

    return str(sme_steps.predict(score, as_of, Path(report.path))["version"])


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def publish(as_of: str, report: Output[Dataset]) -> str:
    """Predictions into gold. Answers ok or refused."""
    from pathlib import Path

    from kfp_pipelines import sme_steps

    return str(sme_steps.publish(as_of, Path(report.path))["answer"])


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def refresh(as_of: str, report: Output[Dataset]) -> int:
    """Readers see the new tables."""
    from pathlib import Path

    from kfp_pipelines import sme_steps

    return int(sme_steps.refresh(as_of, Path(report.path))["forgotten"])
