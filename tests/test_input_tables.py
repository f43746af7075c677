"""Input tables beside the usual ones: opportunities, measures, acquisition, referrals, defaults."""

import json

import pandas as pd
import pytest
from fixtures.store import COLUMNS, clean_rows, rules_by_record

from crcm_lib.features.decision_inputs import derive
from crcm_lib.features.relationship_signs import summarise_signs
from crcm_lib.ingest.cleaning import check
from crcm_lib.schema import tables
from crcm_lib.schema.engine import open_frames

SALES = [f"K{n % 20},2024-{1 + n % 6:02d}-{1 + n % 28:02d},mug,{10 + n % 7}.50" for n in range(120)]
RECORDS = {
    "opportunities": (
        "customer_id,opened,stage,amount,closed,lost_reason,probability",
        ["K1,2024-02-01,won,100,2024-03-01,,0.9", "K2,2024-02-01,lost,50,2024-06-20,price,0.1"],
        "K3,2024-07-01,new,10,,,0.5",
    ),
    "measures": ("customer_id,day,name,value", ["K1,2024-02-01,logins,4"], "K1,2024-07-01,logins,5"),
    "acquisition": ("channel,month,cost", ["search,2024-01-01,300.50"], "search,2024-07-01,1"),
    "referrals": ("customer_id,referred_id,date", ["K1,K2,2024-02-01"], "K1,K3,2024-07-01"),
    "defaults": ("customer_id,date,amount", ["K4,2024-05-01,80"], "K4,2024-07-01,1"),
}


@pytest.fixture
def shop(store):
    """A shop with all of the tables, each with a record after the last day."""
    store.part(columns=COLUMNS).write(SALES)
    for table, (header, records, late) in RECORDS.items():
        store.write([*records, late], f"{table}.csv", header)
        store.part(table, path=f"{table}.csv", columns={name: name for name in header.split(",")})
    return store


def test_every_table_is_cleaned_and_known_up_to_as_of_only(shop):
    out = shop.clean(as_of="2024-06-28")
    for table, (_header, records, _late) in RECORDS.items():
        assert len(clean_rows(out, table=table)) == len(records), table
    rejects = tables.read(out, "rejects").query("severity == 'reject'")
    assert dict(zip(rejects["table"], rejects["rule"], strict=True)) == dict.fromkeys(RECORDS, "after as_of")


def test_how_an_opportunity_ended_is_not_known_before(shop):
    columns = "customer_id, stage, closed::varchar, lost_reason"
    assert clean_rows(shop.clean(as_of="2024-06-28"), columns, "opportunities") == [
        ("K1", "won", "2024-03-01", None),
        ("K2", "lost", "2024-06-20", "price"),
    ]
    assert clean_rows(shop.clean("earlier", as_of="2024-06-10"), columns, "opportunities")[1] == (
        *("K2", None, None, None),
    )


def test_what_a_channel_costs_belongs_to_no_customer(shop, tmp_path):
    report = {table["table"]: table for table in check(shop.source(), tmp_path, as_of="2024-06-28")}
    assert (report["acquisition"]["ids"], report["acquisition"]["kept"]) == (0, 1)
    assert (report["acquisition"]["first"], report["acquisition"]["last"]) == ("2024-01-01", "2024-01-01")


def test_a_cost_below_zero_or_without_a_channel_is_set_aside(store):
    store.part(columns=COLUMNS).write(SALES)
    store.write(
        ["search,2024-01-01,-5", ",2024-01-01,5", "mail,2024-01-01,5"], "spend.csv", "channel,month,cost"
    )
    store.part("acquisition", path="spend.csv", columns={n: n for n in ("channel", "month", "cost")})
    out = store.clean()
    assert clean_rows(out, "channel", "acquisition") == [("mail",)]
    assert rules_by_record(out) == {1: "cost not allowed", 2: "channel missing"}


def test_who_objects_to_profiling_is_in_no_recommendation_either(shop):
    shop.write(["K2,profiling,refused,2024-01-01"], "consents.csv", "customer_id,purpose,status,date")
    names = ("customer_id", "purpose", "status", "date")
    shop.part("consents", path="consents.csv", columns={name: name for name in names})
    out = shop.clean(as_of="2024-06-28")
    assert clean_rows(out, "count(*)", "opportunities") == [(1,)]
    about = json.loads((out / "about.json").read_text())["tables"]
    assert "referrals" not in about
    assert about["acquisition"] == 1


def test_optional_columns_may_be_absent_from_invoices_and_contracts():
    days = pd.to_datetime(["2024-01-01", "2024-02-01"])
    invoices = pd.DataFrame({"customer_id": ["K1"] * 2, "issued": days, "due": days, "amount": 5.0})
    contracts = pd.DataFrame({"customer_id": ["K1"] * 2, "start": days, "end": days})
    engine = open_frames(invoices=invoices, contracts=contracts)
    assert list(summarise_signs(engine, as_of="2024-03-01")) == ["contract_days_left"]
    assert not {"payments", "renewals"} & derive(engine, as_of="2024-03-01").keys()
