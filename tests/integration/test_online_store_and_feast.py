"""Our online adapter and Feast's SDK on one real Valkey: each reads what the other writes."""

import threading
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import prometheus_client  # noqa: F401  (before feast, which would switch it to files)
import pyarrow as pa
import pytest
import redis

from scoreops.adapters.online_store import OnlineStore

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, UTC)


@pytest.fixture(scope="module")
def feast_store(settings, valkey, tmp_path_factory):
    from feast import Entity, FeatureStore, FeatureView, Field, FileSource, PushSource, RepoConfig, ValueType
    from feast.types import Float64

    folder = tmp_path_factory.mktemp("feast")
    host = f"{settings.host}:{settings.valkey_port}"
    store = FeatureStore(
        config=RepoConfig(
            project="twin",
            provider="local",
            registry=str(folder / "registry.db"),
            online_store={"type": "redis", "connection_string": host},
            offline_store={"type": "duckdb"},
            entity_key_serialization_version=3,
        )
    )
    kol = Entity(name="kol", join_keys=["kol_id"], value_type=ValueType.STRING)
    views = []
    for name in ("one", "two"):
        batch = FileSource(name=f"{name}_file", path=str(folder / f"{name}.parquet"), timestamp_field="event_timestamp")
        table(["x"], NOON, a=[1.0], b=[1.0]).to_pandas().to_parquet(batch.path)
        fields = [Field(name=feature, dtype=Float64) for feature in ("a", "b")]
        source = PushSource(name=f"{name}_push", batch_source=batch)
        views.append(FeatureView(name=name, entities=[kol], schema=fields, source=source, ttl=timedelta(days=1)))
    store.apply([kol, *views])
    return store


@pytest.fixture
def ours(redis_client):
    return OnlineStore(redis_client, "kol_id", "twin")


def table(kols, times, **features):
    times = times if isinstance(times, list) else [times] * len(kols)
    return pa.table({"kol_id": kols, "event_timestamp": pa.array(times, pa.timestamp("us", "UTC")), **features})


def asked_of_feast(store, kols, features):
    answer = store.get_online_features(features=features, entity_rows=[{"kol_id": kol} for kol in kols])
    found = answer.to_dict(include_event_timestamps=True)
    names = [name.partition(":")[2] for name in features]
    values = np.array([found[name] for name in names], dtype=float).T
    return values, np.array([found[f"{name}__ts"] for name in names]).T


def test_feast_reads_what_we_write(feast_store, ours):
    assert ours.write("one", table(["k1", "ké2"], NOON, a=[1.5, None], b=[-0.0, np.inf])) == 2
    values, times = asked_of_feast(feast_store, ["ké2", "nobody", "k1"], ["one:a", "one:b"])
    np.testing.assert_array_equal(values, [[np.nan, np.inf], [np.nan, np.nan], [1.5, -0.0]])
    assert times[:, 0].tolist() == [int(NOON.timestamp()), 0, int(NOON.timestamp())]


def test_we_read_what_feast_writes(feast_store, ours):
    for name, at in (("one", NOON), ("two", NOON - timedelta(seconds=1))):
        rows = table(["k1", "k2"], at, a=[1.5, None], b=[2.5, 3e300]).to_pandas()
        feast_store.push(f"{name}_push", rows)
    seen = ours.read(["two:b", "one:a", "one:b"], ["k2", "nobody", "k1"])
    np.testing.assert_array_equal(seen.values, [[3e300, np.nan, 3e300], [np.nan] * 3, [2.5, 1.5, 2.5]])
    noon = int(NOON.timestamp()) * 1_000_000 + NOON.microsecond
    assert seen.times["one"].tolist() == [noon, 0, noon]
    assert seen.event_time.tolist() == [noon - 1_000_000, 0, noon - 1_000_000]
    assert seen.present.tolist() == [True, False, True]


def test_the_bytes_are_the_same(feast_store, ours, redis_client):
    rows = table([f"k{i}" for i in range(50)], NOON, a=np.linspace(-1, 1, 50), b=[None] * 49 + [0.0])
    keys, written = [ours.writer.key(f"k{i}") for i in range(50)], []
    feast_store.push("one_push", rows.to_pandas())
    written.append([redis_client.hgetall(key) for key in keys])
    redis_client.flushdb()
    ours.write("one", rows)
    written.append([redis_client.hgetall(key) for key in keys])
    assert written[0] == written[1]


def test_a_newer_row_stands_against_an_older_one_whoever_writes(feast_store, ours):
    older, newer = NOON - timedelta(microseconds=1), NOON + timedelta(days=400)
    feast_store.push("one_push", table(["k"], NOON, a=[1.0], b=[1.0]).to_pandas())
    assert ours.write("one", table(["k"], older, a=[2.0], b=[2.0])) == 0
    assert ours.read(["one:a"], ["k"]).values.item() == 1.0
    assert ours.write("one", table(["k"], NOON, a=[3.0], b=[3.0])) == 1, "the same minute, computed again"
    assert ours.write("one", table(["k", "k", "k"], [NOON, newer, older], a=[4.0, 5.0, 6.0], b=[0.0] * 3)) == 2
    feast_store.push("one_push", table(["k"], NOON, a=[7.0], b=[7.0]).to_pandas())
    assert ours.read(["one:a"], ["k"]).values.item() == 5.0


def test_two_writers_never_mix_a_row(ours, settings):
    def write(seed):
        times = [NOON + timedelta(seconds=int(s)) for s in np.random.default_rng(seed).permutation(200)]
        numbers = [t.timestamp() for t in times]
        with redis.Redis.from_url(settings.redis_url) as client:
            for at, number in zip(times, numbers, strict=True):
                OnlineStore(client, "kol_id", "twin").write("one", table(["k"], at, a=[number], b=[number]))

    writers = [threading.Thread(target=write, args=(seed,)) for seed in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    seen = ours.read(["one:a", "one:b"], ["k"])
    last = (NOON + timedelta(seconds=199)).timestamp()
    assert seen.values.tolist() == [[last, last]]
    assert pd.Timestamp(seen.event_time[0], unit="us", tz="UTC") == NOON + timedelta(seconds=199)
