"""From the files of a bundle to a version that may answer: digests, schema, pickles, golden request, in this order."""

from __future__ import annotations

from collections.abc import Mapping

from predictors.golden import check_golden
from predictors.served import Served
from scoreops.catalog import Score
from scoreops.core.bundle import Manifest, digest, unpack
from scoreops.core.errors import BadInput, Refused, ScoreOpsError
from scoreops.core.spec import Schema


def load_bundle(score: Score, version: str, files: Mapping[str, bytes]) -> Served:
    """The bundle in `files` as `version` of `score`. Raises Refused with what is wrong with it."""
    who = f"{score.name} version {version}"
    try:
        manifest = unpack(files)
    except BadInput as error:
        raise Refused(f"{who}: {error}") from error
    _check_kind(who, score, manifest)
    try:
        served = Served(
            model=score.name,
            version=version,
            digest=digest(files),
            inputs=score.inputs,
            outputs=score.outputs,
            schema=Schema(manifest.columns),
            predict=score.load(files).infer,
            rowwise=score.rowwise,
            properties={"trained_until": manifest.trained_until, "training_data": manifest.training_data},
        )
        check_golden(served, manifest.golden)
    except ScoreOpsError:
        raise
    except Exception as error:  # whatever an engine says about a file that it cannot read
        raise Refused(f"{who} cannot be loaded: {type(error).__name__}: {error}") from error
    return served


def _check_kind(who: str, score: Score, manifest: Manifest) -> None:
    if manifest.score != score.name:
        raise Refused(f"{who} is a bundle of {manifest.score!r}")
    try:
        score.schema.check(manifest.columns)
    except BadInput as error:
        have, need = manifest.schema_hash, score.schema.hash
        raise Refused(f"{who} was trained on schema {have}, this release computes {need}: {error}") from error
