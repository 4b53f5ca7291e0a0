"""The scores of small companies on public data: our figures beside the published ones, one row a figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from scoreops.core import metrics
from scoreops.core.errors import BadInput
from scoreops.sme import forecasting
from scoreops.sme.anomaly import AnomalyModel
from scoreops.sme.anomaly_features import DAY, FEEDBACK_DAYS, Feedback, Transactions, anomaly_features
from scoreops.sme.anomaly_training import train_anomaly
from scoreops.sme.calendar import as_days
from scoreops.sme.late import LateModel
from scoreops.sme.late_features import Invoices
from scoreops.sme.late_training import late_rows, rows_at_issue, train_late
from scoreops.sme.pooled import pooled_forecast

Figure = dict[str, Any]
TERM: Final = 15
"""Days between issue and due day of a customer without an invoice in the open book."""
WINDOW: Final = 56
WEEK: Final = pd.Timedelta(days=6)
"""From the first to the last day of a week."""
TOP_CARDS: Final = 100


def unseen_of(test: Path | None, name: str, given: pd.DataFrame) -> pd.DataFrame | None:
    """Rows of the file `name`, packed or not, somewhere in `test`, that are not in `given`; None without such a file.

    Raises BadInput for other columns than `given` has, and where nothing is new.
    """
    stem = name.split(".", maxsplit=1)[0].removesuffix("_imputed")
    file = next((file for file in sorted(test.rglob("*.csv*")) if file.name.startswith(stem)), None) if test else None
    if file is None:
        return None
    rows = pd.read_csv(file)
    if list(rows.columns) != list(given.columns):
        raise BadInput(f"{file} has other columns than the given part: {', '.join(rows.columns[:8])}")
    known = pd.util.hash_pandas_object(given.astype(str), index=False)
    rows = rows[~pd.util.hash_pandas_object(rows.astype(str), index=False).isin(known).to_numpy()]
    if rows.empty:
        raise BadInput(f"{file} holds nothing new: each of its rows is in the given part; --test wants unseen ones")
    return rows


def figure(data: str, part: str, measure: str, ours: float, published: float | None = None) -> Figure:
    """One row of the table."""
    return {"data": data, "part": part, "measure": measure, "ours": round(float(ours), 3), "published": published}


def invoices_of(rows: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Cleared invoices of `ar_h2habba`; the day of issue is the due day less the customer's term in the open book."""
    book = pd.read_csv(folder / "open_book_9700.csv.gz", parse_dates=["posting_date", "due_in_date"])
    days = (book["due_in_date"] - book["posting_date"]).dt.days
    term = days.groupby(book["cust_number"].astype(str).str.lstrip("0")).median().clip(lower=0).round()
    customer = rows["cust_number"].astype(str).str.lstrip("0")
    due = pd.to_datetime(rows["due_date"])
    return pd.DataFrame(
        {
            "org_id": "h2habba",
            "customer_id": customer,
            "issued_on": due - pd.to_timedelta(customer.map(term).fillna(TERM), unit="D"),
            "due_on": due,
            "amount_minor": (rows["amount"] * 100).round().astype("int64"),
            "cleared_on": pd.to_datetime(rows["clear_date"]),
            "published": rows["published_pred_days_late"],
        }
    )


def late(data: Path, test: Path | None) -> list[Figure]:
    """Days late: the last fifth of the given part in two orders, and unseen invoices."""
    folder = data / "ar_h2habba"
    rows = pd.read_csv(folder / "ar_cleared.csv.gz")
    given, made = invoices_of(rows, folder), []
    for order, column in (("day of payment", "cleared_on"), ("day of issue", "issued_on")):
        key = as_days(given[column])
        cut = int(np.sort(key)[int(0.8 * len(key))])
        made += _late(given, np.flatnonzero(key >= cut), cut, f"last 20 % by {order}")
    more = unseen_of(test, "ar_cleared.csv.gz", rows)
    if more is not None:
        unseen = invoices_of(more, folder)
        whole = pd.concat([given, unseen], ignore_index=True)
        cut = int(as_days(unseen["cleared_on"]).min())
        made += _late(whole, np.arange(len(given), len(whole)), cut, "unseen")
    return made


def _late(invoices: pd.DataFrame, judged: Any, until: int, part: str) -> list[Figure]:
    scorer = LateModel.load(train_late(late_rows(invoices, until=until)).model.files())
    rows = rows_at_issue(Invoices.of(invoices))
    place = pd.Index(rows.invoice).get_indexer(judged)
    features, truth = rows.features[place], rows.late[place]
    made = scorer.score(features, reasons=False)
    miss = np.abs(np.rint(made.days_late) - truth)
    told = invoices["published"].to_numpy(np.float64)[judged]
    theirs = float(np.abs(told - truth)[~np.isnan(told)].mean()) if (~np.isnan(told)).any() else 3.16
    name = "ar_h2habba"
    return [
        figure(name, part, "MAE days", miss.mean(), round(theirs, 3)),
        figure(name, part, "RMSE days", np.sqrt(np.mean((made.days_late - truth) ** 2)), 7.07),
        figure(name, part, "within 3 days", np.mean(miss <= 3), 0.744),
        figure(name, part, "80 % coverage", metrics.coverage(truth, made.low, made.high), 0.793),
        figure(name, part, "AUC of late", metrics.auc(truth > 0, made.p_late)),
    ]


def cash(data: Path, test: Path | None) -> list[Figure]:
    """Daily withdrawals: the last 56 days of the given part, and unseen ones."""
    given = pd.read_csv(data / "nn5" / "nn5_daily_imputed.csv.gz")
    made = _windows(given, "last 56 days given")
    more = unseen_of(test, "nn5_daily_imputed.csv.gz", given)
    if more is not None:
        more = more[more["ds"] > given["ds"].max()]
        made += _windows(pd.concat([given, more], ignore_index=True), "last 56 days, unseen")
    return made + _collections(data)


def _windows(frame: pd.DataFrame, part: str) -> list[Figure]:
    series = frame.drop(columns="ds").to_numpy(np.float64).T
    end = int(as_days(pd.to_datetime(frame["ds"]))[-WINDOW])
    history, came = series[:, :-WINDOW], series[:, -WINDOW:]
    forecasts = {
        "seasonal naive": (forecasting.same_weekday(history, WINDOW, 1), 4.35),
        "ETS": (forecasting.ets(history, WINDOW), 3.72),
        "LightGBM over all": (pooled_forecast(history, end, WINDOW), 3.72),
    }
    return [figure("nn5", part, f"MAE {name}", np.nanmean(np.abs(m - came)), p) for name, (m, p) in forecasts.items()]


def _collections(data: Path) -> list[Figure]:
    """One company's collections: 30 days ahead from every seventh day of the last quarter."""
    frame = pd.read_csv(data / "ar_h2habba" / "daily_collections.csv", parse_dates=["ds"])
    series, days = frame["collections"].to_numpy(np.float64), as_days(frame["ds"])
    origins = range(len(series) - 91 - 30, len(series) - 30 + 1, 7)
    came = np.concatenate([series[origin : origin + 30] for origin in origins])
    members = {
        "seasonal naive": lambda at: forecasting.same_weekday(series[None, :at], 30, 1)[0],
        "mean of 8 weeks": lambda at: forecasting.same_weekday(series[None, :at], 30, 8)[0],
        "ETS": lambda at: forecasting.ets(series[None, :at], 30)[0],
        "Prophet": lambda at: forecasting.prophet(series[:at], int(days[at - 1]) + 1, 30),
    }
    made = {name: np.concatenate([member(at) for at in origins]) for name, member in members.items()}
    part = "last quarter"
    return [figure("daily_collections", part, f"WAPE {name}", metrics.wape(came, each)) for name, each in made.items()]


def anomalies(data: Path, test: Path | None) -> list[Figure]:
    """Card fraud: the last week of the given part, and unseen transactions."""
    given = pd.read_csv(data / "fraud_handbook_sim" / "transactions.csv.gz")
    made = _fraud(given, pd.to_datetime(given["TX_DATETIME"].max()).floor("D") - WEEK, "last week given")
    more = unseen_of(test, "transactions.csv.gz", given)
    if more is not None:
        more = more[~more["TRANSACTION_ID"].isin(given["TRANSACTION_ID"])]
        begin = pd.to_datetime(more["TX_DATETIME"].min()).floor("D")
        made += _fraud(pd.concat([given, more], ignore_index=True).sort_values("TX_DATETIME"), begin, "unseen")
    return made


def _fraud(rows: pd.DataFrame, cut: pd.Timestamp, part: str) -> list[Figure]:
    """The card is the counterparty of one account that sees all cards; fraud is known FEEDBACK_DAYS after it."""
    rows = rows.assign(TX_DATETIME=pd.to_datetime(rows["TX_DATETIME"]))
    frame = pd.DataFrame(
        {
            "org_id": "shop",
            "account_id": "cards",
            "booked_at": rows["TX_DATETIME"].dt.tz_localize("UTC"),
            "amount_minor": -(rows["TX_AMOUNT"] * 100).round().astype("int64"),
            "counterparty_id": rows["CUSTOMER_ID"].astype(str),
            "terminal_id": rows["TERMINAL_ID"].astype(str),
            "category": "purchase",
        }
    )
    booked, fraud = Transactions.of(frame), rows["TX_FRAUD"].to_numpy() == 1
    verdicts = Feedback(np.arange(len(rows)), fraud, booked.at + FEEDBACK_DAYS * DAY)
    later = (rows["TX_DATETIME"] >= cut).to_numpy()
    made = []
    for name, features, published in (
        ("without terminal risk", anomaly_features(booked), (0.585, 0.044)),
        ("with terminal risk", anomaly_features(booked, verdicts), (0.826, 0.272)),
    ):
        scorer = AnomalyModel.load(train_anomaly(features[~later], warm_days=21).model.files())
        score = scorer.score(features[later], reasons=False).score
        made += [
            figure("fraud_handbook_sim", part, f"AUC {name}", metrics.auc(fraud[later], score), published[0]),
            figure("fraud_handbook_sim", part, f"AP {name}", average_precision(fraud[later], score), published[1]),
            figure("fraud_handbook_sim", part, f"card precision {name}", _cards(rows[later], score)),
        ]
    return made


def average_precision(labels: Any, scores: Any) -> float:
    """Area under the precision-recall steps."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(labels, scores))


def _cards(rows: pd.DataFrame, score: Any) -> float:
    """Share of compromised cards among the TOP_CARDS strangest of a day, mean over days."""
    days = rows["TX_DATETIME"].dt.floor("D")
    cards = (
        rows.assign(score=score, day=days)
        .groupby(["day", "CUSTOMER_ID"])
        .agg(s=("score", "max"), f=("TX_FRAUD", "max"))
    )
    top = cards.sort_values("s", ascending=False).groupby("day").head(TOP_CARDS)
    return float(top.groupby("day")["f"].mean().mean())
