"""Rows of a command as a file: CSV, or a workbook for people."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from scoreops.core.errors import BadInput

CsvFile = Annotated[Path | None, typer.Option("--csv", help="Write the rows to this CSV file.")]
XlsxFile = Annotated[Path | None, typer.Option("--xlsx", help="Write the rows to this Excel workbook.")]
Row = Mapping[str, Any]


def export(rows: Sequence[Row], csv_file: Path | None, xlsx_file: Path | None, sheet: str) -> list[Path]:
    """Write the rows where it is asked for. Returns the files written. Raises BadInput for a place that is none."""
    made = []
    for file, write in ((csv_file, _write_csv), (xlsx_file, _write_xlsx)):
        if file is not None:
            if not file.absolute().parent.is_dir():
                raise BadInput(f"there is no folder {file.absolute().parent}", str(file))
            write(rows, file, sheet)
            made.append(file)
    return made


def _write_csv(rows: Sequence[Row], file: Path, _sheet: str) -> None:
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(list(rows[0]) if rows else [])
        writer.writerows([_safe(value) for value in row.values()] for row in rows)


def _safe(value: object) -> object:
    """Text that a spreadsheet would run as a formula is kept as text."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _write_xlsx(rows: Sequence[Row], file: Path, sheet: str) -> None:
    import xlsxwriter

    with xlsxwriter.Workbook(file, {"strings_to_formulas": False, "strings_to_urls": False}) as book:
        page, bold = book.add_worksheet(sheet), book.add_format({"bold": True})
        days, times = book.add_format({"num_format": "yyyy-mm-dd"}), book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        for column, name in enumerate(rows[0] if rows else []):
            page.write_string(0, column, name, bold)
        for line, row in enumerate(rows, 1):
            for column, value in enumerate(row.values()):
                if isinstance(value, datetime):
                    page.write_datetime(line, column, value.replace(tzinfo=None), times)
                elif isinstance(value, date):
                    page.write_datetime(line, column, datetime(value.year, value.month, value.day), days)  # noqa: DTZ001
                else:
                    page.write(line, column, value)
        page.freeze_panes(1, 0)
        page.autofit()
