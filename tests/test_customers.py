"""Transactions -> customers: published counts, hand-worked cases, and what must not change a result."""

from pathlib import Path

import duckdb
import lifetimes
import numpy as np
import pandas as pd
import pytest

from crcm_lib.errors import DataError
from crcm_lib.features.customers import (
    list_unavailable,
    purchase_gaps,
    spend_between,
    summarise_customers,
    summarise_purchases,
)
from crcm_lib.models import customer_base
from crcm_lib.models.lifecycle import STAGES
from crcm_lib.reporting.text.profile import (
    describe_base,
    describe_concentration,
    describe_retention,
    describe_returns,
    describe_shares,
    name_groups,
)
from crcm_lib.schema import tables

CDNOW = Path(lifetimes.__file__).parent / "datasets"
LINES = [  # customer, day, purchase day, amount, order, product, category, channel, discount, cost
    ("a", "2024-01-01", "2024-01-01", "5", "o1", "p1", "food", "web", "0", "3"),
    ("a", "2024-01-01", "2024-01-01", "5", "o1", "p2", "food", "web", "1", None),
    ("a", "2024-01-11", "2024-01-11", "20", "o2", "p1", "food", "shop", "0", "8"),
    ("a", "2024-01-31", "2024-01-31", "7", "o3", "p3", "home", "shop", "0", "3"),
    ("b", "2024-01-05", "2024-01-05", "8", "o4", "p1", "food", "web", "2", "3"),
    ("b", "2024-02-10", "2024-01-05", "-8", "o5", "p1", "food", "web", "0", "-3"),  # all of it comes back
    ("c", "2024-01-20", None, "-4", "o6", "p1", "food", "web", "0", "-2"),  # a return without its sale
    ("c", "2024-01-25", "2024-01-25", "30", "o7", "p2", "food", "web", "0", "9"),
    ("d", "2024-01-02", "2024-01-02", "0", "o8", "p2", "food", "web", "5", "1"),  # given away
    ("e", "2024-03-01", "2024-03-01", "99", "o9", "p2", "food", "web", "0", "9"),
]
NAMES = ["customer_id", "day", "purchase_day", "amount", "order_id", "product_id", "category", "channel"]
NAMES += ["discount", "cost"]


def open_with(lines=LINES, customers=None, columns=NAMES):
    """An engine that holds these lines as clean transactions, and these customers."""
    frame = pd.DataFrame(lines, columns=NAMES)
    engine = duckdb.connect()
    engine.register("lines", frame)
    kinds = {"day": "date", "purchase_day": "date"}
    kinds |= dict.fromkeys(("amount", "discount", "cost"), "decimal(18, 4)")
    wanted = ", ".join(f"cast({name} as {kinds.get(name, 'varchar')}) as {name}" for name in columns)
    engine.execute(
        f"create table transactions as select {wanted}, cast(day as timestamp) as time, "
        "case when cast(amount as double) < 0 then 'return' else 'sale' end as kind from lines"
    )
    if customers is not None:
        engine.register("listed", customers)
        engine.execute("create table customers as from listed")
    return engine


def open_log(log):
    """An engine that holds a log of CDNOW purchases, all of them text, as clean transactions."""
    engine = duckdb.connect()
    engine.register("log", log)
    engine.execute(
        "create table transactions as select customer_id, cast(strptime(date, '%Y%m%d') as date) as day, "
        "day as purchase_day, cast(paid as decimal(18, 4)) as amount, 'sale' as kind from log"
    )
    return engine


def read_log(name, *columns, **options):
    return pd.read_csv(
        CDNOW / name, sep=r"\s+", dtype="str", names=[*columns, "date", "pieces", "paid"], **options
    )


@pytest.fixture(scope="module")
def cdnow():
    """The full CDNOW log: customers who first bought in the first quarter of 1997."""
    return open_log(read_log("CDNOW_master.txt", "customer_id", skiprows=1))


@pytest.fixture(scope="module")
def sample():
    """The 1/10 sample of CDNOW that Fader, Hardie & Lee (2005) fit."""
    return open_log(read_log("CDNOW_sample.txt", "master_id", "customer_id"))


def test_cdnow_has_the_published_number_of_customers_fader_hardie_2001(cdnow):
    """Fader & Hardie (2001), Interfaces 31(3), S94-S107: 23,570 customers, 69,659 transactions."""
    assert cdnow.execute("select count(*) from transactions").fetchone() == (69_659,)
    assert (summarise_purchases(cdnow, as_of="1998-06-30")["purchases"] > 0).sum() == 23_570


def test_calibration_summary_equals_the_published_one_fader_hardie_lee_2005(sample):
    """Marketing Science 24(2): 2,357 customers to 1997-09-30; the summary that lifetimes packs, in weeks."""
    published = pd.read_csv(CDNOW / "cdnow_customers_summary.csv").set_index("ID")
    customers = summarise_purchases(sample, as_of="1997-09-30")
    ours = customers.set_axis(customers.index.astype(int)).sort_index()
    assert len(ours) == 2_357
    assert (ours["purchases"] - 1).sum() == 2_457
    assert (ours["purchases"] - 1).to_list() == published["frequency"].to_list()
    assert (ours["days_first_to_last"] / 7).to_numpy() == pytest.approx(published["recency"], abs=0.0051)
    assert (ours["days_observed"] / 7).to_numpy() == pytest.approx(published["T"], abs=0.0051)


def test_same_numbers_as_lifetimes_on_all_of_cdnow(cdnow):
    log = cdnow.execute("select customer_id, day, cast(amount as double) as amount from transactions").df()
    theirs = lifetimes.utils.summary_data_from_transaction_data(
        log, "customer_id", "day", "amount", observation_period_end=pd.Timestamp("1998-06-30")
    )
    ours = summarise_purchases(cdnow, as_of="1998-06-30")
    assert ours.index.equals(theirs.index)
    assert (ours["purchases"] - 1).to_numpy() == pytest.approx(theirs["frequency"])
    assert ours["days_first_to_last"].to_numpy() == pytest.approx(theirs["recency"])
    assert ours["days_observed"].to_numpy() == pytest.approx(theirs["T"])
    assert ours["spend_mean_repeat"].fillna(0).to_numpy() == pytest.approx(theirs["monetary_value"])


def test_worked_by_hand():
    row = summarise_customers(open_with(), as_of="2024-01-31").loc["a"]
    assert row[["purchases", "orders", "products", "categories", "channels"]].to_list() == [3, 3, 3, 2, 2]
    assert row[["days_since_last", "days_first_to_last", "days_observed"]].to_list() == [0, 30, 30]
    assert row[["spend_total", "spend_mean", "spend_mean_repeat"]].to_list() == [37, 37 / 3, 13.5]
    assert row[["gap_mean_days", "gap_last_days"]].to_list() == [15, 20]
    assert row["gap_spread_days"] == pytest.approx(np.std([10, 20], ddof=1))
    assert row["gap_variation"] == pytest.approx(np.std([10, 20], ddof=1) / 15)
    assert row[["channel_main", "channel_main_share"]].to_list() == ["shop", 27 / 37]
    assert row["discount_share"] == pytest.approx(1 / 38)
    assert row[["margin_total", "cost_known_share"]].to_list() == [32 - 14, 32 / 37]
    assert row[["spend_30d", "purchases_30d", "spend_90d"]].to_list() == [27, 2, 37]


def test_a_purchase_returned_whole_was_none_once_the_return_is_known():
    before, after = (summarise_purchases(open_with(), as_of=day) for day in ("2024-02-09", "2024-02-10"))
    assert before.loc["b", ["purchases", "spend_total"]].to_list() == [1, 8]
    assert after.loc["b", ["purchases", "spend_total"]].to_list() == [0, 0]
    assert after.loc["b", ["days_since_last", "first_day"]].isna().all()


def test_a_matched_return_lowers_the_spend_of_the_sales_day_whatever_the_window():
    lines = [
        ("a", "2023-01-10", "2023-01-10", "50.10"),  # older than a year, and half of it comes back now
        ("a", "2024-01-30", "2023-01-10", "-25.05"),
        ("a", "2023-11-01", "2023-11-01", "0.30"),
        ("a", "2024-01-25", "2023-11-01", "-0.10"),
        ("a", "2024-01-20", None, "-3"),  # nobody knows which sale it undoes: it counts on its own day
    ]
    engine = open_with([(*line, "o", "p", "food", "web", "0", "0") for line in lines])
    row = summarise_customers(engine, as_of="2024-01-31").loc["a"]
    assert row[["spend_30d", "spend_90d", "spend_180d", "spend_365d"]].to_list() == [-3, -3, -2.8, -2.8]
    assert row["spend_total"] == 22.25
    earlier = summarise_customers(engine, as_of="2024-01-22").loc["a"]  # its returns are not known yet
    assert earlier[["spend_90d", "spend_365d"]].to_list() == [-2.7, -2.7]


def test_a_return_without_its_sale_takes_spend_but_is_no_purchase():
    row = summarise_customers(open_with(), as_of="2024-01-31").loc["c"]
    assert row[["purchases", "spend_total", "days_observed"]].to_list() == [1, 26, 6]
    assert row["returns_share"] == pytest.approx(4 / 30)


def test_a_day_given_away_for_nothing_is_a_purchase():
    assert summarise_purchases(open_with(), as_of="2024-01-31").loc["d", "purchases"] == 1


def test_nothing_after_as_of_changes_anything():
    known = [line for line in LINES if line[1] <= "2024-02-09"]
    for found in (summarise_purchases, summarise_customers, purchase_gaps, customer_base.follow_cohorts):
        with_future, without = (
            found(open_with(), as_of="2024-02-09"),
            found(open_with(known), as_of="2024-02-09"),
        )
        pd.testing.assert_frame_equal(with_future, without)


@pytest.mark.parametrize("threads", [1, 4])
def test_row_order_and_threads_change_nothing(cdnow, threads):
    log = read_log("CDNOW_master.txt", "customer_id", skiprows=1).sample(frac=1, random_state=threads)
    shuffled = open_log(log)
    shuffled.execute(f"set threads = {threads}")
    for found in (summarise_customers, purchase_gaps, customer_base.follow_cohorts):
        pd.testing.assert_frame_equal(
            found(cdnow, as_of="1998-06-30"), found(shuffled, as_of="1998-06-30"), check_exact=True
        )


def test_amounts_ten_times_larger_give_spend_ten_times_larger_and_the_same_shares():
    larger = [
        (*line[:3], f"{line[3]}0", *line[4:8], f"{line[8]}0", line[9] and f"{line[9]}0") for line in LINES
    ]
    one, ten = (summarise_customers(open_with(lines), as_of="2024-03-31") for lines in (LINES, larger))
    money = [name for name in one if tables.RESULTS["customer_features"].columns[name].kind == "money"]
    assert len(money) == 8
    np.testing.assert_allclose(ten[money], one[money] * 10)
    pd.testing.assert_frame_equal(ten.drop(columns=money), one.drop(columns=money))


def test_spend_between_completes_the_past():
    engine = open_with()
    past, now = (summarise_purchases(engine, as_of=day) for day in ("2024-01-31", "2024-03-31"))
    between = spend_between(engine, after="2024-01-31", until="2024-03-31")
    assert between.loc["b"].to_list() == [-8, 0]
    assert between.loc["e"].to_list() == [99, 1]
    assert between.index.to_list() == ["b", "e"]
    whole = past["spend_total"].add(between["spend"], fill_value=0)
    pd.testing.assert_series_equal(whole, now["spend_total"], check_names=False)


def test_prospects_are_there_once_they_signed_up():
    listed = pd.DataFrame(
        {
            "customer_id": ["a", "p", "q", "r"],
            "signup": pd.to_datetime(["2023-01-01", "2024-01-10", "2024-02-10", None]),
            "region": ["north", "south", "north", None],
            "orders": ["their", "own", "column", "name"],
        }
    )
    customers = summarise_customers(open_with(customers=listed), as_of="2024-01-31")
    assert customers.index.to_list() == ["a", "b", "c", "d", "p", "r"]
    assert customers.loc["p", ["purchases", "spend_total", "orders", "spend_30d"]].to_list() == [0, 0, 0, 0]
    assert customers.loc["p", ["days_since_last", "first_day", "gap_mean_days", "margin_total"]].isna().all()
    assert customers.loc["p", ["region", "orders_given"]].to_list() == ["south", "own"]
    tables.check(customers, "customer_features")


def test_what_the_data_lack_has_no_column_and_is_said():
    bare = open_with(columns=["customer_id", "day", "purchase_day", "amount"])
    customers = summarise_customers(bare, as_of="2024-01-31")
    for name in (
        "orders",
        "products",
        "categories",
        "channels",
        "channel_main",
        "discount_share",
        "margin_total",
    ):
        assert name not in customers
    unavailable = list_unavailable(bare).set_index("unavailable")
    assert unavailable.loc["orders"].to_list() == ["transactions", "order_id"]
    assert unavailable.loc["margin_total"].to_list() == ["transactions", "cost"]
    assert unavailable.loc["prospects"].to_list() == ["customers", ""]
    assert list_unavailable(open_with(customers=pd.DataFrame({"customer_id": ["a"]}))).empty


def test_the_trend_is_for_customers_observed_long_enough():
    days = pd.date_range("2024-01-01", "2024-12-26", freq="30D").astype(str)
    lines = [("a", day, day, "10", "o", "p", "c", "w", "0", "1") for day in days]
    lines += [("b", day, day, "10", "o", "p", "c", "w", "0", "1") for day in days[-4:]]
    trend = summarise_customers(open_with(lines), as_of="2024-12-31")["spend_trend"]
    assert trend["a"] == 0
    assert np.isnan(trend["b"])


def test_as_of_before_the_data_is_refused_with_the_first_day():
    for found in (summarise_purchases, summarise_customers):
        with pytest.raises(DataError, match="none on or before as_of=2023-12-31; the earliest is 2024-01-01"):
            found(open_with(), as_of="2023-12-31")


def test_gaps_add_up(cdnow):
    customers, gaps = summarise_purchases(cdnow, as_of="1998-06-30"), purchase_gaps(cdnow, as_of="1998-06-30")
    assert gaps["gaps"].sum() == (customers["purchases"] - 1).sum()
    assert gaps["first_gaps"].sum() == (customers["purchases"] > 1).sum()
    assert (gaps["gap_days"] * gaps["gaps"]).sum() == customers["days_first_to_last"].sum()


def test_cohorts_count_everybody_once_in_their_first_month(cdnow):
    followed = customer_base.follow_cohorts(cdnow, as_of="1998-06-30")
    first = followed[followed["months_later"] == 0]
    assert first["active"].sum() == 23_570
    assert first["cohort"].dt.strftime("%Y-%m").to_list() == ["1997-01", "1997-02", "1997-03"]
    assert followed["complete"].all()
    assert not customer_base.follow_cohorts(cdnow, as_of="1998-06-15")["complete"].all()


def test_a_month_in_which_nobody_of_the_cohort_bought_counts_zero():
    followed = customer_base.follow_cohorts(open_with(LINES[:4]), as_of="2024-03-31")
    assert followed["active"].to_list() == [1, 0, 0]
    assert followed["retained_share"].to_list() == [1, 0, 0]


def test_retention_is_a_share_of_the_cohort():
    followed = customer_base.follow_cohorts(open_with(), as_of="2024-03-31")  # b returned all: never bought
    jan = followed[followed["cohort"] == pd.Timestamp("2024-01-01")]
    assert jan["customers"].to_list() == [3, 3, 3]
    assert jan["retained_share"].to_list() == [1, 0, 0]
    later = [*LINES, ("a", "2024-02-02", "2024-02-02", "1", "o", "p", "food", "web", "0", "1")]
    again = customer_base.follow_cohorts(open_with(later), as_of="2024-03-31")
    assert again["retained_share"].to_list()[:3] == [1, pytest.approx(1 / 3), 0]


def test_concentration_of_equal_and_of_one_sided_spend():
    equal = pd.DataFrame({"purchases": 1, "spend_total": [5.0] * 100})
    one = pd.DataFrame({"purchases": 1, "spend_total": [100.0] + [0.0] * 99})
    assert customer_base.measure_concentration(equal) == pytest.approx(
        {"top_10_share": 0.1, "gini": 0, "hhi": 0.01}
    )
    assert customer_base.measure_concentration(one) == pytest.approx(
        {"top_10_share": 1, "gini": 0.99, "hhi": 1}
    )
    assert np.isnan(
        customer_base.measure_concentration(equal.head(40))["top_10_share"]
    )  # 4 customers: too few


def test_lorenz_runs_from_nothing_to_everything_below_the_diagonal(cdnow):
    points = customer_base.lorenz_curve(summarise_purchases(cdnow, as_of="1998-06-30"))
    assert points.iloc[[0, -1]].to_numpy().tolist() == [[0, 0], [1, 1]]
    assert (points["share_of_spend"] <= points["share_of_customers"]).all()
    assert points["share_of_spend"].is_monotonic_increasing


def test_the_curve_of_two_customers_would_tell_what_each_spends():
    two = pd.DataFrame({"purchases": 1, "spend_total": [30.0, 70.0]})
    curve = customer_base.lorenz_curve(two)
    assert curve.empty
    assert describe_concentration(curve, {"gini": 0.2}) == "No curve: too few have bought."
    assert len(customer_base.lorenz_curve(two, at_least=2)) > 2


def test_the_largest_spenders_come_first_and_bands_add_up():
    customers = pd.DataFrame({"purchases": 1, "spend_total": np.arange(1.0, 101.0)})
    bands = customer_base.split_by_spend(customers)
    assert bands["customers"].to_list() == [1, 9, 10, 30, 50]
    assert bands["spend_total"].to_list() == [100, 855, 855, 1965, 1275]
    assert bands["spend_share"].sum() == pytest.approx(1)


def test_small_levels_lose_their_name():
    customers = pd.DataFrame(
        {
            "purchases": 1,
            "spend_total": 2.0,
            "city": ["York"] * 6 + ["Ann's farm", None],
            "name": list("stuvwxyz"),
        }
    )
    groups = customer_base.break_down_all(customers, as_of="2024-01-31")
    assert groups["attribute"].unique().tolist() == ["city"]  # names of persons make no groups
    assert groups["level"].to_list() == ["York", customer_base.OTHERS]
    assert groups["customers"].to_list() == [6, 2]


def test_age_groups_count_birthdays_that_have_been():
    born = pd.to_datetime(["1994-01-31"] * 6 + ["1994-02-01"] * 7 + [None] * 5)
    customers = pd.DataFrame({"purchases": 1, "spend_total": 2.0, "birthday": born})
    groups = customer_base.break_down_all(customers, as_of="2024-01-31").set_index("level")["customers"]
    assert groups.to_dict() == {"30_to_44": 6, "under_30": 7, customer_base.NOT_GIVEN: 5}


def test_categories_are_absent_or_add_up():
    found = customer_base.sum_categories(open_with(), as_of="2024-01-31", at_least=1).set_index("category")
    assert found["spend_total"].to_dict() == {"food": 68, "home": 7}
    assert found.loc["food", "largest_share"] == pytest.approx(30 / 68)
    assert customer_base.sum_categories(open_with(columns=NAMES[:4]), as_of="2024-01-31").empty


def test_the_name_of_a_category_of_few_buyers_is_not_shown():
    lines = [(f"k{n}", "2024-01-02", "2024-01-02", "5", "o", "p", "food", "web", "0", "0") for n in range(6)]
    lines += [("k1", "2024-01-03", "2024-01-03", "900", "o", "p", "for Ann Smith", "web", "0", "0")]
    lines += [(f"k{n}", "2024-01-04", "2024-01-04", "7", "o", "p", "for Bo", "web", "0", "0") for n in (1, 2)]
    found = customer_base.sum_categories(open_with(lines), as_of="2024-01-31").set_index("category")
    assert found.index.to_list() == ["food", customer_base.OTHERS]
    assert found["customers"].to_list() == [6, 2]  # who buys in two of the small ones counts once
    assert found["spend_total"].to_list() == [30, 914]
    assert found["spend_share"].sum() == pytest.approx(1)


def test_small_cohorts_and_small_months_of_large_ones_are_hidden():
    months = pd.DataFrame(
        {
            "cohort": pd.to_datetime(["2024-01-01"] * 4 + ["2024-02-01"] * 3),
            "months_later": [0, 1, 2, 3, 0, 1, 2],
            "customers": [40] * 4 + [4] * 3,
            "active": [40, 12, 4, 0, 4, 4, 0],
            "retained_share": [1, 0.3, 0.1, 0, 1, 1, 0],
            "complete": [True, True, True, False, True, True, True],
        }
    )
    shown = customer_base.hide_small_cohorts(months, at_least=5)
    assert shown["months_later"].to_list() == [1, 2, 1, 2]  # later months, and none that is not over
    assert shown["hidden"].to_list() == [False, True, True, True]
    assert shown["active"].dropna().to_list() == [12]
    assert shown["retained_share"].dropna().to_list() == [0.3]
    assert describe_retention(shown).endswith("by months after the first: 1: 30.0%.")
    assert "No map" in describe_retention(shown[shown["hidden"]])


def test_each_attribute_hides_its_own_small_groups():
    """What one attribute hides is not protected by another one: both sort the same customers."""
    customers = pd.DataFrame(
        {
            "purchases": 1,
            "spend_total": 2.0,
            "region": ["north"] * 25 + ["south"] * 15 + ["east"] * 2,
            "size": ["large"] * 21 + ["small"] * 21,
        }
    )
    groups = customer_base.break_down_all(customers, as_of="2024-01-31")
    shown = customer_base.hide_per_attribute(groups, ["size", "region", "absent"])
    assert shown["attribute"].to_list() == ["size"] * 2 + ["region"] * 3
    assert shown["customers"].to_list()[:2] == [21, 21]
    assert shown.loc[shown["level"] == customer_base.OTHERS, "customers"].isna().all()
    assert shown["customers"].isna().sum() == 2  # the two of the east, and a group that would give them away
    assert "largest_share" not in shown
    assert customer_base.hide_per_attribute(groups, ["absent"]).empty


def test_words_of_groups_name_ours_and_leave_the_datas_own():
    names = name_groups(pd.Index(["45_to_59", "not_given", "north_west"], name="level"))
    assert names.to_list() == ["45 to 59", "(not given)", "north_west"]
    assert names.name == "level"
    groups = pd.DataFrame({"customer_share": [0.25, np.nan], "spend_share": [0.5, np.nan]}, index=["a", "b"])
    assert (
        describe_shares(groups)
        == "Bars, share of customers and of spend. a: 25.0%, 50.0%; b: hidden, hidden."
    )


def test_the_takeaway_says_nothing_of_few():
    sizes = {"customers": [3, 4, 2, 0, 0, 0, 0, 0], "spend_total": [0.0, 50.0, 30.0, 0, 0, 0, 0, 0]}
    by_stage = pd.DataFrame(sizes, index=list(STAGES))
    measures = {"top_10_share": np.nan, "gini": 0.5, "hhi": 0.1}
    returns = looked_back(at_risk=0, lost=0)
    assert "Too few" in describe_base(by_stage, measures, returns, at_least=5).markdown
    told = describe_base(by_stage * 10, measures, returns, at_least=5).markdown
    assert told.startswith("60 customers have bought. Most are **new** (66.7% of buyers, 62.5% of spend)")
    assert "top tenth" not in told
    assert "so named" not in told
    told = describe_base(by_stage * 10, measures, looked_back(at_risk=40, lost=20), at_least=5).markdown
    assert "bought again within 90 days: at risk: 50.0%; lost: 50.0%." in told


def test_the_takeaway_does_not_say_what_the_table_of_stages_hides():
    sizes = {"customers": [0, 0, 0, 0, 60, 6, 2, 0], "spend_total": [0.0, 0, 0, 0, 900.0, 60.0, 40.0, 0]}
    by_stage = pd.DataFrame(sizes, index=list(STAGES))
    measures = {"top_10_share": np.nan, "gini": 0.5, "hhi": 0.1}
    told = describe_base(by_stage, measures, looked_back(at_risk=0, lost=0), at_least=5).markdown
    assert told == "68 customers have bought. Most are **loyal** (88.2% of buyers, 90.0% of spend)."
    two_of_eight = by_stage.assign(customers=[0, 0, 0, 0, 6, 0, 2, 0])  # 6 would tell of the other 2
    assert (
        "Too few"
        in describe_base(two_of_eight, measures, looked_back(at_risk=0, lost=0), at_least=5).markdown
    )
    dominated = describe_base(
        by_stage.assign(largest_share=0.9), measures, looked_back(at_risk=0, lost=0), at_least=5
    ).markdown
    assert dominated == "68 customers have bought. Most are **loyal** (88.2% of buyers)."


def test_most_is_only_said_of_more_than_half_and_lost_only_where_somebody_is():
    sizes = {"customers": [0, 0, 0, 30, 40, 20, 10, 0], "spend_total": [0.0, 0, 0, 300, 400, 200, 100, 0]}
    by_stage = pd.DataFrame(sizes, index=list(STAGES))
    measures, returns = {"top_10_share": np.nan}, looked_back(at_risk=0, lost=0)
    told = describe_base(by_stage, measures, returns).markdown
    assert "The largest stage is **loyal** (40.0% of buyers" in told
    assert "; 30.0% are at risk or lost." in told
    assert "Most are" not in told
    assert "nobody is called lost" not in told
    nobody = by_stage.assign(customers=[0, 0, 0, 20, 60, 20, 0, 0])
    told = describe_base(nobody, measures, returns).markdown
    assert "Most are **loyal** (60.0%" in told
    assert "; 20.0% are at risk, and nobody is called lost." in told


def looked_back(at_risk: int, lost: int) -> pd.DataFrame:
    """The table `stage_returns` of so many customers of two stages, half of whom came back."""
    rows = pd.DataFrame(
        {"customers_then": [at_risk, lost]}, index=pd.Index(["at risk", "lost"], name="stage")
    )
    return rows.assign(bought_again_share=0.5, low=0.4, high=0.6, day=pd.Timestamp("2025-10-02"), days=90.0)


def test_a_name_has_its_past_beside_it_unless_too_few_had_it():
    both = describe_returns(looked_back(40, 20), ["at risk", "lost"], at_least=5)
    assert both == (
        "Of those so named on 2025-10-02, so many bought again within 90 days: at risk: 50.0%; lost: 50.0%."
    )
    assert describe_returns(looked_back(40, 4), ["at risk", "lost"], at_least=5).endswith("at risk: 50.0%.")
    assert describe_returns(looked_back(4, 4), ["at risk", "lost"], at_least=5) == ""
