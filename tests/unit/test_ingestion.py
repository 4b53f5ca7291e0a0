"""The doors: pseudonyms, exports of other systems, files of events, and what a dead letter holds."""

import base64
import gzip
import hmac
import json
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.collector import sort_out
from ingestion.importers import instafake, retail
from ingestion.pseudonym import pseudonym
from ingestion.replay import Line, between, lines
from scoreops.adapters.kafka import MAX_LETTER, dead_letter, original_of
from scoreops.core.errors import BadInput, NotFound, Unsupported
from scoreops.kol.events import DLQ_TOPIC, TOPIC_OF, encode, event_id, parse, parse_fields
from tests.making import KINDS, event, fields


class TestPseudonym:
    def test_it_is_the_keyed_hash(self):
        want = hmac.new(b"key", "nguyễn".encode(), "sha256").hexdigest()[:32]
        assert pseudonym("nguyễn", "key") == want == pseudonym("nguyễn", "key")

    def test_neither_another_key_nor_no_key_gives_it_away(self):
        import hashlib

        made = pseudonym("someone", "key")
        plain = {hashlib.new(name, b"someone").hexdigest()[:32] for name in ("md5", "sha1", "sha256")}
        assert made not in {pseudonym("someone", "other"), pseudonym("someone", ""), *plain}

    @given(st.text(), st.text())
    def test_people_are_told_apart_and_any_id_gives_a_valid_one(self, one, two):
        assert (pseudonym(one, "k") == pseudonym(two, "k")) == (one == two)
        assert event("view", user_id=pseudonym(one, "k")).user_id == pseudonym(one, "k")


def test_the_collector_lets_no_user_id_through_in_the_clear():
    good = {kind: fields(kind) | {"user_id": "nguyen.van.a"} for kind in ("view", "comment", "purchase")}
    bad = fields("view", kol_id="a b", user_id="nguyen.van.a")
    stale = good["view"] | {"event_id": "a" * 32, "session_id": "s2"}
    messages, receipt = sort_out([*good.values(), bad, stale, "text"], "key", "request")
    assert b"nguyen.van.a" not in b"".join(value + original_of_any(value) for _, _, value in messages)
    assert receipt.accepted == 4
    assert [(r.index, r.field) for r in receipt.rejected] == [(3, "kol_id"), (5, "")]
    assert [topic for topic, _, _ in messages] == [*(TOPIC_OF[k] for k in good), DLQ_TOPIC, TOPIC_OF["view"], DLQ_TOPIC]
    assert [key for _, key, _ in messages] == [b"k1"] * 3 + [b"collector/request/3", b"k1", b"collector/request/5"]
    safe = json.loads(messages[4][2])
    assert safe["user_id"] == pseudonym("nguyen.van.a", "key")
    assert safe["event_id"] == event_id(safe)


@pytest.mark.parametrize("who", [None, "", True, 1.5, {"name": "nguyen.van.a"}, ["nguyen.van.a"]])
def test_what_is_nobodys_id_is_refused_and_never_kept(who):
    messages, receipt = sort_out([fields("view", user_id=who)], "key", "request")
    assert [refused.field for refused in receipt.rejected] == ["user_id"]
    assert json.loads(original_of(messages[0][2]))["user_id"] is None


def test_a_user_id_is_hashed_wherever_it_stands():
    nested = [[{"user_id": "nguyen.van.a"}], {"type": "view", "who": {"user_id": "nguyen.van.a", "event_id": "x"}}]
    messages, receipt = sort_out(nested, "key", "request")
    assert receipt.accepted == 0
    for _, _, value in messages:
        assert b"nguyen.van.a" not in original_of(value)
        assert pseudonym("nguyen.van.a", "key").encode() in original_of(value)


def test_a_dead_letter_fits_into_a_message_whatever_it_holds():
    for size in (MAX_LETTER, MAX_LETTER + 1, 8 * MAX_LETTER):
        raw = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
        letter = json.loads(dead_letter(raw, "is too long", "", "file", "1")[1])
        assert len(json.dumps(letter)) < 900_000
        kept = original_of(json.dumps(letter).encode())
        assert kept == raw[:MAX_LETTER]
        assert letter.get("size", len(kept)) == size


def original_of_any(value):
    return original_of(value) if b'"original"' in value else b""


def accounts(tmp_path, content):
    path = tmp_path / "posts.json"
    path.write_text(json.dumps(content))
    return path


ACCOUNTS = [
    {
        "userFollowerCount": 1200,
        "userFollowingCount": 300,
        "userMediaCount": 40,
        "mediaUploadTimes": [1_541_700_900, 1_541_700_000],
        "mediaLikeNumbers": [70, 55],
        "mediaCommentNumbers": [4, 0],
    },
    {
        "userFollowerCount": 5,
        "userFollowingCount": 6,
        "userMediaCount": 0,
        "mediaUploadTimes": [],
        "mediaLikeNumbers": [],
        "mediaCommentNumbers": [],
    },
]


def test_accounts_with_posts_become_events_in_order_of_time(tmp_path):
    made = [parse_fields(row) for row in instafake(accounts(tmp_path, ACCOUNTS))]
    assert [(m.kol_id, m.type) for m in made] == [
        ("ig-0000", kind) for kind in ("post_metrics", "post_metrics", "profile")
    ]
    old, new, profile = made
    assert (old.likes, old.comments, old.views, old.shares) == (55, 0, None, None)
    assert old.event_time == old.published_at == datetime.fromtimestamp(1_541_700_000, UTC)
    assert (old.post_id, new.post_id) == ("ig-0000-00001", "ig-0000-00002")
    assert (profile.followers, profile.following, profile.posts) == (1200, 300, 40)
    assert profile.event_time == new.event_time


@pytest.mark.parametrize("content", [{"a": 1}, [{"mediaUploadTimes": []}], [3], "text"])
def test_another_export_is_refused_by_name(tmp_path, content):
    with pytest.raises(BadInput, match=r"posts\.json is no export of accounts"):
        list(instafake(accounts(tmp_path, content)))


def shop(tmp_path, *rows):
    path = tmp_path / "hourly.csv"
    path.write_text("\n".join(("ds,orders,revenue", *rows)) + "\n")
    return path


def test_hours_of_a_shop_become_orders_to_the_cent(tmp_path):
    path = shop(tmp_path, "2011-01-04 10:00:00,3,100.01", "2011-01-04 11:00:00,0,0.0", "2011-01-04 12:00:00,1,5")
    made = [parse_fields(row) for row in retail(path)]
    assert [m.amount_minor for m in made] == [3333, 3334, 3334, 500]
    assert {m.currency for m in made} == {"USD"}
    assert [m.event_time.isoformat()[11:16] for m in made] == ["10:00", "10:20", "10:40", "12:00"]
    assert len({m.event_id for m in made}) == 4


@pytest.mark.parametrize("row", ["2011-01-04,x,1", "yesterday,1,1", "2011-01-04,1,much"])
def test_a_row_of_a_shop_that_cannot_be_read_is_named_by_its_line(tmp_path, row):
    with pytest.raises(BadInput, match=r"hourly\.csv line 3"):
        list(retail(shop(tmp_path, "2011-01-04 10:00:00,1,5", row)))


RAWS = [encode(event(kind)) for kind in KINDS]


@pytest.fixture(params=["events.jsonl", "events.jsonl.gz", "windows.jsonl"])
def text_file(request, tmp_path):
    path = tmp_path / request.param
    ending = b"\r\n" if "windows" in request.param else b"\n"
    body = ending.join([RAWS[0], b"", *RAWS[1:]])
    path.write_bytes(gzip.compress(body) if path.suffix == ".gz" else body)
    return path


def test_lines_of_text_files_come_byte_by_byte_with_their_place(text_file):
    made = list(lines(text_file))
    assert [line.raw for line in made] == RAWS
    assert {line.source for line in made} == {text_file.name}
    assert [line.position for line in made] == [str(n) for n in range(1, len(RAWS) + 1)]


def test_rows_of_parquet_are_the_same_events(tmp_path):
    rows = [event(kind).model_dump() for kind in KINDS]
    names = sorted({name for row in rows for name in row})
    table = pa.table({name: [row.get(name) for row in rows] for name in names})
    pq.write_table(table, tmp_path / "events.parquet")
    made = [parse(line.raw) for line in lines(tmp_path / "events.parquet")]
    assert made == [event(kind) for kind in KINDS]


@pytest.mark.parametrize("name", ["views", "shares"])
def test_hidden_counters_survive_parquet(tmp_path, name):
    row = event("post_metrics", **{name: None}).model_dump()
    pq.write_table(
        pa.Table.from_pylist([row, event("post_metrics", post_id="p2").model_dump()]), tmp_path / "e.parquet"
    )
    hidden, shown = (parse(line.raw) for line in lines(tmp_path / "e.parquet"))
    assert getattr(hidden, name) is None
    assert shown == event("post_metrics", post_id="p2")


@pytest.mark.parametrize(
    ("name", "form", "error"),
    [
        pytest.param("nothing.jsonl", "events", NotFound, id="no such file"),
        pytest.param("x.parquet", "csv", Unsupported, id="no such format"),
        pytest.param("x.parquet", "events", BadInput, id="no Parquet"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path, name, form, error):
    (tmp_path / "x.parquet").write_bytes(b"PAR0")
    with pytest.raises(error):
        list(lines(tmp_path / name, form))


def arriving(*seconds):
    return [Line(encode(event("profile", event_time=f"2026-03-01T10:00:{s:02d}Z")), "t", str(s)) for s in seconds]


@pytest.mark.parametrize(
    ("since", "until", "kept"),
    [
        pytest.param(None, None, "1 5 3 9 7", id="everything"),
        pytest.param(5, None, "5 3 9 7", id="a late one belongs to where it arrived"),
        pytest.param(None, 9, "1 5 3", id="up to the first one beyond"),
        pytest.param(2, 9, "5 3", id="both"),
        pytest.param(20, None, "", id="nothing yet"),
    ],
)
def test_between(since, until, kept):
    moment = {s: datetime(2026, 3, 1, 10, 0, s, tzinfo=UTC) for s in (since, until) if s is not None}
    made = between(arriving(1, 5, 3, 9, 7), moment.get(since), moment.get(until))
    assert " ".join(line.position for line in made) == kept


@given(st.binary(max_size=60), st.text(max_size=20))
def test_a_dead_letter_keeps_the_bytes_and_says_why_where_and_by_whom(raw, reason):
    reason = reason.encode(errors="ignore").decode()
    key, letter = dead_letter(raw, reason, "kol_id", "collector", "r/1")
    assert key == b"collector/r/1"
    assert original_of(letter) == raw
    assert json.loads(letter) == {
        "source": "collector",
        "position": "r/1",
        "reason": reason,
        "field": "kol_id",
        "original": base64.b64encode(raw).decode(),
    }
