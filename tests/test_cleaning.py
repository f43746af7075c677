"""What cleaning keeps, sets aside and promises, told on small messy files."""

import hashlib
import json
import random
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crcm_lib.errors import DataError, UsageError
from crcm_lib.features.cost_to_serve import contribution_waterfall
from crcm_lib.ingest.cleaning import check_source, clean
from crcm_lib.ingest.sources import read_source
from crcm_lib.schema import tables
from crcm_lib.schema.dictionary import README, renew
from crcm_lib.schema.engine import open_engine
from crcm_lib.schema.inputs import INPUTS

HEADER = "id,when,item,price"
GOOD = [
    "7,2024-01-05,mug,4.50",
    "00123,2024-01-06,mug,5",
    "NA,2024-01-07 10:30:00,jar,1e1",
    "7,2024-02-01,jar,12.25",
]
COLUMNS = {"customer_id": "id", "time": "when", "product_id": "item", "amount": "price"}


class Shop:
    """A description and its files in a folder of their own."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.parts = {"transactions": {"path": "log.csv", "columns": dict(COLUMNS)}}
        self.top = {"name": "shop", "title": "A shop", "currency": "EUR", "time_zone": "Europe/Berlin"}

    def write(self, lines, name="log.csv", header=HEADER, encoding="utf-8"):
        text = "".join(f"{line}\n" for line in ([header] if header else []) + list(lines))
        (self.folder / name).write_bytes(text.encode(encoding))
        return self

    def part(self, table="transactions", **keys):
        self.parts.setdefault(table, {}).update(keys)
        return self

    def source(self):
        path = self.folder / "shop.yaml"
        path.write_text(json.dumps(self.top | {"tables": self.parts}, ensure_ascii=False), encoding="utf-8")
        return read_source(path)

    def clean(self, out="out", **options):
        self.about = clean(self.source(), self.folder / out, **options)
        return self.folder / out

    def refused(self, **options) -> str:
        with pytest.raises(DataError) as caught:
            self.clean(**options)
        assert not (self.folder / "out" / "clean").exists()
        assert not (self.folder / "out" / "about.json").exists()
        return str(caught.value)


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path)


def kept(folder, columns="*", table="transactions"):
    return duckdb.execute(f"select {columns} from read_parquet('{folder}/clean/{table}.parquet')").fetchall()


def rules(folder, severity="reject"):
    found = tables.read(folder, "rejects").query("severity == @severity")
    return dict(zip(found["record"], found["rule"], strict=True))


def hashes(folder):
    files = sorted(
        [
            *folder.glob("clean/*.parquet"),
            *folder.glob("tables/quality.parquet"),
            *folder.glob("tables/verdict.parquet"),
        ]
    )
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


# What is kept


def test_ids_stay_exactly_as_given(shop):
    out = shop.write([*GOOD, " 7,2024-01-05,mug,1", "None,2024-01-05,mug,1", "1e5,2024-01-05,mug,1"]).clean()
    assert {row[0] for row in kept(out, "customer_id")} == {"7", "00123", "NA", " 7", "None", "1e5"}


def test_the_clean_table_has_the_columns_that_were_given_and_no_others(shop):
    out = shop.write(GOOD).clean()
    described = duckdb.execute(f"describe from read_parquet('{out}/clean/transactions.parquet')").fetchall()
    assert [row[:2] for row in described] == [
        ("customer_id", "VARCHAR"), ("time", "TIMESTAMP"), ("amount", "DECIMAL(18,4)"), ("product_id",
        "VARCHAR"),
        ("kind", "VARCHAR"), ("day", "DATE"), ("purchase_day", "DATE"),
    ]  # fmt: skip


def test_the_last_day_of_the_data_is_now(shop):
    shop.write(GOOD).clean()
    assert (shop.about.as_of, shop.about.first_day, shop.about.tables) == (
        "2024-02-01",
        "2024-01-05",
        {"transactions": 4},
    )


def test_a_declared_last_day_is_now(shop):
    shop.top["last_day"] = "2024-01-31"
    out = shop.write(GOOD).clean()
    assert shop.about.as_of == "2024-01-31"
    assert rules(out) == {4: "after as_of"}


def test_whitespace_text_is_read_by_its_columns(shop):
    shop.part(path="log.txt", delimiter="whitespace", time_format="%Y%m%d")
    out = shop.write(
        [" 007 19970101  mug  4.50", " 8   19970102 jar 2"], "log.txt", " id when  item price"
    ).clean()
    assert kept(out, "customer_id, day::varchar, amount") == [
        ("007", "1997-01-01", Decimal("4.5")), ("8", "1997-01-02", Decimal(2))]  # fmt: skip


def test_fixed_widths_are_read_by_their_places(shop):
    shop.part(
        path="log.txt",
        delimiter="|",
        widths=[3, 10, 3, 5],
        names=["id", "when", "item", "price"],
        header=False,
    )
    out = shop.write(["0072024-01-05mug 4.50", "  82024-01-06jar12.25"], "log.txt", "").clean()
    assert kept(out, "customer_id, amount") == [("007", Decimal("4.5")), ("8", Decimal("12.25"))]


def test_a_workbook_is_read_cell_by_cell(shop):
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
    book.save(shop.folder / "log.xlsx")
    assert "has several sheets" in shop.part(path="log.xlsx").refused()
    out = shop.part(sheet="Log").clean()
    assert kept(out, "customer_id, time::varchar, amount") == [
        ("007", "2024-01-05 08:30:00", Decimal("4.5")), ("8", "2024-01-06 00:00:00", Decimal(2))]  # fmt: skip


def test_a_database_is_asked_one_question(shop):
    with duckdb.connect(str(shop.folder / "base.duckdb")) as base:
        base.execute(
            "create table log as select 7 as id, date '2024-01-05' as \"when\", 'mug' as item, 4.50 as price"
        )
    shop.part(path="", database="base.duckdb", query="select * from log;")
    assert kept(shop.clean(), "customer_id, amount") == [("7", Decimal("4.5"))]


@pytest.mark.parametrize(("query", "said"), [
    ("drop table log", "should be one SELECT"), ("select 1; select 2", "should be one SELECT"),
    ("copy log to '{folder}/x.csv'", "should be one SELECT"),
    ("attach '{folder}/x.duckdb'", "should be one SELECT"),
    ("from read_csv('{folder}/log.csv')", "the query fails"), ("selct", "the query fails"),
])  # fmt: skip
def test_a_database_is_asked_nothing_else(shop, query, said):
    with duckdb.connect(str(shop.folder / "base.duckdb")) as base:
        base.execute("create table log as select 7 as id")
    shop.write(GOOD).part(path="", database="base.duckdb", query=query.format(folder=shop.folder))
    assert said in shop.refused()
    assert not (shop.folder / "x.csv").exists()


def test_parquet_ids_become_their_decimal_text(shop):
    frame = pd.DataFrame({"id": [17850, 123], "when": pd.to_datetime(["2024-01-05", "2024-01-06"]),
    "item": ["a", "b"],
                          "price": [0.1 + 0.2, float("inf")]})  # fmt: skip
    frame.to_parquet(shop.folder / "log.parquet")
    out = shop.part(path="log.parquet").clean()
    assert kept(out, "customer_id, amount") == [("17850", Decimal("0.3"))]
    assert rules(out) == {2: "amount not finite"}


def test_several_parts_and_lookups_come_together(shop):
    shop.write(["7,C1", "8,C2"], "sent.csv", "id,code").write(
        ["C1,2024-01-09", "C3,2024-01-10"], "codes.csv", "code,start"
    )
    shop.write(["7,2024-01-12,yes"], "calls.csv", "id,at,answered")
    sent = {"path": "sent.csv", "columns": {"customer_id": "id", "time": "codes.start",
    "channel": "'campaign'"},
            "lookups": {"codes": {"path": "codes.csv", "key": "code"}}}  # fmt: skip
    calls = {
        "path": "calls.csv",
        "columns": {"customer_id": "id", "time": "at", "channel": "'phone'", "outcome": "answered"},
    }
    shop.parts["contacts"] = [sent, calls]
    out = shop.write(GOOD).clean()
    assert kept(out, "customer_id, day(time), channel, outcome", "contacts") == [
        ("7", 9, "campaign", None), ("7", 12, "phone", "yes")]  # fmt: skip
    assert tables.read(out, "rejects").query("table == 'contacts'")["rule"].to_list() == ["time missing"]


def test_a_lookup_has_one_row_per_key(shop):
    shop.write(["mug,a", "mug,b"], "items.csv", "item,group").write(GOOD)
    shop.part(
        lookups={"items": {"path": "items.csv", "key": "item"}}, columns=COLUMNS | {"category": "items.group"}
    )
    assert "lookups.items: 1 keys stand there more than once" in shop.refused()


def test_declared_words_for_missing_leave_ids_alone(shop):
    shop.part(missing=["NA", "-"], columns=COLUMNS | {"category": "item"})
    out = shop.write(["NA,2024-01-05,-,1", "7,2024-01-05,mug,NA"]).clean()
    assert kept(out, "customer_id, product_id, category") == [("NA", "-", None)]
    assert rules(out) == {2: "amount missing"}


def test_times_given_elsewhere_become_local_days(shop):
    shop.part(times_in="UTC")
    out = shop.write(
        ["7,2023-12-31 23:30:00,mug,1", "8,2024-01-01T00:30:00+05:00,mug,1", "9,2024-01-01,mug,1"]
    ).clean()
    assert kept(out, "customer_id, time::varchar") == [
        ("7", "2024-01-01 00:30:00"), ("8", "2023-12-31 20:30:00"), ("9", "2024-01-01 00:00:00")]  # fmt: skip


def test_a_declared_normalisation_of_ids_is_counted(shop):
    shop.part(id_format="integer")
    out = shop.write(
        [
            "17850.0,2024-01-05,mug,1",
            "17850,2024-01-06,mug,1",
            "00123,2024-01-06,mug,1",
            "8.0,2024-01-06,mug,1",
        ]
    ).clean()
    assert {row[0] for row in kept(out, "customer_id")} == {"17850", "00123", "8"}
    assert rules(out, "remark") == {1: "id merged"}


# What is set aside


@pytest.mark.parametrize(("line", "rule"), [
    (",2024-01-05,mug,1", "customer_id missing"), ("  ,2024-01-05,mug,1", "customer_id missing"),
    ("7,,mug,1", "time missing"), ("7,2024-02-30,mug,1", "time not readable"), ("7,soon,mug,1",
    "time not readable"),
    ("7,1024-01-05,mug,1", "time not plausible"), ("7,2024-01-05,mug,", "amount missing"),
    ("7,2024-01-05,mug,free", "amount not readable"), ("7,2024-01-05,mug,12€", "amount not readable"),
    ("7,2024-01-05,mug,NaN", "amount not finite"), ("7,2024-01-05,mug,-inf", "amount not finite"),
    ("7,2024-01-05,mug", "wrong field count"), ("7,2024-01-05,mug,1,2", "wrong field count"),
    ("Total,,,31.75", "summary line"), (",,合计,31.75", "summary line"), ("小计：,,,1", "summary line"),
    ("7\x07,2024-01-05,mug,1", "control character in customer_id"), ("7\u202e,2024-01-05,mug,1",
    "control character in customer_id"),
    ("7,2024-02-02,mug,1", "after as_of"),
])  # fmt: skip
def test_each_record_set_aside_has_its_rule(shop, line, rule):
    out = shop.write([*GOOD[:2], line, *GOOD[2:]]).clean(as_of="2024-02-01")
    assert rules(out) == {3: rule}
    assert len(kept(out)) == 4


def test_a_customer_may_be_called_total(shop):
    out = shop.write([*GOOD, "Total,2024-01-05,oil,1"]).clean()
    assert rules(out) == {}


def test_declared_exclusions_carry_their_reason(shop):
    shop.part(exclude=[{"when": "item = 'POST'", "reason": "postage"}])
    out = shop.write([*GOOD, "7,2024-01-05,POST,3"]).clean()
    assert rules(out) == {5: "excluded: postage"}
    assert tables.read(out, "money_account").set_index("state")["amount"]["excluded: postage"] == 3


def test_control_characters_in_other_text_are_taken_out_with_a_remark(shop):
    shop.part(columns=COLUMNS | {"category": "item"})
    out = shop.write(["7,2024-01-05,m\x07ug,1"]).clean()
    assert kept(out, "category") == [("mug",)]
    assert rules(out, "remark") == {1: "control character in category"}


def test_equal_lines_are_kept_with_a_remark_unless_declared(shop):
    out = shop.write([*GOOD, GOOD[0], GOOD[0]]).clean()
    assert (len(kept(out)), rules(out, "remark")) == (6, {5: "exact duplicate", 6: "exact duplicate"})
    out = shop.part(duplicates="reject").clean("again")
    assert (len(kept(out)), rules(out)) == (4, {5: "exact duplicate", 6: "exact duplicate"})


def test_equal_answers_are_one_answer(shop):
    shop.write(
        ["7,2024-01-05,nps,9", "7,2024-01-05,nps,9", "7,2024-01-05,nps,11", "7,2024-01-05,poll,3"],
        "s.csv",
        "id,at,kind,score",
    )
    shop.part(
        "surveys",
        path="s.csv",
        columns={"customer_id": "id", "time": "at", "instrument": "kind", "score": "score"},
    )
    out = shop.write(GOOD).clean()
    assert rules(out) == {2: "exact duplicate", 3: "score not allowed", 4: "instrument not allowed"}


def test_of_two_records_of_a_customer_the_fuller_one_is_kept(shop):
    shop.write(["7,Aachen,", "7,Kiel,2020-05-01", "8,Bonn,", "8,Berlin,"], "who.csv", "id,city,since")
    shop.part("customers", path="who.csv", columns={"customer_id": "id", "city": "city", "signup": "since"})
    out = shop.write(GOOD).clean()
    assert kept(out, "customer_id, city", "customers") == [("7", "Kiel"), ("8", "Berlin")]
    assert rules(out) == {1: "repeated key", 3: "repeated key"}


def test_an_optional_value_that_cannot_be_read_is_left_empty_with_a_remark(shop):
    shop.part(columns=COLUMNS | {"quantity": "pieces", "discount": "off"})
    out = shop.write(
        ["7,2024-01-05,mug,1,two,", "7,2024-01-06,mug,1,3,nan"], header=f"{HEADER},pieces,off"
    ).clean()
    assert kept(out, "quantity, discount") == [(None, None), (3.0, None)]
    assert rules(out, "remark") == {1: "quantity not readable", 2: "discount not readable"}


def test_other_currencies_are_set_aside_and_accounted_for(shop):
    shop.part(columns=COLUMNS | {"currency": "item"})
    out = shop.write(["7,2024-01-05,EUR,4", "7,2024-01-05,USD,5", "7,2024-01-05,,6"]).clean()
    assert rules(out) == {2: "other currency"}
    money = tables.read(out, "money_account").set_index(["currency", "state"])["amount"]
    assert money.to_dict() == {
        ("EUR", "read"): 10,
        ("EUR", "sales"): 10,
        ("USD", "read"): 5,
        ("USD", "other currency"): 5,
    }


def test_what_happened_after_as_of_is_not_known_yet(shop):
    shop.write(["1,7,2024-01-05,2024-02-01,2024-01-20,4", "2,7,2024-01-05,2024-02-01,2024-03-20,5",
    "3,7,2024-03-01,2024-04-01,,6"],
               "i.csv", "no,id,at,due,paid,sum")  # fmt: skip
    columns = {
        "invoice_id": "no",
        "customer_id": "id",
        "issued": "at",
        "due": "due",
        "paid": "paid",
        "amount": "sum",
    }
    out = shop.write(GOOD).part("invoices", path="i.csv", columns=columns).clean(as_of="2024-02-15")
    assert kept(out, "invoice_id, paid is null", "invoices") == [("1", False), ("2", True)]


def test_a_ticket_keeps_its_kind_and_a_column_that_no_file_has_is_absent(shop):
    shop.write(["7,2024-01-05,complaint,5", "7,2024-01-06,request,9"], "t.csv", "id,at,kind,mark")
    columns = {"customer_id": "id", "opened": "at", "kind": "kind", "satisfaction": "mark"}
    out = shop.write(GOOD).part("tickets", path="t.csv", columns=columns).clean()
    described = duckdb.execute(f"describe from read_parquet('{out}/clean/tickets.parquet')").fetchall()
    assert [row[0] for row in described] == ["customer_id", "opened", "kind", "satisfaction"]
    assert kept(out, "kind, satisfaction", "tickets") == [("complaint", 5.0), ("request", None)]
    assert rules(out, "remark") == {2: "satisfaction not allowed"}


def test_what_tickets_and_contacts_cost_is_kept_and_counts_as_cost_to_serve(shop):
    shop.write(["7,2024-01-05,40,25"], header="id,when,price,paid")
    shop.part(columns={"customer_id": "id", "time": "when", "amount": "price", "cost": "paid"})
    shop.write(["7,2024-01-05,2.50", "7,2024-01-05,", "7,2024-01-05,four"], "served.csv", "id,at,spent")
    columns = {"customer_id": "id", "cost": "spent"}
    shop.part("tickets", path="served.csv", columns=columns | {"opened": "at"})
    shop.part("contacts", path="served.csv", columns=columns | {"time": "at", "channel": "'phone'"})
    out = shop.clean()
    assert kept(out, "cost", "tickets") == [(Decimal("2.5"),), (None,), (None,)]
    engine = open_engine(out)
    remains = contribution_waterfall(engine, as_of="2024-01-31", annual_interest_rate=0.1)
    assert remains.rows["cost_to_serve"].to_dict() == {"7": 5}
    assert remains.rows["contribution"].to_dict() == {"7": 40 - 25 - 5}
    assert "not available: cost to serve from `assignments` (no `cost` there)" in remains.absent


def test_every_declared_column_reaches_the_clean_table(tmp_path):
    source = read_source("data/sources/sample.yaml")
    clean(source, tmp_path)
    for table, (part,) in source.tables.items():
        described = duckdb.execute(
            f"describe from read_parquet('{tmp_path}/clean/{table}.parquet')"
        ).fetchall()
        assert part.columns.keys() <= {row[0] for row in described}, table


def test_completeness_counts_the_columns_that_a_part_has(shop):
    shop.write(["7,2024-01-05,"], "a.csv", "id,at,said").write(["7,2024-01-05"], "b.csv", "id,at")
    both = {"customer_id": "id", "time": "at", "channel": "'phone'"}
    shop.parts["contacts"] = [
        {"path": "a.csv", "columns": both | {"outcome": "said"}},
        {"path": "b.csv", "columns": both},
    ]
    quality = tables.read(shop.write(GOOD).clean(), "quality").set_index(["table", "dimension"])
    assert quality.loc[("contacts", "completeness"), "score"] == 6 / 7
    assert (
        quality.loc[("contacts", "completeness"), "because"] == "6 of 7 cells filled; most gaps in outcome: 1"
    )


# Returns


def test_a_return_belongs_to_the_day_of_the_sale_it_undoes(shop):
    out = shop.write([
        "7,2024-01-05,mug,10", "7,2024-01-08,mug,10", "7,2024-01-09,jar,10", "8,2024-01-09,mug,10",
        "7,2024-01-10,mug,-10", "7,2024-01-11,mug,-4", "7,2024-01-12,mug,-5", "7,2024-01-13,mug,-2",
        "7,2024-01-04,mug,-1",
    ]).clean()  # fmt: skip
    found = kept(out, "amount, purchase_day::varchar")
    assert [row for row in found if row[0] < 0] == [
        (-1, None), (-10, "2024-01-08"), (-4, "2024-01-05"), (-5, "2024-01-05"), (-2, None)]  # fmt: skip


def test_without_products_only_the_same_amount_matches(shop):
    del shop.parts["transactions"]["columns"]["product_id"]
    out = shop.write(
        ["7,2024-01-05,mug,10", "7,2024-01-06,mug,8", "7,2024-01-07,mug,-10", "7,2024-01-07,mug,-5"]
    ).clean()
    assert [row for row in kept(out, "amount, purchase_day::varchar") if row[0] < 0] == [
        (-10, "2024-01-05"),
        (-5, None),
    ]


def test_declared_returns_are_negative_whatever_their_sign(shop):
    shop.part(returns="starts_with(item, 'C')")
    out = shop.write(
        ["7,2024-01-05,mug,10", "7,2024-01-06,Cmug,8", "7,2024-01-06,mug,-8", "7,2024-01-06,Cjar,0"]
    ).clean()
    assert kept(out, "kind, amount") == [("sale", 10), ("return", -8)]
    assert rules(out) == {3: "negative amount that is no return", 4: "return without an amount"}
    assert rules(out, "remark") == {2: "return with a positive amount"}


# What stops the run, and leaves nothing behind


def test_a_missing_file_stops_the_run(shop):
    assert "log.csv: no such file" in shop.refused()


def test_an_empty_file_stops_the_run(shop):
    assert "log.csv: empty" in shop.write([], header="").refused()


def test_a_header_without_records_stops_the_run(shop):
    assert "transactions: the files hold a header and no records" in shop.write([]).refused()


def test_an_optional_table_without_records_does_not(shop):
    shop.write([], "s.csv", "id,at,kind,score")
    shop.part(
        "surveys",
        path="s.csv",
        columns={"customer_id": "id", "time": "at", "instrument": "kind", "score": "score"},
    )
    out = shop.write(GOOD).clean()
    assert not (out / "clean/surveys.parquet").exists()
    verdict = tables.read(out, "verdict").set_index("capability").loc["satisfaction"]
    assert (verdict["verdict"], verdict["because"]) == (
        "no",
        "not available: none of 0 records of surveys can be used",
    )


def test_records_of_which_none_can_be_used_stop_the_run(shop):
    said = shop.write([",2024-01-05,mug,1", "7,2024-01-05,mug,free"]).refused()
    assert "none of 2 records can be used: amount not readable 1; customer_id missing 1" in said


def test_an_as_of_before_the_first_record_stops_the_run(shop):
    assert "none of 4 records can be used: after as_of 4" in shop.write(GOOD).refused(as_of="2023-01-01")


@pytest.mark.parametrize("day", ["01/02/2024", "2024-02-30", "today", "20240101"])
def test_an_as_of_that_is_no_day_is_refused(shop, day):
    with pytest.raises(UsageError, match="is not a day"):
        shop.write(GOOD).clean(as_of=day)


def test_an_undeclared_gbk_file_stops_the_run_and_says_what_to_declare(shop):
    lines = ["7,2024-01-05,茶杯,1", "8,2024-01-05,茶壶,1"]
    said = shop.write(lines, encoding="gb18030").refused()
    assert "log.csv: line 2 is not UTF-8. Declare the encoding" in said
    assert "gb18030" in said
    out = shop.part(encoding="gb18030", columns=COLUMNS | {"category": "item"}).clean("again")
    assert [row[0] for row in kept(out, "category")] == ["茶杯", "茶壶"]


def test_an_unknown_encoding_is_told(shop):
    assert "unknown encoding 'utf-9'" in shop.write(GOOD).part(encoding="utf-9").refused()


def test_ambiguous_dates_stop_the_run_and_say_what_to_declare(shop):
    said = shop.write(["7,01/02/2011,mug,1", "8,03/04/2011,mug,1"]).refused()
    assert "time: 2 of 2 times are not ISO 8601, for example 99/99/9999" in said
    assert '"%d/%m/%Y" (2), "%m/%d/%Y" (2)' in said
    assert "Declare time_format" in said
    assert "2011" not in said
    out = shop.part(time_format="%d/%m/%Y").clean("again")
    assert kept(out, "day::varchar") == [("2011-02-01",), ("2011-04-03",)]


def test_a_column_of_two_conventions_stops_the_run(shop):
    assert "1 of 5 times are not ISO 8601" in shop.write([*GOOD, "7,13/02/2024,mug,1"]).refused()


def test_a_declared_format_that_fits_nothing_stops_the_run(shop):
    assert "4 of 4 times are not %d.%m.%Y" in shop.write(GOOD).part(time_format="%d.%m.%Y").refused()


@pytest.mark.parametrize(("prices", "said"), [
    (["12,50", "3"], "1 of 2 numbers hold a comma"), (["1.250", "3.000"],
    "every one of 2 dots stands before three digits"),
])  # fmt: skip
def test_ambiguous_numbers_stop_the_run(shop, prices, said):
    assert said in shop.write([f'7,2024-01-05,mug,"{price}"' for price in prices]).refused()


@pytest.mark.parametrize(("marks", "price", "amount"), [
    ({"decimal": ","}, "12,50", "12.5"), ({"decimal": ",", "thousands": "."}, "1.250,5", "1250.5"),
    ({"decimal": ".", "thousands": ","}, "1,250.5", "1250.5"), ({"decimal": "."}, "1.250", "1.25"),
    ({"thousands": "."}, "1.250", None), ({"decimal": ".", "thousands": ","}, "1,25", None),
])  # fmt: skip
def test_declared_marks_are_followed_to_the_letter(shop, marks, price, amount):
    if marks == {"thousands": "."}:
        marks = {"thousands": ".", "decimal": ","}
        amount = "1250"
    out = shop.write([*GOOD[:1], f'9,2024-01-05,mug,"{price}"']).part(**marks).clean()
    found = kept(out, "amount", "transactions where customer_id = '9'") if False else [
        row[1] for row in kept(out, "customer_id, amount") if row[0] == "9"]  # fmt: skip
    assert found == ([Decimal(amount)] if amount else [])


def test_a_delimiter_is_not_guessed(shop):
    shop.write(GOOD, "log.txt").part(path="log.txt")
    assert "log.txt: declare its delimiter" in shop.refused()


def test_a_header_with_equal_names_stops_the_run(shop):
    assert "repeated or empty: 'item'" in shop.write(GOOD, header="id,when,item,item").refused()


def test_a_header_that_is_too_wide_stops_the_run(shop):
    assert (
        "501 columns; 500 at most" in shop.write([], header=",".join(f"c{n}" for n in range(501))).refused()
    )


def test_all_problems_of_all_tables_are_told_at_once(shop):
    shop.part(
        "surveys",
        path="s.csv",
        columns={"customer_id": "id", "time": "at", "instrument": "kind", "score": "score"},
    )
    said = shop.write(["7,01/02/2011,mug,1"]).part(columns=COLUMNS | {"product_id": "itm"}).refused()
    assert "shop.yaml: 3 problem(s)" in said
    assert "itm" in said
    assert "s.csv" in said
    assert "Declare time_format" in said


def test_a_failure_leaves_the_earlier_tables_as_they_were(shop):
    out = shop.write(GOOD).clean()
    before = hashes(out)
    with pytest.raises(DataError):
        shop.write(["7,01/02/2011,mug,1"]).clean()
    assert hashes(out) == before
    assert sorted(path.name for path in out.iterdir()) == ["about.json", "clean", "tables"]


def test_tables_of_an_earlier_source_go(shop):
    (shop.folder / "out/clean").mkdir(parents=True)
    (shop.folder / "out/clean/tickets.parquet").write_bytes(b"old")
    out = shop.write(GOOD).clean()
    assert [path.name for path in (out / "clean").iterdir()] == ["transactions.parquet"]


def test_no_message_shows_a_customers_value(shop):
    shop.write(["secret-7,01/02/2011,secret,secret"]).part(time_format="")
    assert "secret" not in shop.refused()


# The accounts add up, whatever is in the file

FIELD = st.one_of(
    st.sampled_from(["7", "00123", "", " ", "NA", "2024-01-05", "2024-01-06 10:00:00", "2024-02-30", "mug",
    "jar", "-4.5", "4.5", "10",
                     "-10", "nan", "inf", "x", "Total", "合计", "1e2", "0", "2024-03-01", 'a"b', "a,b",
                     "a\nb"]),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=5),
)  # fmt: skip
ROW = st.one_of(
    st.lists(FIELD, min_size=4, max_size=4),
    st.lists(FIELD, min_size=1, max_size=6),
    st.tuples(st.sampled_from("789"), st.sampled_from(["2024-01-05", "2024-01-06", "2024-02-01"]),
    st.sampled_from(["mug", "jar"]),
              st.sampled_from(["4.5", "-4.5", "10", "-10", "9.99"])).map(list),
)  # fmt: skip


def as_csv(rows) -> str:
    quoted = [
        ",".join(
            '"' + field.replace('"', '""') + '"' if set(field) & set(',"\r\n') else field for field in row
        )
        for row in rows
    ]
    return "".join(f"{line}\n" for line in [HEADER, *GOOD, *quoted])


@settings(max_examples=16, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(ROW, max_size=25))
def test_the_accounts_add_up_and_the_fast_reader_agrees_with_the_exact_one(tmp_path_factory, rows):
    shop = Shop(tmp_path_factory.mktemp("random"))
    (shop.folder / "log.csv").write_text(as_csv(rows), encoding="utf-8", newline="")
    (shop.folder / "other.csv").write_text("a line to skip\n" + as_csv(rows), encoding="utf-8", newline="")
    fast = shop.part(decimal=".").clean("fast")
    exact = shop.part(path="other.csv", skip_lines=1).clean("exact")
    assert kept(fast) == kept(exact)
    assert rules(fast) == rules(exact)
    expected = len(GOOD) + sum(1 for row in rows if row != [""])
    for out in (fast, exact):
        account = tables.read(out, "row_account").set_index("state")["records"]
        assert account["read"] == expected == account.drop("read").sum()
        money = tables.read(out, "money_account").set_index("state")
        assert money["records"]["read"] == expected == money["records"].drop("read").sum()
        assert round(money["amount"]["read"] * 10_000) == sum(
            round(x * 10_000) for x in money["amount"].drop("read")
        )
        found = tables.read(out, "rejects").query("severity == 'reject'")
        assert len(found) == expected - account.get("kept", 0) == found["record"].nunique()


# The same data, the same tables


def busy_lines():
    draw = random.Random(5)
    lines = []
    for _n in range(3000):
        amount = draw.choice([4.5, 10, 12.25, 0, -4.5, -10])
        day = f"2024-{draw.randint(1, 3):02d}-{draw.randint(1, 28):02d}"
        lines.append(f"K{draw.randint(1, 90):03d},{day},{draw.choice('abcd')},{amount}")
    return lines


def test_row_order_file_split_and_threads_change_no_table(shop):
    lines = busy_lines()
    plain = hashes(shop.write(lines).clean("plain", threads=1))
    assert hashes(shop.clean("threads", threads=2)) == plain
    random.Random(9).shuffle(lines)
    assert hashes(shop.write(lines).clean("shuffled")) == plain
    shop.write(lines[:700], "part_1.csv").write(lines[700:], "part_2.csv").part(path="part_*.csv")
    assert hashes(shop.clean("split")) == plain


def test_what_comes_after_as_of_changes_nothing_but_the_account(shop):
    lines = busy_lines()
    before = shop.write(lines).clean("before", as_of="2024-03-28")
    later = ["K001,2024-03-29,a,4.5", "K001,2024-04-02,a,-10", "new,2024-05-01,a,99", "K002,2024-04-01,a,nan"]
    after = shop.write([*later, *lines]).clean("after", as_of="2024-03-28")
    name = "transactions.parquet"
    assert (before / "clean" / name).read_bytes() == (after / "clean" / name).read_bytes()
    account = tables.read(after, "row_account").set_index("state")["records"]
    assert account["after as_of"] == 3
    pd.testing.assert_frame_equal(tables.read(before, "verdict"), tables.read(after, "verdict"))


def test_the_check_writes_nothing(shop):
    shop.write(GOOD)
    assert check_source(shop.source()) == []
    assert sorted(path.name for path in shop.folder.iterdir()) == ["log.csv", "shop.yaml"]


# Real data


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
    assert check_source(source) == []
    out = tmp_path / "out"
    clean(source, out)
    assert kept(out, "customer_id, kind, amount::double, purchase_day::varchar") == [
        ("17548", "return", -19.8, None), ("17841", "sale", 15.3, "2010-12-01"), ("17850", "sale", 15.3,
        "2010-12-01"),
        ("17850", "sale", 15.3, "2010-12-01"), ("17850", "return", -15.3, "2010-12-01"),
    ]  # fmt: skip
    assert rules(out) == {
        3: "excluded: postage and carriage", 4: "excluded: manual adjustments, discounts, samples and tests",
        7: "customer_id missing", 8: "customer_id missing", 9: "customer_id missing", 
        10: "excluded: fees and debts",
        11: "excluded: manual adjustments, discounts, samples and tests",
    }  # fmt: skip
    assert rules(out, "remark") == {2: "exact duplicate"}


def test_cdnow_is_read_to_the_last_record(tmp_path):
    about = clean(read_source("data/sources/cdnow.yaml"), tmp_path)
    assert (about.tables, about.first_day, about.as_of) == (
        {"transactions": 69659},
        "1997-01-01",
        "1998-06-30",
    )
    assert kept(tmp_path, "count(distinct customer_id), sum(amount)") == [(23570, Decimal("2500315.6300"))]


def test_the_data_dictionary_is_in_step():
    page = README.read_text(encoding="utf-8")
    assert page == renew(page), "run python -m crcm_lib.schema.dictionary"


def test_every_input_table_has_a_date_that_as_of_bounds():
    from crcm_lib.ingest.cleaning.ledger import EVENT

    assert EVENT.keys() == INPUTS.keys()
    assert all(EVENT[table] in INPUTS[table].columns for table in INPUTS)
