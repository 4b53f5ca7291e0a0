"""A delivered file becomes rows and refused lines: nothing is lost, guessed, or let in that does not fit."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreops.sme.contract import TABLES
from scoreops.sme.intake import read_file
from scoreops.sme.world import make_world
from scoreops.sme.world_wire import files

ARRIVED = datetime(2026, 3, 31, 23, tzinfo=UTC)
INVOICES = TABLES["invoices"]
HEADER = "org_id,invoice_id,customer_id,issued_on,due_on,amount_minor,currency,cleared_on,ingested_at"
GOOD = "org-1,inv-1,cus-1,2026-03-01,2026-03-31,1000,VND,,2026-03-01T23:30:00Z"


def read(*lines, header=HEADER):
    return read_file(INVOICES, "\n".join([header, *lines]).encode(), "2026-03-31/invoices.csv", ARRIVED)


def test_a_line_becomes_a_row_of_the_declared_types():
    (row,) = read(GOOD).accepted.to_pylist()
    assert row["issued_on"] == date(2026, 3, 1)
    assert row["amount_minor"] == 1000
    assert row["cleared_on"] is None
    assert row["ingested_at"] == datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
    assert row["source"] == "2026-03-31/invoices.csv"


@pytest.mark.parametrize(
    ("old", "new", "field", "reason"),
    [
        pytest.param("org-1", "", "org_id", "is empty", id="no company"),
        pytest.param("1000", "", "amount_minor", "is empty", id="no amount"),
        pytest.param("1000", "10.5", "amount_minor", "is no whole number", id="half a unit"),
        pytest.param("1000", "1_000", "amount_minor", "is no whole number", id="underscore"),
        pytest.param("1000", "-1", "amount_minor", "must be above 0", id="negative amount"),
        pytest.param("2026-03-31", "31/03/2026", "due_on", "is no date like 2026-03-31", id="another date format"),
        pytest.param("2026-03-31", "2026-02-30", "due_on", "is no date like 2026-03-31", id="no such day"),
        pytest.param("VND", "ZZZ", "currency", "is no known currency", id="unknown currency"),
        pytest.param("2026-03-31", "2036-03-31", "due_on", "lies more than 5 years from issued_on", id="far off"),
        pytest.param("T23:30:00Z", "", "ingested_at", "is no time like 2026-03-31T08:00:00Z", id="no time of day"),
        pytest.param(",VND", "", "", "has 8 fields where 9 are expected", id="too short"),
    ],
)
def test_a_line_that_does_not_fit_is_kept_with_its_reason(old, new, field, reason):
    bad = GOOD.replace(old, new)
    made = read(GOOD.replace("inv-1", "inv-2"), bad)
    assert made.accepted.num_rows == 1
    (refused,) = made.quarantined.to_pylist()
    assert (refused["field"], refused["reason"]) == (field, reason)
    assert refused["raw"] == bad.encode()
    assert refused["line"] == 3


def test_columns_may_come_in_any_order_and_with_others():
    names = HEADER.split(",")
    header = ",".join([*reversed(names), "note"])
    line = ",".join([*reversed(GOOD.split(",")), "paid by phone"])
    assert read(line, header=header).accepted.drop_columns(["line_id"]) == read(GOOD).accepted.drop_columns(["line_id"])


def test_a_file_without_a_column_is_refused_line_by_line():
    made = read("org-1,inv-1,cus-1", "org-1,inv-2,cus-1", header="org_id,invoice_id,customer_id")
    assert made.accepted.num_rows == 0
    assert made.quarantined["reason"].to_pylist() == ["the file lacks this column"] * 2
    assert made.quarantined["field"].to_pylist() == ["issued_on"] * 2


def test_quotes_byte_order_marks_and_windows_line_ends_are_read():
    customers = TABLES["customers"]
    text = "﻿org_id,customer_id,name,segment,province_code,since,ingested_at\r\n"
    text += 'o,c,"Lan, Minh ""& Co""",retail,,,2026-03-01T00:00:00Z\r\n'
    (row,) = read_file(customers, text.encode(), "x", ARRIVED).accepted.to_pylist()
    assert row["name"] == 'Lan, Minh "& Co"'


def test_a_torn_archive_is_kept_whole():
    whole = gzip.compress(f"{HEADER}\n{GOOD}\n".encode(), mtime=0)
    assert read_file(INVOICES, whole, "x", ARRIVED).accepted.num_rows == 1
    torn = read_file(INVOICES, whole[:-12], "x", ARRIVED)
    assert (torn.lines, torn.accepted.num_rows) == (1, 0)
    assert torn.quarantined["raw"].to_pylist() == [whole[:-12]]


def test_the_same_line_has_the_same_id_in_whichever_file_it_comes():
    first, second = read(GOOD), read(GOOD.replace("inv-1", "inv-0"), GOOD)
    assert first.accepted["line_id"][0] == second.accepted["line_id"][1]
    assert second.accepted["line_id"][0] != second.accepted["line_id"][1]


@given(st.binary(max_size=300))
def test_whatever_comes_every_line_is_accounted_for(data):
    made = read_file(INVOICES, data, "x", ARRIVED)
    assert made.lines == made.accepted.num_rows + made.quarantined.num_rows


@given(st.lists(st.one_of(st.just(GOOD.encode()), st.binary(max_size=60).filter(lambda b: b"\n" not in b)), max_size=8))
def test_good_lines_get_in_whatever_stands_beside_them(lines):
    made = read_file(INVOICES, b"\n".join([HEADER.encode(), *lines]), "x", ARRIVED)
    assert made.accepted.num_rows >= lines.count(GOOD.encode())
    assert made.lines == made.accepted.num_rows + made.quarantined.num_rows == sum(bool(line.strip()) for line in lines)


def test_generated_mistakes_are_refused_and_nothing_else():
    bad = lines = 0
    for _, name, content, said in files(make_world(orgs=2, days=60, seed=4)):
        table = TABLES[name.partition(".")[0].partition("-")[0]]
        made = read_file(table, content, name, ARRIVED)
        assert made.lines == said.lines
        if not name.startswith("bank_transactions-twice"):
            assert made.quarantined.num_rows == sum(said.bad.values()), name
            bad += made.quarantined.num_rows
        lines += made.lines
    assert 0 < bad < 0.05 * lines
