"""Fusion as one of the platform's scores: a bundle holds a revision, and a server answers with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from scoreops.core.bundle import TensorSpec
from scoreops.core.errors import BadInput
from scoreops.core.spec import Schema
from scoreops.kol.fusion import Decisions, FusionRevision, Inputs, fuse

REVISION_FILE: Final = "revision.json"
FUSION_FEATURES: Final = Schema(tuple(Inputs.model_fields))
"""The newest of each branch, in the order of `fusion.Inputs`; NaN is unknown."""
_RANKS: Final = ("rank", "rank_low", "rank_high")
TENSORS_IN: Final = (TensorSpec(name="features", datatype="FP64", shape=(-1, len(FUSION_FEATURES))),)
TENSORS_OUT: Final = tuple(TensorSpec(name=name, datatype="FP64", shape=(-1,)) for name in Decisions.model_fields)
"""The fields of `fusion.Decisions`; ranks compare the rows of one request."""


def inputs_of(features: NDArray[np.float64]) -> Inputs:
    """Rows (n, d) in the order of FUSION_FEATURES as named arrays."""
    if features.ndim != 2 or features.shape[1] != len(FUSION_FEATURES):
        raise BadInput(f"has shape {features.shape}, not (n, {len(FUSION_FEATURES)})", "features")
    return Inputs(**dict(zip(FUSION_FEATURES.columns, features.T, strict=True)))


def features_of(given: Inputs) -> NDArray[np.float64]:
    """Named arrays as rows (n, d)."""
    return np.stack([getattr(given, name) for name in FUSION_FEATURES.columns], axis=1)


class FusionScorer:
    """Answers with one revision."""

    def __init__(self, revision: FusionRevision) -> None:
        self.revision = revision

    @staticmethod
    def load(files: Mapping[str, bytes]) -> FusionScorer:
        """The scorer of a bundle's files."""
        return FusionScorer(FusionRevision.model_validate_json(files[REVISION_FILE]))

    def infer(self, tensors: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - none
        """Answer v2 tensors: `features`, whose rows are ranked among each other."""
        made = fuse(inputs_of(tensors["features"]), self.revision)
        return {name: np.asarray(getattr(made, name), dtype=np.float64) for name in Decisions.model_fields}


def files_of(revision: FusionRevision) -> dict[str, bytes]:
    """What a bundle stores."""
    return {REVISION_FILE: revision.model_dump_json(indent=1).encode()}
