"""Retention of subscriptions against the published numbers, against the truth, and on paper."""

import duckdb
import numpy as np
import pandas as pd
import pytest
from scipy.special import hyp2f1
from worlds.renewals import AS_OF, as_subscriptions, draw_subscriptions

from crcm_lib.features.contract_periods import Subscriptions, trace_subscriptions
from crcm_lib.models.subscriptions.renewal_backtest import SAME_RATE, SBG, backtest_renewals
from crcm_lib.models.subscriptions.renewals import Horizon, Renewals, predict_renewals, value_renewals
from crcm_lib.models.subscriptions.sbg import (
    Retention,
    compare_survival,
    discount_lifetime,
    fit_retention,
    sbg_objective,
    survival_curve,
)
from crcm_lib.privacy import hide_small
from crcm_lib.reporting.text.subscriptions import (
    caption_backtest,
    describe_renewals,
    describe_survival,
    list_remarks,
)
from crcm_lib.schema.tables import check

# Fader & Hardie (2007), How to project customer retention, table 1: % surviving after 0, 1, … 12 years
HIGH_END = [100, 86.9, 74.3, 65.3, 59.3, 55.1, 51.7, 49.1, 46.8, 44.5, 42.7, 40.9, 39.4]
REGULAR = [100, 63.1, 46.8, 38.2, 32.6, 28.9, 26.2, 24.1, 22.3, 20.7, 19.4, 18.3, 17.3]
PAPER = {"High End": (HIGH_END, 0.668, 3.806), "Regular": (REGULAR, 0.704, 1.182)}
PARAMS = {"alpha": 0.668, "beta": 3.806}
NO_FIT = Retention({}, 365)


def from_survival(percent: list[float], years: int = 7) -> Subscriptions:
    """A cohort of 1,000, watched for some years."""
    alive = np.round(np.array(percent[: years + 1]) * 10).astype(int)
    renewals = np.repeat([*range(years), years], [*-np.diff(alive), alive[-1]])
    return as_subscriptions(renewals, np.arange(len(renewals)) < 1000 - alive[-1])


def draw_contracts(n: int, seed: int, params=PARAMS, days: int = 365, years: int = 8) -> pd.DataFrame:
    """Contracts of customers who begin over some years and leave by sBG; known on AS_OF."""
    rng = np.random.default_rng(seed)
    leave = rng.beta(params["alpha"], params["beta"], n)
    number = np.minimum(rng.geometric(np.maximum(leave, 1e-9)), 500)  # contracts until leaving
    begin = AS_OF - pd.to_timedelta(rng.integers(0, years * days, n), unit="D")
    who = np.repeat(np.arange(n), np.minimum(number, years + 1))
    place = np.arange(len(who)) - np.searchsorted(who, who)
    start = begin[who] + pd.to_timedelta(place * days, unit="D")
    end = start + pd.Timedelta(days=days - 1)
    log = pd.DataFrame({"customer_id": [f"c{i:05d}" for i in who], "start": start, "end": end})
    renewed = pd.Series(place + 1 < number[who], dtype="boolean").where(end <= AS_OF)
    log = log.assign(renewed=renewed, value=100.0 + who % 7)
    return log[log["start"] <= AS_OF].reset_index(drop=True)


def engine_of(contracts: pd.DataFrame):
    engine = duckdb.connect()
    engine.register("given", contracts)
    engine.execute("create table contracts as select * from given")
    return engine


def value(
    retention: Retention, subscriptions: Subscriptions, *, days: float = 365, seed: int = 0
) -> Renewals:
    return value_renewals(retention, subscriptions, Horizon(AS_OF, days), seed=seed)


def predict(retention, subscriptions, *, days: float = 365, rate: float = 0.0) -> pd.DataFrame:
    return predict_renewals(retention, subscriptions, Horizon(AS_OF, days, rate))


def say_value(ahead: Renewals) -> str:
    """What a reader is told of these renewals."""
    money = ["renewal_value", "value_low", "value_high"]
    summary = hide_small(ahead.summarise(), counts="subscriptions", money=money)
    return describe_renewals(ahead, summary, "EUR", 5)


def tell(contracts: pd.DataFrame | None) -> str:
    """What a reader is told of these contracts."""
    engine = duckdb.connect() if contracts is None else engine_of(contracts)
    subscriptions = trace_subscriptions(engine, as_of=AS_OF)
    retention = fit_retention(subscriptions)
    past = caption_backtest(backtest_renewals(engine, as_of=AS_OF))
    return " ".join([say_value(value(retention, subscriptions)), past, remark(retention, subscriptions)])


def remark(retention: Retention, subscriptions: Subscriptions) -> str:
    """What is remarked on the fit and on the contracts."""
    return " ".join(list_remarks(retention, subscriptions)["remark"])


def trace(contracts: pd.DataFrame, as_of=AS_OF) -> Subscriptions:
    return trace_subscriptions(engine_of(contracts), as_of=as_of)


def terms(*spans: tuple, renewed=None) -> pd.DataFrame:
    """One customer's contracts, given by first and last day."""
    start, end = (pd.to_datetime([span[side] for span in spans]) for side in (0, 1))
    frame = pd.DataFrame({"customer_id": "a", "start": start, "end": end})
    return frame if renewed is None else frame.assign(renewed=pd.array(renewed, dtype="boolean"))


@pytest.fixture(scope="module")
def drawn() -> pd.DataFrame:
    return draw_contracts(2000, seed=1)


@pytest.fixture(scope="module")
def learned(drawn) -> tuple[Retention, Subscriptions]:
    subscriptions = trace(drawn)
    return fit_retention(subscriptions), subscriptions


# Published results


@pytest.mark.parametrize("segment", PAPER)
def test_parameters_of_seven_years_are_those_of_fader_hardie_2007(segment):
    percent, alpha, beta = PAPER[segment]
    retention = fit_retention(from_survival(percent))
    found = [retention.params[name] for name in ("alpha", "beta")]
    assert found == pytest.approx([alpha, beta], abs=0.0006)


@pytest.mark.parametrize(("segment", "within"), [("High End", 1.7), ("Regular", 0.4)])
def test_projections_to_year_12_follow_fader_hardie_2007(segment, within):
    percent, _alpha, _beta = PAPER[segment]
    retention = fit_retention(from_survival(percent))
    projected = 100 * survival_curve(retention.params, 0, np.arange(8, 13))
    assert projected == pytest.approx(percent[8:], abs=within)  # percentage points
    if segment == "High End":
        assert projected == pytest.approx([46.0, 43.6, 41.4, 39.5, 37.8], abs=0.06)


def test_residual_lifetime_is_the_hypergeometric_function_of_fader_hardie_2010_eq_6():
    n = np.arange(1, 30)  # contracts so far
    alpha, beta = PARAMS["alpha"], PARAMS["beta"]
    paper = (beta + n - 1) / (alpha + beta + n - 1) * hyp2f1(1, beta + n, alpha + beta + n, 1 / 1.1)
    assert discount_lifetime(PARAMS, n - 1, 0.1) == pytest.approx(paper, rel=1e-10)


@pytest.mark.parametrize("params", [PARAMS, {"alpha": 1e-4, "beta": 2.0}, {"alpha": 9e3, "beta": 1e4}])
def test_residual_lifetime_is_the_discounted_series_even_where_scipy_gives_none(params):
    later = np.arange(1, 800)
    for renewals in (0, 3, 40):
        series = (survival_curve(params, renewals, later) * 1.1 ** -(later - 1.0)).sum()
        assert discount_lifetime(params, renewals, 0.1) == pytest.approx(series, rel=1e-7)


def test_retention_and_residual_lifetime_rise_with_age_as_in_fader_hardie_2010():
    ages = np.arange(30)
    chance = survival_curve(PARAMS, ages, 1)
    assert chance == pytest.approx((3.806 + ages) / (0.668 + 3.806 + ages))
    assert (np.diff(chance) > 0).all()
    assert (np.diff(discount_lifetime(PARAMS, ages, 0.1)) > 0).all()


def test_without_discount_residual_lifetime_is_finite_only_above_alpha_1():
    later = np.arange(1, 200_000)
    steady = {"alpha": 3.0, "beta": 6.0}
    assert discount_lifetime(steady, 2, 0.0) == pytest.approx(
        survival_curve(steady, 2, later).sum(), rel=1e-4
    )
    assert np.isinf(discount_lifetime(PARAMS, 2, 0.0))


# On paper


def test_gradient_is_the_slope_of_the_likelihood():
    objective = sbg_objective(np.array([0.0, 1, 4, 4]), np.array([1.0, 0, 1, 0]), np.array([5.0, 3, 2, 9]))
    point, step = np.array([0.4, -0.3]), 1e-6
    slope = [
        (objective(point + step * way)[0] - objective(point - step * way)[0]) / (2 * step)
        for way in np.eye(2)
    ]
    assert objective(point)[1] == pytest.approx(slope, abs=1e-8)


def test_customers_who_are_all_alike_renew_at_one_rate():
    rng = np.random.default_rng(3)
    contracts = rng.geometric(0.2, 20_000)
    retention = fit_retention(as_subscriptions(np.minimum(contracts - 1, 9), contracts <= 9))
    assert survival_curve(retention.params, np.array([0, 8]), 1) == pytest.approx(0.8, abs=0.01)


def test_renewals_within_the_horizon_are_counted_and_discounted_from_their_own_days():
    retention = Retention(PARAMS, 365)
    table = predict(retention, as_subscriptions([2, 0], [False, True]), days=830, rate=0.1)
    assert table.index.tolist() == ["c00000"]  # who left has no row
    first, second = (5.806 / 6.474), (5.806 / 6.474) * (6.806 / 7.474)  # after 100 and 465 days; 830 is third
    third = second * 7.806 / 8.474
    row = table.loc["c00000"]
    assert row["p_renewal"] == pytest.approx(first)
    assert row["expected_renewals"] == pytest.approx(first + second + third)
    worth = first / 1.1 ** (100 / 365) + second / 1.1 ** (465 / 365) + third / 1.1 ** (830 / 365)
    assert row["renewal_value"] == pytest.approx(100 * worth)
    assert row["lifetime_discounted"] == pytest.approx(float(discount_lifetime(PARAMS, 2, 0.1)))


def test_nothing_falls_within_a_horizon_that_ends_before_the_contract():
    table = predict(Retention(PARAMS, 365), as_subscriptions([2], [0]), days=99)
    assert table["expected_renewals"].tolist() == [0]
    assert table["renewal_value"].tolist() == [0]


def test_a_customer_of_several_subscriptions_has_one_row_with_the_next_decision_and_all_value():
    found = as_subscriptions([2, 0, 0], [0, 0, 0])
    rows = found.rows.assign(customer_id=["a", "a", "b"])
    rows.loc[1, "next_end"] -= pd.Timedelta(days=50)  # is decided before the one above
    ahead = value(Retention(PARAMS, 365), Subscriptions(rows, 365, found.counts)).customers
    first, third = 3.806 / 4.474, 5.806 / 6.474
    assert ahead["p_renewal"].to_dict() == pytest.approx({"a": first, "b": first})
    assert ahead["renewal_value"].to_dict() == pytest.approx({"a": 100 * (first + third), "b": 100 * first})


def test_actual_survival_is_kaplan_meier():
    subscriptions = as_subscriptions([0, 0, 1, 1, 2], [True, False, True, False, False])
    table = compare_survival(Retention({}, 365), subscriptions)
    assert table["renewals"].tolist() == [0, 1, 2]
    assert table["customers"].tolist() == [5, 4, 2]  # the second customer has not yet decided
    assert table["actual_share"].tolist() == pytest.approx([1, 3 / 4, 3 / 4 * 1 / 2])


# From contracts to subscriptions


def test_contracts_that_follow_each_other_are_one_subscription():
    found = trace(
        terms(("2023-01-01", "2023-12-31"), ("2024-01-10", "2025-01-09"), ("2025-01-10", "2026-01-09"))
    )
    (row,) = found.rows.to_dict("records")
    assert (row["renewals"], row["lost"]) == (2, False)
    assert row["since"] == pd.Timestamp("2023-01-01")
    assert row["next_end"] == pd.Timestamp("2026-01-09")


def test_who_comes_back_much_later_begins_anew():
    found = trace(
        terms(("2021-01-01", "2021-12-31"), ("2023-06-01", "2024-05-31"), ("2024-06-01", "2025-05-31"))
    )
    assert found.rows["renewals"].tolist() == [0, 1]
    assert found.rows["lost"].tolist() == [True, True]
    assert found.counts["silent"] == 2


@pytest.mark.parametrize(
    ("as_of", "renewed", "lost", "running"),
    [
        ("2024-12-30", [None], False, True),  # not yet ended
        ("2025-01-20", [None], False, True),  # ended, nothing heard: waits
        ("2025-01-20", [False], True, False),
        ("2025-01-20", [True], False, True),  # said to be renewed, the contract is not in the data yet
        ("2025-03-20", [None], True, False),  # nothing heard for more than a tenth of its length
        ("2024-06-30", [False], False, True),  # what is known later does not count
    ],
)
def test_what_became_of_a_contract_is_what_is_known_by_then(as_of, renewed, lost, running):
    (row,) = trace(terms(("2024-01-01", "2024-12-31"), renewed=renewed), as_of).rows.to_dict("records")
    assert row["lost"] == lost
    assert pd.notna(row["next_end"]) == running


def test_a_contract_that_followed_counts_though_it_was_marked_as_not_renewed():
    log = terms(("2023-01-01", "2023-12-31"), ("2024-01-01", "2024-12-31"), renewed=[False, True])
    found = trace(log, "2024-12-31")
    assert found.rows["renewals"].tolist() == [2]
    assert found.counts["contradicted"] == 1
    assert "1 contracts are marked as not renewed, but another followed" in remark(NO_FIT, found)
    early = terms(("2023-01-01", "2024-01-10"), ("2024-01-01", "2024-12-31"), renewed=[False, None])
    assert trace(early, "2024-01-05").counts["contradicted"] == 0  # the mark is of a later day


def test_a_contract_of_another_length_was_signed_but_is_not_followed():
    yearly = pd.concat([terms(("2023-01-01", "2023-12-31")).assign(customer_id=c) for c in "bcd"])
    odd = terms(("2023-01-01", "2023-12-31"), ("2024-01-01", "2024-03-31"))
    found = trace(pd.concat([yearly, odd]))
    row = found.rows.set_index("customer_id").loc["a"]
    assert (row["renewals"], row["lost"]) == (1, False)
    assert pd.isna(row["next_end"])
    assert remark(NO_FIT, found).startswith("1 of 5 contracts do not last about 365 days")


def test_contracts_side_by_side_are_left_out_and_said():
    single = terms(("2023-01-01", "2023-12-31")).assign(customer_id="b")
    double = terms(("2023-01-01", "2023-12-31"), ("2023-06-01", "2024-05-31"))
    found = trace(pd.concat([single, double]))
    assert found.rows["customer_id"].tolist() == ["b"]
    assert "1 customers hold contracts side by side" in remark(NO_FIT, found)


def test_monthly_contracts_are_one_length():
    starts = pd.date_range("2025-01-01", "2025-11-01", freq="MS")
    found = trace(pd.DataFrame({"customer_id": "a", "start": starts, "end": starts + pd.offsets.MonthEnd(0)}))
    assert found.period_days == 31
    assert found.counts["of_usual_length"] == 11
    assert found.rows["renewals"].tolist() == [10]


# Truth and invariance


def test_parameters_are_recovered_from_simulated_contracts():
    found = [fit_retention(trace(draw_contracts(8000, seed))).params for seed in range(6)]
    mean = {name: np.mean([one[name] for one in found]) for name in PARAMS}
    assert mean == pytest.approx(PARAMS, rel=0.1)


def test_what_happens_later_changes_nothing(drawn, learned):
    day = AS_OF - pd.Timedelta(days=400)
    before = trace(drawn, day)
    known = drawn[drawn["start"] <= day]
    known = known.assign(renewed=known["renewed"].where(known["end"] <= day))
    pd.testing.assert_frame_equal(trace(known, day).rows, before.rows)
    assert fit_retention(before) == fit_retention(trace(known, day))
    assert fit_retention(before) != learned[0]


def test_row_order_and_ids_do_not_change_the_answer(drawn, learned):
    retention, subscriptions = learned
    renamed = drawn.sample(frac=1, random_state=2).assign(customer_id=lambda log: "x" + log["customer_id"])
    again = trace(renamed)
    assert fit_retention(again) == retention
    one, other = (predict(retention, each, rate=0.1) for each in (subscriptions, again))
    pd.testing.assert_frame_equal(one, other.set_index(other.index.str[1:]))


def test_dearer_contracts_are_worth_as_much_more_and_change_nothing_else(drawn, learned):
    retention, subscriptions = learned
    dearer = trace(drawn.assign(value=drawn["value"] * 3))
    assert fit_retention(dearer) == retention
    one, other = (predict(retention, each, days=900, rate=0.1) for each in (subscriptions, dearer))
    assert other["renewal_value"].to_numpy() == pytest.approx(3 * one["renewal_value"].to_numpy())
    assert other["expected_renewals"].equals(one["expected_renewals"])


def test_what_was_learned_is_kept_as_json(learned):
    assert Retention.from_json(learned[0].to_json()) == learned[0]


# What cannot be told


def undecidable() -> dict[str, tuple[str, Subscriptions]]:
    rng = np.random.default_rng(4)
    some = rng.integers(0, 3, 200)
    few, unequal = "too_few_subscriptions", "too_few_per_outcome"
    return {
        "0 subscriptions": (few, as_subscriptions([], [])),
        "20 subscriptions": (few, as_subscriptions(some[:20], some[:20] == 1)),
        "no contract has come up for renewal": (
            "no_decision_yet",
            as_subscriptions(np.zeros(50), np.zeros(50)),
        ),
        "were renewed and 0 were not": (unequal, as_subscriptions(some, np.zeros(200))),
        "0 were renewed and 200 were not": (unequal, as_subscriptions(np.zeros(200), np.ones(200))),
        "nobody's contract has come up for renewal twice": (
            "nobody_decided_twice",
            as_subscriptions(some % 2, some == 0),
        ),
    }


@pytest.mark.parametrize("why", undecidable())
def test_what_cannot_be_told_ends_in_words(why):
    reason, subscriptions = undecidable()[why]
    retention = fit_retention(subscriptions)
    assert not retention.known
    assert retention.reasons == (reason,)
    assert why in remark(retention, subscriptions).lower()
    ahead, past = value(retention, subscriptions), backtest_renewals(duckdb.connect(), as_of=AS_OF)
    assert check(ahead.customers.reset_index(), "renewals").empty
    assert say_value(ahead) == "No subscription is running."
    assert caption_backtest(past) == "There are no contracts to look back on."
    assert predict(retention, subscriptions, rate=0.1).empty
    assert "expected_share" not in compare_survival(retention, subscriptions)


def test_one_cohort_is_remarked(learned):
    retention = fit_retention(as_one_cohort(from_survival(REGULAR)))
    assert "one_cohort" in retention.reasons
    assert "All began within one contract's length" in remark(
        retention, trace_subscriptions(duckdb.connect(), as_of=AS_OF)
    )
    assert learned[0].reasons == ()


def as_one_cohort(subscriptions: Subscriptions) -> Subscriptions:
    rows = subscriptions.rows.assign(since=pd.Timestamp("2018-01-01"))
    return Subscriptions(rows, subscriptions.period_days, subscriptions.counts)


def test_without_the_table_there_are_no_subscriptions_and_its_absence_is_said():
    found = trace_subscriptions(duckdb.connect(), as_of=AS_OF)
    assert found.rows.empty
    assert found.missing == "no_contracts_table"
    assert remark(NO_FIT, found) == ""
    assert backtest_renewals(duckdb.connect(), as_of=AS_OF).scores.empty
    survival = compare_survival(fit_retention(found), found)
    assert survival["actual_share"].dropna().empty
    assert tell(None).endswith("There is no table `contracts`.")


def test_a_table_without_contracts_by_then_is_told_from_no_table(drawn):
    assert trace(drawn.iloc[:0]).missing == "no_contract_begun"
    assert tell(drawn.iloc[:0]).endswith("No contract has begun.")


def test_unknown_values_take_the_median_and_without_any_there_is_no_value(drawn):
    rows = drawn.assign(value=drawn["value"].where(drawn["customer_id"] > "c00500"))
    some, none = trace(rows), trace(drawn.drop(columns=["value", "renewed"]))
    assert some.counts["value_unknown"] > 0
    for subscriptions, valued in ((some, True), (none, False)):
        table = predict(fit_retention(subscriptions), subscriptions)
        assert ("renewal_value" in table) == valued
        assert table.notna().all(axis=None)
        ahead = value(fit_retention(subscriptions), subscriptions)
        assert list(ahead.customers) == ["p_renewal", "renewal_value"][: 1 + valued]
        assert np.isfinite([ahead.low, ahead.high]).all() == valued
    assert "The value of no contract is known." in tell(drawn.drop(columns=["value", "renewed"]))


# How sure


def test_the_expected_sum_lies_within_a_range_that_scales_with_the_values():
    subscriptions, _came = draw_subscriptions(300, seed=1)
    dearer = Subscriptions(
        subscriptions.rows.assign(value=subscriptions.rows["value"] * 3), 365, {**subscriptions.counts}
    )
    one, other = (value(fit_retention(each), each) for each in (subscriptions, dearer))
    assert one.low < one.rows["renewal_value"].sum() < one.high
    assert (other.low, other.high) == pytest.approx((3 * one.low, 3 * one.high))


def test_a_horizon_before_every_decision_brings_nothing_for_sure():
    ahead = value(Retention(PARAMS, 365), as_subscriptions([2] * 40, [0] * 40), days=99)
    assert (ahead.rows["renewal_value"].sum(), ahead.low, ahead.high) == (0, 0, 0)


# In words


def test_a_reader_is_told_the_value_the_chance_and_whether_chances_would_have_been_right(drawn, learned):
    told, ahead = tell(drawn), value(*learned)
    assert f"{len(ahead.rows):,} subscriptions are running" in told
    assert f"chance is {ahead.rows['p_renewal'].mean():.1%} on average" in told
    assert (
        f"worth {ahead.rows['renewal_value'].sum():,.0f} EUR, discounted to today ({ahead.low:,.0f} to "
        f"{ahead.high:,.0f} in four of five futures)"
    ) in told
    assert "Held out: the " in told


def test_where_everybody_left_that_is_said(learned):
    everybody = as_subscriptions([1] * 40, [1] * 40)
    assert say_value(value(learned[0], everybody)) == "No subscription is running."


def test_what_tells_of_few_subscriptions_or_of_one_is_hidden(learned):
    retention, subscriptions = learned
    few = Subscriptions(subscriptions.rows.query("next_end.notna()").head(4), 365, subscriptions.counts)
    assert say_value(value(retention, few)) == "Fewer than 5 subscriptions are running."
    rows = subscriptions.rows.query("next_end.notna()").head(9)
    alone = Subscriptions(rows.assign(value=[1e6, *[1.0] * 8]), 365, subscriptions.counts)
    words = say_value(value(retention, alone))
    assert "One of them dominates" in words
    assert "EUR" not in words


# Backtest


def test_held_out_renewals_are_nearer_to_the_model_than_to_one_rate_for_all():
    past = backtest_renewals(engine_of(draw_contracts(8000, seed=5)), as_of=AS_OF)
    scores = past.scores.set_index("model")
    assert scores.loc[SBG, "brier"] < scores.loc[SAME_RATE, "brier"]
    assert scores.loc[SBG, "loglik"] > scores.loc[SAME_RATE, "loglik"]
    assert abs(scores.loc[SBG, "bias"]) < 0.01 < abs(scores.loc[SAME_RATE, "bias"])
    assert past.comparison == "closer"
    assert "chances are closer" in caption_backtest(past)
    assert past.decisions["renewed"].sum() == scores.loc[SBG, "renewed"]


def test_the_model_learns_nothing_from_the_days_held_out(drawn):
    past = backtest_renewals(engine_of(drawn), as_of=AS_OF)
    after = (drawn["end"] > past.start) & (drawn["end"] <= AS_OF)
    changed = drawn.assign(renewed=drawn["renewed"].mask(after, False))
    changed = changed[changed["start"] <= past.start]  # nobody renews after the cut
    again = backtest_renewals(engine_of(changed), as_of=AS_OF)
    assert again.retention == past.retention
    assert not again.decisions["renewed"].any()
    assert past.decisions["renewed"].any()


def test_a_backtest_that_has_too_little_says_why(drawn):
    short = drawn[drawn["start"] <= AS_OF - pd.Timedelta(days=3 * 365)]  # the first five years' contracts
    nobody_due = backtest_renewals(engine_of(short), as_of=AS_OF)
    assert nobody_due.comparison == "too_few_decisions"
    assert "0 contracts came up for renewal" in caption_backtest(nobody_due)
    few = backtest_renewals(engine_of(drawn[drawn["customer_id"] < "c00010"]), as_of=AS_OF)
    assert few.comparison == "no_fit"
    assert "nothing could be fitted before. There are 10 subscriptions" in caption_backtest(few)
    assert few.scores.empty
    assert nobody_due.scores.empty


# What is shown


def test_survival_is_actual_and_projected_and_few_are_hidden(learned):
    table = compare_survival(*learned)
    assert table.loc[0, ["actual_share", "expected_share"]].to_list() == [1, 1]
    assert table["actual_share"].iloc[-3:].isna().all()  # nobody has decided yet
    assert table["expected_share"].notna().all()
    words = describe_survival(table)
    actual, expected = table.loc[1, ["actual_share", "expected_share"]]
    assert f"1: {actual:.1%}, model {expected:.1%}" in words
    assert "not seen yet, model" in words
    few = table.assign(customers=[*table["customers"].iloc[:-4], 3, 0, 0, 0])
    hidden = few.assign(actual_share=hide_small(few)["actual_share"])
    assert pd.isna(hidden["actual_share"].iloc[-4])
    assert hidden["actual_share"].iloc[1] == actual
    assert "hidden, model" in describe_survival(hidden)
    all_few = hide_small(table.assign(customers=3))["actual_share"]
    assert describe_survival(table.assign(actual_share=all_few)).startswith("No picture: too few contracts")
