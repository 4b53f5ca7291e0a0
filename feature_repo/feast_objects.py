"""The feature views and services as Feast objects, made from the one list in `feature_repo.views`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import prometheus_client  # noqa: F401 - imported before feast, which would switch its values to files for the process
from feast import (
    Entity,
    FeatureService,
    FeatureView,
    Field,
    FileSource,
    OnDemandFeatureView,
    Project,
    PushSource,
    ValueType,
)
from feast.transformation.python_transformation import PythonTransformation
from feast.types import Float64

from feature_repo import views
from feature_repo.views import View


def objects(offline_dir: Path) -> dict[str, Any]:
    """Every Feast object by its name in Python; the offline files lie in `offline_dir`."""
    kol = Entity(
        name=views.ENTITY,
        join_keys=[views.JOIN_KEY],
        value_type=ValueType.STRING,
        description="An influencer's account.",
    )
    made = {view.name: _view(view, kol, offline_dir) for view in views.VIEWS.values()}
    made[views.RATES_VIEW] = _rates(made[views.ROLLING_VIEW.name])
    services = {f"{name}_service": _service(name, refs, made) for name, refs in views.SERVICES.items()}
    project = Project(name=views.PROJECT, description="Trust and success of influencers.")
    return {"project": project, views.ENTITY: kol, **made, **services}


def _view(view: View, kol: Entity, offline_dir: Path) -> FeatureView:
    file = FileSource(
        name=f"{view.name}_file",
        path=str(offline_dir / f"{view.name}.parquet"),
        timestamp_field="event_timestamp",
        created_timestamp_column="created",
    )
    return FeatureView(
        name=view.name,
        entities=[kol],
        ttl=view.ttl,
        schema=[Field(name=feature, dtype=Float64) for feature in view.features],
        source=PushSource(name=f"{view.name}_push", batch_source=file),
        online=True,
        description=view.meaning,
    )


def _rates(rolling: FeatureView) -> OnDemandFeatureView:
    return OnDemandFeatureView(
        name=views.RATES_VIEW,
        sources=[rolling],
        schema=[Field(name=name, dtype=Float64) for name in views.RATES],
        feature_transformation=PythonTransformation(udf=kol_rates, udf_string="feature_repo.feast_objects.kol_rates"),
        mode="python",
        description="Conversion rates of the last hour.",
    )


def kol_rates(inputs: dict[str, list[float | None]]) -> dict[str, list[float | None]]:
    """`feature_repo.views.rates` in the shape that Feast calls."""
    import numpy as np

    from feature_repo.views import rates

    columns = {name: np.array(values, dtype=np.float64) for name, values in inputs.items() if name.endswith("_60m")}
    return {name: [None if v != v else v for v in values.tolist()] for name, values in rates(columns).items()}  # noqa: PLR0124 - NaN


def _service(name: str, refs: tuple[str, ...], made: dict[str, Any]) -> FeatureService:
    wanted: dict[str, list[str]] = {}
    for ref in refs:
        view, _, feature = ref.partition(":")
        wanted.setdefault(view, []).append(feature)
    return FeatureService(name=name, features=[made[view][features] for view, features in wanted.items()])
