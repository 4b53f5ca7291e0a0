"""The monthly sync against servers that speak as the real ones do, and without any."""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import duckdb
import pytest

from feature_repo.sme.external_sync import COUNTRIES, FILES, INDICATORS, sync_external
from scoreops.adapters.lake import Lake
from scoreops.adapters.settings import Settings
from scoreops.adapters.world_bank import WorldBank
from scoreops.core.errors import BadInput, NotReady
from tests.listening import Listener, listening

DAY = date(2026, 11, 1)
NOBODY = "http://127.0.0.1:1"
QUICK = {"attempts": 2, "first_wait_s": 0.001}
THEIRS = {theirs: ours for ours, theirs in INDICATORS.items()}


def table(name):
    with (FILES / f"{name}.csv").open() as file:
        return list(csv.DictReader(file))


def reply(body, status=200):
    return status, json.dumps(body).encode(), {"Content-Type": "application/json"}


class Bank(Listener):
    """Answers /country/A;B/indicator/CODE in pages of 200, as the World Bank does: newest first, with nulls."""

    def answer(self, request):
        self.asked.append(request)
        url = urlparse(request.path)
        _, countries, _, code = url.path.strip("/").split("/")
        query = {name: value[0] for name, value in parse_qs(url.query).items()}
        first, last = map(int, query["date"].split(":"))
        if code not in THEIRS:
            return reply([{"message": [{"id": "120", "key": "Invalid value", "value": "The value is not valid"}]}])
        known = {(r["country_code"], int(r["year"])): r for r in table("indicators") if r["indicator"] == THEIRS[code]}
        rows = [
            item(code, iso, year, known.get((iso, year)))
            for iso in countries.split(";")
            for year in range(last, first - 1, -1)
        ]
        page = int(query["page"])
        head = {"page": page, "pages": -(-len(rows) // 200), "per_page": 200, "total": len(rows), "sourceid": "2"}
        return reply([head, rows[(page - 1) * 200 : page * 200]])


def item(code, iso, year, row):
    return {
        "indicator": {"id": code, "value": code},
        "country": {"id": iso[:2], "value": row["country"] if row else iso},
        "countryiso3code": iso,
        "date": str(year),
        "value": float(row["value"]) * 2 if row else None,
        "unit": "",
        "obs_status": "",
        "decimal": 0,
    }


class Provinces(Listener):
    def answer(self, request):
        self.asked.append(request)
        generation, kind = {"/v1/p/": ("until 2025-06", "Tỉnh "), "/v2/p/": ("since 2025-07", "")}[request.path]
        rows = [row for row in table("provinces") if row["generation"] == generation]
        return reply([{"name": kind + row["name"], "code": int(row["code"]), "wards": []} for row in rows])


@pytest.fixture
def place(tmp_path):
    return Settings(home=tmp_path, world_bank=NOBODY, provinces=NOBODY)


def synced(settings):
    return {each.table: each for each in sync_external(settings, DAY, **QUICK)}


def held(settings, name):
    return Lake(settings.lake_dir).scan(f"external_{name}").to_pylist()


def test_without_servers_the_files_are_taken_and_it_is_said_why(place):
    made = synced(place)
    assert {name: (one.source, one.rows, one.written) for name, one in made.items()} == {
        "indicators": ("file", 1515, True),
        "provinces": ("file", 97, True),
    }
    assert "did not answer in 2 attempts: ConnectError" in made["indicators"].reason
    assert made["indicators"].newest == "2023"
    again = synced(place)
    assert [one.written for one in again.values()] == [False, False]
    none = synced(place.model_copy(update={"world_bank": "", "provinces": ""}))
    assert {one.reason for one in none.values()} == {"no server is set"}


def test_from_the_servers_every_page_is_read_and_a_later_outage_takes_nothing_back(place):
    with listening(kind=Bank) as bank, listening(kind=Provinces) as provinces:
        own = place.model_copy(update={"world_bank": bank.url, "provinces": provinces.url})
        made = synced(own)
    assert {one.source for one in made.values()} == {"api"}
    assert made["indicators"].rows == 1515
    assert len(bank.asked) == 3 * -(-len(COUNTRIES) * (2026 - 1990 + 1) // 200)
    by_key = {(r["country_code"], r["year"], r["indicator"]): r["value"] for r in held(place, "indicators")}
    for row in table("indicators"):
        assert by_key[row["country_code"], int(row["year"]), row["indicator"]] == float(row["value"]) * 2
    assert {row["name"] for row in held(place, "provinces")} == {row["name"] for row in table("provinces")}
    kept = synced(place)
    assert {(one.source, one.written) for one in kept.values()} == {("kept", False)}
    assert kept["indicators"].rows == 1515


def test_servers_take_the_place_of_the_files_once_they_answer(place):
    synced(place)
    with listening(kind=Bank) as bank:
        made = synced(place.model_copy(update={"world_bank": bank.url}))
    assert (made["indicators"].source, made["indicators"].written) == ("api", True)
    assert {row["source"] for row in held(place, "indicators")} == {"api"}
    assert len(held(place, "indicators")) == 1515


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(reply([{"message": [{"id": "120", "value": "is not valid"}]}]), "refused: is not valid", id="no"),
        pytest.param((200, b"<html>", {}), "sent no JSON: '<html>'", id="a page"),
        pytest.param(reply({"page": 1}), "another shape", id="an object"),
        pytest.param(reply([{"page": 1, "pages": 1}, [{"date": "2020"}]]), "another shape", id="other items"),
        pytest.param(reply([{"page": 1, "pages": 10**6}, []]), "1000000 pages", id="without end"),
        pytest.param(reply([{"page": 1, "pages": 1}, None]), "knows no gdp_usd of BRN, CHN", id="nothing"),
        pytest.param((404, b"gone", {}), "refused: 404 gone", id="gone"),
        pytest.param((500, b"", {}), "did not answer in 2 attempts: status 500", id="broken"),
    ],
)
def test_an_answer_that_is_none_is_told_and_the_files_are_taken(place, answer, said):
    with listening(answer) as bank:
        made = synced(place.model_copy(update={"world_bank": bank.url}))
    assert made["indicators"].source == "file"
    assert said in made["indicators"].reason


def test_a_reform_that_nobody_has_written_down_is_told(place):
    short = reply([{"name": "Hà Nội", "code": 1}])
    with listening(short) as provinces:
        made = synced(place.model_copy(update={"provinces": provinces.url}))
    assert made["provinces"].source == "file"
    assert (
        "the provinces until 2025-06 are not the 63 that are known; they differ in 02, 04" in made["provinces"].reason
    )


def test_a_busy_bank_is_asked_again():
    good = reply([{"page": 1, "pages": 1}, [item("X", "VNM", 2020, {"country": "Viet Nam", "value": "1.5"})]])
    with listening(503, (429, b"", {"Retry-After": "0"}), good) as server:
        bank = WorldBank(server.url, attempts=3, first_wait_s=0.001)
        (found,) = bank.indicator("X", ["VNM"], 2020, 2020)
        bank.close()
    assert (found.country, found.year, found.value) == ("Viet Nam", 2020, 3.0)
    assert len(server.asked) == 3
    with pytest.raises(NotReady), listening(503) as server:
        WorldBank(server.url, attempts=2, first_wait_s=0.001).indicator("X", ["VNM"], 2020, 2020)
    with pytest.raises(BadInput), listening(kind=Bank) as server:
        WorldBank(server.url).indicator("NO.SUCH", ["VNM"], 2020, 2020)


def test_every_province_has_a_present_one_and_none_is_lost():
    rows = table("provinces")
    old, new = ([r for r in rows if r["generation"] == g] for g in ("until 2025-06", "since 2025-07"))
    assert (len(old), len(new)) == (63, 34)
    assert {row["current_code"] for row in old} == {row["code"] for row in new}
    assert all(row["code"] == row["current_code"] for row in new)
    sizes = sorted(sum(row["current_code"] == code for row in old) for code in {r["code"] for r in new})
    assert sizes == [1] * 11 + [2] * 17 + [3] * 6


def test_where_wards_went_says_the_same_as_the_law():
    """Most wards kept their codes: where those of an old province are now is where it is."""
    data = Path(Settings().data) / "vn_admin"
    if not data.is_dir():
        pytest.skip(f"the lists of wards are not at {data}")
    db = duckdb.connect()
    now = f"""select w.code as ward, lpad(p.code::varchar, 2, '0') as province
        from (select code, unnest(wards) as w from read_json('{data}/vn_34_provinces_2025.json')) as p"""
    old = f"""select try_cast(w."Id" as bigint) as ward, "Id" as province from (
        select "Id", unnest(d."Wards") as w from (
            select "Id", unnest("Districts") as d from read_json('{data}/vn_63_provinces_pre2025.json')))"""
    found = db.execute(
        f"select distinct o.province, n.province from ({old}) as o join ({now}) as n using (ward)"
    ).fetchall()
    law = {(row["code"], row["current_code"]) for row in table("provinces") if row["generation"] == "until 2025-06"}
    assert set(found) == law
