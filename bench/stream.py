"""Events folded into tiles and features: the plain runner against Spark's native sliding windows, and latencies.

Both read the same events from the same Kafka on the same cores, one after the other. The plain runner writes tiles and
features to Valkey behind its fence; Spark's windows (60 minutes, sliding by 1) keep their state and write nothing at
all, which favours them. Latency is from the message's time to its committed feature at 5,000 events a second.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from feature_repo.spark_session import session
from feature_repo.spark_stream import JOB as SPARK_JOB
from feature_repo.spark_stream import SparkRunner
from feature_repo.stream import PlainRunner, Progress, open_state
from ingestion.replay import Line, replay
from scoreops.adapters.kafka import FastProducer
from scoreops.adapters.settings import Settings
from scoreops.core import garbage
from scoreops.core.errors import BadInput
from scoreops.kol.events import RAW_TOPICS, TOPIC_OF, AnyEvent, encode, parse
from scoreops.kol.world import World, WorldSpec
from scoreops.local.jars import fetch
from scoreops.local.runtime import running

RATE: Final = 5_000
LIVE_S: Final = 20
_PORTS: Final = 300
_HELD: Final = 200_000
"""New objects between two collections, as in `scoreops stream`."""
_FIELDS: Final = "event_id string, type string, kol_id string, event_time timestamp, amount_minor long, likes long"


def main() -> Mapping[str, object]:
    """Events a second and latencies of both, and their ratios."""
    home = Path(tempfile.mkdtemp(prefix="scoreops-bench-"))
    given = Settings()
    settings = given.model_copy(update={"home": home, "port_base": given.port_base + _PORTS})
    events = _events()
    lines = [Line(encode(event), "bench", str(number)) for number, event in enumerate(events)]
    try:
        with running(settings, ("kafka", "valkey")):
            replay(lines, settings)
            garbage.settle(_HELD)
            plain = _plain(settings)
            windows = _windows(settings, home)
            live = _latencies(settings, events)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    n = len(lines)
    return {
        "events": n,
        "plain_events_per_s": round(n / plain),
        "spark_windows_events_per_s": round(n / windows),
        "ratio": round(windows / plain, 2),
        "live_rate_per_s": RATE,
        **live,
    }


def _events() -> list[AnyEvent]:
    made = []
    for part in World(WorldSpec(kols=300, days=5, seed=2)).lines():
        for line in part:
            try:
                made.append(parse(line))
            except BadInput:
                continue
    return made


def _plain(settings: Settings) -> float:
    runner = PlainRunner(settings, open_state(settings, "bench"))
    began = time.perf_counter()
    runner.run(threading.Event(), until_idle=True)
    return time.perf_counter() - began


def _windows(settings: Settings, home: Path) -> float:
    """Seconds that Spark's own sliding windows take for all events, without the start of the session."""
    from pyspark.sql import functions as f

    spark = session(settings, fetch("spark"), memory="4g")  # 60 windows an event lie on its heap
    spark.range(1).count()
    source = spark.readStream.format("kafka").options(
        **{
            "kafka.bootstrap.servers": settings.kafka_bootstrap,
            "subscribe": ",".join(RAW_TOPICS),
            "startingOffsets": "earliest",
            "maxOffsetsPerTrigger": "200000",
        }
    )
    event = f.from_json(f.col("value").cast("string"), _FIELDS).alias("e")
    rows = source.load().select(event).select("e.*").withWatermark("event_time", "48 hours")
    sliding = rows.groupBy(f.window("event_time", "60 minutes", "1 minute"), "kol_id")
    counts = [f.count_if(f.col("type") == kind).alias(kind) for kind in TOPIC_OF]
    made = sliding.agg(*counts, f.sum("amount_minor").alias("revenue"), f.max("likes").alias("likes"))
    writer = made.writeStream.format("noop").outputMode("update").trigger(availableNow=True)
    began = time.perf_counter()
    writer.option("checkpointLocation", str(home / "windows")).start().awaitTermination()
    return time.perf_counter() - began


def _latencies(settings: Settings, events: list[AnyEvent]) -> dict[str, float]:
    made: dict[str, float] = {}
    jars = fetch("spark")
    runners: dict[str, Any] = {
        "plain": PlainRunner(settings, open_state(settings, "bench-live")),
        "spark": SparkRunner(settings, open_state(settings, SPARK_JOB), jars),
    }
    for name, runner in runners.items():
        progress: Progress = runner.run(threading.Event(), until_idle=True)
        progress.latencies_ms.clear()
        stop = threading.Event()
        worker = threading.Thread(target=runner.run, args=(stop,))
        worker.start()
        _send(settings, events, name)
        stop.set()
        worker.join()
        summary = runner.progress.summary()
        made |= {f"{name}_latency_ms_p{q}": summary[f"latency_ms_p{q}"] for q in (50, 99)}
    return made | {"latency_ratio_p50": round(made["spark_latency_ms_p50"] / made["plain_latency_ms_p50"], 1)}


def _send(settings: Settings, events: list[AnyEvent], name: str) -> None:
    """RATE events a second for LIVE_S seconds, as new happenings at the end of the world."""
    producer = FastProducer(settings.kafka_bootstrap, linger_ms=5)
    newest = [event for event in events[-RATE * 2 :] if event.type == "click"]
    time.sleep(3)  # the reader is up
    began, sent = time.perf_counter(), 0
    while sent < RATE * LIVE_S:
        due = min(int((time.perf_counter() - began) * RATE), RATE * LIVE_S)
        for number in range(sent, due):
            event = newest[number % len(newest)]
            fresh = event.model_copy(update={"event_id": f"{hash(name) % 16**8:08x}{number:024x}"})
            producer.send(TOPIC_OF[event.type], event.kol_id.encode(), encode(fresh))
        sent = due
        time.sleep(0.005)
    producer.flush()
    time.sleep(2)
