"""Contribution: to the cent, from what is known, and in words where it is not."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from fixtures.engines import engine_of

from crcm_lib.errors import DataError
from crcm_lib.features.cost_to_serve import ContributionWaterfall, contribution_waterfall
from crcm_lib.features.customers import spend_between, summarise_customers
from crcm_lib.models.profitability import (
    WhaleCurve,
    curve_points,
    list_unprofitable,
    reconcile,
    sum_waterfall,
    summarise_unknown,
    whale_curve,
)
from crcm_lib.privacy import hide_small
from crcm_lib.reporting.charts.value_charts import list_amounts, waterfall_bars
from crcm_lib.reporting.text.contribution import (
    caption_reconciliation,
    caption_unprofitable,
    describe_bars,
    describe_curve,
    describe_profitability,
    describe_whale,
    list_remarks,
    write_reasons,
)
from crcm_lib.schema import tables
from crcm_lib.schema.engine import open_engine

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


def trace(lines: pd.DataFrame = LINES, *, rate: float = 0.1, **others: pd.DataFrame) -> ContributionWaterfall:
    return contribution_waterfall(engine_of(lines, **others), as_of=AS_OF, annual_interest_rate=rate)


def as_waterfall(contribution, gross=None, **steps) -> ContributionWaterfall:
    """Customers whose gross sales and contribution are given."""
    contribution = np.asarray(contribution, float)
    gross = np.full(len(contribution), 100.0) if gross is None else np.asarray(gross, float)
    goods = gross - contribution - sum(steps.values())
    rows = pd.DataFrame(
        {
            "gross_sales": gross,
            "returns": 0.0,
            "spend_total": gross,
            "sales_of_unknown_cost": 0.0,
            "cost_of_goods": goods,
            **steps,
            "contribution": contribution,
        },
        index=pd.Index([f"c{i:05d}" for i in range(len(gross))], name="customer_id"),
    )
    return ContributionWaterfall(rows, ())


def as_holdout(predicted: dict[str, float], margin: float | None, start="2024-02-20", end=AS_OF):
    """The table `holdout` where so much spend was predicted of each customer."""
    spend = pd.Series(predicted, dtype=float)
    frame = pd.DataFrame(
        {"spend_predicted": spend, "margin_predicted": spend * (np.nan if margin is None else margin)}
    )
    return frame.assign(start=pd.Timestamp(start), end=pd.Timestamp(end))


def reconcile_on_paper(predicted, margin, lines=LINES, **others) -> pd.DataFrame:
    engine = engine_of(lines, **others)
    return reconcile(engine, as_holdout(predicted, margin), annual_interest_rate=0.1)


def hide(sums: pd.DataFrame, at_least: int = 5) -> pd.DataFrame:
    """Sums as they are shown."""
    return hide_small(
        sums, money=list(sums.columns.drop(["group", "customers", "largest_share"])), at_least=at_least
    )


def remark(waterfall: ContributionWaterfall, at_least: int = 5) -> list[str]:
    """What a reader is told of what is unknown."""
    unknown = hide_small(summarise_unknown(waterfall), money=["spend_total"], at_least=at_least)
    return list_remarks(waterfall, unknown, "EUR", at_least)["remark"].to_list()


@pytest.fixture(scope="module")
def everything() -> ContributionWaterfall:
    return trace(invoices=INVOICES, assignments=ACTIONS)


@pytest.fixture(scope="module")
def golden() -> ContributionWaterfall:
    return contribution_waterfall(open_engine(GOLDEN), as_of="2025-12-31", annual_interest_rate=0.1)


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
    customers = tables.read(GOLDEN, "customer_features")
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
    everybody = sum_waterfall(golden)
    assert round(everybody["spend_total"].iloc[0] * 100) == round(spend.sum() * 100)


def test_sums_per_group_add_up_to_the_sum_of_all(golden):
    tiers = tables.read(GOLDEN, "tiers")["tier_in_force"]
    whole, parts = sum_waterfall(golden), sum_waterfall(golden, tiers)
    for column in ("customers", "gross_sales", *STEPS, "spend_total", "contribution"):
        assert round(parts[column].sum(), 4) == whole[column].iloc[0], column
    assert set(parts["group"]) == set(tiers)


def test_a_customer_without_a_group_is_counted_under_none(everything):
    parts = sum_waterfall(everything, pd.Series({"a": "key"}))
    assert dict(zip(parts["group"], parts["customers"], strict=True)) == {"key": 1, "none": 3}


# What is not known


def test_customers_of_unknown_cost_are_set_aside_and_said(everything):
    assert np.isnan(everything.rows.loc["c", "contribution"])
    whole = sum_waterfall(everything).iloc[0]
    assert whole["sales_of_unknown_cost"] == 20 + 70
    assert whole["contribution"] == pytest.approx(everything.rows["contribution"].sum())
    after = whole["gross_sales"] - whole[STEPS].sum()
    assert whole["contribution"] == pytest.approx(after)
    words = "Set aside: 1 customers, the cost of most of whose sales is unknown."  # 70 of 70 is one's
    assert words in remark(everything, at_least=1)


def test_the_spend_of_customers_set_aside_is_said_unless_they_are_few_or_one_dominates():
    waterfall = as_waterfall([np.nan] * 6 + [40.0] * 20)
    assert remark(waterfall)[0].startswith("Set aside: 6 customers")
    assert "they spent 600 EUR." in remark(waterfall)[0]
    assert "fewer than 7 customers" in remark(waterfall, at_least=7)[0]
    assert "600" not in remark(waterfall, at_least=7)[0]
    assert remark(as_waterfall([40.0] * 20)) == []


def test_of_a_customer_most_of_whose_cost_is_unknown_no_cost_is_counted():
    half = pd.DataFrame(
        [("e", "2024-01-05", 10.0, 0.0, 4.0, "sale"), ("e", "2024-01-06", 90.0, 0.0, None, "sale")],
        columns=LINES.columns,
    )
    served = pd.DataFrame({"customer_id": ["e"], "opened": ["2024-05-01"], "cost": [3.0]})
    waterfall = trace(pd.concat([LINES.iloc[:2], half]), tickets=served)
    assert waterfall.rows.loc["e", ["cost_of_goods", "cost_to_serve"]].to_list() == [4, 3]
    row = (
        sum_waterfall(waterfall, pd.Series({"a": "known", "e": "unknown"})).set_index("group").loc["unknown"]
    )
    assert row[["sales_of_unknown_cost", "cost_of_goods", "cost_to_serve", "contribution"]].to_list() == [
        100,
        0,
        0,
        0,
    ]


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
    waterfall = trace(lines, invoices=INVOICES, assignments=ACTIONS)
    assert not waterfall.known
    assert list(waterfall.rows) == ["gross_sales", "discounts", "returns", "spend_total"]
    sums = hide(sum_waterfall(waterfall), at_least=1)
    holdout = as_holdout({"a": 10, "b": 5}, 0.3)
    off = reconcile(engine_of(lines), holdout, annual_interest_rate=0.1)
    bars = waterfall_bars(sums)
    curve = whale_curve(waterfall)
    assert any(one.startswith("Not available: what remains after cost") for one in remark(waterfall))
    assert off[["what", "predicted"]].to_numpy().tolist() == [["spend", 15]]
    assert bars["step"].iloc[-1] == "spend_total"
    assert set(bars["step"]) <= {"gross_sales", "discounts", "returns", "spend_total"}
    assert "spend received" in describe_bars(bars, "EUR")
    takeaway = describe_profitability(bars, curve, "", 5).markdown
    words = " ".join([describe_bars(bars, "EUR"), *remark(waterfall)[:1], takeaway, *sums, *off["what"]])
    assert "profit" not in words
    assert "contribution" not in words
    assert curve_points(hide_small(curve.groups, money=["contribution"])).empty
    assert list_unprofitable(waterfall).empty
    assert summarise_unknown(waterfall).empty


def test_what_is_absent_is_named():
    waterfall = trace(LINES.drop(columns="discount"))
    found = [(part.part, part.reason, part.tables, part.column) for part in waterfall.unavailable]
    assert found == [
        ("discounts", "no_column", ("transactions",), "discount"),
        ("cost_to_serve", "no_column", ("tickets", "contacts", "assignments"), "cost"),
        ("late_payment", "no_table", ("invoices",), ""),
    ]
    assert remark(waterfall, at_least=1)[:3] == [
        "Not available: discounts (no `discount` in `transactions`).",
        "Not available: cost to serve (no `cost` in `tickets`, `contacts`, `assignments`).",
        "Not available: cost of late payment (no table `invoices`).",
    ]
    assert waterfall.steps == STEPS[1:4]


def test_how_much_of_the_cost_is_known_is_said_where_it_is_too_little():
    (part,) = trace(LINES.assign(cost=LINES["cost"].where(LINES.index == 3))).unavailable
    assert (part.part, part.reason) == ("contribution", "cost_rarely_known")
    assert part.known_share == pytest.approx(50 / 230)


def test_the_cost_of_tickets_and_contacts_counts_where_it_is_stated():
    tickets = pd.DataFrame(
        {"customer_id": ["a", "a"], "opened": ["2024-05-01", "2025-05-01"], "cost": [4.0, 8]}
    )
    contacts = pd.DataFrame({"customer_id": ["a", "b"], "time": ["2024-05-01"] * 2, "cost": [0.5, None]})
    waterfall = trace(tickets=tickets, contacts=contacts)
    assert waterfall.rows["cost_to_serve"].to_dict() == {"a": 4.5, "b": 0, "c": 0}


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
    found = contribution_waterfall(engine, as_of=AS_OF, annual_interest_rate=0.1).rows["spend_total"]
    assert found.to_dict() == spend.to_dict()


def test_a_day_before_all_transactions_is_refused():
    with pytest.raises(DataError, match="none on or before as_of=2020-01-01"):
        contribution_waterfall(engine_of(LINES), as_of="2020-01-01", annual_interest_rate=0.1)


# Predicted, and what came


def test_predicted_and_actual_sums_are_of_the_same_customers_and_days():
    found = reconcile_on_paper({"a": 25.0, "b": 4.0}, 0.3, assignments=ACTIONS).set_index("what")
    assert found.loc["spend", ["customers", "predicted", "actual"]].to_list() == [
        2,
        29,
        20,
    ]  # not c, not 2025
    assert found.loc["spend", "bias"] == pytest.approx(29 / 20 - 1)
    row = found.loc["contribution"]  # a's 20 are of unknown cost, and an action cost 5
    assert row[["predicted", "actual"]].to_list() == pytest.approx([0.3 * 29, 20 - 20 - 5])
    assert np.isnan(row["bias"])  # of a loss there are no shares


def test_contribution_is_compared_where_the_cost_of_most_sales_is_known():
    lines = pd.concat([LINES, LINES.iloc[[4]].assign(day="2024-06-01", purchase_day="2024-06-01", cost=30.0)])
    found = reconcile_on_paper({"a": 25.0, "b": 4.0, "c": 50.0}, 0.3, lines).set_index("what")
    assert found.loc["spend", ["customers", "predicted", "actual"]].to_list() == [3, 79, 90]
    assert found.loc["contribution", ["customers", "predicted"]].to_list() == pytest.approx([2, 0.3 * 29])


def test_without_a_margin_only_spend_is_compared():
    assert reconcile_on_paper({"a": 25.0}, None)["what"].to_list() == ["spend"]


def test_the_actual_spend_is_that_of_the_window_held_out():
    engine, start, end = open_engine(GOLDEN), "2025-05-20", "2025-12-31"
    known = summarise_customers(engine, as_of=start).query("purchases > 0").index
    holdout = as_holdout(dict.fromkeys(known, 1.0), 0.3, start, end)
    found = reconcile(engine, holdout, annual_interest_rate=0.1).set_index("what")
    spent = spend_between(engine, after=start, until=end)["spend"].reindex(known).fillna(0).sum()
    assert round(found.loc["spend", "actual"] * 100) == round(spent * 100)
    assert 0.2 < found.loc["contribution", "actual"] / spent < 0.4


def test_how_far_off_predictions_were_is_shown_unless_too_few_were_known():
    none = reconcile(None, as_holdout({}, 0.3), annual_interest_rate=0.1)
    assert none.empty
    assert caption_reconciliation(none, "EUR") == "No window of the past could be held out."
    found = reconcile_on_paper({"a": 25.0, "b": 4.0}, 0.3, assignments=ACTIONS)
    assert caption_reconciliation(found, "EUR") == "Held out: the 315 days after 2024-02-20; amounts in EUR"
    assert hide_small(found, at_least=2)["predicted"].to_list() == pytest.approx([29, 8.7])
    assert hide_small(found, at_least=3)[["customers", "predicted", "actual", "bias"]].isna().all(axis=None)


# The whale curve


def points(curve: WhaleCurve) -> pd.DataFrame:
    """The points that are drawn."""
    return curve_points(hide_small(curve.groups, money=["contribution"]))


def test_the_whale_curve_on_paper():
    curve = whale_curve(as_waterfall([50.0] * 10 + [10] * 5 + [-30] * 5), min_group=5)
    assert (curve.total, curve.peak, curve.negative) == (400, 550, 5)
    assert curve.peak_share == pytest.approx(550 / 400)
    assert curve.negative_share == 0.25
    assert curve.groups["cumulative"].to_list() == [250, 500, 550, 400]
    assert points(curve)["customer_share"].to_list() == [0, 0.25, 0.5, 0.75, 1]
    assert "25.0%: 250; 50.0%: 500" in describe_curve(curve, points(curve), "EUR")
    assert "25.0% of 20 customers cost more than they bring" in describe_whale(curve, 5)
    assert "137.5% of today's" in describe_whale(curve, 5)
    hardly = whale_curve(as_waterfall([1000.0] * 15 + [-0.1] * 5), min_group=5)
    assert describe_whale(hardly, 5).endswith("together that is hardly anything of what remains.")


def test_a_company_that_loses_on_the_whole_has_no_share_of_its_peak():
    curve = whale_curve(as_waterfall([10.0] * 10 + [-90] * 10))
    assert np.isnan(curve.peak_share)
    assert "nan" not in describe_whale(curve, 5)
    assert "without them contribution would be 100." in describe_whale(curve, 5)


def test_the_whale_curve_hides_few_customers_and_one_who_dominates():
    few = whale_curve(as_waterfall([5.0] * 4))
    assert points(few).empty
    assert describe_curve(few, points(few), "EUR").startswith("No picture: too few")
    assert points(whale_curve(as_waterfall([]))).empty
    assert "Fewer than 5 customers cost" in describe_whale(whale_curve(as_waterfall([5.0] * 40 + [-1.0])), 5)
    assert points(whale_curve(as_waterfall([1e6, *np.linspace(60, 1, 99)]))).empty
    shown = points(whale_curve(as_waterfall([2000.0, *np.linspace(60, 1, 99)])))
    assert 0.05 not in shown["customer_share"].to_list()  # the first twentieth is almost all one customer's
    assert shown["customer_share"].iloc[-1] == 1


def test_large_customers_who_cost_money_are_listed_with_what_costs_most():
    gross = [1000.0, 900, *[100.0] * 20]
    late = np.array([500.0, 1, *[1.0] * 20])
    waterfall = as_waterfall([-200.0, 300, *[40.0] * 19, -5], gross, late_payment=late)
    found = list_unprofitable(waterfall)
    assert found.index.to_list() == ["c00000"]  # the last one is not large, the second one pays
    assert found["main_step"].to_list() == ["late_payment"]
    assert found["main_step_share"].to_list() == [0.5]
    assert found["usual_share"].to_list() == pytest.approx([521 / 3900])
    assert write_reasons(found).to_list() == ["late payment: 50.0% of gross sales, 13.4% of everybody's"]
    told = caption_unprofitable(found, whale_curve(waterfall), "EUR")
    assert told == "Together they cost 200 EUR more than they bring"


def test_where_no_large_customer_costs_money_that_is_said():
    waterfall = as_waterfall([*[50.0] * 40, *[-5.0] * 10], [*[200.0] * 40, *[10.0] * 10])
    found = list_unprofitable(waterfall)
    curve = whale_curve(waterfall)
    assert caption_unprofitable(found, curve, "EUR") == "None of the fifth with the largest gross sales."
    told = caption_unprofitable(found, replace(curve, known=False), "EUR")
    assert told == "Cost is unknown, and so is who costs more than they bring."
    assert write_reasons(found).empty


# What is shown


def test_the_waterfall_has_every_step_and_ends_where_the_sums_do(golden):
    sums = sum_waterfall(golden)
    bars = waterfall_bars(hide(sums))
    taken = bars[bars["amount"] < 0]
    assert bars["end"].iloc[-1] == sums["contribution"].iloc[0]
    assert sums["gross_sales"].iloc[0] + taken["amount"].sum() == pytest.approx(bars["end"].iloc[-1])
    assert taken["end"].iloc[-1] == pytest.approx(bars["end"].iloc[-1])
    assert sums["contribution_share"].iloc[0] == pytest.approx(bars["end"].iloc[-1] / bars["end"].iloc[0])
    assert bars["step"].iloc[-1] == "contribution"
    assert list_amounts(bars)[-1] == "1,117,753 (27.9%)"
    assert "sales_of_unknown_cost" not in set(bars["step"])  # a step of nothing


def test_few_customers_are_hidden_in_pictures_and_tables(everything):
    sums = sum_waterfall(everything)
    assert waterfall_bars(hide(sums)).empty
    assert describe_bars(waterfall_bars(hide(sums)), "EUR").startswith("No picture: too few")
    assert hide(sums).drop(columns="group").isna().all(axis=None)
    assert waterfall_bars(sums.iloc[:0]).empty


def test_the_sums_by_stage_say_what_is_unknown_and_add_up_to_the_waterfall(golden):
    stages = tables.read(GOLDEN, "stages")["stage"]
    by_stage = hide(sum_waterfall(golden, stages))
    assert remark(golden) == ["Not available: cost to serve (no `cost` in `tickets`, `contacts`)."]
    assert set(by_stage["group"]) <= {*stages, "none"}
    assert by_stage["contribution"].sum() == pytest.approx(sum_waterfall(golden)["contribution"].iloc[0])
