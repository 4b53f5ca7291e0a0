"""1,000 companies' 30-day cash forecasts on one core: ours, training included, against plain Prophet in a loop.

Both read the same two years of daily books. Prophet is fitted for PROPHETS of the companies and its rate taken from
them: each company costs it the same. Ours learns one model from sixteen companies and forecasts all.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from scoreops.sme.cash import CashModel
from scoreops.sme.cash_features import HORIZON, Books, cash_features
from scoreops.sme.cash_training import rows_of_books, train_cash

COMPANIES: Final = 1_000
LEARNT_FROM: Final = 16
PROPHETS: Final = 12
DAYS: Final = 730
_FIRST: Final = 19_800


def books(companies: int, seed: int = 11) -> Books:
    """Books with a weekly rhythm, wages on the fifth and noise."""
    rng = np.random.default_rng(seed)
    day = np.arange(_FIRST, _FIRST + DAYS)
    size = np.exp(rng.normal(16, 1, companies))[:, None]
    weekly = 1 + 0.6 * np.sin((day % 7) * 2 * np.pi / 7 + rng.uniform(0, 6, companies)[:, None])
    of_month = (day.astype("datetime64[D]") - day.astype("datetime64[M]").astype("datetime64[D]")).astype(np.int64)
    wages = np.where(of_month == 4, -18.0, 0.0)
    net = size * (weekly + wages + rng.normal(0, 0.5, (companies, DAYS)))
    keys = tuple((f"org-{number:04d}", "VND") for number in range(companies))
    return Books(keys, _FIRST, net, size[:, 0] * 20)


def main() -> Mapping[str, object]:
    """Forecasts a second of both, their errors on the next days, and the ratio."""
    whole = books(COMPANIES)
    day = _FIRST + DAYS - HORIZON
    came = whole.ahead(day)
    known = Books(whole.keys, whole.first, whole.net[:, :-HORIZON], whole.opening)
    some = Books(known.keys[:LEARNT_FROM], known.first, known.net[:LEARNT_FROM], known.opening[:LEARNT_FROM])
    began = time.perf_counter()
    rows = rows_of_books(some, lambda _: np.zeros((LEARNT_FROM, HORIZON)), until=day)
    scorer = CashModel.load(train_cash(rows).model.files())
    trained = time.perf_counter()
    made = scorer.score(cash_features(known, np.zeros((COMPANIES, HORIZON)), day))
    ours_s, training_s = time.perf_counter() - trained, trained - began
    began = time.perf_counter()
    theirs = np.stack([_plain_prophet(known.net[row]) for row in range(PROPHETS)])
    prophet_s = time.perf_counter() - began
    rate, rival = COMPANIES / (ours_s + training_s), PROPHETS / prophet_s
    size = np.abs(known.net[:, -56:]).mean(axis=1, keepdims=True)
    return {
        "companies": COMPANIES,
        "training_s": round(training_s, 2),
        "forecasting_s": round(ours_s, 2),
        "ours_per_s": round(rate, 1),
        "prophet_per_s": round(rival, 2),
        "ratio_with_training": round(rate / rival, 1),
        "ratio_forecasting": round(COMPANIES / ours_s / rival, 1),
        "ours_scaled_mae": round(float(np.mean(np.abs(made.net - came) / size)), 3),
        "prophet_scaled_mae": round(float(np.mean(np.abs(theirs - came[:PROPHETS]) / size[:PROPHETS])), 3),
        "ours_coverage": round(float(np.mean((came >= made.net_low) & (came <= made.net_high))), 3),
    }


def _plain_prophet(series: np.ndarray) -> np.ndarray:
    """Prophet as it comes out of the box."""
    from prophet import Prophet

    for name in ("cmdstanpy", "prophet"):
        logging.getLogger(name).disabled = True
    days = pd.to_datetime(np.arange(_FIRST, _FIRST + len(series)), unit="D")
    model = Prophet().fit(pd.DataFrame({"ds": days, "y": series}))
    return model.predict(model.make_future_dataframe(HORIZON, include_history=False))["yhat"].to_numpy()
