"""Customers -> stages: what the windows learn, where the thresholds lie, and that everyone has one stage."""

from dataclasses import replace
from types import SimpleNamespace as Facts

import numpy as np
import pandas as pd
import pytest
from fixtures.engines import engine_of

from crcm_lib.errors import DataError
from crcm_lib.features.customers import list_purchase_days, purchase_gaps, summarise_customers
from crcm_lib.models.customer_base import count_returns
from crcm_lib.models.lifecycle import (
    REASONS,
    STAGES,
    Windows,
    assign_stages,
    date_entries,
    find_thresholds,
    grade_absence,
    learn_windows,
    widen_lost,
)
from crcm_lib.reporting.text.profile import (
    caption_returns,
    describe_absences,
    describe_windows,
    write_stage_reasons,
)
from crcm_lib.schema import tables

WINDOWS = Windows(
    customers=100,
    gaps=400,
    credibility_gaps=1.0,
    new_days=30.0,
    at_risk_days=100.0,
    lost_days=200.0,
    at_risk_ratio=2.0,
    lost_ratio=4.0,
)


def customer(purchases, since_last, span=0.0, last_gap=np.nan):
    """One customer with so many purchases over `span` days, the last one `since_last` days ago."""
    row = {
        "purchases": purchases,
        "days_since_last": float(since_last),
        "days_first_to_last": float(span),
        "days_observed": float(since_last + span),
        "gap_last_days": float(last_gap),
    }
    return pd.DataFrame([row], index=pd.Index(["a"], name="customer_id"))


def stage_of(*history):
    return assign_stages(customer(*history), WINDOWS).loc["a", "stage"]


def simulate(seed, customers=400, days=900):
    """Purchase days of customers whose mean gaps differ, 10 to 90 days, with gaps that are exponential."""
    generator = np.random.default_rng(seed)
    rows = []
    for number in range(customers):
        gaps = generator.exponential(generator.uniform(10, 90), size=60).clip(1).round()
        when = np.unique(generator.integers(0, 200) + np.cumsum(gaps))
        rows += [
            (f"c{number:04}", pd.Timestamp("2022-01-01") + pd.Timedelta(days=d)) for d in when if d < days
        ]
    return pd.DataFrame(rows, columns=["customer_id", "day"])


@pytest.fixture(scope="module")
def engine():
    return engine_of(simulate(seed=7))


def test_thresholds_of_a_customer_without_gaps_are_the_populations():
    assert find_thresholds(customer(1, 50), WINDOWS).loc["a"].to_list() == [100, 200]


def test_thresholds_move_to_the_own_rhythm_as_gaps_are_seen():
    """K = 1 and own mean gap 10: one gap weighs 1/2, three gaps 3/4, 999 gaps nearly everything."""
    assert find_thresholds(customer(2, 5, 10), WINDOWS).loc["a"].to_list() == [60, 120]
    assert find_thresholds(customer(4, 5, 30), WINDOWS).loc["a"].to_list() == [40, 80]
    assert find_thresholds(customer(1000, 5, 9990), WINDOWS).loc["a"].to_list() == [20, 40]


def test_nobodys_rhythm_counts_where_customers_do_not_differ():
    alike = Windows(**{**WINDOWS.__dict__, "credibility_gaps": None})
    assert find_thresholds(customer(9, 5, 80), alike).loc["a"].to_list() == [100, 200]


@pytest.mark.parametrize(
    ("history", "stage"),
    [
        ((0, np.nan, np.nan), "prospect"),
        ((1, 10), "new"),
        ((1, 30), "new"),
        ((1, 31), "one order"),  # first bought longer ago than the window of the new
        ((1, 101), "one order"),  # nobody is late who has no rhythm
        ((1, 200), "one order"),
        ((1, 201), "lost"),
        ((2, 5, 20, 20), "new"),  # came back within the window of the new
        ((2, 25, 20, 20), "growing"),
        ((2, 71, 20, 20), "at risk"),  # 1/2 · 2 · 20 + 1/2 · 100 = 70
        ((3, 1, 99, 50), "growing"),
        ((3, 1, 100, 50), "loyal"),
        ((2, 1, 201, 201), "won back"),
        ((2, 1, 200, 200), "growing"),
        ((4, 1, 20 + 94, 94), "won back"),  # before: 2 gaps, mean 10; lost after 2/3 · 40 + 1/3 · 200 = 93.3
        ((4, 1, 20 + 93, 93), "loyal"),
    ],
)
def test_each_threshold(history, stage):
    assert stage_of(*history) == stage


def test_everyone_has_exactly_one_stage_and_a_reason(engine):
    customers = summarise_customers(engine, as_of="2024-06-18")
    stages = assign_stages(customers, learn_windows(purchase_gaps(engine, as_of="2024-06-18")))
    assert stages.index.equals(customers.index)
    assert set(stages["stage"]) <= set(STAGES)
    assert set(REASONS.values()) == set(STAGES)
    assert tables.RESULTS["stages"].columns["reason"].one_of == tuple(REASONS)
    assert stages["stage"].equals(stages["reason"].map(REASONS).astype("str"))
    sentences = write_stage_reasons(stages, customers)
    assert sentences.index.equals(customers.index)
    assert sentences.str.len().min() > 10
    assert not sentences.str.contains("nan|–").any()
    tables.check(stages, "stages")


def test_reasons_recompute():
    one = customer(2, 71, 20, 20)
    stages = assign_stages(one, WINDOWS)
    assert stages.loc["a", ["at_risk_after_days", "lost_after_days"]].to_list() == [70, 140]
    sentence = write_stage_reasons(stages, one)["a"]
    assert sentence == "absent for 71 days; by own rhythm at risk after 70, lost after 140"


def test_a_customer_won_back_is_told_what_would_have_been_lost():
    one = customer(4, 1, 20 + 94, 94)
    stages = assign_stages(one, WINDOWS)
    assert stages.loc["a", ["reason", "lost_before_days"]].to_list() == ["returned_after_lost", 93]
    assert "lost would have been after 93" in write_stage_reasons(stages, one)["a"]


def test_without_a_window_of_lost_nobody_is_lost_and_no_sentence_names_one():
    nobody = replace(WINDOWS, lost_days=None, lost_ratio=None)
    assert describe_absences(nobody).endswith(
        "lost none: no earlier day shows an absence after which most stayed away."
    )
    assert describe_absences(WINDOWS).endswith("at risk 100 days, lost 200 days.")
    one = customer(2, 900, 20, 20)
    stages = assign_stages(one, nobody)
    assert stages.loc["a", "stage"] == "at risk"
    assert write_stage_reasons(stages, one)["a"] == "absent for 900 days; by own rhythm at risk after 70"


def test_what_segments_may_ask_of_an_absence():
    rows = pd.concat([customer(2, days, 20, 20) for days in (70, 71, 141)]).set_axis(list("abc"))
    rows.loc["d"] = customer(1, 10).iloc[0]
    graded = grade_absence(rows, assign_stages(rows, WINDOWS))
    assert graded["absence"].to_list() == [0, 1, 2, 0]
    assert graded["first_bought_lately"].to_list() == [0, 0, 0, 1]


# Does the name of the lost hold?


def absent(returned_below: int) -> tuple[pd.DataFrame, pd.Series]:
    """100 one-time buyers, absent for 201 to 300 days; those absent for less than `returned_below` return."""
    rows = pd.concat([customer(1, days) for days in range(201, 301)])
    rows.index = pd.Index([f"c{days}" for days in range(201, 301)], name="customer_id")
    return rows, (rows["days_since_last"] < returned_below).astype("int64")


def widen(before, past, windows=WINDOWS):
    names = ("customers", "purchases")
    return widen_lost(windows, *(Facts(**dict(zip(names, each, strict=True))) for each in (before, past)))


def test_the_window_of_lost_stays_where_at_most_half_came_back():
    held = absent(returned_below=251)
    assert widen(held, held) == WINDOWS


def test_the_window_of_lost_is_widened_until_at_most_half_of_those_beyond_it_came_back():
    customers, purchases = absent(returned_below=261)
    wider = widen((customers, purchases), (customers, purchases))
    stages = assign_stages(customers, wider)["stage"]
    assert wider.lost_days == pytest.approx(220)
    assert (stages == "lost").sum() == 80
    assert (purchases[stages == "lost"] > 0).mean() == 0.5
    assert wider.lost_ratio == pytest.approx(4 * 1.1)


def test_a_window_that_held_on_the_earlier_day_is_tested_on_the_later_one():
    """The later day widens nothing; more than half came back then, so the name is not used."""
    held, refuted = absent(returned_below=251), absent(returned_below=252)
    assert widen(held, refuted).lost_days is None
    assert widen(refuted, held).lost_days > WINDOWS.lost_days


def test_nobody_is_lost_where_most_came_back_from_every_absence():
    back = absent(returned_below=300)
    wider = widen(back, back)
    assert (wider.lost_days, wider.lost_ratio) == (None, None)
    assert wider.at_risk_days == WINDOWS.at_risk_days


@pytest.mark.parametrize("which", [0, 1])
def test_nobody_is_lost_where_an_earlier_day_cannot_test_the_name(which):
    """Nobody came back, but of fewer than 30 absences, or with no days held out, that shows nothing."""
    customers, purchases = absent(returned_below=0)
    for tested, lost in ((30, True), (29, False), (0, False)):
        both = [(customers, purchases), (customers, purchases)]
        both[which] = (customers, purchases.iloc[:tested])
        windows = widen(*both)
        assert (windows.lost_days is not None, windows.lost_ratio is not None) == (lost, lost)
        stages = assign_stages(customers, windows)
        assert ("lost" in set(stages["stage"])) is lost
        assert grade_absence(customers, stages)["absence"].max() == 1 + lost


def test_where_nothing_was_held_out_there_is_no_table_but_the_reason():
    groups = pd.Series(["lost", "loyal"], index=list("ab"), name="stage")
    none = count_returns(groups, pd.Series(dtype="int64"), ["loyal", "lost"])
    assert none.columns.to_list() == ["customers_then", "bought_again_share", "low", "high"]
    assert len(none) == 0
    day = pd.Timestamp("2010-12-18")
    assert caption_returns(day, 5, none).startswith("Cannot be told yet: the history is too short")
    some = count_returns(groups, pd.Series([1, 0], index=list("ab")), ["loyal", "lost"])
    assert caption_returns(day, 30, some).startswith("Those so named on 2010-12-18")


def test_of_each_group_it_is_counted_who_bought_again():
    groups = pd.Series(["lost", "lost", "loyal", "loyal"], index=list("abcd"), name="stage")
    bought = pd.Series([0, 2, 1, 3], index=list("abcd"))
    returns = count_returns(groups, bought, ["loyal", "lost", "new"])
    assert returns["customers_then"].to_list() == [2, 2, 0]
    assert returns["bought_again_share"].to_list()[:2] == [1, 0.5]
    assert returns.loc["new"].drop("customers_then").isna().all()
    assert returns.loc["lost", "low"] == pytest.approx(0.0945, abs=1e-4)  # Wilson, 1 of 2


# Since when?


def entered(*days: int, as_of: int) -> tuple[str, int]:
    """The stage of a customer who bought on these days, and the day of entry, counted from the first."""
    start = pd.Timestamp("2024-01-01")
    log = pd.DataFrame({"customer_id": "a", "day": [start + pd.Timedelta(days=day) for day in days]})
    last_gap = days[-1] - days[-2] if len(days) > 1 else np.nan
    stages = assign_stages(customer(len(days), as_of - days[-1], days[-1], last_gap), WINDOWS)
    return stages.loc["a", "stage"], (date_entries(log, stages, WINDOWS)["a"] - start).days


@pytest.mark.parametrize(
    ("days", "as_of", "stage", "day"),
    [
        ([0], 30, "new", 0),
        ([0], 31, "one order", 31),
        ([0], 201, "lost", 201),
        ([0, 20], 25, "new", 0),
        ([0, 20], 31, "growing", 31),
        ([0, 20, 45], 50, "growing", 31),  # was growing already when it bought again
        ([0, 40], 50, "growing", 40),  # was of one order before
        ([0, 20, 45, 100], 110, "loyal", 100),
        ([0, 20, 45, 100, 110], 120, "loyal", 100),
        ([0, 20], 91, "at risk", 91),
        ([0, 20], 161, "lost", 161),
        ([0, 201], 202, "won back", 201),
        ([0, 20, 45, 100, 200], 210, "loyal", 200),  # at risk in between: 3/4 · 2 · 33.3 + 1/4 · 100 = 75
    ],
)
def test_the_day_of_entry(days, as_of, stage, day):
    assert entered(*days, as_of=as_of) == (stage, day)


@pytest.mark.slow
def test_entries_are_the_days_on_which_the_stage_changes_when_every_day_is_asked():
    """By the same windows: the first day of the last run of days in one stage."""
    days = [0, 20, 45, 100, 200, 210, 500, 530]
    found = [entered(*[day for day in days if day <= as_of], as_of=as_of) for as_of in range(700)]
    for as_of, (stage, day) in enumerate(found):
        run = as_of
        while run and found[run - 1][0] == stage:
            run -= 1
        assert day == run, (as_of, stage, day, run)


def test_entries_lie_in_the_past_and_neither_later_purchases_nor_the_order_of_rows_change_them(engine):
    as_of = pd.Timestamp("2023-06-30")
    windows = learn_windows(purchase_gaps(engine, as_of=as_of))
    log = simulate(seed=7)
    shuffled = engine_of(log[log["day"] <= as_of].sample(frac=1, random_state=3))
    dated = []
    for each in (engine, shuffled):
        stages = assign_stages(summarise_customers(each, as_of=as_of), windows)
        dated.append(date_entries(list_purchase_days(each, as_of=as_of), stages, windows))
    assert dated[0].equals(dated[1])
    assert (dated[0] <= as_of).all()


def test_the_window_leaves_the_stated_share_of_gaps_within(engine):
    gaps = purchase_gaps(engine, as_of="2024-06-18")
    windows = learn_windows(gaps, new_share=0.5, at_risk_quantile=0.9, lost_quantile=0.98)
    weight = gaps["gaps"] / gaps["gaps_of_customer"]
    for days, share in ((windows.at_risk_days, 0.9), (windows.lost_days, 0.98)):
        assert weight[gaps["gap_days"] <= days].sum() / weight.sum() >= share
        assert weight[gaps["gap_days"] < days].sum() / weight.sum() < share
    first = gaps["first_gaps"]
    assert first[gaps["gap_days"] <= windows.new_days].sum() / first.sum() >= 0.5


def test_credibility_recovers_the_planted_variances():
    """Gaps are exponential with means uniform on 10…90: K = E(mean²) / Var(mean) = 3033 / 533 = 5.7."""
    generator = np.random.default_rng(3)
    means = generator.uniform(10, 90, size=3000)
    rows = []
    for mean in means:
        gaps = generator.exponential(mean, size=20)
        rows += [(20, gaps.sum(), gap, 1, 0) for gap in gaps]
    names = ["gaps_of_customer", "days_of_customer", "gap_days", "gaps", "first_gaps"]
    frame = pd.DataFrame(rows, columns=names)
    frame.loc[::20, "first_gaps"] = 1
    assert learn_windows(frame).credibility_gaps == pytest.approx(5.7, rel=0.1)


def test_customers_alike_have_no_rhythm_of_their_own():
    gaps = pd.DataFrame(
        {
            "gaps_of_customer": 2,
            "days_of_customer": 30,
            "gap_days": [10, 20],
            "gaps": 50,
            "first_gaps": [50, 0],
        }
    )
    assert learn_windows(gaps).credibility_gaps is None


def test_where_nobody_came_back_everybody_is_new_as_no_window_is_known():
    engine = engine_of(simulate(seed=1).drop_duplicates("customer_id"))
    windows = learn_windows(purchase_gaps(engine, as_of="2030-01-01"))
    stages = assign_stages(summarise_customers(engine, as_of="2030-01-01"), windows)
    assert set(stages["stage"]) == {"new"}
    assert describe_windows(windows)["learned"].dropna().to_list() == [0, 0]


def test_tomorrows_customers_are_measured_with_todays_windows(engine):
    windows = learn_windows(purchase_gaps(engine, as_of="2024-06-18"))
    again = Windows.from_json(windows.to_json())
    assert again == windows
    customers = summarise_customers(engine, as_of="2024-06-18")
    alone = assign_stages(customers.iloc[[5]], again)
    pd.testing.assert_frame_equal(alone, assign_stages(customers, windows).iloc[[5]])


def test_row_order_changes_nothing(engine):
    shuffled = engine_of(simulate(seed=7).sample(frac=1, random_state=2))
    one, other = (learn_windows(purchase_gaps(e, as_of="2024-06-18")) for e in (engine, shuffled))
    assert one == other


def test_missing_columns_are_all_named():
    with pytest.raises(
        DataError, match=r"2 problem\(s\)\n  days_since_last: missing\n  gap_last_days: missing"
    ):
        assign_stages(customer(1, 3).drop(columns=["days_since_last", "gap_last_days"]), WINDOWS)
