"""Reading a million lines, regular or but for one, and a workbook: against DuckDB, csv and openpyxl.

Processor seconds of the best of three rounds; everything ends up in a table on disk, every field as text.
Then the whole of cleaning, of the regular lines as text and as typed Parquet.
"""

import csv
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
from openpyxl import Workbook, load_workbook

from crcm_lib.ingest.cleaning import clean
from crcm_lib.ingest.sources import batches, read_source
from crcm_lib.ingest.sources.description import Source
from crcm_lib.ingest.sources.readers import open_staging, read_raw

LINES, ROWS = 1_000_000, 50_000
HEADER = ["id", "when", "item", "price", "pieces", "shop", "note", "channel"]


def make_record(n: int) -> list[str]:
    day = f"2024-{n % 12 + 1:02d}-{n % 28 + 1:02d} 10:{n % 60:02d}:00"
    shop, note = f"S{n % 20}", f"note, {n % 9}"
    return [
        f"K{n % 50_000}",
        day,
        f"item {n % 300}",
        f"{n % 1000}.{n % 100:02d}",
        str(n % 7),
        shop,
        note,
        "web",
    ]


def write_text(path: Path, irregular: bool) -> None:
    with open(path, "w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(HEADER)
        for n in range(LINES):
            writer.writerow(["short"] if irregular and n == LINES // 2 else make_record(n))


def write_workbook(path: Path) -> None:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Log")
    sheet.append(HEADER)
    for n in range(ROWS):
        sheet.append(make_record(n))
    book.save(path)


def write_parquet(path: Path, text: Path) -> None:
    """The lines of a text file, times and numbers typed."""
    duckdb.sql(f"from read_csv('{text}')").write_parquet(str(path))


def describe(folder: Path, name: str) -> Source:
    columns = {"customer_id": "id", "time": "`when`", "amount": "price"}
    columns |= {"product_id": "item", "category": "shop", "channel": "channel"}
    description = {"name": "reading", "title": "Reading", "currency": "EUR", "time_zone": "UTC"}
    path = folder / "reading.yaml"
    path.write_text(
        json.dumps(description | {"tables": {"transactions": {"path": name, "columns": columns}}})
    )
    return read_source(path)


def read_ours(engine: duckdb.DuckDBPyConnection, folder: Path, name: str) -> None:
    source = describe(folder, name)
    read_raw(engine, source.tables["transactions"][0], source, "raw")


def clean_ours(_engine: duckdb.DuckDBPyConnection, folder: Path, name: str) -> None:
    clean(describe(folder, name), folder / "out", as_of="2024-12-31")


def read_duckdb(engine: duckdb.DuckDBPyConnection, folder: Path, name: str) -> None:
    columns = dict.fromkeys(HEADER, "varchar")
    engine.execute(f"""
        create table raw as from read_csv(
            '{folder / name}', columns={columns}, auto_detect=false, header=true, quote='"', escape='"'
        )
    """)


def read_csv(engine: duckdb.DuckDBPyConnection, folder: Path, name: str) -> None:
    with open(folder / name, encoding="utf-8", newline="") as stream:
        rows = csv.reader(stream, strict=True)
        batches.stage(engine, "raw", next(rows), batches.from_rows(HEADER, rows), name)


def read_openpyxl(engine: duckdb.DuckDBPyConnection, folder: Path, name: str) -> None:
    rows = load_workbook(folder / name, read_only=True)["Log"].iter_rows(values_only=True)
    batches.stage(engine, "raw", HEADER, batches.from_rows(HEADER, (list(row) for row in rows)), name)


def measure(read: Callable[[duckdb.DuckDBPyConnection, Path, str], None], folder: Path, name: str) -> float:
    seconds = []
    for _round in range(3):
        with tempfile.TemporaryDirectory() as place, open_staging(Path(place)) as engine:
            started = time.process_time()
            read(engine, folder, name)
            seconds.append(time.process_time() - started)
    return min(seconds)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_text(folder / "regular.csv", irregular=False)
        write_text(folder / "irregular.csv", irregular=True)
        write_parquet(folder / "regular.parquet", folder / "regular.csv")
        write_workbook(folder / "book.xlsx")
        runs = [
            ("regular lines", "regular.csv", read_ours, LINES),
            ("one irregular line", "irregular.csv", read_ours, LINES),
            ("regular lines, bare DuckDB", "regular.csv", read_duckdb, LINES),
            ("one irregular line, csv alone", "irregular.csv", read_csv, LINES),
            ("regular lines, cleaned", "regular.csv", clean_ours, LINES),
            ("the same from Parquet, cleaned", "regular.parquet", clean_ours, LINES),
            ("workbook", "book.xlsx", read_ours, ROWS),
            ("workbook, openpyxl", "book.xlsx", read_openpyxl, ROWS),
        ]
        print("| | processor seconds | lines a second | ratio |\n|---|---:|---:|---:|")
        base = 0.0
        for words, name, read, lines in runs:
            seconds = measure(read, folder, name)
            base = seconds if name == "regular.csv" and read is read_ours else base
            base = seconds if name == "book.xlsx" and read is read_ours else base
            print(f"| {words} | {seconds:.2f} | {lines / seconds:,.0f} | {seconds / base:.2f} |", flush=True)
