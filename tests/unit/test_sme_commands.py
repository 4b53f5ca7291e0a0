"""How amounts, charts and files of the SME commands look."""

from __future__ import annotations

import csv
import zipfile
from datetime import date

import pytest

from scoreops.cli.export import export
from scoreops.cli.money import amount, spark
from scoreops.core.errors import BadInput


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (0, "VND", "0"),
        (95_500, "VND", "95,500"),
        (550_000, "VND", "550k"),
        (12_500_000, "VND", "12.5M"),
        (-3_210_000_000, "VND", "-3.21B"),
        (4_200_000_000_000, "VND", "4.2T"),
        (120_450, "USD", "1,204.50"),
        (None, "USD", ""),
    ],
)
def test_an_amount_is_read_at_a_glance(minor, currency, text):
    assert amount(minor, currency) == text


def test_a_line_of_blocks_rises_and_falls_with_its_numbers():
    assert spark([1, 2, 3, 8, 1]) == "▁▂▃█▁"
    assert spark([5, 5]) == "▄▄"
    assert spark([]) == ""


ROWS = [{"invoice": "inv-1", "due": date(2026, 3, 31), "owed": 12}, {"invoice": "=1+1", "due": None, "owed": None}]


def test_rows_go_to_csv_without_formulas(tmp_path):
    file = tmp_path / "rows.csv"
    assert export(ROWS, file, None, "rows") == [file]
    assert list(csv.reader(file.open())) == [
        ["invoice", "due", "owed"],
        ["inv-1", "2026-03-31", "12"],
        ["'=1+1", "", ""],
    ]


def test_rows_go_to_a_workbook_without_formulas(tmp_path):
    file = tmp_path / "rows.xlsx"
    export(ROWS, None, file, "rows")
    with zipfile.ZipFile(file) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
        assert "=1+1" in book.read("xl/sharedStrings.xml").decode()
    assert "<f>" not in sheet


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BadInput, match="nowhere"):
        export(ROWS, tmp_path / "nowhere" / "rows.csv", None, "rows")
