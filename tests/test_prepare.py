"""Parts and lookups opened: what comes together, and every problem told at once."""

import duckdb
import pytest
from fixtures.store import COLUMNS, GOOD, clean_rows

from crcm_lib.errors import DataError
from crcm_lib.ingest.cleaning.clean_tables import confine
from crcm_lib.ingest.sources.readers import open_staging
from crcm_lib.schema import tables


def test_several_parts_and_lookups_come_together(store):
    store.write(["7,C1", "8,C2"], "sent.csv", "id,code").write(
        ["C1,2024-01-09", "C3,2024-01-10"], "codes.csv", "code,start"
    )
    store.write(["7,2024-01-12,yes"], "calls.csv", "id,at,answered")
    sent = {
        "path": "sent.csv",
        "columns": {"customer_id": "id", "time": "codes.start", "channel": "'campaign'"},
        "lookups": {"codes": {"path": "codes.csv", "key": "code"}},
    }
    calls = {
        "path": "calls.csv",
        "columns": {"customer_id": "id", "time": "at", "channel": "'phone'", "outcome": "answered"},
    }
    store.parts["contacts"] = [sent, calls]
    out = store.write(GOOD).clean()
    assert clean_rows(out, "customer_id, day(time), channel, outcome", "contacts") == [
        ("7", 9, "campaign", None),
        ("7", 12, "phone", "yes"),
    ]
    assert tables.read(out, "rejects").query("table == 'contacts'")["rule"].to_list() == ["time missing"]


def test_a_lookup_has_one_row_per_key(store):
    store.write(["mug,a", "mug,b"], "items.csv", "item,group").write(GOOD)
    store.part(
        lookups={"items": {"path": "items.csv", "key": "item"}}, columns=COLUMNS | {"category": "items.group"}
    )
    assert "lookups.items: 1 keys stand there more than once" in store.refused()


def test_all_problems_of_all_tables_are_told_at_once(store):
    store.part(
        "surveys",
        path="s.csv",
        columns={"customer_id": "id", "time": "at", "instrument": "kind", "score": "score"},
    )
    message = store.write(["7,01/02/2011,mug,1"]).part(columns=COLUMNS | {"product_id": "itm"}).refused()
    assert "shop.yaml: 3 problem(s)" in message
    assert "itm" in message
    assert "s.csv" in message
    assert "Declare time_format" in message


def test_no_message_shows_a_customers_value(store):
    store.write(["secret-7,01/02/2011,secret,secret"]).part(time_format="")
    assert "secret" not in store.refused()


@pytest.mark.parametrize(
    "name",
    ["l(t) as 1; copy (select 1) to 'stolen.csv'; create macro zz", 'a"b', "a b", "", "1st", "x" * 200 + ";"],
)
def test_the_name_of_a_lookup_is_a_name_and_no_sql(store, name):
    store.write(GOOD).write(["mug,cups"], "items.csv", "item,group")
    store.part(lookups={name: {"path": "items.csv", "key": "item"}})
    with pytest.raises(DataError, match="lookups"):
        store.source()
    assert sorted(path.name for path in store.folder.iterdir()) == ["items.csv", "log.csv", "shop.yaml"]


def test_the_engine_reads_the_files_that_are_described_and_no_other(store):
    (store.folder / "other.csv").write_text("a\n1\n")
    with open_staging(store.folder) as engine:
        confine(engine, store.write(GOOD).source())
        assert engine.execute(f"select count(*) from read_csv('{store.folder}/log.csv')").fetchone() == (4,)
        for attempt in (
            f"select * from read_csv('{store.folder}/other.csv')",
            f"copy (select 1) to '{store.folder}/stolen.csv'",
            f"attach '{store.folder}/other.db'",
            "set enable_external_access = true",
        ):
            with pytest.raises(duckdb.Error):
                engine.execute(attempt)
