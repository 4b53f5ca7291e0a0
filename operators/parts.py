"""What all rollouts of one operator share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from operators.evaluating import Evaluator
from operators.lease import Lease
from operators.registries import Registries
from operators.requests import Counter
from operators.settings import OperatorSettings
from scoreops.adapters.kube import Kube


@dataclass(frozen=True)
class Parts:
    """The outside systems, and the right to act on them. All are safe for many threads."""

    kube: Kube
    settings: OperatorSettings
    lease: Lease
    registries: Registries
    counter: Counter
    evaluator: Evaluator
    reported: Callable[[str, str, str], str | None]
    """Of a service's URL, a model and a version: what its server says that it serves, None if it does not answer."""
    answers: Callable[[str, str], str | None]
    """Of a model and a version: the hash of what it answers, None while the registry is away."""
    fused: Callable[[str], bool]
    """Whether there is a Fusion in a namespace."""
    me: Callable[[], str]
    """The user that the API server knows this process as."""
    clock: Callable[[], datetime]
    wake: Callable[[str], None]
