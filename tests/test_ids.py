"""Customer ids as a population: damaged, shared, nearly equal, in common between tables."""

import duckdb
import pytest
from fixtures.store import GOOD, clean_rows, find_problems, rules_by_record

from crcm_lib.reporting.text.data_quality import write_reasons
from crcm_lib.schema import tables


def sales(ids, each=3):
    """So many sales of each id, one a day."""
    return [
        f"{one},2024-{1 + n % 12:02d}-{1 + k:02d},mug,5" for n, one in enumerate(ids) for k in range(each)
    ]


def verdict(out, capability):
    rows = tables.read(out, "verdict")
    rows = rows.assign(because=write_reasons(rows, at_least=2)).set_index("capability")
    return rows.loc[capability, ["verdict", "because"]].tolist()


@pytest.mark.parametrize("spoilt", ["2.02E+14", "1e+17", "1.38E+10"])
def test_ids_in_scientific_notation_stop_the_run(store, spoilt):
    message = store.write(sales([*"ABCDE", spoilt])).refused()
    assert "1 id(s) are in scientific notation" in message
    assert spoilt not in message
    assert len(clean_rows(store.write(sales(["1E5", "E+", "2e"])).clean())) == 9  # these are ids


def test_ids_that_a_spreadsheet_has_rounded_stop_the_run(store):
    message = store.write(
        sales(["2400000000000070000", "2400000000000080000", "3500000000000000000"])
    ).refused()
    assert "all 3 ids of 16 digits or more end in zeros" in message
    assert len(clean_rows(store.write(sales(["2400000000000070014", "2400000000000080000"])).clean())) == 6


def test_ids_that_a_table_holds_as_floating_numbers_stop_the_run(store):
    path = store.folder / "log.parquet"
    duckdb.sql("""
        select 2.0e17 + 1e9 * range as id, timestamp '2024-01-01' as when, 'mug' as item, 1.5 as price
        from range(9)
    """).write_parquet(str(path))
    assert "scientific notation" in store.part(path="log.parquet").refused()


@pytest.mark.parametrize("word", ["NULL", "none", "N/A", "guest", "散客", "0", "99999", "-"])
def test_an_id_for_nobody_is_asked_about(store, word):
    lines = sales([f"K{n}" for n in range(20)]) + sales([word], each=20)
    message = store.write(lines).refused()
    assert f"20 of 80 records (25.0%) have the id '{word}', which often stands for nobody" in message
    nobody = {"ids": [word], "reason": "guests", "at_most": 0.3}
    out = store.part(anonymous=nobody).clean()
    assert {row[0] for row in clean_rows(out, "customer_id")} == {f"K{n}" for n in range(20)}
    del store.parts["transactions"]["anonymous"]
    store.part(limits=[{"rule": "shared id", "at_most": 0.3, "reason": "a wholesaler of this name"}])
    assert word in {row[0] for row in clean_rows(store.clean("wholesaler"), "customer_id")}


def test_an_id_that_reads_as_missing_may_be_a_customer(store):
    assert len(clean_rows(store.write(GOOD).clean())) == 4  # NA, once


def test_one_id_with_most_records_is_told(store):
    lines = sales([f"K{n}" for n in range(30)], each=2) + sales(["WALK"], each=25)
    out = store.write(lines).clean()
    level, because = verdict(out, "customer_ids")
    assert level == "limited"
    assert "one id has 25 of 85 records" in because
    assert verdict(store.write(sales("ABCDEFGH")).clean("even"), "customer_ids")[0] == "yes"


@pytest.mark.parametrize(
    "twin",
    ["k1", "K1 ", "Ｋ1", "\u041a1", " K1", "K1.0"],
    ids=["case", "blank", "width", "cyrillic", "leading", "decimal"],
)
def test_ids_that_people_cannot_tell_apart_are_listed(store, twin):
    out = store.write([*sales(["K1", "K2", "K3"]), f"{twin},2024-05-05,mug,5"]).clean()
    remarks = rules_by_record(out, "remark")
    assert remarks == dict.fromkeys([1, 2, 3, 10], "id nearly equal to another")
    assert verdict(out, "customer_ids")[0] == "limited"


def test_accents_put_together_in_two_ways_are_listed(store):
    out = store.write(sales(["Rene\u0301", "Ren\u00e9"])).clean()
    assert len(rules_by_record(out, "remark")) == 6


@pytest.mark.parametrize("hidden", ["\u00ad", "\u2060", "\u180e", "\ufe0f", "\U000e0041", "\u200b", "\u3164"])
def test_ids_with_invisible_characters_are_set_aside(store, hidden):
    out = store.write([*sales(["K1", "K2"]), f"K1{hidden},2024-05-05,mug,5"]).clean()
    assert rules_by_record(out) == {7: "control character in customer_id"}


def test_a_table_that_shares_no_id_lights_up_nothing(store):
    people = {"path": "c.csv", "columns": {"customer_id": "id", "industry": "trade"}}
    store.write(sales([f"{n:05d}" for n in range(10, 20)]))
    store.write([f"{n},tea" for n in range(10, 20)], "c.csv", "id,trade").part("customers", **people)
    out = store.clean()
    assert verdict(out, "attributes") == [
        "no",
        "not available: none of the 10 ids of customers is in the transactions; compare how both write them",
    ]
    assert not (out / "clean" / "customers.parquet").exists()
    assert "customers" not in store.about.tables
    store.write([f"{n:05d},tea" for n in range(19, 29)], "c.csv", "id,trade")  # one in common: prospects
    store.clean("some")
    assert len(clean_rows(store.folder / "some", table="customers")) == 10


def test_an_error_of_a_spreadsheet_is_no_customer(store):
    lines = sales([f"K{n}" for n in range(20)]) + sales(["#N/A"], each=6)
    problems = find_problems(store.write(lines).source())
    assert problems[0].startswith("transactions: error value in customer_id: 6 of 66 records")
    out = store.write([*lines[:60], "#REF!,2024-05-05,mug,5"]).clean()
    assert rules_by_record(out) == {61: "error value in customer_id"}
