"""A small warehouse with the tables that companies read, and the console over it, in this process."""

from __future__ import annotations

import json

import duckdb
from fastapi.testclient import TestClient

from console.api import create_app
from feature_repo.sme.warehouse import warehouse_file
from scoreops.adapters.org_keys import org_keys

ORGS = ("alpha", "beta", "gamma")


def build(settings, rows):
    """Write gold and silver of `rows`: {org: {"invoices": [...], "odd": [...], "cash": [...]}}, amounts in minor."""
    file = warehouse_file(settings)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    with duckdb.connect(str(file)) as db:
        db.execute("create schema gold; create schema silver")
        db.execute("create table silver.customers (org_id varchar, customer_id varchar, name varchar)")
        db.execute("create table silver.bank_transactions (org_id varchar, transaction_id varchar)")
        db.execute(
            "create table gold.ml_ar_priority_scores (org_id varchar, invoice_id varchar, customer_id varchar,"
            " open_amount_minor bigint, priority_rank bigint, expected_cash_rank bigint)"
        )
        db.execute(
            "create table gold.ml_anomaly_alerts (org_id varchar, transaction_id varchar, amount_minor bigint,"
            " severity varchar, score double, reasons varchar)"
        )
        db.execute(
            "create table gold.ml_cashflow_forecast (org_id varchar, as_of date, day date, currency varchar,"
            " balance_minor bigint)"
        )
        db.execute("create table gold.kpi_cash_position (org_id varchar, currency varchar, balance_minor bigint)")
        for org, its in rows.items():
            customer = f"{org}-customer"
            db.execute("insert into silver.customers values (?, ?, ?)", [org, customer, f"Customer of {org}"])
            for place, amount in enumerate(its["invoices"]):
                row = [org, f"{org}-i{place}", customer, amount, place + 1, len(its["invoices"]) - place]
                db.execute("insert into gold.ml_ar_priority_scores values (?, ?, ?, ?, ?, ?)", row)
            for place, amount in enumerate(its["odd"]):
                db.execute("insert into silver.bank_transactions values (?, ?)", [org, f"t{place}"])
                row = [org, f"t{place}", amount, ("low", "medium", "high")[place % 3], place, json.dumps([f"of {org}"])]
                db.execute("insert into gold.ml_anomaly_alerts values (?, ?, ?, ?, ?, ?)", row)
            for place, amount in enumerate(its["cash"]):
                row = [org, f"2026-04-{place + 1:02d}", amount]
                db.execute("insert into gold.ml_cashflow_forecast values (?, '2026-03-31', ?, 'VND', ?)", row)
                db.execute("insert into gold.kpi_cash_position values (?, 'VND', ?)", [org, amount])


def console(settings):
    """A client of the console, and a key of each company."""
    keys = org_keys(settings)
    return TestClient(create_app(settings, "admin")), {org: keys.issue(org) for org in ORGS}
