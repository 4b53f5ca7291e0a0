"""The AR priority in plain Python, written from docs/explanation/ar-priority.md; shares no code with the SQL."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from fractions import Fraction

VND_PER_MINOR = {"VND": Fraction(1), "USD": Fraction(25450, 100), "EUR": Fraction(278), "GBP": Fraction(325)}


def newest(rows, key, end):
    """Of each (company, key) the last version fetched before the end of the day."""
    found = {}
    for row in rows:
        if row["ingested_at"].date() <= end:
            at = (row["org_id"], row[key])
            if at not in found or row["ingested_at"] > found[at]["ingested_at"]:
                found[at] = row
    return found


def priorities(invoice_lines, payment_lines, end: date):
    """{(org_id, invoice_id): (overdue points, amount points, risk points, tier)} of every open invoice."""
    invoices = newest(invoice_lines, "invoice_id", end)
    paid = defaultdict(int)
    for payment in newest(payment_lines, "payment_id", end).values():
        if payment["paid_on"] <= end:
            paid[payment["org_id"], payment["invoice_id"]] += payment["amount_minor"]
    judged = defaultdict(list)
    for at, row in invoices.items():
        cleared = row["cleared_on"] if row["cleared_on"] and row["cleared_on"] <= end else None
        if row["issued_on"] > end:
            continue
        row["cleared"] = cleared
        if row["issued_on"] > end - timedelta(days=365) and (cleared or row["due_on"] < end):
            judged[row["org_id"], row["customer_id"]].append((at, (cleared or end) > row["due_on"]))
    answer = {}
    for at, row in invoices.items():
        owed = row["amount_minor"] - paid[at]
        if row["issued_on"] > end or row["cleared"] or owed <= 0:
            continue
        days = (end - row["due_on"]).days
        overdue = 0 if days <= 0 else 10 if days <= 30 else 20 if days <= 60 else 30 if days <= 90 else 40
        dong = int(owed * VND_PER_MINOR[row["currency"]])
        amount = 30 if dong >= 10_000_000 else 20 if dong >= 5_000_000 else 10 if dong >= 1_000_000 else 5
        others = [late for other, late in judged[row["org_id"], row["customer_id"]] if other != at]
        risk = int(Fraction(30 * sum(others), len(others)) + Fraction(1, 2)) if others else 15
        total = overdue + amount + risk
        tier = "URGENT" if total >= 70 else "HIGH" if total >= 50 else "MEDIUM" if total >= 30 else "LOW"
        answer[at] = (overdue, amount, risk, tier)
    return answer
