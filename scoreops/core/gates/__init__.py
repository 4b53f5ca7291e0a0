"""Gates: what may stop a rollout. Templates, the sources of their numbers, and `evaluate`, which gives the verdicts.

    verdicts = evaluate({"slo": GateSpec.model_validate({"slo": {}})}, trial, sources, now)

Pure but for the four ports of `Sources`. docs/explanation/gates-and-statistics.md says what each gate tests and how.
"""

from scoreops.core.gates.evaluate import evaluate
from scoreops.core.gates.evidence import Evidence, Wanted
from scoreops.core.gates.ports import Book, Metrics, Registered, Series, Server, Shelf, Sources, Trial, Yes
from scoreops.core.gates.spec import KINDS, ONE_OF, GateSpec

__all__ = [
    "KINDS",
    "ONE_OF",
    "Book",
    "Evidence",
    "GateSpec",
    "Metrics",
    "Registered",
    "Series",
    "Server",
    "Shelf",
    "Sources",
    "Trial",
    "Wanted",
    "Yes",
    "evaluate",
]
