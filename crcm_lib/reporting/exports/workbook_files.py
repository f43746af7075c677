"""A list as an Excel workbook that does nothing but show it: ids are text, no cell is a formula or a link."""

import io
from collections.abc import Mapping
from datetime import datetime

import pandas as pd

MAX_ROWS = 50_000  # of a sheet: what Excel opens within seconds; the CSV file holds all
MAX_WIDTH = 60  # characters of a column; longer text wraps
INERT = {
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "in_memory": True,
    "remove_timezone": True,
}
FORMATS = {"day": "yyyy-mm-dd", "money": "#,##0.00", "count": "#,##0", "text": "@"}


def write_workbook(
    sheets: Mapping[str, pd.DataFrame], kinds: Mapping[str, str], heads: Mapping[str, str], made: datetime
) -> bytes:
    """An .xlsx file with a sheet per table; equal tables give equal bytes.

    Parameters
    ----------
    sheets
        Table by name of the sheet (at most 31 characters).
    kinds
        The kind of each column: a key of `FORMATS`. Others are text.
    heads
        What stands above each column.
    made
        The day that the file says it was made on.
    """
    import xlsxwriter

    written = io.BytesIO()
    with xlsxwriter.Workbook(written, INERT) as book:
        book.set_properties({"created": made, "author": "CRCM"})
        formats = {
            kind: book.add_format({"num_format": code, "valign": "top"}) for kind, code in FORMATS.items()
        }
        formats["text"].set_text_wrap()
        bold = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        for name, table in sheets.items():
            sheet = book.add_worksheet(name)
            for place, column in enumerate(table):
                kind = kinds.get(column, "text")
                head = heads.get(column, column)
                sheet.write_string(0, place, head, bold)
                _write_column(sheet, place, table[column].head(MAX_ROWS), kind, formats[kind])
                sheet.set_column(place, place, _width(head, table[column], kind), formats[kind])
            sheet.freeze_panes(1, 0)
            sheet.autofilter(0, 0, max(min(len(table), MAX_ROWS), 1), max(table.shape[1] - 1, 0))
            sheet.set_landscape()
            sheet.fit_to_pages(1, 0)
            sheet.repeat_rows(0)
    return written.getvalue()


def _write_column(sheet, place: int, values: pd.Series, kind: str, style) -> None:
    """Write the values that are there, one below the other, from the second row on."""
    for row, value in enumerate(values, start=1):
        if pd.isna(value) or value == "":
            continue
        if kind == "day":
            sheet.write_datetime(row, place, pd.Timestamp(value).to_pydatetime(), style)
        elif kind in ("money", "count"):
            sheet.write_number(row, place, float(value), style)
        else:
            sheet.write_string(row, place, str(value), style)


def _width(head: str, values: pd.Series, kind: str) -> float:
    """Characters: as wide as most of the texts; Chinese characters take two."""
    if kind != "text":
        return max(11, len(head) + 3)
    shown = [head, *values.dropna().astype("str").head(200)]
    longest = max(sum(1 + (ord(sign) > 0x2E80) for sign in text) for text in shown)
    return min(MAX_WIDTH, max(8, longest + 2))
