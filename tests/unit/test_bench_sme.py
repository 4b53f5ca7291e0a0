"""Figures on unseen files: they are of the rows that the given part does not hold, and say so where there are none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bench._sme import late, unseen_of
from scoreops.core.errors import BadInput

NAME = "ar_cleared.csv.gz"


@pytest.fixture(scope="module")
def invoices():
    """Customers of whom each pays a number of days late that is its own."""
    draw = np.random.default_rng(5)
    customer = draw.integers(0, 40, 1_500)
    due = pd.Timestamp("2019-01-01") + pd.to_timedelta(np.sort(draw.integers(0, 400, len(customer))), unit="D")
    late_by = customer % 20 - 5 + draw.integers(-1, 2, len(customer))
    return pd.DataFrame(
        {
            "cust_number": 1_000 + customer,
            "due_date": due.strftime("%Y-%m-%d"),
            "clear_date": (due + pd.to_timedelta(late_by, unit="D")).strftime("%Y-%m-%d"),
            "amount": draw.gamma(2.0, 100.0, len(customer)).round(2),
            "published_pred_days_late": np.nan,
        }
    ).sort_values("clear_date", ignore_index=True)


@pytest.fixture
def folders(tmp_path, invoices):
    data, test = tmp_path / "data", tmp_path / "unseen"
    (data / "ar_h2habba").mkdir(parents=True)
    (test / "deeper").mkdir(parents=True)
    invoices[:1_200].to_csv(data / "ar_h2habba" / NAME, index=False)
    invoices[1_200:].to_csv(test / "deeper" / "ar_cleared_2020.csv", index=False)
    book = pd.DataFrame({"cust_number": [1_000], "posting_date": ["2019-12-01"], "due_in_date": ["2019-12-21"]})
    book.to_csv(data / "ar_h2habba" / "open_book_9700.csv.gz", index=False)
    return data, test


def test_unseen_invoices_are_judged_beside_the_given_ones(folders):
    data, test = folders
    figures = {(row["part"], row["measure"]): row["ours"] for row in late(data, test)}
    assert {part for part, _ in figures} == {"last 20 % by day of payment", "last 20 % by day of issue", "unseen"}
    assert figures["unseen", "MAE days"] < 1.5, "who pays how late is known of each customer"


def test_rows_that_were_given_are_not_unseen(folders, invoices):
    rows = unseen_of(folders[1], NAME, invoices[:1_300])
    assert len(rows) == 200
    with pytest.raises(BadInput, match=r"ar_cleared_2020\.csv holds nothing new.*--test wants unseen ones"):
        unseen_of(folders[1], NAME, invoices)


def test_another_shape_is_refused(folders, invoices):
    with pytest.raises(BadInput, match="has other columns than the given part: cust_number, due_date"):
        unseen_of(folders[1], NAME, invoices.drop(columns="amount"))


def test_a_folder_without_such_a_file_has_nothing_to_judge(tmp_path, invoices):
    assert unseen_of(tmp_path, NAME, invoices) is None
    assert unseen_of(None, NAME, invoices) is None
