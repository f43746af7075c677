"""What cleaning keeps and promises: equal tables for equal data, and nothing written when it stops."""

import random
from decimal import Decimal

import duckdb
import pandas as pd
import pytest
from fixtures.store import GOOD, clean_rows, file_hashes, rules_by_record

from crcm_lib.errors import DataError, UsageError
from crcm_lib.ingest.cleaning import clean
from crcm_lib.ingest.sources import read_source
from crcm_lib.schema import tables


def test_the_clean_table_has_the_columns_that_were_given_and_no_others(store):
    out = store.write(GOOD).clean()
    described = duckdb.execute(f"describe from read_parquet('{out}/clean/transactions.parquet')").fetchall()
    assert [row[:2] for row in described] == [
        ("customer_id", "VARCHAR"),
        ("time", "TIMESTAMP"),
        ("amount", "DECIMAL(18,4)"),
        ("product_id", "VARCHAR"),
        ("kind", "VARCHAR"),
        ("day", "DATE"),
        ("purchase_day", "DATE"),
    ]


def test_the_last_day_of_the_data_is_now(store):
    store.write(GOOD).clean()
    assert (store.about.as_of, store.about.first_day, store.about.tables) == (
        "2024-02-01",
        "2024-01-05",
        {"transactions": 4},
    )


def test_a_declared_last_day_is_now(store):
    store.top["last_day"] = "2024-01-31"
    out = store.write(GOOD).clean()
    assert store.about.as_of == "2024-01-31"
    assert rules_by_record(out) == {4: "after as_of"}


def test_what_happened_after_as_of_is_not_known_yet(store):
    store.write(
        [
            "1,7,2024-01-05,2024-02-01,2024-01-20,4",
            "2,7,2024-01-05,2024-02-01,2024-03-20,5",
            "3,7,2024-03-01,2024-04-01,,6",
        ],
        "i.csv",
        "no,id,at,due,paid,sum",
    )
    columns = {
        "invoice_id": "no",
        "customer_id": "id",
        "issued": "at",
        "due": "due",
        "paid": "paid",
        "amount": "sum",
    }
    out = store.write(GOOD).part("invoices", path="i.csv", columns=columns).clean(as_of="2024-02-15")
    assert clean_rows(out, "invoice_id, paid is null", "invoices") == [("1", False), ("2", True)]


def test_a_header_without_records_stops_the_run(store):
    assert "transactions: the files hold a header and no records" in store.write([]).refused()


def test_records_of_which_none_can_be_used_stop_the_run(store):
    store.write([",2024-01-05,mug,1", "7,2024-01-05,mug,free"]).tolerate("customer_id missing")
    message = store.refused()
    assert "none of 2 records can be used: amount not readable 1; customer_id missing 1" in message


def test_an_as_of_before_the_first_record_stops_the_run(store):
    assert "none of 4 records can be used: after as_of 4" in store.write(GOOD).refused(as_of="2023-01-01")


@pytest.mark.parametrize("day", ["01/02/2024", "2024-02-30", "today", "20240101"])
def test_an_as_of_that_is_no_day_is_refused(store, day):
    with pytest.raises(UsageError, match="is not a day"):
        store.write(GOOD).clean(as_of=day)


def test_a_failure_leaves_the_earlier_tables_as_they_were(store):
    out = store.write(GOOD).clean()
    before = file_hashes(out)
    with pytest.raises(DataError):
        store.write(["7,01/02/2011,mug,1"]).clean()
    assert file_hashes(out) == before
    assert sorted(path.name for path in out.iterdir()) == ["about.json", "clean", "tables"]


def test_tables_of_an_earlier_source_go(store):
    (store.folder / "out/clean").mkdir(parents=True)
    (store.folder / "out/clean/tickets.parquet").write_bytes(b"old")
    out = store.write(GOOD).clean()
    assert [path.name for path in (out / "clean").iterdir()] == ["transactions.parquet"]


def busy_lines():
    draw = random.Random(5)
    lines = []
    for _n in range(3000):
        amount = draw.choice([4.5, 10, 12.25, 0, -4.5, -10])
        day = f"2024-{draw.randint(1, 3):02d}-{draw.randint(1, 28):02d}"
        lines.append(f"K{draw.randint(1, 90):03d},{day},{draw.choice('abcd')},{amount}")
    return lines


def test_row_order_file_split_and_threads_change_no_table(store):
    lines = busy_lines()
    plain = file_hashes(store.write(lines).clean("plain", threads=1))
    assert file_hashes(store.clean("threads", threads=2)) == plain
    random.Random(9).shuffle(lines)
    assert file_hashes(store.write(lines).clean("shuffled")) == plain
    store.write(lines[:700], "part_1.csv").write(lines[700:], "part_2.csv").part(path="part_*.csv")
    assert file_hashes(store.clean("split")) == plain


def test_what_comes_after_as_of_changes_nothing_but_the_account(store):
    lines = busy_lines()
    before = store.write(lines).clean("before", as_of="2024-03-28")
    later = ["K001,2024-03-29,a,4.5", "K001,2024-04-02,a,-10", "new,2024-05-01,a,99", "K002,2024-04-01,a,nan"]
    after = store.write([*later, *lines]).clean("after", as_of="2024-03-28")
    name = "transactions.parquet"
    assert (before / "clean" / name).read_bytes() == (after / "clean" / name).read_bytes()
    account = tables.read(after, "row_account").set_index("state")["records"]
    assert account["after as_of"] == 3
    pd.testing.assert_frame_equal(tables.read(before, "verdict"), tables.read(after, "verdict"))


def test_online_retails_quirks_are_told_apart(tmp_path, monkeypatch):
    header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
    lines = [
        "536365,85123A,HEART HOLDER,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom",
        "536365,85123A,HEART HOLDER,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom",
        "536370,POST,POSTAGE,3,2010-12-01 08:45:00,18.0,12583.0,France",
        "C536379,D,Discount,-1,2010-12-01 09:41:00,27.5,14527.0,United Kingdom",
        "C536391,85123A,HEART HOLDER,-6,2010-12-02 10:24:00,2.55,17850.0,United Kingdom",
        "C536391,22556,PLASTERS,-12,2010-12-02 10:24:00,1.65,17548.0,United Kingdom",
        "536414,22139,,56,2010-12-01 11:52:00,0.0,,United Kingdom",
        "536592,DOT,DOTCOM POSTAGE,1,2010-12-01 17:06:00,607.49,,United Kingdom",
        "537032,21275,?,-30,2010-12-03 16:50:00,0.0,,United Kingdom",
        "C537572,BANK CHARGES,Bank Charges,-1,2010-12-07 12:00:00,95.38,15823.0,United Kingdom",
        "536569,M,Manual,1,2010-12-01 15:35:00,1.25,16274.0,United Kingdom",
        '536557,22467,"GUMBALL, ""RED""",6,2010-12-01 14:41:00,2.55,17841.0,United Kingdom',
    ]
    (tmp_path / "online_retail_small.csv").write_text(
        "\r\n".join([header, *lines, ""]), encoding="utf-8", newline=""
    )
    monkeypatch.setenv("CRCM_DATA", str(tmp_path))
    source = read_source("data/sources/online_retail.yaml")
    out = tmp_path / "out"
    clean(source, out)
    assert clean_rows(out, "customer_id, kind, amount::double, purchase_day::varchar") == [
        ("17548", "return", -19.8, None),
        ("17841", "sale", 15.3, "2010-12-01"),
        ("17850", "sale", 15.3, "2010-12-01"),
        ("17850", "sale", 15.3, "2010-12-01"),
        ("17850", "return", -15.3, "2010-12-01"),
    ]
    assert rules_by_record(out) == {
        3: "excluded: postage and carriage",
        4: "excluded: manual adjustments, discounts, samples and tests",
        7: "anonymous: no customer number on the invoice",
        8: "excluded: postage and carriage",
        9: "anonymous: no customer number on the invoice",
        10: "excluded: fees and debts",
        11: "excluded: manual adjustments, discounts, samples and tests",
    }
    assert rules_by_record(out, "remark") == {2: "exact duplicate"}


def test_cdnow_is_read_to_the_last_record(tmp_path):
    about = clean(read_source("data/sources/cdnow.yaml"), tmp_path)
    assert (about.tables, about.first_day, about.as_of) == (
        {"transactions": 69659},
        "1997-01-01",
        "1998-06-30",
    )
    assert clean_rows(tmp_path, "count(distinct customer_id), sum(amount)") == [
        (23570, Decimal("2500315.6300"))
    ]
