"""What is read from text files, workbooks, Parquet files and databases, and what cannot be."""

from decimal import Decimal

import duckdb
import pandas as pd
import pytest
from fixtures.store import COLUMNS, GOOD, clean_rows, rules_by_record


def test_whitespace_text_is_read_by_its_columns(store):
    store.part(path="log.txt", delimiter="whitespace", time_format="%Y%m%d")
    out = store.write(
        [" 007 19970101  mug  4.50", " 8   19970102 jar 2"], "log.txt", " id when  item price"
    ).clean()
    assert clean_rows(out, "customer_id, day::varchar, amount") == [
        ("007", "1997-01-01", Decimal("4.5")),
        ("8", "1997-01-02", Decimal(2)),
    ]


def test_fixed_widths_are_read_by_their_places(store):
    store.part(
        path="log.txt",
        delimiter="|",
        widths=[3, 10, 3, 5],
        names=["id", "when", "item", "price"],
        header=False,
    )
    out = store.write(["0072024-01-05mug 4.50", "  82024-01-06jar12.25"], "log.txt", "").clean()
    assert clean_rows(out, "customer_id, amount") == [("007", Decimal("4.5")), ("8", Decimal("12.25"))]


def test_a_workbook_is_read_cell_by_cell(store):
    from datetime import datetime

    from openpyxl import Workbook

    book = Workbook()
    sheet = book.create_sheet("Log")
    for row in (
        ["id", "when", "item", "price"],
        ["007", datetime(2024, 1, 5, 8, 30), "mug", 4.5],
        [8, datetime(2024, 1, 6), "jar", 2],
    ):
        sheet.append(row)
    book.save(store.folder / "log.xlsx")
    assert "has several sheets" in store.part(path="log.xlsx").refused()
    out = store.part(sheet="Log").clean()
    assert clean_rows(out, "customer_id, time::varchar, amount") == [
        ("007", "2024-01-05 08:30:00", Decimal("4.5")),
        ("8", "2024-01-06 00:00:00", Decimal(2)),
    ]


def test_a_database_is_asked_one_question(store):
    with duckdb.connect(str(store.folder / "base.duckdb")) as base:
        base.execute(
            "create table log as select 7 as id, date '2024-01-05' as \"when\", 'mug' as item, 4.50 as price"
        )
    store.part(path="", database="base.duckdb", query="select * from log;")
    assert clean_rows(store.clean(), "customer_id, amount") == [("7", Decimal("4.5"))]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("drop table log", "should be one SELECT"),
        ("select 1; select 2", "should be one SELECT"),
        ("copy log to '{folder}/x.csv'", "should be one SELECT"),
        ("attach '{folder}/x.duckdb'", "should be one SELECT"),
        ("from read_csv('{folder}/log.csv')", "the query fails"),
        ("selct", "the query fails"),
    ],
)
def test_a_database_is_asked_nothing_else(store, query, message):
    with duckdb.connect(str(store.folder / "base.duckdb")) as base:
        base.execute("create table log as select 7 as id")
    store.write(GOOD).part(path="", database="base.duckdb", query=query.format(folder=store.folder))
    assert message in store.refused()
    assert not (store.folder / "x.csv").exists()


def test_parquet_ids_become_their_decimal_text(store):
    frame = pd.DataFrame(
        {
            "id": [17850, 123],
            "when": pd.to_datetime(["2024-01-05", "2024-01-06"]),
            "item": ["a", "b"],
            "price": [0.1 + 0.2, float("inf")],
        }
    )
    frame.to_parquet(store.folder / "log.parquet")
    out = store.part(path="log.parquet").clean()
    assert clean_rows(out, "customer_id, amount") == [("17850", Decimal("0.3"))]
    assert rules_by_record(out) == {2: "amount not finite"}


def test_a_missing_file_stops_the_run(store):
    assert "log.csv: no such file" in store.refused()


def test_an_empty_file_stops_the_run(store):
    assert "log.csv: empty" in store.write([], header="").refused()


def test_an_undeclared_gbk_file_stops_the_run_and_says_what_to_declare(store):
    lines = ["7,2024-01-05,茶杯,1", "8,2024-01-05,茶壶,1"]
    message = store.write(lines, encoding="gb18030").refused()
    assert "log.csv: line 2 is not UTF-8. Declare the encoding" in message
    assert "gb18030" in message
    out = store.part(encoding="gb18030", columns=COLUMNS | {"category": "item"}).clean("again")
    assert [row[0] for row in clean_rows(out, "category")] == ["茶杯", "茶壶"]


def test_an_unknown_encoding_is_told(store):
    assert "unknown encoding 'utf-9'" in store.write(GOOD).part(encoding="utf-9").refused()


def test_a_delimiter_is_not_guessed(store):
    store.write(GOOD, "log.txt").part(path="log.txt")
    assert "log.txt: declare its delimiter" in store.refused()


def test_a_header_with_equal_names_stops_the_run(store):
    assert "repeated or empty: 'item'" in store.write(GOOD, header="id,when,item,item").refused()


def test_a_header_that_is_too_wide_stops_the_run(store):
    assert (
        "501 columns; 500 at most" in store.write([], header=",".join(f"c{n}" for n in range(501))).refused()
    )
