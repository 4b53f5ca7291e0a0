"""From the files of a bundle to a version that may answer: digests, schema, pickles, golden request, in this order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from predictors.golden import check_golden
from predictors.plain import plain_score
from predictors.served import FEATURES, Served
from scoreops.catalog import SCORES, Score
from scoreops.core.bundle import Manifest, digest, unpack
from scoreops.core.errors import BadInput, Refused
from scoreops.core.onnx_file import SUFFIX, check_onnx, unreadable
from scoreops.core.spec import Schema


def load_bundle(model: str, score: Score | None, version: str, files: Mapping[str, bytes]) -> Served:
    """The bundle in `files` as `version` of `model`, a score of the catalog or, with None, a plain model.

    Raises Refused with what is wrong with it.
    """
    who = f"{model} version {version}"
    try:
        manifest = unpack(files)
        for name in manifest.files:
            if name.endswith(SUFFIX):
                check_onnx(name, files[name])
        _check_kind(model, score, manifest)
        kind = score or plain_score(manifest)
        scorer = kind.load(files)
    except (BadInput, Refused) as error:
        raise Refused(f"{who}: {error}") from error
    except Exception as error:  # whatever an engine says about a file that it cannot read
        broken = "".join(f"{name} is no ONNX model; " for name in unreadable(files))
        raise Refused(f"{who} cannot be loaded: {broken}{type(error).__name__}: {error}") from error
    served = Served(
        model=model,
        version=version,
        digest=digest(files),
        inputs=kind.inputs,
        outputs=kind.outputs,
        schema=Schema(manifest.columns),
        predict=scorer.infer,
        rowwise=kind.rowwise,
        properties=_properties(manifest),
        checked=_checked(score, manifest),
    )
    try:
        row_s = check_golden(served, manifest.golden)
    except Refused:
        raise
    except BadInput as error:
        raise Refused(f"golden request of {who}: {error}") from error
    except Exception as error:
        raise Refused(f"{who} fails at its golden request: {type(error).__name__}: {error}") from error
    return replace(served, row_s=row_s)


def _check_kind(model: str, score: Score | None, manifest: Manifest) -> None:
    if manifest.score != model:
        raise Refused(f"it is a bundle of {manifest.score!r}")
    if score is None:
        if manifest.flavour == "score":
            raise Refused(f"it is a bundle of flavour 'score', and the catalog has only {', '.join(SCORES)}")
        return
    if manifest.flavour != "score":
        raise Refused(f"it is a bundle of flavour {manifest.flavour!r}, but {model} is a score of the catalog")
    try:
        score.schema.check(manifest.columns)
    except BadInput as error:
        have, need = manifest.schema_hash, score.schema.hash
        raise Refused(f"it was trained on schema {have}, this release computes {need}: {error}") from error


def _checked(score: Score | None, manifest: Manifest) -> str:
    """The input whose columns every request must name."""
    if score is not None:
        return FEATURES
    return manifest.inputs[0].name if manifest.columns else ""


def _properties(manifest: Manifest) -> dict[str, str]:
    """What is known of the training; nothing, for a model that was trained elsewhere."""
    said = {"trained_until": manifest.trained_until, "training_data": manifest.training_data}
    return {name: value for name, value in said.items() if value}
