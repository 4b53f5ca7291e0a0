"""A small world of companies in a HOME of its own, with one company whose invoices stand on every edge of the rule."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from feature_repo.sme.daily import load_and_build
from feature_repo.sme.landing import write_world
from scoreops.adapters.settings import Settings

END = date(2026, 3, 31)
OVERDUE_EDGES = {-30: 0, 0: 0, 1: 10, 30: 10, 31: 20, 60: 20, 61: 30, 90: 30, 91: 40, 400: 40}
AMOUNT_EDGES = {1: 5, 999_999: 5, 1_000_000: 10, 4_999_999: 10, 5_000_000: 20, 9_999_999: 20, 10_000_000: 30}
HABITS = {0: 0, 1: 2, 3: 5, 5: 8, 6: 9, 10: 15, 20: 30}
"""Of a customer's twenty other invoices so many were late: points of risk (late x 30 / 20, half up)."""
HEADER = "org_id,invoice_id,customer_id,issued_on,due_on,amount_minor,currency,cleared_on,ingested_at"


@dataclass(frozen=True)
class Place:
    """Where one installation keeps its things."""

    home: Path

    @property
    def settings(self) -> Settings:
        return Settings(home=self.home, lake=None)

    @property
    def landing(self) -> Path:
        return self.home / "sme" / "landing"

    def build(self, as_of: date = END, **options: bool):
        return load_and_build(self.settings, self.landing, as_of, **options)


def small_world(home: Path, *, orgs: int = 3, days: int = 150, seed: int = 5) -> Place:
    place = Place(home)
    write_world(place.landing, orgs=orgs, days=days, seed=seed)
    return place


def edges() -> dict[str, tuple[int, int, int | None]]:
    """Open invoice: its points for overdue days, amount and risk."""
    found: dict[str, tuple[int, int, int | None]] = {}
    for days, points in OVERDUE_EDGES.items():
        for amount, more in AMOUNT_EDGES.items():
            for late, risk in HABITS.items():
                found[f"edge/{days}/{amount}/{late}"] = (points, more, risk)
    found["new/5/100/none"] = (10, 5, 15)
    return found


def write_edges(place: Place) -> None:
    """The company `edges`: each open invoice has a customer of its own with twenty settled ones."""
    lines = [HEADER]
    settled = END - timedelta(days=100)
    for invoice in edges():
        _, days, amount, late = invoice.split("/")
        customer = f"cus/{invoice}"
        due = END - timedelta(days=int(days))
        issued = min(due, END - timedelta(days=1))
        lines.append(f"edges,{invoice},{customer},{issued},{due},{amount},VND,,{END}T10:00:00Z")
        for number in range(20 if late != "none" else 0):
            paid = settled + timedelta(days=1 if number < int(late) else 0)
            name = f"old/{invoice}/{number}"
            lines.append(
                f"edges,{name},{customer},{settled - timedelta(days=30)},{settled},500,VND,{paid},{END}T09:00:00Z"
            )
    folder = place.landing / END.isoformat()
    (folder / "invoices-edges.csv").write_text("\n".join(lines) + "\n")
