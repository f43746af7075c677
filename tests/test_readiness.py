"""What data can carry: the rule that decided, and its words."""

from fixtures.store import GOOD

from crcm_lib.features.customers import summarise_customers
from crcm_lib.ingest.cleaning.readiness import CAPABILITIES
from crcm_lib.reporting.text import data_quality
from crcm_lib.schema import tables
from crcm_lib.schema.engine import open_engine


def test_an_optional_table_without_records_stops_nothing_and_is_not_available(store):
    store.write([], "s.csv", "id,at,kind,score")
    store.part(
        "surveys",
        path="s.csv",
        columns={"customer_id": "id", "time": "at", "instrument": "kind", "score": "score"},
    )
    out = store.write(GOOD).clean()
    assert not (out / "clean/surveys.parquet").exists()
    verdict = tables.read(out, "verdict").query("capability == 'satisfaction'")
    facts = verdict[["verdict", "reason", "subject", "counted"]].iloc[0].to_list()
    assert facts == ["no", "no_usable_record", "surveys", 0]
    words = "not available: none of 0 records of surveys can be used"
    assert data_quality.write_reasons(verdict).to_list() == [words]


def test_every_capability_has_a_rule_its_numbers_and_words(store):
    verdict = tables.read(store.write(GOOD).clean(), "verdict")
    assert set(verdict["capability"]) == CAPABILITIES.keys()
    repeat_buyers = verdict.set_index("capability").loc["predicted_value"]
    assert repeat_buyers[["verdict", "counted", "needed", "needed_days"]].to_list() == ["no", 1, 100, 180]
    words = data_quality.write_verdict(verdict).set_index("capability")
    assert words.index.is_unique
    assert words.loc["predicted value", "because"] == (
        "fewer than 5 customers bought on more than one day, over 28 days; a purchase model wants 100 and "
        "180; ranking by recency, frequency and spend stands in for it"
    )
    assert words.loc["RFM scores", "because"].startswith("fewer than 5 customers bought")
    assert words.loc["margin", "because"] == (
        "not available: transactions have no cost; value is spend, not profit"
    )
    assert words["verdict"].to_list() == sorted(words["verdict"], key=data_quality.LEVELS.index)


def test_warnings_name_what_the_data_carry_in_part_or_not_at_all(store):
    verdict = tables.read(store.write(GOOD).clean(), "verdict")
    warnings = data_quality.list_warnings(verdict)
    assert len(warnings) == (verdict["verdict"] != "yes").sum()
    assert "contacts: not available: no contacts table" in warnings


def test_repeat_buyers_are_counted_as_the_customer_profile_counts_them(store):
    """A bought on one day, as the other was returned; B on two, one of them for nothing; C returned all."""
    out = store.write(
        [
            "A,2024-01-05,mug,10",
            "A,2024-01-08,jar,10",
            "A,2024-01-10,jar,-10",
            "B,2024-01-05,mug,10",
            "B,2024-01-06,jar,0",
            "C,2024-01-05,mug,10",
            "C,2024-01-06,mug,-10",
            "D,2024-01-05,mug,10",
            "D,2024-01-06,jar,-3",
        ]
    ).clean()
    verdict = tables.read(out, "verdict").set_index("capability")["counted"]
    purchases = summarise_customers(open_engine(out), as_of="2024-01-10")["purchases"]
    assert purchases.to_dict() == {"A": 1, "B": 2, "C": 0, "D": 1}
    assert verdict["rfm_scores"] == (purchases > 0).sum() == 3
    assert verdict["predicted_value"] == verdict["churn_rhythm"] == (purchases > 1).sum() == 1
