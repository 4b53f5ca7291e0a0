"""Every runner gives the same tiles, whatever the order, the repeats and the crashes."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from feature_repo.lake_writer import lake_span, lake_tiles, open_lake
from feature_repo.spark_backfill import spark_tiles
from feature_repo.spark_stream import JOB as SPARK_JOB
from feature_repo.stream import JOB
from feature_repo.tile_state import read_tiles
from ingestion.replay import Line, replay
from scoreops.adapters.kafka_log import read_all
from scoreops.adapters.state_store import StateStore
from scoreops.core.errors import BadInput
from scoreops.kol.events import DLQ_TOPIC, parse
from scoreops.kol.world import World, WorldSpec
from scoreops.local.jars import fetch
from scoreops.local.runtime import up
from tests.tiles_oracle import as_dicts, expected_tiles

ROOT = Path(__file__).resolve().parents[2]
KILLS = 10
DAY_S = 86_400
LOAD_S = 40


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    """A day of a small world, with repeats, late and malformed lines."""
    return [line for part in World(WorldSpec(kols=60, days=1, seed=3)).lines() for line in part]


@pytest.fixture(scope="module")
def good(lines):
    """Those that fit, with their event ids filled in."""
    kept = []
    for line in lines:
        try:
            kept.append(parse(line).model_dump_json().encode())
        except BadInput:
            continue
    return kept


@pytest.fixture
def fresh(topics, redis_client, settings, tmp_path):
    """Empty topics and store, and a lake and a checkpoint of their own."""
    return settings.model_copy(update={"home": tmp_path, "lake": tmp_path / "lake"})


@pytest.fixture
def child_environment(environment, fresh):
    return environment | fresh.environment() | {"PYTHONPATH": str(ROOT)}


def start(environment, *arguments):
    argv = [sys.executable, "-W", "ignore", "-m", "scoreops", "stream", *arguments]
    return subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(environment, *arguments):
    """Run to the end of the log."""
    done = start(environment, *arguments, "--until-idle")
    _, said = done.communicate(timeout=240)
    assert done.returncode == 0, said.decode()[-2000:]


def online(settings, job=JOB):
    store = StateStore(settings.redis_url, job)
    hour = int(store.value("watermark")) // 3_600_000_000
    return read_tiles(store, hour - 48, hour + 1)


def in_lake(settings):
    lake = open_lake(settings)
    return lake_tiles(lake, *lake_span(lake))


def sent(lines):
    return [Line(line, "test", str(number)) for number, line in enumerate(lines)]


def shuffled(lines, seed):
    mixed = [*lines, *lines[: len(lines) // 5]]
    random.Random(seed).shuffle(mixed)
    return mixed


def test_plain_lake_and_spark_backfill_give_bit_equal_tiles_in_any_order(fresh, child_environment, good):
    replay(sent(shuffled(good, 1)), fresh)
    finish(child_environment)
    finish(child_environment, "--sink", "lake")
    minutes, posts = expected_tiles(good)
    for tiles in (online(fresh), in_lake(fresh)):
        assert as_dicts(tiles) == (minutes, posts)
    folded = spark_tiles(fresh, fetch("spark"), *lake_span(open_lake(fresh)))
    for ours, theirs in zip(in_lake(fresh), folded, strict=True):
        assert_frame_equal(ours, theirs)
    for ours, theirs in zip(online(fresh), folded, strict=True):
        assert_frame_equal(ours, theirs)


def test_thousand_malformed_events_become_dead_letters_and_the_stream_goes_on(fresh, child_environment, lines, good):
    from confluent_kafka import Producer

    from scoreops.kol.world_malformed import MALFORMED
    from tests.fuzz import malformed_lines

    bad = malformed_lines(good, each=50)
    assert len(bad) >= 1000
    assert len({kind for kind, _ in bad}) == len(MALFORMED) >= 20
    producer = Producer({"bootstrap.servers": fresh.kafka_bootstrap})
    replay([], fresh)  # makes the topics
    for number, (_, line) in enumerate(bad):  # past the doors, straight onto the log
        producer.produce("events.social.raw", line, key=str(number))
    producer.flush()
    replay(sent(good), fresh)
    finish(child_environment)
    letters = list(read_all(fresh.kafka_bootstrap, DLQ_TOPIC))
    assert len(letters) == len(bad)
    assert all(b'"reason"' in letter.value for letter in letters)
    assert as_dicts(online(fresh)) == expected_tiles(good)


def test_kills_of_stream_lake_and_store_lose_and_double_nothing(fresh, child_environment, good, valkey):
    draw = random.Random(11)
    events = [line for line in good for _ in range(1 + (draw.random() < 0.2))]
    load = threading.Thread(target=replay, args=(sent(events), fresh), kwargs={"speed": DAY_S / LOAD_S})
    commands = {"stream": (), "lake": ("--sink", "lake")}
    running = {name: start(child_environment, *arguments) for name, arguments in commands.items()}
    load.start()
    for kill in range(3 * KILLS):
        threading.Event().wait(draw.uniform(0.1, 1.5))
        target = ("stream", "lake", "valkey")[kill % 3]
        if target == "valkey":
            valkey.kill()
            up([valkey])
        else:
            running[target].send_signal(signal.SIGKILL)
            running[target].wait()
            running[target] = start(child_environment, *commands[target])
    load.join(timeout=240)
    for name, arguments in commands.items():
        running[name].send_signal(signal.SIGTERM)
        running[name].wait(timeout=60)
        finish(child_environment, *arguments)
    expected = expected_tiles(good)
    assert as_dicts(online(fresh)) == expected
    assert as_dicts(in_lake(fresh)) == expected
    counts = StateStore(fresh.redis_url, JOB).counts()
    assert counts["folded"] == len(set(map(_id, good)))
    assert counts["folded"] + counts["repeats"] == len(events)


def _id(line):
    return parse(line).event_id


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_spark_killed_ten_times_ends_with_the_tiles_of_the_oracle(fresh, child_environment, good):
    draw = random.Random(5)
    replay(sent(shuffled(good, 3)), fresh)
    store = StateStore(fresh.redis_url, SPARK_JOB)
    for _ in range(KILLS):
        before = store.fence()
        child = start(child_environment, "--engine", "spark")
        deadline = time.monotonic() + 15
        while store.fence() == before and child.poll() is None and time.monotonic() < deadline:
            threading.Event().wait(0.2)
        threading.Event().wait(draw.uniform(0, 0.5))
        child.send_signal(signal.SIGKILL)
        child.wait()
        subprocess.run(["pkill", "-9", "-f", str(fresh.root)], check=False)  # the JVM that it leaves behind
    finish(child_environment, "--engine", "spark")
    assert as_dicts(online(fresh, SPARK_JOB)) == expected_tiles(good)
