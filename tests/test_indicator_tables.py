"""What an indicator may read: counted by hand, as of a day, told where the data do not have it."""

import numpy as np
import pandas as pd
import pytest
from test_policy import complaint, edited

from crcm_lib.config.indicator_rules import describe_column
from crcm_lib.config.policy import read_policy
from crcm_lib.decisions import scorecard
from crcm_lib.decisions.measured_indicators import explain_weights, list_unknown_names
from crcm_lib.features.decision_inputs import derive
from crcm_lib.features.indicator_tables import MAKERS, list_names
from crcm_lib.reporting.text.checked_tables import write_unknown_names
from crcm_lib.reporting.text.classification import write_weights
from crcm_lib.schema.engine import open_frames
from crcm_lib.schema.indicators import INDICATORS, OF_A_NAME

DAY = "2025-12-31"
BOUGHT = {"customer_id": ["a", "b", "c"], "day": ["2025-01-01", "2025-06-01", "2025-12-31"]}


def rows(**columns) -> pd.DataFrame:
    """A table; the columns whose values look like days become days."""
    frame = pd.DataFrame(columns)
    for name in frame.columns:
        known = frame[name].dropna()
        if len(known) and known.map(lambda v: isinstance(v, str) and v[:3] == "202").all():
            frame[name] = pd.to_datetime(frame[name])
    return frame


def made(as_of: str = DAY, **tables: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The indicator tables of a company whose customers a, b, c have bought."""
    return derive(open_frames(transactions=rows(**BOUGHT), **tables), as_of=as_of)


REFERRALS = rows(
    customer_id=["a", "a", "a", "b"],
    referred_id=["x", "x", "y", "z"],
    date=["2024-12-31", "2025-07-01", "2025-07-01", "2026-01-01"],
)
DEFAULTS = rows(
    customer_id=["a", "a", "b"], date=["2024-01-01", "2025-12-21", "2026-01-01"], amount=[10.0, 5.5, 9.0]
)
TICKETS = rows(
    customer_id=["a", "a", "a", "b"],
    opened=["2024-12-31", "2025-12-01", "2025-12-21", "2025-12-31"],
    kind=["complaint", "complaint", "request", "complaint"],
    resolved=["2025-01-05", "2026-01-05", None, "2025-12-31"],
)
SURVEYS = rows(
    customer_id=["a", "a", "a", "b", "b"],
    time=["2025-01-01", "2025-02-01", "2026-02-01", "2025-02-01", "2025-02-01"],
    instrument=["item", "item", "item", "ces", "ces"],
    item=["brand", "brand", "brand", None, None],
    score=[4, 5, 1, 7, 9],
)
MEASURES = rows(
    customer_id=["a", "a", "a", "a", "b"],
    day=["2024-01-01", "2025-11-01", "2025-12-01", "2026-01-01", "2024-01-01"],
    name=["assets", "assets", "assets", "assets", "logins"],
    value=[100.0, 30.0, 50.0, 999.0, 3.0],
)
OPPORTUNITIES = rows(
    customer_id=["a", "a", "a", "b"],
    opened=["2025-01-01", "2025-01-01", "2025-12-31", "2026-01-01"],
    amount=[100.0, 40.0, np.nan, 7.0],
    closed=["2026-01-01", "2025-12-31", None, None],
    probability=[0.25, 0.9, 0.5, 1.0],
)
OWN = rows(
    customer_id=["a", "b", "c"],
    assets=["1200.5", "7", None],
    segment=["gold", "silver", "gold"],
    signup=["2024-01-01", "2026-01-01", "2024-01-01"],
)


@pytest.mark.parametrize(
    ("table", "given", "expected"),
    [
        ("referrals", {"referrals": REFERRALS}, {"referrals": [2, 0, 0], "referrals_365d": [1, 0, 0]}),
        (
            "defaults",
            {"defaults": DEFAULTS},
            {"defaults": [2, 0, 0], "amount": [15.5, 0, 0], "days_since_default": [10, np.nan, np.nan]},
        ),
        (
            "service",
            {"tickets": TICKETS},
            {"tickets_365d": [2, 1, 0], "complaints_365d": [1, 1, 0], "open_complaints": [1, 0, 0]}
            | {"days_open": [30, 0, 0]},
        ),
        (
            "opportunities",
            {"opportunities": OPPORTUNITIES},
            {"open_opportunities": [2, 0, 0], "open_amount": [100, 0, 0], "expected_amount": [25, 0, 0]},
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_can_be_counted_is_counted_as_of_a_day_and_nothing_is_zero(table, given, expected):
    pd.testing.assert_frame_equal(
        made(**given)[table].astype("float64"),
        pd.DataFrame(expected, index=pd.Index(["a", "b", "c"], name="customer_id")).astype("float64"),
        check_index_type=False,
        check_column_type=False,
    )


def test_who_was_never_invoiced_has_not_kept_from_defaulting():
    invoices = rows(
        customer_id=["c", "b"], issued=["2025-01-01", "2026-01-01"], due=["2025-02-01", "2026-02-01"]
    )
    assert made(defaults=DEFAULTS, invoices=invoices)["defaults"]["defaults"].to_dict() == {"a": 2, "c": 0}


def test_what_nobody_can_know_of_a_customer_is_missing():
    answers = made(surveys=SURVEYS)["answers"]
    assert answers.loc["a", "brand"] == 4.5
    assert answers.loc["b", "ces"] == 7
    assert answers.isna().to_numpy().sum() == 2
    assert "c" not in answers.index


def test_a_measure_gives_its_last_value_and_its_mean_over_a_year():
    measures = made(measures=MEASURES)["measures"]
    assert measures.loc["a", ["assets_last", "assets_mean_365d"]].to_list() == [50, 40]
    assert measures.loc["b", "logins_last"] == 3
    assert "logins_mean_365d" not in measures


def test_attributes_of_a_customer_who_signed_up_later_are_not_known():
    assert made(customers=OWN)["customers"].index.to_list() == ["a", "c"]
    assert "signup" not in made(customers=OWN)["customers"]


@pytest.mark.parametrize(
    ("table", "absent"),
    [
        (TICKETS.drop(columns="kind"), {"complaints_365d", "open_complaints"}),
        (TICKETS.drop(columns="resolved"), {"open_complaints", "days_open"}),
    ],
    ids=["kind", "resolved"],
)
def test_without_a_column_what_follows_from_it_is_absent(table, absent):
    assert set(made(tickets=TICKETS)["service"]) - set(made(tickets=table)["service"]) == absent


def test_opportunities_without_amounts_are_counted_and_without_an_end_not_at_all():
    assert list(made(opportunities=OPPORTUNITIES.drop(columns="amount"))["opportunities"]) == [
        "open_opportunities"
    ]
    assert "opportunities" not in made(opportunities=OPPORTUNITIES.drop(columns="closed"))


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("referrals", REFERRALS),
        ("defaults", DEFAULTS),
        ("tickets", TICKETS),
        ("surveys", SURVEYS),
        ("measures", MEASURES),
        ("opportunities", OPPORTUNITIES),
    ],
)
def test_neither_the_order_of_rows_nor_what_comes_later_matters(name, table):
    when = table.columns[table.dtypes.astype("str").str.startswith("datetime")][0]
    known = table[table[when] <= pd.Timestamp(DAY)]
    whole, shuffled, cut = (
        made(**{name: each}) for each in (table, table.sample(frac=1, random_state=1), known)
    )
    for each in (shuffled, cut):
        assert each.keys() == whole.keys()
        for made_of, frame in whole.items():
            pd.testing.assert_frame_equal(each[made_of], frame)


def test_every_table_has_a_maker_and_gives_no_column_that_is_not_declared():
    assert MAKERS.keys() == INDICATORS.keys()
    tables = {"referrals": REFERRALS, "defaults": DEFAULTS, "tickets": TICKETS, "surveys": SURVEYS}
    tables |= {"measures": MEASURES, "opportunities": OPPORTUNITIES, "customers": OWN}
    for name, frame in made(**tables).items():
        assert [column for column in frame if describe_column(name, column) is None] == []
    assert OF_A_NAME.keys() == {name for name, table in INDICATORS.items() if table.open}


# What the policy may name -----------------------------------------------------------------------------------


def reading(tmp_path, table: str, column: str, more: str = ""):
    """The given policy with `purchase days in a year` read from another place."""
    old = "table: customer_features, column: purchases_365d, weight: 0.37"
    return edited(tmp_path, (old, f"table: {table}, column: {column}, weight: 0.37{more}"))


@pytest.mark.parametrize(
    ("table", "column", "more"),
    [
        ("judgements", "opens_markets", ""),
        ("customers", "assets", ""),
        ("customers", "segment", ", levels: {gold: 100, silver: 40}"),
        ("answers", "brand", ""),
        ("answers", "ces", ""),
        ("measures", "assets_mean_365d", ""),
        ("referrals", "referrals", ""),
        ("service", "days_open", ", better: lower"),
    ],
)
def test_what_may_be_there_is_taken(tmp_path, table, column, more):
    read_policy(reading(tmp_path, table, column, more))


@pytest.mark.parametrize(
    ("table", "column", "told"),
    [
        ("referrals", "referals", "unknown indicator column 'referals'. Did you mean 'referrals'?"),
        ("measures", "assets", "'assets': of a measure give `name_last` or `name_mean_365d`"),
        ("customers", "industry", "'industry' holds words: give `levels`, points for each"),
        ("customers", "birthday", "'birthday' is protected"),
        ("customers", "spend_365d", "'spend_365d' is a column of customer_features"),
        ("customers", "founded", "unknown indicator column 'founded'"),
        ("customers", "Income", "'Income' is protected"),
        ("answers", "religion", "'religion' is protected"),
        ("measures", "income_last", "'income_last' is protected"),
        ("judgements", "ethnicity", "'ethnicity' is protected"),
        ("contacts", "channel", "unknown table 'contacts'"),
    ],
)
def test_a_misspelt_or_protected_name_is_refused(tmp_path, table, column, told):
    assert told in complaint(reading(tmp_path, table, column))


def scored(tmp_path, table: str, column: str, more: str = "", **tables: pd.DataFrame) -> tuple:
    """The raw indicator, and what 08 says of it, of a policy that reads this column."""
    policy, frames = read_policy(reading(tmp_path, table, column, more)), made(**tables)
    buyers = pd.DataFrame({"spend_365d": [1.0, 2.0, 3.0]}, index=pd.Index(list("abc"), name="customer_id"))
    raw = scorecard.gather_indicators(policy, customer_features=buyers, **frames)
    weights = explain_weights(raw, policy, customer_features=buyers, **frames)
    assert weights["used"].sum() == pytest.approx(1)
    said = write_weights(weights, history_days=365).set_index("indicator")["remark"]
    return raw.get("purchase days in a year"), said["purchase days in a year"]


def test_a_column_of_ones_own_is_scored_as_number_or_as_words(tmp_path):
    numbers, said = scored(tmp_path, "customers", "assets", customers=OWN)
    assert numbers.to_list()[0] == 1200.5
    assert said == ""
    words, said = scored(tmp_path, "customers", "segment", ", levels: {gold: 100}", customers=OWN)
    assert words["a"] == "gold"
    assert said == ""


def test_words_without_points_are_absent_with_the_reason(tmp_path):
    raw, said = scored(tmp_path, "customers", "segment", customers=OWN)
    assert raw is None
    assert said == "not available: `segment` holds words, and the policy gives no `levels`"


def test_a_name_that_the_data_do_not_have_is_told_with_the_nearest(tmp_path):
    _raw, said = scored(tmp_path, "answers", "brnd", surveys=SURVEYS)
    assert said == "not available: no `brnd` in `answers`; it has `brand`"
    _raw, said = scored(tmp_path, "answers", "price", surveys=SURVEYS)
    assert said == "not available: no `price` in `answers`"
    _raw, said = scored(tmp_path, "referrals", "referrals")
    assert said == "not available: no `referrals`"
    _raw, said = scored(tmp_path, "customer_features", "spend_180d")  # near spend_365d, which it is not
    assert said == "not available: no `spend_180d` in `customer_features`"


def test_a_check_tells_of_it_before_anything_runs(tmp_path):
    frames = list_names(open_frames(surveys=SURVEYS, customers=OWN))
    assert list(frames) == ["customers", "answers"]
    for table, column, told in (
        ("answers", "brnd", "no `brnd` in `answers`. Did you mean 'brand'?"),
        ("customers", "segment", "`segment` holds words: give `levels`."),
    ):
        unknown = list_unknown_names(read_policy(reading(tmp_path, table, column)), frames)
        assert told in write_unknown_names(unknown[unknown["indicator"] == "purchase days in a year"])
    known = list_unknown_names(read_policy(reading(tmp_path, "answers", "brand")), frames)
    assert "purchase days in a year" not in set(known["indicator"])
