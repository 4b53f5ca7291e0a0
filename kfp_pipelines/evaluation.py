"""Evaluation: the candidate on rows it never saw, and the champion on the very same rows."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from scoreops.adapters.gate_sources import EVALUATED_ROWS
from scoreops.catalog import recipe_of
from scoreops.catalog import score as catalogued
from scoreops.core.bundle import unpack
from scoreops.core.errors import BadInput
from scoreops.core.verdict import Outcome, Verdict


def check_contract(name: str, files: Mapping[str, bytes]) -> Verdict:
    """Whether the bundle is whole and reads the features in the order in which they are served."""
    try:
        manifest = unpack(files)
        catalogued(name).schema.check(manifest.columns)
    except BadInput as error:
        return Verdict("contract", Outcome.FAIL, 1, 1, None, None, str(error))
    return Verdict("contract", Outcome.PASS, 1, 1, None, None, f"schema {manifest.schema_hash}, every digest holds")


def evaluate(
    name: str, files: Mapping[str, bytes], champion: Mapping[str, bytes] | None, rows: pd.DataFrame
) -> tuple[list[Verdict], dict[str, float]]:
    """Verdicts and metrics of a candidate on held-out `rows`; the contract comes first and ends it where it fails."""
    contract = check_contract(name, files)
    if contract.outcome is not Outcome.PASS:
        return [contract], {}
    recipe, load, n = recipe_of(name), catalogued(name).load, len(rows)
    found = recipe.measure(load(files), rows)
    verdicts = [contract, *recipe.absolute(found, n)]
    if champion is not None and check_contract(name, champion).outcome is Outcome.PASS:
        before = recipe.measure(load(champion), rows)
        verdicts.append(recipe.against(found, before, n))
        found |= {f"champion_{key}": value for key, value in before.items()}
    return verdicts, found | {EVALUATED_ROWS: float(n)}
