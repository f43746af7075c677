"""The rules that set a record aside, and the remarks on those that are kept."""

from decimal import Decimal

import duckdb
import pytest
from fixtures.store import COLUMNS, GOOD, HEADER, clean_rows, rules_by_record

from crcm_lib.features.cost_to_serve import UnavailablePart, contribution_waterfall
from crcm_lib.ingest.cleaning import clean
from crcm_lib.ingest.sources import read_source
from crcm_lib.schema import tables
from crcm_lib.schema.engine import open_engine


def test_ids_stay_exactly_as_given(store):
    out = store.write([*GOOD, " 7,2024-01-05,mug,1", "None,2024-01-05,mug,1", "1e5,2024-01-05,mug,1"]).clean()
    assert {row[0] for row in clean_rows(out, "customer_id")} == {"7", "00123", "NA", " 7", "None", "1e5"}


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        (",2024-01-05,mug,1", "customer_id missing"),
        ("  ,2024-01-05,mug,1", "customer_id missing"),
        ("7,,mug,1", "time missing"),
        ("7,2024-02-30,mug,1", "time not readable"),
        ("7,soon,mug,1", "time not readable"),
        ("7,1024-01-05,mug,1", "time not plausible"),
        ("7,2024-01-05,mug,", "amount missing"),
        ("7,2024-01-05,mug,free", "amount not readable"),
        ("7,2024-01-05,mug,twelve", "amount not readable"),
        ("7,2024-01-05,mug,NaN", "amount not finite"),
        ("7,2024-01-05,mug,-inf", "amount not finite"),
        ("7,2024-01-05,mug", "wrong field count"),
        ("7,2024-01-05,mug,1,2", "wrong field count"),
        ("Total,,,31.75", "summary line"),
        (",,合计,31.75", "summary line"),
        ("小计：,,,1", "summary line"),
        ("7\x07,2024-01-05,mug,1", "control character in customer_id"),
        ("7\u202e,2024-01-05,mug,1", "control character in customer_id"),
        ("7,2024-02-02,mug,1", "after as_of"),
    ],
)
def test_each_record_set_aside_has_its_rule(store, line, rule):
    out = store.write([*GOOD[:2], line, *GOOD[2:]]).clean(as_of="2024-02-01")
    assert rules_by_record(out) == {3: rule}
    assert len(clean_rows(out)) == 4


def test_a_customer_may_be_called_total(store):
    out = store.write([*GOOD, "Total,2024-01-05,oil,1"]).clean()
    assert rules_by_record(out) == {}


def test_declared_exclusions_carry_their_reason(store):
    store.part(exclude=[{"when": "item = 'POST'", "reason": "postage"}])
    out = store.write([*GOOD, "7,2024-01-05,POST,3"]).clean()
    assert rules_by_record(out) == {5: "excluded: postage"}
    assert tables.read(out, "money_account").set_index("state")["amount"]["excluded: postage"] == 3


def test_control_characters_in_other_text_are_taken_out_with_a_remark(store):
    store.part(columns=COLUMNS | {"category": "item"})
    out = store.write(["7,2024-01-05,m\x07ug,1"]).clean()
    assert clean_rows(out, "category") == [("mug",)]
    assert rules_by_record(out, "remark") == {1: "control character in category"}


def test_an_optional_value_that_cannot_be_read_is_left_empty_with_a_remark(store):
    store.part(columns=COLUMNS | {"quantity": "pieces", "discount": "off"})
    out = store.write(
        ["7,2024-01-05,mug,1,two,", "7,2024-01-06,mug,1,3,nan"], header=f"{HEADER},pieces,off"
    ).clean()
    assert clean_rows(out, "quantity, discount") == [(None, None), (3.0, None)]
    assert rules_by_record(out, "remark") == {1: "quantity not readable", 2: "discount not readable"}


def test_a_ticket_keeps_its_kind_and_a_column_that_no_file_has_is_absent(store):
    store.write(["7,2024-01-05,complaint,5", "7,2024-01-06,request,9"], "t.csv", "id,at,kind,mark")
    columns = {"customer_id": "id", "opened": "at", "kind": "kind", "satisfaction": "mark"}
    out = store.write(GOOD).part("tickets", path="t.csv", columns=columns).clean()
    described = duckdb.execute(f"describe from read_parquet('{out}/clean/tickets.parquet')").fetchall()
    assert [row[0] for row in described] == ["customer_id", "opened", "kind", "satisfaction"]
    assert clean_rows(out, "kind, satisfaction", "tickets") == [("complaint", 5.0), ("request", None)]
    assert rules_by_record(out, "remark") == {2: "satisfaction not allowed"}


def test_what_tickets_and_contacts_cost_is_kept_and_counts_as_cost_to_serve(store):
    store.write(["7,2024-01-05,40,25"], header="id,when,price,paid")
    store.part(columns={"customer_id": "id", "time": "when", "amount": "price", "cost": "paid"})
    store.write(["7,2024-01-05,2.50", "7,2024-01-05,", "7,2024-01-05,four"], "served.csv", "id,at,spent")
    columns = {"customer_id": "id", "cost": "spent"}
    store.part("tickets", path="served.csv", columns=columns | {"opened": "at"})
    store.part("contacts", path="served.csv", columns=columns | {"time": "at", "channel": "'phone'"})
    out = store.clean()
    assert clean_rows(out, "cost", "tickets") == [(Decimal("2.5"),), (None,), (None,)]
    engine = open_engine(out)
    remains = contribution_waterfall(engine, as_of="2024-01-31", annual_interest_rate=0.1)
    assert remains.rows["cost_to_serve"].to_dict() == {"7": 5}
    assert remains.rows["contribution"].to_dict() == {"7": 40 - 25 - 5}
    assert UnavailablePart("cost_to_serve", "no_column", ("assignments",), "cost") in remains.unavailable


def test_every_declared_column_reaches_the_clean_table(tmp_path):
    source = read_source("data/sources/sample.yaml")
    clean(source, tmp_path)
    for table, (part,) in source.tables.items():
        described = duckdb.execute(
            f"describe from read_parquet('{tmp_path}/clean/{table}.parquet')"
        ).fetchall()
        assert part.columns.keys() <= {row[0] for row in described}, table


def test_error_values_of_spreadsheets_are_no_labels_and_are_counted(store):
    lines = [f"K{n % 9},2024-01-{1 + n % 28:02d},mug {n},10,Graz" for n in range(28)]
    lines[3] = "K3,2024-01-04,#REF!,10,#N/A"
    lines[4] = "K4,2024-01-05,mug 4,10, #BEZUG!"
    lines[5] = "K5,2024-01-06,#1 fan mug,10,#hashtag"
    store.part(columns=COLUMNS | {"region": "where", "category": "coalesce(where, item)"})
    out = store.write(lines, header=f"{HEADER},where").clean()
    read = {row[0]: row[1:] for row in clean_rows(out, "day::varchar, product_id, region, category")}
    assert read["2024-01-04"] == (None, None, None)
    assert read["2024-01-05"] == ("mug 4", None, "mug 4")
    assert read["2024-01-06"] == ("#1 fan mug", "#hashtag", "#hashtag")
    remarks = tables.read(out, "rejects").query("severity == 'remark'").value_counts("rule").to_dict()
    assert remarks == {
        "error value in region": 2,
        "error value in product_id": 1,
        "error value in category": 1,
    }


def test_error_values_in_required_columns_are_unreadable_and_not_merely_missing(store):
    lines = [f"K{n % 9},2024-01-{1 + n % 28:02d},mug {n},{'#DIV/0!' if n < 3 else 10}" for n in range(200)]
    message = store.write(lines).refused()
    assert "amount not readable: 3 of 200 records (1.5%), above the limit of 0.1%" in message
    assert "in forms such as #aaa/9! (3)" in message
