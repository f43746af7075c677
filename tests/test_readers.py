"""What is read from text files, workbooks, Parquet files and databases, and what cannot be."""

import sqlite3
from contextlib import closing
from decimal import Decimal

import duckdb
import pandas as pd
import pytest
from fixtures.store import COLUMNS, GOOD, clean_rows, rules_by_record

from crcm_lib.ingest.sources.databases import run_query


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


@pytest.fixture(params=["duckdb", "sqlite"])
def base(request, store):
    """A function that makes a database file by some statements; gives its name."""

    def create(*statements: str) -> str:
        path = store.folder / f"base.{request.param}"
        connect = duckdb.connect if request.param == "duckdb" else sqlite3.connect
        with closing(connect(str(path))) as database:
            for statement in statements:
                database.execute(statement)
            database.commit()
        return path.name

    return create


ONE_LOG = """
    create table log as
    select 7 as id, '2024-01-05' as "when", 'mug' as item, 4.50 as price, null as note
"""


@pytest.mark.parametrize(
    "query", ["select * from log;", "with x as (select * from log) select * from x -- all"]
)
def test_a_database_is_asked_one_question(store, base, query):
    store.part(path="", database=base(ONE_LOG), query=query)
    assert clean_rows(store.clean(), "customer_id, day::varchar, amount") == [
        ("7", "2024-01-05", Decimal("4.5"))
    ]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("drop table log", "should be one SELECT"),
        ("select 1; select 2", "should be one SELECT"),
        ("insert into log select * from log returning id", "should be one SELECT"),
        ("attach '{folder}/x.base' as x", "should be one SELECT"),
        ("pragma user_version", "should be one SELECT"),
        ("vacuum", "should be one SELECT"),
        ("-- nothing", "should be one SELECT"),
        ("select load_extension('{folder}/x')", "the query"),
        ("select * from read_csv('{folder}/log.csv')", "the query fails"),
        ("selct", "the query fails"),
        ("select nobody from log", "the query fails"),
        ("select cast(item as blob) as item, 1 as id from log where item = 'mug", "the query fails"),
    ],
)
def test_a_database_is_asked_nothing_else(store, base, query, message):
    name = base(ONE_LOG)
    store.write(GOOD).part(path="", database=name, query=query.format(folder=store.folder))
    before = (store.folder / name).read_bytes()
    assert message in store.refused()
    assert (store.folder / name).read_bytes() == before
    assert not (store.folder / "x.base").exists()


def test_values_of_a_database_become_their_exact_text(store, base):
    """Whole and decimal numbers, doubles in their shortest form, no value; more rows than a batch has."""
    query = """
        with recursive n(i) as (select 0 union all select i + 1 from n where i < 60000)
        select 1152921504606846976 + i as id, cast(0.1 as double) + 0.2 as price, null as note, 'é' as item
        from n
    """
    header, read = run_query(store.folder / base(ONE_LOG), query)
    rows = [list(row.values()) for table in read for row in table.to_pylist()]
    assert header == ["id", "price", "note", "item"]
    assert rows[-1] == [True, "1152921504606906976", "0.30000000000000004", "", "é"]
    assert len(rows) == 60001


def test_a_database_takes_no_memory_for_rows_that_are_not_asked_for(base, store):
    query = """
        with recursive n(i) as (select 0 union all select i + 1 from n where i < 1000000000000)
        select i from n
    """
    if (name := base(ONE_LOG)).endswith("duckdb"):
        query = "select range as i from range(1000000000000)"
    _header, read = run_query(store.folder / name, query)
    assert len(next(read)) > 1000
    read.close()


def test_two_columns_of_one_name_are_refused(store):
    with closing(sqlite3.connect(store.folder / "base.sqlite")) as database:
        database.execute(ONE_LOG)
    store.part(path="", database="base.sqlite", query="select id, price as id from log")
    assert "repeated or empty: 'id'. Name each column in the query" in store.refused()


def test_binary_values_of_a_database_are_refused(store):
    with closing(sqlite3.connect(store.folder / "base.sqlite")) as database:
        database.execute(ONE_LOG)
    store.part(path="", database="base.sqlite", query="select x'00ff' as id from log")
    assert "the query gives binary values; cast them as text" in store.refused()


def test_changes_that_a_database_holds_beside_its_file_are_not_passed_over(store):
    with closing(sqlite3.connect(store.folder / "base.sqlite")) as database:
        database.execute("pragma journal_mode = wal")
        database.execute(ONE_LOG)
        database.commit()
        store.part(path="", database="base.sqlite", query="select * from log")
        assert "base.sqlite-wal holds changes that are not in it yet" in store.refused()
    assert clean_rows(store.clean("again"), "count(*)") == [(1,)]


def test_a_database_file_is_known_by_its_content(store):
    store.write(GOOD, "base.sqlite").part(path="", database="base.sqlite", query="select 1")
    assert "base.sqlite: is neither a SQLite nor a DuckDB file" in store.refused()


def test_a_damaged_database_is_refused_in_words(store, base):
    name = base(ONE_LOG)
    content = (store.folder / name).read_bytes()
    (store.folder / name).write_bytes(content[:600] + b"\xff" * (len(content) - 600))
    store.part(path="", database=name, query="select * from log")
    assert "the query fails" in store.refused()


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
