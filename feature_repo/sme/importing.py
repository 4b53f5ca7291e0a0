"""Public data sets as files of our tables, to be loaded like any delivered file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Final

import pandas as pd

from scoreops.core.errors import BadInput, NotFound, Unsupported
from scoreops.sme.contract import TABLES

Frames = dict[str, pd.DataFrame]
USUAL_TERM_DAYS: Final = 15
"""Days from issue to due day of a customer that the open book does not tell of."""


def _evening(days: pd.Series) -> pd.Series:
    return pd.to_datetime(days).dt.normalize() + pd.Timedelta(hours=23, minutes=30)


def _minor(amount: pd.Series) -> pd.Series:
    return (amount.astype(float) * 100).round().astype("int64")


def _open(book: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customer_id": book["cust_number"],
            "issued_on": pd.to_datetime(book["posting_date"]),
            "due_on": pd.to_datetime(book["due_in_date"]),
            "amount_minor": _minor(book["total_open_amount"]),
            "currency": book["invoice_currency"],
            "cleared_on": pd.Series(pd.NaT, index=book.index, dtype="datetime64[ns]"),
        }
    )


def _paid(cleared: pd.DataFrame, book: pd.DataFrame) -> pd.DataFrame:
    """Cleared invoices, with term and currency of the customer in the open book."""
    open_ = _open(book)
    terms = (open_["due_on"] - open_["issued_on"]).dt.days.groupby(open_["customer_id"]).median()
    currency = open_.groupby("customer_id")["currency"].agg(lambda codes: codes.mode().iloc[0])
    due_on, paid_on = pd.to_datetime(cleared["due_date"]), pd.to_datetime(cleared["clear_date"])
    wait = cleared["cust_number"].map(terms).fillna(USUAL_TERM_DAYS).round().clip(lower=0)
    issued_on = due_on - pd.to_timedelta(wait, unit="D")
    return pd.DataFrame(
        {
            "customer_id": cleared["cust_number"],
            "issued_on": issued_on.where(issued_on < paid_on, paid_on),
            "due_on": due_on,
            "amount_minor": _minor(cleared["amount"]),
            "currency": cleared["cust_number"].map(currency).fillna("USD"),
            "cleared_on": paid_on,
        }
    )


def receivables(folder: Path) -> Frames:
    """`ar_h2habba`: cleared invoices, the open book, and a payment for each cleared one; company `h2habba`.

    The file of cleared invoices has no day of issue: it is the due day less the customer's usual term in the open book.
    """
    cleared = pd.read_csv(folder / "ar_cleared.csv.gz", dtype={"cust_number": str})
    book = pd.read_csv(folder / "open_book_9700.csv.gz", dtype={"cust_number": str})
    invoices = pd.concat([_paid(cleared, book), _open(book)], ignore_index=True)
    invoices = invoices[invoices["amount_minor"] > 0].reset_index(drop=True)
    invoices.insert(0, "invoice_id", [f"inv-{i:06d}" for i in range(len(invoices))])
    settled = invoices[invoices["cleared_on"].notna()]
    never = pd.Series(pd.NaT, index=invoices.index, dtype="datetime64[ns]")
    issued = invoices.assign(cleared_on=never, ingested_at=_evening(invoices["issued_on"]))
    done = settled.assign(ingested_at=_evening(settled["cleared_on"]))
    payments = settled[["invoice_id", "cleared_on", "amount_minor", "currency"]].rename(
        columns={"cleared_on": "paid_on"}
    )
    payments.insert(0, "payment_id", payments["invoice_id"].str.replace("inv", "pay"))
    who = pd.DataFrame({"customer_id": invoices["customer_id"].unique()})
    who["name"], who["segment"] = "Customer " + who["customer_id"], "trade"
    return {
        "customers": who.assign(province_code=None, since=None, ingested_at=_evening(invoices["issued_on"]).min()),
        "invoices": pd.concat([issued, done], ignore_index=True),
        "payments": payments.assign(ingested_at=_evening(payments["paid_on"])),
    }


def card_payments(folder: Path) -> Frames:
    """`fraud_handbook_sim`: what card holders spend at terminals; company `fraud-sim`, one account for each card."""
    rows = pd.read_csv(folder / "transactions.csv.gz", parse_dates=["TX_DATETIME"])
    made = pd.DataFrame(
        {
            "transaction_id": "tx-" + rows["TRANSACTION_ID"].astype(str),
            "account_id": "card-" + rows["CUSTOMER_ID"].astype(str),
            "booked_at": rows["TX_DATETIME"],
            "amount_minor": -_minor(rows["TX_AMOUNT"]),
            "currency": "EUR",
            "counterparty_id": "shop-" + rows["TERMINAL_ID"].astype(str),
            "terminal_id": "term-" + rows["TERMINAL_ID"].astype(str),
            "category": "purchase",
            "channel": "pos",
            "ingested_at": _evening(rows["TX_DATETIME"]),
        }
    )
    return {"bank_transactions": made[made["amount_minor"] != 0]}


def shop_hours(folder: Path) -> Frames:
    """`online_retail_hourly`: one order and one card booking for each hour with sales; company `online-retail`."""
    hours = pd.read_csv(folder / "online_retail_hourly.csv", parse_dates=["ds"])
    hours = hours[(hours["revenue"] > 0) & (hours["units"] > 0)].reset_index(drop=True)
    name, evening = hours["ds"].dt.strftime("%Y%m%d%H"), _evening(hours["ds"])
    product = {"product_id": "all", "name": "All goods", "category": "goods", "unit_price_minor": 0}
    first = pd.DataFrame([{**product, "unit_cost_minor": None, "currency": "GBP", "ingested_at": evening.min()}])
    orders = {
        "order_id": "hour-" + name,
        "customer_id": None,
        "invoice_id": None,
        "product_id": "all",
        "ordered_at": hours["ds"],
        "quantity": hours["units"].astype("int64"),
        "amount_minor": _minor(hours["revenue"]),
        "currency": "GBP",
        "ingested_at": evening,
    }
    booked = {
        "transaction_id": "hour-" + name,
        "account_id": "acc-1",
        "booked_at": hours["ds"],
        "amount_minor": _minor(hours["revenue"]),
        "currency": "GBP",
        "counterparty_id": None,
        "terminal_id": None,
        "category": "card_sale",
        "channel": "web",
        "ingested_at": evening,
    }
    return {"products": first, "orders": pd.DataFrame(orders), "bank_transactions": pd.DataFrame(booked)}


IMPORTERS: Final[Mapping[str, tuple[str, Callable[[Path], Frames]]]] = {
    "ar_h2habba": ("h2habba", receivables),
    "fraud_handbook_sim": ("fraud-sim", card_payments),
    "online_retail_hourly": ("online-retail", shop_hours),
}
"""Of each data set: the company that it becomes, and how."""


def import_set(name: str, data: Path, landing: Path) -> tuple[date, dict[str, int]]:
    """Write a data set of DATA/NAME as files of one day under `landing`. Returns that day and the rows by table.

    Raises Unsupported for another name, NotFound where the folder is not there, BadInput when it lacks a file.
    """
    if name not in IMPORTERS:
        raise Unsupported(f"{name!r} is not one of {', '.join(IMPORTERS)}")
    if not (data / name).is_dir():
        raise NotFound(f"there is no folder {data / name}; set SCOREOPS_DATA")
    org, read = IMPORTERS[name]
    try:
        frames = read(data / name)
    except FileNotFoundError as error:
        raise BadInput(f"{error.filename} is missing", name) from error
    day = max(frame["ingested_at"].max() for frame in frames.values()).date()
    folder = landing / day.isoformat()
    folder.mkdir(parents=True, exist_ok=True)
    for table, frame in frames.items():
        frame.insert(0, "org_id", org)
        ordered = frame[list(TABLES[table].names)].sort_values("ingested_at", kind="stable")
        dates = [column.name for column in TABLES[table].columns if column.kind == "date"]
        for column in dates:
            ordered[column] = pd.to_datetime(ordered[column]).dt.strftime("%Y-%m-%d")
        ordered.to_csv(folder / f"{table}-{org}.csv", index=False, date_format="%Y-%m-%dT%H:%M:%SZ")
    return day, {table: len(frame) for table, frame in frames.items()}
