"""The accounts of records and money add up, and quality counts what it says."""

from unittest.mock import patch

from fixtures.store import COLUMNS, GOOD, HEADER, Store, clean_rows, rules_by_record
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crcm_lib.ingest.cleaning.ledger import EVENT_DATE
from crcm_lib.ingest.sources import text_files
from crcm_lib.reporting.text.data_quality import write_counts
from crcm_lib.schema import tables
from crcm_lib.schema.inputs import INPUTS


def test_other_currencies_are_set_aside_and_accounted_for(store):
    store.part(columns=COLUMNS | {"currency": "item"}).tolerate("other currency", "currency missing")
    out = store.write(["7,2024-01-05,EUR,4", "7,2024-01-05,USD,5", "7,2024-01-05,,6"]).clean()
    assert rules_by_record(out) == {2: "other currency", 3: "currency missing"}
    money = tables.read(out, "money_account").set_index(["currency", "state"])["amount"]
    assert money.to_dict() == {
        ("EUR", "read"): 10,
        ("EUR", "sales"): 4,
        ("EUR", "currency missing"): 6,
        ("USD", "read"): 5,
        ("USD", "other currency"): 5,
    }


def test_completeness_counts_the_columns_that_a_part_has(store):
    store.write(["7,2024-01-05,"], "a.csv", "id,at,said").write(["7,2024-01-05"], "b.csv", "id,at")
    both = {"customer_id": "id", "time": "at", "channel": "'phone'"}
    store.parts["contacts"] = [
        {"path": "a.csv", "columns": both | {"outcome": "said"}},
        {"path": "b.csv", "columns": both},
    ]
    quality = tables.read(store.write(GOOD).clean(), "quality").set_index(["table", "dimension"])
    assert quality.loc[("contacts", "completeness"), "score"] == 6 / 7
    assert quality.loc[("contacts", "completeness"), ["counted", "failing", "worst_column"]].to_list() == [
        7,
        1,
        "outcome",
    ]
    words = write_counts(quality.reset_index()).set_axis(quality.index)
    assert words["contacts", "completeness"] == "6 of 7 cells filled; most gaps in outcome: 1"


def test_freshness_is_the_gap_to_the_last_day_beside_the_usual_one(store):
    days = ["2024-01-01", "2024-01-03", "2024-01-05", "2024-01-10"]  # gaps of 2, 2 and 5 days
    out = store.write([f"7,{day},mug,4" for day in days]).clean(as_of="2024-01-31")
    found = tables.read(out, "quality").set_index(["table", "dimension"]).loc[("transactions", "timeliness")]
    assert found[["gap_days", "usual_gap_days", "counted", "failing"]].to_list() == [21, 5, 10, 6]
    assert found["score"] == 5 / 21
    once = store.write(["7,2024-01-01,mug,4"]).clean("once", as_of="2024-01-31")
    assert "timeliness" not in set(tables.read(once, "quality").query("table == 'transactions'")["dimension"])


FIELD = st.one_of(
    st.sampled_from(
        [
            "7",
            "00123",
            "",
            " ",
            "NA",
            "2024-01-05",
            "2024-01-06 10:00:00",
            "2024-02-30",
            "mug",
            "jar",
            "-4.5",
            "4.5",
            "10",
            "-10",
            "nan",
            "inf",
            "x",
            "Total",
            "合计",
            "1e2",
            "0",
            "2024-03-01",
            'a"b',
            "a,b",
            "a\nb",
        ]
    ),
    # A NUL character stops the run.
    st.text(st.characters(codec="utf-8", exclude_categories=("Cs",), exclude_characters="\0"), max_size=5),
)


RULES = (
    *("customer_id missing", "wrong field count", "time not readable", "time missing", "amount missing"),
    *("amount not readable", "amount not finite", "time not plausible", "control character in customer_id"),
    "exact duplicate kept",
)
ROW = st.one_of(
    st.lists(FIELD, min_size=4, max_size=4),
    st.lists(FIELD, min_size=1, max_size=6),
    st.tuples(
        st.sampled_from("789"),
        st.sampled_from(["2024-01-05", "2024-01-06", "2024-02-01"]),
        st.sampled_from(["mug", "jar"]),
        st.sampled_from(["4.5", "-4.5", "10", "-10", "9.99"]),
    ).map(list),
)


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
    store = Store(tmp_path_factory.mktemp("random"))
    (store.folder / "log.csv").write_text(as_csv(rows), encoding="utf-8", newline="")
    fast = store.part(decimal=".", number_format="scientific").tolerate(*RULES).clean("fast")
    with patch.object(text_files, "parse_regular", return_value=None):
        exact = store.clean("exact")
    assert clean_rows(fast) == clean_rows(exact)
    assert rules_by_record(fast) == rules_by_record(exact)
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


def test_every_input_table_has_a_date_that_as_of_bounds():
    assert EVENT_DATE.keys() == INPUTS.keys()
    assert all(EVENT_DATE[table] in INPUTS[table].columns for table in INPUTS)
