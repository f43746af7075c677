"""The backtest selects the model, as it would have been selected then; nothing sees the future."""

import itertools
from dataclasses import replace

import duckdb
import numpy as np
import pandas as pd
import pytest
from test_holdout_windows import cdnow_engine

from crcm_lib.features.customers import summarise_customers
from crcm_lib.features.holdout_windows import history_start
from crcm_lib.models import metrics
from crcm_lib.models.clv import ValueModel, fit_value, select_model
from crcm_lib.models.clv.constant_rate import MIN_DAYS
from crcm_lib.models.clv.purchase_models import (
    BASELINES,
    BGNBD,
    CANDIDATES,
    CORRECTED,
    LAST_PERIOD,
    MBGNBD,
    PARETO,
    REGULAR,
    SAME_RATE,
)
from crcm_lib.models.metrics import deviance, rank_models
from crcm_lib.models.reasons import Reason
from crcm_lib.reporting.text.clv import describe_grade, describe_reason, describe_selection
from crcm_lib.schema.tables import check

FIRST, AS_OF = pd.Timestamp("2023-01-01"), "2024-12-30"
DAYS = 730


def draw_orders(customers: int, seed: int, boost: float = 1.0, shape: float = 1.0) -> pd.DataFrame:
    """Orders of customers who never leave and buy at gamma paces, in pauses of this Erlang shape.

    In every quarter one in four customers, those who returned something on their first day, buy `boost`
    times as fast as in the first one: a trait that no purchase model knows.
    """
    random = np.random.default_rng(seed)
    rows = []
    for number in range(customers):
        start, pace = random.integers(0, 240), random.gamma(1.0, 1 / 60)
        marked = number % 4 == 0
        days, now = [start], float(start)
        while True:
            faster = boost ** ((now - start) / 182) if marked else 1.0
            now += random.gamma(shape, 1 / max(pace * faster, 1e-4) / shape)
            if now >= DAYS:
                break
            days.append(int(now))
        spend = random.gamma(3, random.gamma(8, 3), len(days)) + 0.01
        rows += [(f"K{number:04d}", day, amount, "sale") for day, amount in zip(days, spend, strict=True)]
        if marked:
            rows.append((f"K{number:04d}", start, -0.005, "return"))
    orders = pd.DataFrame(rows, columns=["customer_id", "day", "amount", "kind"])
    orders["day"] = orders["purchase_day"] = FIRST + pd.to_timedelta(orders["day"], unit="D")
    return orders.assign(amount=orders["amount"].round(2), order_id=[f"O{n}" for n in range(len(orders))])


def engine_of(orders: pd.DataFrame):
    engine = duckdb.connect()
    engine.register("given", orders)
    engine.execute(
        "create table transactions as select customer_id, cast(day as date) as day, kind, order_id, "
        "cast(purchase_day as date) as purchase_day, cast(amount as decimal(18, 4)) as amount from given"
    )
    return engine


def change_amounts(orders: pd.DataFrame, factor) -> pd.DataFrame:
    """The same orders, each amount times a factor of its day."""
    days = (orders["day"] - FIRST).dt.days.to_numpy(float)
    return orders.assign(amount=(orders["amount"] * factor(days)).round(2))


@pytest.fixture(scope="module")
def orders() -> pd.DataFrame:
    return draw_orders(700, seed=1)


@pytest.fixture(scope="module")
def selection(orders):
    return select_model(engine_of(orders), as_of=AS_OF, horizon_days=120)


def test_windows_follow_each_other_and_end_on_the_last_day(orders, selection):
    holdouts = [window.holdout for window in selection.windows]
    starts, ends = ([getattr(holdout, name) for holdout in holdouts] for name in ("start", "end"))
    assert ends[0] == pd.Timestamp(AS_OF)
    assert ends[1:] == starts[:-1]
    history = (pd.Timestamp(AS_OF) - history_start(engine_of(orders), pd.Timestamp(AS_OF))).days
    assert {(end - start).days for start, end in zip(starts, ends, strict=True)} == {history // 6}


def test_everybody_stands_in_the_standings_and_scores_keep_their_contract(selection):
    expected = {BGNBD, MBGNBD, PARETO, CORRECTED, SAME_RATE, LAST_PERIOD}
    assert set(selection.standings["model"]) == expected
    assert selection.standings["loss"].is_monotonic_increasing
    check(selection.scores(), "backtest")


def test_the_champion_has_the_smallest_loss(selection):
    table = selection.standings.set_index("model")
    assert selection.champion == table.loc[table.index.isin(CANDIDATES), "loss"].idxmin()
    assert (table["behind_low"] <= table["behind"]).all()
    assert table.loc[selection.champion, ["behind", "behind_low", "behind_high"]].tolist() == [0, 0, 0]


def test_a_model_that_knows_better_wins_and_one_that_ties_does_not():
    random = np.random.default_rng(0)
    truth = random.gamma(1, 100, 4000)
    actual = random.gamma(2, truth / 2)
    noisy = truth * random.lognormal(0, 0.6, 4000)
    better = pd.DataFrame({"actual": actual, BGNBD: noisy, PARETO: noisy, CORRECTED: truth})
    assert rank_models([better], CANDIDATES, BASELINES)[1] == CORRECTED
    tied = pd.DataFrame({"actual": actual, BGNBD: truth, PARETO: truth, CORRECTED: truth})
    assert rank_models([tied], CANDIDATES, BASELINES)[1] == BGNBD  # the simplest of equal ones


def test_a_simple_rule_is_selected_where_it_does_best():
    random = np.random.default_rng(0)
    truth = random.gamma(1, 100, 4000)
    noisy = truth * random.lognormal(0, 0.6, 4000)
    frame = pd.DataFrame(
        {"actual": random.gamma(2, truth / 2), SAME_RATE: truth, BGNBD: noisy, PARETO: noisy}
    )
    standings, champion = rank_models([frame], CANDIDATES, BASELINES)
    assert champion == SAME_RATE
    assert metrics.grade([frame], standings, champion, [SAME_RATE], 4000).grade == metrics.TIE


def test_a_simple_rule_predicts_what_was_spent_per_day(orders):
    customers = summarise_customers(engine_of(orders), as_of=AS_OF)
    buyers = customers[customers["spend_total"] > 0]
    said = fit_value(customers, purchase_model=SAME_RATE).predict(buyers, horizon_days=90)["spend_expected"]
    usual = buyers["spend_total"].astype(float) / buyers["days_observed"].clip(lower=MIN_DAYS) * 90
    np.testing.assert_allclose(said, usual)


def test_a_good_season_is_no_models_merit():
    actual = np.random.default_rng(1).gamma(1, 100, 500)
    predicted = actual + 30
    doubled = deviance(2 * actual, predicted)
    assert doubled == pytest.approx(deviance(actual, predicted))
    assert deviance(actual, 3 * actual) == pytest.approx(0, abs=1e-3)  # small predictions count as more


def test_nothing_after_as_of_is_seen(orders, selection):
    day = pd.Timestamp(AS_OF) + pd.Timedelta(days=1)
    later = orders.tail(200).assign(day=day, purchase_day=day, amount=9999.0)
    again = select_model(engine_of(pd.concat([orders, later])), as_of=AS_OF, horizon_days=120)
    pd.testing.assert_frame_equal(again.standings, selection.standings)


def test_of_very_many_customers_the_same_sample_is_judged_in_every_window(orders, selection, monkeypatch):
    monkeypatch.setattr("crcm_lib.features.holdout_windows.SAMPLE", 400)
    some = select_model(engine_of(orders), as_of=AS_OF, horizon_days=120)
    seen = [set(window.holdout.customers.index) for window in some.windows]
    assert 380 < len(seen[0]) <= 400  # those not yet known at its start are not in a window
    assert all(later >= earlier for later, earlier in itertools.pairwise(seen))
    whole = selection.windows[0].holdout.customers
    assert some.windows[0].holdout.customers["spend_total"].equals(whole.loc[sorted(seen[0]), "spend_total"])


def test_the_holdout_table_is_what_the_champion_predicted_for_the_latest_window(selection):
    table, window = check(selection.holdout(), "holdout"), selection.windows[0]
    assert table["spend_predicted"].equals(window.spends[selection.champion].rename("spend_predicted"))
    assert set(table["start"]) == {window.holdout.start}
    assert set(table["end"]) == {pd.Timestamp(AS_OF)}


def test_anyone_can_compute_the_standings_from_the_published_predictions(selection):
    table = check(selection.predictions(), "holdout_predictions")
    assert table["start"].nunique() == selection.judged == 3
    losses = {
        model: np.mean(
            [
                deviance(one["spend_actual"], one["spend_predicted"]).sum()
                for _start, one in rows.groupby("start")
            ]
        )
        for model, rows in table.groupby("model")
    }
    told = selection.standings.set_index("model")["loss"]
    assert {model: loss.mean() for model, loss in losses.items()} == pytest.approx(told.to_dict())


def test_a_range_reaches_four_windows_ahead_and_no_further(selection):
    days = selection.windows[0].holdout.days
    assert selection.largest_error(4 * days) > 0
    assert selection.largest_error(4 * days + 1) is None
    assert selection.largest_error(days, before=2) is None  # of three windows before


def test_row_order_and_names_of_customers_change_nothing(orders, selection):
    shuffled = orders.sample(frac=1, random_state=3)
    renamed = shuffled.assign(customer_id="Z" + shuffled["customer_id"])
    again = select_model(engine_of(renamed), as_of=AS_OF, horizon_days=120)
    pd.testing.assert_frame_equal(again.standings, selection.standings)


def test_amounts_ten_times_as_large_make_values_ten_times_as_large(orders, selection):
    larger = engine_of(orders.assign(amount=orders["amount"] * 10))
    again = select_model(larger, as_of=AS_OF, horizon_days=120)
    assert again.champion == selection.champion
    values = [
        held.refit(summarise_customers(engine, as_of=AS_OF)).predict(
            summarise_customers(engine, as_of=AS_OF), horizon_days=120
        )["value"]
        for held, engine in ((selection, engine_of(orders)), (again, larger))
    ]
    np.testing.assert_allclose(values[1], 10 * values[0], rtol=1e-6)


def test_the_grade_compares_with_the_naive_baselines(selection):
    grade = selection.grade
    assert grade.grade in (metrics.GOOD, metrics.FAIR, metrics.TIE)
    assert grade.baseline in BASELINES
    assert grade.low < grade.change < grade.high
    assert "simple rule" in describe_grade(selection)


@pytest.mark.parametrize("days", [40, 100])
def test_a_short_history_cannot_tell(orders, days):
    until = FIRST + pd.Timedelta(days=days)
    engine = engine_of(orders)
    short = select_model(engine, as_of=until, horizon_days=365)
    assert (short.grade.grade, short.latest, short.champion) == (metrics.UNKNOWN, None, PARETO)
    history = (until - history_start(engine, until)).days
    assert short.reason == Reason("history_too_short", {"history_days": history})
    assert "days of history" in describe_selection(short)
    assert "days of history" in describe_grade(short)
    assert short.deciles().empty
    assert check(short.holdout(), "holdout").empty
    assert check(short.predictions(), "holdout_predictions").empty
    assert short.largest_error(30) is None
    check(short.scores(), "backtest")


def test_few_buyers_cannot_tell(orders):
    few = orders[orders["customer_id"] < "K0020"]
    assert select_model(engine_of(few), as_of=AS_OF, horizon_days=120).grade.grade == metrics.UNKNOWN


def test_for_customers_with_a_rhythm_the_model_that_knows_it_is_selected():
    orders = draw_orders(500, seed=4, shape=4.0)
    regular = select_model(engine_of(orders), as_of=AS_OF, horizon_days=120)
    assert regular.champion == REGULAR
    losses = regular.standings.set_index("model")["loss"]
    assert losses[REGULAR] < 0.97 * min(losses[BGNBD], losses[PARETO])
    model = regular.refit(summarise_customers(engine_of(orders), as_of=AS_OF))
    assert model.purchase_model in ("MBG/CNBD-3", "MBG/CNBD-4", "MBG/CNBD-5")


def test_a_trend_that_goes_with_a_trait_is_learned_from_the_past():
    orders = draw_orders(900, seed=2, boost=1.8)
    selection = select_model(engine_of(orders), as_of=AS_OF, horizon_days=120)
    assert selection.champion == CORRECTED
    losses = selection.standings.set_index("model")["loss"]
    assert losses[CORRECTED] < 0.97 * losses[PARETO]


def test_the_whole_model_survives_json(orders, selection):
    customers = summarise_customers(engine_of(orders), as_of=AS_OF)
    model = replace(selection, champion=CORRECTED).refit(customers)
    assert model.correction is not None
    assert model.name.endswith(", corrected")
    again = ValueModel.from_json(model.to_json())
    pd.testing.assert_frame_equal(
        again.predict(customers, horizon_days=90), model.predict(customers, horizon_days=90)
    )
    alone = again.predict(customers.iloc[[3]], horizon_days=90)
    pd.testing.assert_frame_equal(alone, model.predict(customers, horizon_days=90).loc[alone.index])


def test_what_data_cannot_carry_ends_in_words_and_finite_numbers(orders):
    sales = orders[orders["kind"] == "sale"]
    often = sales.groupby("customer_id")["day"].transform("count")
    cases = {
        "all bought once": sales.groupby("customer_id").head(1),
        "one customer": orders[orders["customer_id"] == "K0001"],
        "twenty customers": orders[orders["customer_id"] < "K0020"],
        "equal amounts": sales.assign(amount=5.0),
        "nothing paid": orders.assign(amount=0.0),
        "spend goes with frequency": sales.assign(amount=(sales["amount"] * often**1.2).round(2)),
    }
    for case, some in cases.items():
        engine = engine_of(some.reset_index(drop=True))
        customers = summarise_customers(engine, as_of=AS_OF)
        model = select_model(engine, as_of=AS_OF, horizon_days=365).refit(customers)
        value = model.predict(customers, horizon_days=365, annual_discount_rate=0.1)
        numbers = value.drop(columns=["model", "p_alive", "growth_expected"]).to_numpy(float)
        assert np.isfinite(numbers).all(), case
        assert model.reasons or model.purchase_model == SAME_RATE, case
        assert all(describe_reason(reason) for reason in model.reasons), case


def test_on_cdnow_the_champion_beats_the_naive_baselines():
    selection = select_model(cdnow_engine(), as_of="1998-06-30", horizon_days=135)
    scores = selection.standings.set_index("model")
    ours, naive = scores.loc[selection.champion], scores.loc[[SAME_RATE, LAST_PERIOD]]
    assert (ours["rmse"] < naive["rmse"]).all()
    assert (ours["gini"] > naive["gini"]).all()
    assert selection.grade.grade in ("good", "fair", "tie")
