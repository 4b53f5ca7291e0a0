"""What a line of each source table must hold. Amounts are whole minor units of their currency; times are UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import polars as pl
import pyarrow as pa

Kind = Literal["text", "date", "time", "int"]
ARROW: Final[Mapping[Kind, pa.DataType]] = {
    "text": pa.string(),
    "date": pa.date32(),
    "time": pa.timestamp("us", tz="UTC"),
    "int": pa.int64(),
}
CURRENCIES: Final = ("VND", "USD", "EUR", "GBP", "CAD")
INGESTED: Final = "ingested_at"
LINE: Final = "line_id"
SOURCE: Final = "source"


@dataclass(frozen=True)
class Column:
    """One column of a source table."""

    name: str
    kind: Kind = "text"
    nullable: bool = False


@dataclass(frozen=True)
class Rule:
    """What must hold between or within columns; `broken` is true for a row that breaks it."""

    field: str
    reason: str
    broken: pl.Expr


@dataclass(frozen=True)
class Table:
    """A source table: its columns in order, the key of its newest version, and its rules."""

    name: str
    key: str
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of its columns."""
        return tuple(column.name for column in self.columns)

    @property
    def schema(self) -> pa.Schema:
        """Of its rows in bronze: its columns, and where each came from."""
        fields = [pa.field(column.name, ARROW[column.kind]) for column in self.columns]
        return pa.schema([*fields, pa.field(LINE, pa.string()), pa.field(SOURCE, pa.string())])


def _table(name: str, key: str, *columns: Column, rules: tuple[Rule, ...] = ()) -> Table:
    return Table(name, key, (Column("org_id"), Column(key), *columns, Column(INGESTED, "time")), rules)


_KNOWN: Final = Rule("currency", "is no known currency", ~pl.col("currency").is_in(CURRENCIES))
_POSITIVE: Final = Rule("amount_minor", "must be above 0", pl.col("amount_minor") <= 0)
_AMOUNT: Final = Column("amount_minor", "int")
_CURRENCY: Final = Column("currency")

TABLES: Final[Mapping[str, Table]] = {
    table.name: table
    for table in (
        _table(
            "customers",
            "customer_id",
            Column("name"),
            Column("segment"),
            Column("province_code", nullable=True),
            Column("since", "date", nullable=True),
        ),
        _table(
            "products",
            "product_id",
            Column("name"),
            Column("category"),
            Column("unit_price_minor", "int"),
            Column("unit_cost_minor", "int", nullable=True),
            _CURRENCY,
            rules=(_KNOWN, Rule("unit_price_minor", "must not be negative", pl.col("unit_price_minor") < 0)),
        ),
        _table(
            "orders",
            "order_id",
            Column("customer_id", nullable=True),
            Column("invoice_id", nullable=True),
            Column("product_id"),
            Column("ordered_at", "time"),
            Column("quantity", "int"),
            _AMOUNT,
            _CURRENCY,
            rules=(_KNOWN, Rule("quantity", "must be above 0", pl.col("quantity") <= 0)),
        ),
        _table(
            "invoices",
            "invoice_id",
            Column("customer_id"),
            Column("issued_on", "date"),
            Column("due_on", "date"),
            _AMOUNT,
            _CURRENCY,
            Column("cleared_on", "date", nullable=True),
            rules=(
                _KNOWN,
                _POSITIVE,
                Rule("due_on", "lies more than 5 years from issued_on",
                     (pl.col("due_on") - pl.col("issued_on")).dt.total_days().abs() > 1827),
            ),
        ),
        _table(
            "payments",
            "payment_id",
            Column("invoice_id"),
            Column("paid_on", "date"),
            _AMOUNT,
            _CURRENCY,
            rules=(_KNOWN, _POSITIVE),
        ),
        _table(
            "bank_transactions",
            "transaction_id",
            Column("account_id"),
            Column("booked_at", "time"),
            _AMOUNT,
            _CURRENCY,
            Column("counterparty_id", nullable=True),
            Column("terminal_id", nullable=True),
            Column("category"),
            Column("channel"),
            rules=(_KNOWN, Rule("amount_minor", "must not be 0", pl.col("amount_minor") == 0)),
        ),
    )
}  # fmt: skip
QUARANTINE: Final = pa.schema(
    [
        ("table", pa.string()),
        (SOURCE, pa.string()),
        ("line", pa.int64()),
        (LINE, pa.string()),
        ("field", pa.string()),
        ("reason", pa.string()),
        ("raw", pa.binary()),
        (INGESTED, pa.timestamp("us", tz="UTC")),
    ]
)
"""Lines that were not let in: where they stood, what is wrong with them, and the original bytes."""
