"""Seeds of the dbt project are what their sources say."""

from __future__ import annotations

import csv
from pathlib import Path

import holidays

from scoreops.sme.contract import CURRENCIES

SEEDS = Path(__file__).resolve().parents[2] / "feature_repo" / "dbt" / "seeds"


def rows(name):
    with (SEEDS / f"{name}.csv").open() as file:
        return list(csv.DictReader(file))


def test_holidays_are_those_of_the_lunar_calendar():
    known = holidays.country_holidays("VN", years=range(2005, 2036), language="en_US")
    assert {row["day"]: row["name"] for row in rows("vn_holidays")} == {
        day.isoformat(): name for day, name in known.items()
    }


def test_every_currency_that_is_let_in_has_a_rate():
    assert {row["currency"] for row in rows("currencies")} == set(CURRENCIES)


def test_bands_are_those_of_the_rule():
    overdue = {int(row["from_days"]): int(row["points"]) for row in rows("ar_overdue_bands")}
    assert overdue == {-100_000: 0, 1: 10, 31: 20, 61: 30, 91: 40}
    amount = {int(row["from_vnd"]): int(row["points"]) for row in rows("ar_amount_bands")}
    assert amount == {0: 5, 1_000_000: 10, 5_000_000: 20, 10_000_000: 30}
    assert {row["tier"]: int(row["from_score"]) for row in rows("ar_tiers")} == {
        "LOW": 0,
        "MEDIUM": 30,
        "HIGH": 50,
        "URGENT": 70,
    }
