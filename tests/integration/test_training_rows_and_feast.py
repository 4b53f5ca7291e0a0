"""Our point-in-time join against Feast's own, row for row; and the definitions as Feast's registry and CLI see them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feature_repo.feast_store import apply, config, open_store
from feature_repo.training import by_feast, training_rows
from feature_repo.views import LAG_VIEW, RATES, SERVICES, TRUST_VIEW, VIEWS
from scoreops.adapters.settings import Settings

T0 = pd.Timestamp("2026-03-02 00:00", tz="UTC")
HOUR, US = pd.Timedelta(hours=1), pd.Timedelta(microseconds=1)
TRUST = SERVICES["trust"][:3]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return Settings(home=tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def feast_store(place):
    return open_store(place)


def write(place, view, rows):
    """rows: (kol, event time, created, value); feature i of the view gets value + i."""
    kols, times, created, values = zip(*rows, strict=True)
    features = {name: np.array(values, float) + i for i, name in enumerate(VIEWS[view].features)}
    stamps = {"event_timestamp": times, "created": created}
    frame = pd.DataFrame({"kol_id": kols, **{k: pd.to_datetime(list(v), utc=True) for k, v in stamps.items()}})
    table = pa.Table.from_pandas(frame.astype(dict.fromkeys(stamps, "datetime64[us, UTC]")), preserve_index=False)
    for name, values in features.items():
        table = table.append_column(name, pa.array(values, from_pandas=True))
    place.offline_dir.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, place.offline_dir / f"{view}.parquet")


def asked(*rows):
    return pd.DataFrame(rows, columns=["kol_id", "event_timestamp", "label"])


def both(place, store, entities, refs):
    ours = training_rows(entities, refs, place)
    theirs = by_feast(ours[["kol_id", "event_timestamp"]], refs, store)
    pd.testing.assert_frame_equal(ours[theirs.columns].reset_index(drop=True), theirs)
    return ours


def test_edges_are_feasts_edges(place, feast_store):
    ttl, late = TRUST_VIEW.ttl, T0 + 5 * HOUR
    write(
        place,
        "kol_trust",
        [
            ("a", T0, T0, 10.0),
            ("a", T0, T0 + 3 * HOUR, 20.0),  # the same hour, corrected three hours later
            ("a", T0 + HOUR, late, 30.0),  # computed late: unknown until then
            ("b", T0, T0, np.nan),
            ("b", T0 - HOUR, T0 - HOUR, 40.0),
        ],
    )
    entities = asked(
        ("a", T0, "equal time counts"),
        ("a", T0 - US, "before the first"),
        ("a", T0 + 3 * HOUR - US, "before the correction"),
        ("a", T0 + 3 * HOUR, "at the correction"),
        ("a", late, "at the late row"),
        ("a", T0 + HOUR + ttl, "at the edge of the ttl"),
        ("a", T0 + HOUR + ttl + US, "past it"),
        ("b", T0 + HOUR, "a missing value is not replaced by an older one"),
        ("nobody", T0, "no rows"),
        ("a", T0, "the same moment again"),
    ).iloc[::-1]
    rows = both(place, feast_store, entities, TRUST)
    assert list(rows["label"]) == list(entities["label"])
    first = dict(zip(rows["label"], rows[TRUST_VIEW.features[0]], strict=True))
    assert {label: value for label, value in first.items() if not np.isnan(value)} == {
        "equal time counts": 10,
        "before the correction": 10,
        "at the correction": 20,
        "at the late row": 30,
        "at the edge of the ttl": 30,
        "the same moment again": 10,
    }


def test_a_random_sample_over_two_views_is_equal(place, feast_store):
    rng = np.random.default_rng(7)

    def history(n):
        grid = {(int(k), int(t), int(d)) for k, t, d in rng.integers(0, [6, 60, 3], (n, 3))}
        return [(f"k{k}", T0 + t * HOUR, T0 + (t + d * 5) * HOUR, k * 1000 + t * 10 + d) for k, t, d in sorted(grid)]

    write(place, "kol_trust", history(250))
    write(place, "kol_trust_lag", history(120))
    moments = [T0 + int(m) * pd.Timedelta(minutes=30) for m in rng.integers(-10, 200, 400)]
    entities = asked(
        *((f"k{k}", at, i) for i, (k, at) in enumerate(zip(rng.integers(0, 7, 400), moments, strict=True)))
    )
    rows = both(place, feast_store, entities, (*TRUST, *LAG_VIEW.refs))
    assert 0.3 < rows[TRUST_VIEW.features[0]].notna().mean() < 0.95


@pytest.mark.parametrize("zone", [None, "Asia/Ho_Chi_Minh"])
def test_moments_without_and_of_another_zone_mean_what_feast_takes_them_for(place, feast_store, zone):
    write(place, "kol_trust", [("a", T0 + i * HOUR, T0 + i * HOUR, float(i)) for i in range(12)])
    moments = pd.date_range("2026-03-02 03:00", periods=9, freq="h", tz=zone)
    entities = pd.DataFrame({"kol_id": "a", "event_timestamp": moments, "row": np.arange(9)})
    answer = feast_store.get_historical_features(
        entity_df=entities.copy(), features=list(TRUST), filter_by_created_timestamp=True
    )
    theirs = answer.to_df().sort_values("row")[TRUST_VIEW.features[0]].to_numpy()
    ours = training_rows(entities, TRUST, place)[TRUST_VIEW.features[0]].to_numpy()
    np.testing.assert_array_equal(ours, theirs)
    assert ours[-1] == (11 if zone is None else 4)


def test_on_demand_rates_are_equal(place, feast_store):
    rolling = VIEWS["kol_rolling"]
    write(
        place,
        "kol_rolling",
        [("a", T0, T0, 1.0), ("b", T0, T0, np.nan), ("c", T0, T0, -rolling.features.index("clicks_60m"))],
    )
    refs = SERVICES["live"]
    rows = both(place, feast_store, asked(("a", T0, 1), ("b", T0, 2), ("c", T0, 3), ("d", T0, 4)), refs)
    assert rows[list(RATES)].notna().to_numpy().tolist() == [
        [True] * 5,
        [False] * 5,
        rows[list(RATES)].iloc[2].notna().tolist(),
        [False] * 5,
    ]
    assert np.isnan(rows["order_rate_60m"][2]), "clicks are zero there, so there is no rate"


def test_the_registry_has_every_view_and_service_in_order(feast_store):
    assert {view.name for view in feast_store.list_feature_views()} == set(VIEWS)
    for name, refs in SERVICES.items():
        projections = feast_store.get_feature_service(name).feature_view_projections
        known = [f"{p.name}:{feature.name}" for p in projections for feature in p.features]
        assert sorted(known) == sorted(refs)


def test_applying_twice_keeps_what_others_registered(place, feast_store):
    from feast import Entity, ValueType

    feast_store.apply([Entity(name="other", join_keys=["other_id"], value_type=ValueType.STRING)])
    apply(place)
    assert {"kol", "other"} <= {entity.name for entity in open_store(place).list_entities()}
    assert not list(place.root.glob("feast.db.*"))


def test_feasts_own_command_applies_the_definitions(tmp_path):
    from feast import FeatureStore

    root, home = Path(__file__).parents[2], tmp_path / "home"
    environment = {k: v for k, v in os.environ.items() if k != "PROMETHEUS_MULTIPROC_DIR"}
    environment |= {"PYTHONPATH": str(root), "SCOREOPS_HOME": str(home)}
    home.mkdir()
    file = home / "feature_store.yaml"
    file.write_text(json.dumps(config(Settings(home=home))))
    command = [Path(sys.executable).with_name("feast"), "-c", root / "feature_repo", "-f", file, "apply"]
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    store = FeatureStore(fs_yaml_file=file)
    assert {view.name for view in store.list_feature_views()} == set(VIEWS)
    assert store.get_feature_view("kol_trust").batch_source.path == str(home / "offline" / "kol_trust.parquet")


def test_the_configuration_in_the_repository_is_that_of_the_embedded_profile(monkeypatch):
    from feast.repo_config import load_repo_config
    from feast.repo_operations import get_repo_files

    for name in [name for name in os.environ if name.startswith("SCOREOPS_")]:
        monkeypatch.delenv(name)
    root = Path(__file__).parents[2]
    repo = root / "feature_repo"
    written = load_repo_config(repo, repo / "feature_store.yaml")
    expected = config(Settings(home=root / ".run"))
    assert (repo / written.registry.path).resolve() == Path(expected["registry"])
    assert written.online_store.connection_string == expected["online_store"]["connection_string"]
    assert (written.project, written.entity_key_serialization_version) == (expected["project"], 3)
    assert [file.name for file in get_repo_files(repo)] == ["definitions.py"]
