"""The drift gate: our verdict over the champion's kept reference, with Evidently's report for people beside it."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scoreops.adapters.registry import CHAMPION, Registry
from scoreops.catalog import judged_columns
from scoreops.core.bundle import unpack
from scoreops.core.drift import drift_verdict, shifts
from scoreops.core.errors import NotFound
from scoreops.core.verdict import Outcome, Verdict

REFERENCE_FILE: Final = "reference.npy"
DRAWN: Final = 5_000
"""Most rows on either side that Evidently's page is drawn from; the verdict is over all of them."""


def champion_files(registry: Registry, score: str) -> Mapping[str, bytes] | None:
    """The files of the champion's bundle, None where there is no champion yet."""
    try:
        return registry.fetch(score, CHAMPION)[1]
    except NotFound:
        return None


def judge_drift(champion: Mapping[str, bytes] | None, rows: pd.DataFrame, share_limit: float) -> list[Verdict]:
    """Fail when more of the champion's importance moved than `share_limit`; nothing to judge without a champion.

    Too few rows end a training as a failure does, and say what that means.
    """
    if champion is None:
        return []
    manifest = unpack(champion)
    columns = judged_columns(manifest)
    values = rows[list(columns)].to_numpy(np.float64)
    weights = {name: manifest.importance.get(name, 0.0) for name in columns}
    moved = shifts(manifest.reference, columns, values)
    verdict = drift_verdict(moved, len(values), weights=weights, limit=share_limit)
    if verdict.outcome is Outcome.INSUFFICIENT:
        verdict = replace(verdict, reason=f"{verdict.reason}; until then nothing new is trained, the champion stays")
    return [verdict]


def reference_bytes(values: NDArray[np.float64]) -> bytes:
    """Reference rows (n, d) as a plain array file."""
    out = io.BytesIO()
    np.save(out, values, allow_pickle=False)
    return out.getvalue()


def write_report(
    champion: Mapping[str, bytes] | None, rows: pd.DataFrame, verdicts: Sequence[Verdict], html: Path
) -> None:
    """Evidently's drift report of the same rows as an HTML page; one sentence where there is nothing to compare."""
    if champion is None or any(v.outcome is Outcome.INSUFFICIENT for v in verdicts):
        html.write_text("<p>No champion to compare with yet, or too few rows.</p>\n")
        return
    import prometheus_client  # noqa: F401 - before the imports below, which may set it up for several processes
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    manifest = unpack(champion)
    before = np.load(io.BytesIO(champion[REFERENCE_FILE]), allow_pickle=False)
    reference = pd.DataFrame(before, columns=list(manifest.columns))
    names = [
        c for c in judged_columns(manifest) if reference[c].notna().any() and rows[c].notna().any()
    ]  # an empty one fails
    definition = DataDefinition(numerical_columns=names)
    drawn = (frame[names].sample(min(DRAWN, len(frame)), random_state=0) for frame in (rows, reference))
    current, kept = (Dataset.from_pandas(frame, definition) for frame in drawn)
    snapshot = Report([DataDriftPreset(columns=names, method="psi")]).run(current, kept)
    snapshot.save_html(str(html))
