"""Dead letters keep the bytes that did not fit, and go in once they do."""

from __future__ import annotations

import json

from ingestion.replay import Line, lines, replay
from scoreops.adapters.kafka import FastProducer, dead_letter
from scoreops.adapters.kafka_log import read_all
from scoreops.kol.events import DLQ_TOPIC, TOPIC_OF, encode, parse
from scoreops.local.runtime import up
from tests.asking import letters, on_log, scoreops
from tests.making import fields


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
