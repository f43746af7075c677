"""What remains of gross sales: to the cent, from what is known, and in words where it is not."""

import numpy as np
import pandas as pd
import pytest
from conftest import engine_of

from crcm_lib.data import tables
from crcm_lib.data.costs import Remains, trace_remains
from crcm_lib.data.customers import summarise_customers
from crcm_lib.errors import DataError
from crcm_lib.models.value.profit import list_unprofitable, sum_remains, tell_remains, trace_whale
from crcm_lib.reporting.figures import profit as draw

AS_OF = "2024-12-31"
GOLDEN = "data/sample/golden"
STEPS = ["discounts", "returns", "sales_of_unknown_cost", "cost_of_goods", "cost_to_serve", "late_payment"]
LINES = pd.DataFrame(
    [
        ("a", "2024-01-05", 90.0, 10.0, 40.0, "sale"),
        ("a", "2024-02-05", -30.0, 0.0, -15.0, "return"),
        ("a", "2024-03-05", 20.0, None, None, "sale"),  # its cost and discount are unknown
        ("b", "2024-01-05", 50.0, 0.0, 60.0, "sale"),
        ("c", "2024-01-05", 70.0, 0.0, None, "sale"),
        ("a", "2025-01-05", 999.0, 9.0, 9.0, "sale"),  # later
    ],
    columns=["customer_id", "day", "amount", "discount", "cost", "kind"],
)
INVOICES = pd.DataFrame(
    [
        ("a", "2024-01-01", "2024-01-31", 1000.0, "2024-03-11"),  # 40 days late
        ("a", "2024-12-01", "2024-12-21", 365.0, "2025-02-01"),  # 10 days late by the end of the year
        ("b", "2024-01-01", "2024-01-31", 1000.0, "2024-01-20"),  # early
        ("b", "2025-01-01", "2024-01-31", 1000.0, None),  # issued later
    ],
    columns=["customer_id", "issued", "due", "amount", "paid"],
)
ACTIONS = pd.DataFrame(
    [("a", "treatment", 5.0), ("b", "control", 5.0), ("d", "treatment", 2.0)],
    columns=["customer_id", "arm", "cost"],
).assign(start="2024-05-01")
MONEY = ("amount", "discount", "cost")


def trace(lines: pd.DataFrame = LINES, *, rate: float = 0.1, **others: pd.DataFrame) -> Remains:
    return trace_remains(engine_of(lines, **others), as_of=AS_OF, annual_interest_rate=rate)


def as_remains(contribution, gross=None, **steps) -> Remains:
    """Customers whose gross sales and contribution are given."""
    contribution = np.asarray(contribution, float)
    gross = np.full(len(contribution), 100.0) if gross is None else np.asarray(gross, float)
    goods = gross - contribution - sum(steps.values())
    rows = pd.DataFrame(
        {"gross_sales": gross, "returns": 0.0, "spend_total": gross, "sales_of_unknown_cost": 0.0,
         "cost_of_goods": goods, **steps, "contribution": contribution},
        index=pd.Index([f"c{i:05d}" for i in range(len(gross))], name="customer_id"),
    )  # fmt: skip
    return Remains(rows, ())


@pytest.fixture(scope="module")
def everything() -> Remains:
    return trace(invoices=INVOICES, assignments=ACTIONS)


@pytest.fixture(scope="module")
def golden() -> Remains:
    return trace_remains(tables.open_engine(GOLDEN), as_of="2025-12-31", annual_interest_rate=0.1)


# To the cent


def test_each_step_on_paper(everything):
    row = everything.rows.loc["a"]
    assert row["gross_sales"] == 120
    assert row[STEPS].to_list() == pytest.approx([10, 30, 20, 25, 5, 10.9589 + 1.0], abs=1e-9)
    assert row["spend_total"] == 80
    assert row["contribution"] == pytest.approx(80 - 20 - 25 - 5 - 11.9589, abs=1e-9)


def test_the_cost_of_a_control_is_not_spent_and_a_prospect_may_cost(everything):
    assert everything.rows.loc["b", "cost_to_serve"] == 0
    assert everything.rows.loc["b", "contribution"] == -10
    assert everything.rows.loc["d", ["gross_sales", "cost_to_serve", "contribution"]].to_list() == [0, 2, -2]


def test_rows_reconcile_to_the_cent_with_the_customers_table(golden):
    customers = tables.read(GOLDEN, "customers")
    rows = golden.rows.reindex(customers.index)
    bought = rows["gross_sales"].notna()
    spend = customers["spend_total"]
    assert (rows["spend_total"][bought] == spend[bought]).all()
    assert (spend[~bought] == 0).all()
    left = rows["gross_sales"] - rows["discounts"] - rows["returns"]
    assert left[bought].to_numpy() == pytest.approx(spend[bought].to_numpy(), abs=1e-6)
    margin = (rows["spend_total"] - rows["sales_of_unknown_cost"] - rows["cost_of_goods"])[bought]
    known = customers["margin_total"].notna()[bought]
    assert margin[known].to_numpy() == pytest.approx(
        customers.loc[known.index[known], "margin_total"], abs=1e-6
    )
    after = rows["spend_total"] - rows[STEPS[2:]].sum(axis=1)
    assert rows["contribution"][bought].to_numpy() == pytest.approx(after[bought].to_numpy(), abs=1e-6)
    everybody = sum_remains(golden)
    assert round(everybody["spend_total"].iloc[0] * 100) == round(spend.sum() * 100)


def test_sums_per_group_add_up_to_the_sum_of_all(golden):
    tiers = tables.read(GOLDEN, "tiers")["tier"]
    whole, parts = sum_remains(golden), sum_remains(golden, tiers)
    for column in ("customers", "gross_sales", *STEPS, "spend_total", "contribution"):
        assert round(parts[column].sum(), 4) == whole[column].iloc[0], column
    assert set(parts["group"]) == set(tiers)


def test_a_customer_without_a_group_is_counted_under_none(everything):
    parts = sum_remains(everything, pd.Series({"a": "key"}))
    assert dict(zip(parts["group"], parts["customers"], strict=True)) == {"key": 1, "none": 3}


# What is not known


def test_customers_of_unknown_cost_are_set_aside_and_said(everything):
    assert np.isnan(everything.rows.loc["c", "contribution"])
    whole = sum_remains(everything).iloc[0]
    assert whole["sales_of_unknown_cost"] == 20 + 70
    assert whole["contribution"] == pytest.approx(everything.rows["contribution"].sum())
    after = whole["gross_sales"] - whole[STEPS].sum()
    assert whole["contribution"] == pytest.approx(after)
    assert "1 customers with 70 of spend" in " ".join(tell_remains(everything)["found"])


def test_of_a_customer_most_of_whose_cost_is_unknown_no_cost_is_counted():
    half = pd.DataFrame(
        [("e", "2024-01-05", 10.0, 0.0, 4.0, "sale"), ("e", "2024-01-06", 90.0, 0.0, None, "sale")],
        columns=LINES.columns,
    )
    served = pd.DataFrame({"customer_id": ["e"], "opened": ["2024-05-01"], "cost": [3.0]})
    remains = trace(pd.concat([LINES.iloc[:2], half]), tickets=served)
    assert remains.rows.loc["e", ["cost_of_goods", "cost_to_serve"]].to_list() == [4, 3]
    row = sum_remains(remains, pd.Series({"a": "known", "e": "unknown"})).set_index("group").loc["unknown"]
    assert row[["sales_of_unknown_cost", "cost_of_goods", "cost_to_serve", "contribution"]].to_list() == [
        100, 0, 0, 0,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "lines",
    [
        LINES.drop(columns="cost"),
        LINES.assign(cost=None),
        LINES.assign(cost=LINES["cost"].where(LINES.index == 3)),
    ],
    ids=["no column", "never known", "seldom known"],
)
def test_without_cost_nobody_speaks_of_profit(lines):
    remains = trace(lines, invoices=INVOICES, assignments=ACTIONS)
    assert not remains.known
    assert list(remains.rows) == ["gross_sales", "discounts", "returns", "spend_total"]
    sums = sum_remains(remains)
    told = [
        draw.show_waterfall(sums, "EUR", at_least=1).alt, draw.table_remains(sums, "EUR", at_least=1)._text(),
        draw.show_whale(trace_whale(remains), "EUR").alt, draw.tell_whale(trace_whale(remains)),
        *tell_remains(remains).to_numpy().ravel(), *remains.absent,
    ]  # fmt: skip
    words = " ".join(told)
    assert "not available: what remains after cost" in words
    assert "spend received" in words
    assert "profit" not in words
    assert "contribution" not in words
    assert list_unprofitable(remains).empty


def test_what_is_absent_is_named():
    told = trace(LINES.drop(columns="discount")).absent
    assert told == (
        "not available: discounts (no `discount` in `transactions`)",
        "not available: cost to serve from `tickets`, `contacts`, `assignments` (no `cost` there)",
        "not available: cost of late payment (no table `invoices`)",
    )
    assert trace(LINES.drop(columns="discount")).steps == STEPS[1:4]


def test_the_cost_of_tickets_and_contacts_counts_where_it_is_stated():
    tickets = pd.DataFrame(
        {"customer_id": ["a", "a"], "opened": ["2024-05-01", "2025-05-01"], "cost": [4.0, 8]}
    )
    contacts = pd.DataFrame({"customer_id": ["a", "b"], "time": ["2024-05-01"] * 2, "cost": [0.5, None]})
    remains = trace(tickets=tickets, contacts=contacts)
    assert remains.rows["cost_to_serve"].to_dict() == {"a": 4.5, "b": 0, "c": 0}


# Invariance


def test_nothing_later_and_no_order_changes_the_answer(everything):
    early = {"invoices": INVOICES[INVOICES["issued"] <= AS_OF], "assignments": ACTIONS}
    early["invoices"] = early["invoices"].assign(paid=early["invoices"]["paid"].where(lambda d: d <= AS_OF))
    again = trace(LINES.iloc[:-1].sample(frac=1, random_state=1), **early)
    pd.testing.assert_frame_equal(again.rows, everything.rows)


def test_all_amounts_times_ten_give_ten_times_as_much(everything):
    times = {column: LINES[column] * 10 for column in MONEY}
    others = {"invoices": INVOICES.assign(amount=INVOICES["amount"] * 10)}
    others["assignments"] = ACTIONS.assign(cost=ACTIONS["cost"] * 10)
    found = trace(LINES.assign(**times), **others).rows
    assert found.to_numpy() == pytest.approx(everything.rows.to_numpy() * 10, abs=1e-3, nan_ok=True)


def test_late_payment_costs_nothing_where_money_costs_nothing():
    assert (trace(rate=0.0, invoices=INVOICES).rows["late_payment"] == 0).all()


def test_spend_is_that_of_the_customers_table_whatever_is_known():
    engine = engine_of(LINES.assign(time=LINES["day"]))
    spend = summarise_customers(engine, as_of=AS_OF)["spend_total"]
    found = trace_remains(engine, as_of=AS_OF, annual_interest_rate=0.1).rows["spend_total"]
    assert found.to_dict() == spend.to_dict()


def test_a_day_before_all_transactions_is_refused():
    with pytest.raises(DataError, match="none on or before as_of=2020-01-01"):
        trace_remains(engine_of(LINES), as_of="2020-01-01", annual_interest_rate=0.1)


# The whale


def test_the_whale_on_paper():
    whale = trace_whale(as_remains([50.0] * 10 + [10] * 5 + [-30] * 5), at_least=5)
    assert (whale.total, whale.peak, whale.negative) == (400, 550, 5)
    assert whale.peak_share == pytest.approx(550 / 400)
    assert whale.negative_share == 0.25
    assert whale.groups["cumulative"].to_list() == [250, 500, 550, 400]
    assert draw.list_points(whale)["customer_share"].to_list() == [0, 0.25, 0.5, 0.75, 1]
    assert "25.0% of 20 customers cost more than they bring" in draw.show_whale(whale, "EUR").alt
    assert "137.5% of today's" in draw.show_whale(whale, "EUR").alt


def test_a_company_that_loses_on_the_whole_has_no_share_of_its_peak():
    whale = trace_whale(as_remains([10.0] * 10 + [-90] * 10))
    assert np.isnan(whale.peak_share)
    assert "nan" not in draw.show_whale(whale, "EUR").alt
    assert "without them contribution would be 100." in draw.tell_whale(whale)


def test_the_whale_hides_few_customers_and_one_who_dominates():
    assert draw.show_whale(trace_whale(as_remains([5.0] * 4)), "EUR").alt.startswith("No picture: too few")
    assert draw.show_whale(trace_whale(as_remains([])), "EUR").alt.startswith("No picture: too few")
    assert "Fewer than 5 customers cost" in draw.tell_whale(trace_whale(as_remains([5.0] * 40 + [-1.0])))
    alone = trace_whale(as_remains([1e6, *np.linspace(60, 1, 99)]))
    assert "one dominates them" in draw.show_whale(alone, "EUR").alt
    shown = draw.list_points(trace_whale(as_remains([2000.0, *np.linspace(60, 1, 99)])))
    assert 0.05 not in shown["customer_share"].to_list()  # the first twentieth is almost all one customer's
    assert shown["customer_share"].iloc[-1] == 1


def test_large_customers_who_cost_money_are_listed_with_what_costs_most():
    gross = [1000.0, 900, *[100.0] * 20]
    remains = as_remains(
        [-200.0, 300, *[40.0] * 19, -5], gross, late_payment=np.array([500.0, 1, *[1.0] * 20])
    )
    found = list_unprofitable(remains)
    assert found.index.to_list() == ["c00000"]  # the last one is not large, the second one pays
    assert found["mostly"].iloc[0] == "late payment: 50% of gross sales, 13% of everybody's"


# Pictures


def test_the_waterfall_says_every_step_and_ends_where_the_sums_do(golden):
    sums = sum_remains(golden)
    bars = draw.list_bars(sums.iloc[0])
    assert bars["end"].iloc[-1] == sums["contribution"].iloc[0]
    taken = bars[bars["kind"] == "taken"]
    assert sums["gross_sales"].iloc[0] + taken["amount"].sum() == pytest.approx(bars["end"].iloc[-1])
    assert taken["end"].iloc[-1] == pytest.approx(bars["end"].iloc[-1])
    assert sums["contribution_share"].iloc[0] == pytest.approx(bars["end"].iloc[-1] / bars["end"].iloc[0])
    alt = draw.show_waterfall(sums, "CNY").alt
    assert "contribution: 1,159,760 (28.0%)" in alt
    assert "sales of unknown cost" not in alt  # a step of nothing


def test_few_customers_are_hidden_in_pictures_and_tables(everything):
    sums = sum_remains(everything)
    assert draw.show_waterfall(sums, "EUR").alt.startswith("No picture: too few")
    assert "120" not in draw.table_remains(sums, "EUR")._text()
    assert draw.show_waterfall(sums.iloc[:0], "EUR").alt.startswith("No picture")
