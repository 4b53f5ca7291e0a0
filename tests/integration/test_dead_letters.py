"""Dead letters keep the bytes that did not fit, and go in once they do."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime

from feature_repo.frames.trust import read_labels
from feature_repo.score_sink import ScoreSink, explained
from ingestion.replay import Line, lines, replay
from scoreops.adapters.kafka import FastProducer, dead_letter, ensure_topics, original_of
from scoreops.adapters.kafka_log import read_all
from scoreops.kol.events import DLQ_TOPIC, LABELS_TOPIC, SCORES_TOPIC, TOPIC_OF, TOPICS, encode, parse
from scoreops.local.runtime import up
from tests.asking import letters, on_log, scoreops
from tests.making import fields
from tests.waiting import until


def test_lines_that_do_not_fit_keep_their_bytes_and_come_back_once_repaired(
    settings, kafka, environment, prefix, tmp_path
):
    up([kafka])
    broken = b'{"type": "profile",  "kol_id": "%s", "followers": "many" ]' % prefix.encode()
    huge = b'"%s%s"' % (prefix.encode(), b"x" * 2_000_000)
    made = replay([Line(broken, "old.jsonl", "1"), Line(huge, "old.jsonl", "2")], settings)
    assert (made.accepted, made.dead_lettered) == (0, 2)
    first, second = letters(settings, prefix)
    assert (first["raw"], first["source"], first["position"]) == (broken, "old.jsonl", "1")
    assert "JSON" in first["reason"]
    assert (second["size"], second["raw"]) == (len(huge), huge[: len(second["raw"])])

    file = tmp_path / "letters.jsonl"
    scoreops(environment, "replay", "--from-dlq", "--export", str(file))
    mine = [line for line in file.read_bytes().splitlines() if prefix.encode() in line]
    assert mine == [broken, second["raw"]]
    file.write_bytes(json.dumps(fields("profile", kol_id=prefix)).encode() + b"\n")
    assert replay(lines(file), settings).accepted == 1
    assert [parse(value).followers for value in on_log(settings, prefix)[TOPIC_OF["profile"]]] == [1000]


def test_letters_that_fit_a_wider_contract_come_back_and_the_others_stay(settings, kafka, environment, prefix):
    up([kafka])
    fits = encode(parse(json.dumps(fields("view", kol_id=prefix))))
    replay([Line(b"still broken", prefix, "1")], settings)
    producer = FastProducer(settings.kafka_bootstrap)
    for _ in range(2):  # the same letter twice, as after a crash
        producer.send(DLQ_TOPIC, *dead_letter(fits, "unknown under yesterday's contract", "type", "test", prefix))
    producer.flush()
    before = len(list(read_all(settings.kafka_bootstrap, DLQ_TOPIC)))
    counts = json.loads(scoreops(environment, "replay", "--from-dlq", "--json"))
    assert counts["accepted"] >= 1
    assert counts["dead_lettered"] >= 1
    assert on_log(settings, prefix)[TOPIC_OF["view"]] == [fits]
    assert len(list(read_all(settings.kafka_bootstrap, DLQ_TOPIC))) == before


def test_what_is_no_decision_is_buried_and_the_others_reach_the_lake(topics, settings, tmp_path):
    own = settings.model_copy(update={"home": tmp_path, "kafka": settings.kafka_bootstrap})
    ensure_topics(own.kafka_bootstrap, TOPICS)
    good = [{"kol_id": kol, "as_of": "2026-03-21T15:11:00+00:00", "outputs": {}} for kol in ("k1", "k2")]
    bad = [b"", b"{}", b"\xff", b'{"kol_id": "k3", "as_of": "soon"}', b"[]"]
    producer = FastProducer(own.kafka_bootstrap)
    for value in (json.dumps(good[0]).encode(), *bad, json.dumps(good[1]).encode()):
        producer.send(SCORES_TOPIC, b"k", value)
    producer.flush()
    sink, stop = ScoreSink(own), threading.Event()
    worker = threading.Thread(target=sink.run, args=(stop,))
    worker.start()
    until(lambda: sink.seen == len(good) + len(bad))
    stop.set()
    worker.join()
    assert [explained(own, one["kol_id"], datetime(2026, 3, 21, 16, tzinfo=UTC)) for one in good] == good
    assert sorted(original_of(record.value) for record in read_all(own.kafka_bootstrap, DLQ_TOPIC)) == sorted(bad)
    assert ScoreSink(own).run(stop) == 0  # and its place is behind them


def test_a_label_that_does_not_fit_is_left_out_of_training(topics, settings):
    ensure_topics(settings.kafka_bootstrap, TOPICS)
    producer = FastProducer(settings.kafka_bootstrap)
    label = {"campaign_id": "c", "label_time": "2026-03-21T15:11:00+00:00", "fraud": True}
    for value in (json.dumps(label | {"kol_id": "k1"}), '{"kol_id": 1}', "{", json.dumps(label | {"kol_id": "k2"})):
        producer.send(LABELS_TOPIC, b"k", value.encode())
    producer.flush()
    assert [found.kol_id for found in read_labels(settings, 2**40)] == ["k1", "k2"]
