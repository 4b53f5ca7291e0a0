"""Which version of each score was trained last, which passed its gates, which answers: the same one, or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from scoreops.adapters.lake import Lake
from scoreops.adapters.predictor import PredictorClient
from scoreops.adapters.registry import CHAMPION, Registry, Version
from scoreops.adapters.settings import Settings
from scoreops.catalog import SCORES
from scoreops.core.errors import ScoreOpsError

TIMEOUT_S: Final = 3.0
_PREDICTIONS: Final = "predictions_"


@dataclass(frozen=True)
class ScoreStatus:
    """One score. Versions are numbers of the registry, None where there is none.

    Attributes:
        score: its name.
        trained: the newest version.
        gated: the newest version that passed every gate.
        champion: the version that is to answer.
        served: the version that answers requests now, as the prediction server says.
        predicted: the version behind the newest predictions in the tables, and their day.
        same: whether all of these that there are agree.
        age_s: seconds since the newest version was registered.
    """

    score: str
    trained: int | None
    gated: int | None
    champion: int | None
    served: int | None
    predicted: int | None
    predicted_for: str
    same: bool
    age_s: float | None


def score_status(settings: Settings, now_s: float) -> list[ScoreStatus]:
    """Every score of the catalog at the moment `now_s` (seconds since 1970). Raises NotReady without a registry."""
    registry = Registry(settings.mlflow_url, timeout_s=TIMEOUT_S)
    client = PredictorClient(settings.predictor_url, timeout_s=TIMEOUT_S)
    try:
        predicted = _predicted(settings)
        return [
            _status(name, registry.versions(name), _served(client, name), predicted.get(name, (None, "")), now_s)
            for name in SCORES
        ]
    finally:
        registry.close()
        client.close()


def _status(
    name: str, versions: Sequence[Version], served: int | None, predicted: tuple[int | None, str], now_s: float
) -> ScoreStatus:
    newest = versions[0] if versions else None
    gated = next((v.number for v in versions if v.verdicts and all(g["outcome"] == "Pass" for g in v.verdicts)), None)
    champion = next((version.number for version in versions if CHAMPION in version.aliases), None)
    trained = newest.number if newest else None
    there = {number for number in (served, predicted[0]) if number is not None}
    same = trained is not None and {trained, gated, champion} | there == {trained}
    age = now_s - newest.created_ms / 1000 if newest else None
    return ScoreStatus(name, trained, gated, champion, served, *predicted, same, age)


def _served(client: PredictorClient, name: str) -> int | None:
    try:
        return int(client.champion(name))
    except (ScoreOpsError, ValueError):
        return None


def _predicted(settings: Settings) -> dict[str, tuple[int | None, str]]:
    """By score, the version behind the newest rows of its table of predictions, and the day that they are for."""
    import duckdb

    lake, found = Lake(settings.lake_dir), dict[str, tuple[int | None, str]]()
    for table in lake.tables():
        files = lake.files(table) if table.startswith(_PREDICTIONS) else []
        if not files:
            continue
        query = "select max_by(model_version, as_of), max(as_of) from read_parquet(?)"
        row = duckdb.execute(query, [files]).fetchone()
        score, _, number = str(row[0] if row else "").partition(" ")[0].partition("/")
        if row and number.isdigit():
            found[score] = (int(number), str(row[1]))
    return found
