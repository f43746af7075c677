"""Rolling origins choose the model; the correction learns what a model misses; nothing sees the future."""

import itertools
from dataclasses import replace

import duckdb
import numpy as np
import pandas as pd
import pytest

from crcm_lib.features.customers import summarise_customers
from crcm_lib.models import metrics
from crcm_lib.models.clv import ValueModel, residual_boosting, select_model
from crcm_lib.models.clv.backtest import LAST_PERIOD, SAME_RATE
from crcm_lib.models.clv.calibration import CalibrationError, calibration_factor, measure_calibration_error
from crcm_lib.models.clv.model_selection import measure_loss, rank
from crcm_lib.models.clv.purchase_models import BGNBD, CANDIDATES, CORRECTED, MBGNBD, PARETO, REGULAR
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


@pytest.fixture(scope="module")
def orders() -> pd.DataFrame:
    return draw_orders(700, seed=1)


@pytest.fixture(scope="module")
def contest(orders):
    return select_model(engine_of(orders), as_of=AS_OF, horizon_days=120)


def test_windows_follow_each_other_and_end_on_the_last_day(contest):
    starts, ends = ([getattr(look, name) for look in contest.looks] for name in ("cut", "until"))
    assert ends[0] == pd.Timestamp(AS_OF)
    assert ends[1:] == starts[:-1]
    assert {(end - start).days for start, end in zip(starts, ends, strict=True)} == {120}


def test_everybody_stands_in_the_standings_and_scores_keep_their_contract(contest):
    expected = {BGNBD, MBGNBD, PARETO, CORRECTED, SAME_RATE, LAST_PERIOD}
    assert set(contest.standings["model"]) == expected
    assert contest.standings["loss"].is_monotonic_increasing
    check(contest.scores(), "backtest")


def test_the_champion_is_the_simplest_within_one_standard_error(contest):
    behind = contest.standings.set_index("model")["behind"].to_dict()
    near = [name for name in CANDIDATES if behind.get(name, np.inf) <= 1]
    assert contest.champion == near[0]


def test_a_model_that_knows_better_wins_and_one_that_ties_does_not():
    random = np.random.default_rng(0)
    truth = random.gamma(1, 100, 4000)
    actual = random.gamma(2, truth / 2)
    noisy = truth * random.lognormal(0, 0.6, 4000)
    better = pd.DataFrame({"actual": actual, BGNBD: noisy, PARETO: noisy, CORRECTED: truth})
    assert rank([better])[1] == CORRECTED
    tied = pd.DataFrame({"actual": actual, BGNBD: truth, PARETO: truth * 1.000001, CORRECTED: truth})
    assert rank([tied])[1] == BGNBD


def test_a_good_season_is_no_models_merit():
    actual = np.random.default_rng(1).gamma(1, 100, 500)
    predicted = actual + 30
    doubled = measure_loss(2 * actual, predicted)
    assert doubled == pytest.approx(measure_loss(actual, predicted))
    assert measure_loss(actual, 3 * actual) == pytest.approx(0, abs=1e-12)


def test_nothing_after_as_of_is_seen(orders, contest):
    day = pd.Timestamp(AS_OF) + pd.Timedelta(days=1)
    later = orders.tail(200).assign(day=day, purchase_day=day, amount=9999.0)
    again = select_model(engine_of(pd.concat([orders, later])), as_of=AS_OF, horizon_days=120)
    pd.testing.assert_frame_equal(again.standings, contest.standings)


def test_of_very_many_customers_the_same_sample_is_judged_in_every_window(orders, contest, monkeypatch):
    monkeypatch.setattr("crcm_lib.models.clv.backtest.SAMPLE", 400)
    some = select_model(engine_of(orders), as_of=AS_OF, horizon_days=120)
    seen = [set(look.customers.index) for look in some.looks]
    assert 380 < len(seen[0]) <= 400  # those not yet known at its start are not in a window
    assert all(later >= earlier for later, earlier in itertools.pairwise(seen))
    whole = contest.looks[0].customers
    assert some.looks[0].customers["spend_total"].equals(whole.loc[sorted(seen[0]), "spend_total"])


def test_row_order_and_names_of_customers_change_nothing(orders, contest):
    shuffled = orders.sample(frac=1, random_state=3)
    renamed = shuffled.assign(customer_id="Z" + shuffled["customer_id"])
    again = select_model(engine_of(renamed), as_of=AS_OF, horizon_days=120)
    pd.testing.assert_frame_equal(again.standings, contest.standings)


def test_amounts_ten_times_as_large_make_values_ten_times_as_large(orders, contest):
    larger = engine_of(orders.assign(amount=orders["amount"] * 10))
    again = select_model(larger, as_of=AS_OF, horizon_days=120)
    assert again.champion == contest.champion
    values = [
        held.refit_selected(summarise_customers(engine, as_of=AS_OF)).predict(
            summarise_customers(engine, as_of=AS_OF), horizon_days=120
        )["value"]
        for held, engine in ((contest, engine_of(orders)), (again, larger))
    ]
    np.testing.assert_allclose(values[1], 10 * values[0], rtol=1e-6)


def test_the_grade_compares_with_the_naive_baselines(contest):
    assert contest.grade in (metrics.GOOD, metrics.FAIR, metrics.WEAK)
    assert "naive" in contest.told


@pytest.mark.parametrize("days", [40, 100])
def test_a_short_history_cannot_tell(orders, days):
    until = FIRST + pd.Timedelta(days=days)
    short = select_model(engine_of(orders), as_of=until, horizon_days=365)
    assert (short.grade, short.latest, short.champion) == (metrics.UNKNOWN, None, PARETO)
    assert "history" in short.because
    assert short.deciles().empty
    check(short.scores(), "backtest")


def test_few_buyers_cannot_tell(orders):
    few = orders[orders["customer_id"] < "K0020"]
    assert select_model(engine_of(few), as_of=AS_OF, horizon_days=120).grade == metrics.UNKNOWN


def test_customers_with_a_rhythm_are_told_by_a_model_that_knows_it():
    orders = draw_orders(500, seed=4, shape=4.0)
    regular = select_model(engine_of(orders), as_of=AS_OF, horizon_days=120)
    assert regular.champion == REGULAR
    losses = regular.standings.set_index("model")["loss"]
    assert losses[REGULAR] < 0.97 * min(losses[BGNBD], losses[PARETO])
    model = regular.refit_selected(summarise_customers(engine_of(orders), as_of=AS_OF))
    assert model.purchases in ("MBG/CNBD-3", "MBG/CNBD-4", "MBG/CNBD-5")


# Recalibration


def change_amounts(orders: pd.DataFrame, factor) -> pd.DataFrame:
    """The same orders, each amount times a factor of its day."""
    days = (orders["day"] - FIRST).dt.days.to_numpy(float)
    return orders.assign(amount=(orders["amount"] * factor(days)).round(2))


@pytest.fixture(scope="module")
def growing():
    """Orders that become larger by half each year, and the contest 80 days before they end."""
    orders = change_amounts(draw_orders(900, seed=6), lambda days: np.exp(0.4 * days / 365))
    cut = FIRST + pd.Timedelta(days=650)
    return orders, cut, select_model(engine_of(orders), as_of=cut, horizon_days=92)


def test_totals_that_were_always_too_low_are_raised_and_then_closer(growing):
    orders, cut, contest = growing
    customers = summarise_customers(engine_of(orders), as_of=cut)
    model = contest.refit_selected(customers)
    later = orders.loc[orders["day"] > cut, "amount"].sum()
    off = [
        abs(one.predict(customers, horizon_days=79)["spend_expected"].sum() / later - 1)
        for one in (model, replace(model, recalibration=1.0))
    ]
    assert model.recalibration > 1.05
    assert off[0] < 0.6 * off[1]
    assert "recalibrated" in model.reasons[-1]


def test_a_season_is_not_taken_for_a_trend(orders):
    wave = change_amounts(orders, lambda days: 1 + 0.5 * np.sin(2 * np.pi * days / 365))
    contest = select_model(engine_of(wave), as_of=AS_OF, horizon_days=92)
    assert contest.origins == 4
    assert contest.refit_selected(summarise_customers(engine_of(wave), as_of=AS_OF)).recalibration == 1


@pytest.mark.parametrize(
    ("actual", "days", "factor"),
    [
        ([120, 120, 120], 122, 1.2),  # a year of windows that agree
        ([80, 80, 80, 80], 100, 0.8),
        ([240, 101, 101], 122, 1.0198),  # windows that hardly agree
        ([120, 120, 99], 122, 1.0),  # not all in one direction: seasons
        ([120, 115, 90], 100, 1.2**0.2),  # less than a year: a fifth of the latest
        ([120], 500, 1.2**0.2),
        ([120, 99], 500, 1.0),  # unless the one before was off in the other direction
        ([100, 120], 100, 1.0),
        ([], 0, 1.0),
    ],
)
def test_what_lasts_of_surprises_recalibrates(actual, days, factor):
    surprises = [CalibrationError(days, np.log(total / 100), 0.0) for total in actual]
    assert calibration_factor(surprises) == pytest.approx(factor, rel=1e-4)


def test_a_surprise_within_chance_recalibrates_nothing():
    random = np.random.default_rng(8)
    expected = np.full(400, 10.0)
    found = [measure_calibration_error(random.exponential(10.0, 400), expected, 90) for _world in range(300)]
    off, chance = (np.array([getattr(one, name) for one in found]) for name in ("off", "chance"))
    assert chance.mean() == pytest.approx(off.var(), rel=0.2)
    factors = np.array([calibration_factor([one]) for one in found])
    assert (factors == 1).mean() > 0.6
    assert abs(factors - 1).max() < 0.04
    assert measure_calibration_error(np.zeros(3), np.ones(3), 90) is None


def test_windows_are_recalibrated_by_earlier_ones_alone(growing):
    latest, *earlier = growing[-1].looks
    for name, model in latest.models.items():
        surprises = [look.surprises[name if name in latest.surprises else PARETO] for look in earlier]
        assert model.recalibration == calibration_factor(surprises) > 1
        again = model.predict(latest.customers, horizon_days=latest.days)["spend_expected"]
        pd.testing.assert_series_equal(again, latest.spends[name], check_names=False)


# Correction


@pytest.fixture(scope="module")
def lessons() -> tuple[list[residual_boosting.TrainingWindow], pd.DataFrame, np.ndarray]:
    """Customers of kind A spend twice, of kind B half of what was predicted."""
    random = np.random.default_rng(5)
    traits = pd.DataFrame(
        {"kind": random.integers(0, 2, 6000).astype(float), "noise": random.random(6000), "blank": np.nan}
    )
    traits.loc[::7, "noise"] = np.nan
    predicted = random.gamma(2, 40, 6000)
    actual = random.gamma(1.5, predicted * np.where(traits["kind"] == 1, 2, 0.5) / 1.5)
    return [residual_boosting.TrainingWindow(traits, predicted, actual)], traits, predicted


def test_a_correction_learns_by_which_factor_kinds_differ(lessons):
    taught, traits, predicted = lessons
    found = residual_boosting.learn(taught, traits, predicted)
    factor = 2 * found.factor(traits) - 1  # before averaging with 1
    assert (
        3.2 < factor[traits["kind"] == 1].mean() / factor[traits["kind"] == 0].mean() < 4.1
    )  # 4, drawn to 1


def test_a_correction_leaves_the_total_as_it_is(lessons):
    taught, traits, predicted = lessons
    factor = residual_boosting.learn(taught, traits, predicted).factor(traits)
    assert predicted @ factor == pytest.approx(predicted.sum())


def test_kept_trees_say_what_scikit_learns_say(lessons, monkeypatch):
    from sklearn.ensemble import HistGradientBoostingRegressor

    taught, traits, predicted = lessons
    fitted = []
    original = HistGradientBoostingRegressor.fit

    def remember(self, *args, **kwargs):
        fitted.append(self)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(HistGradientBoostingRegressor, "fit", remember)
    found = residual_boosting.learn(taught, traits, predicted)
    theirs = np.log(fitted[0].predict(traits[list(found.names)].to_numpy()))
    ours = np.log(2 * found.factor(traits) - 1)
    assert np.ptp(theirs - ours) < 1e-9  # the same but for the level


def test_a_correction_scores_one_customer_alone_as_in_a_batch_and_survives_json(lessons):
    taught, traits, predicted = lessons
    found = residual_boosting.learn(taught, traits, predicted)
    kept = residual_boosting.Correction.from_state(found.to_state())
    alone = [kept.factor(traits.iloc[[place]])[0] for place in range(5)]
    assert alone == found.factor(traits)[:5].tolist()


def test_one_spend_beyond_all_measure_does_not_teach(lessons):
    (lesson,), traits, predicted = lessons
    wild = lesson.actual.copy()
    wild[0] = 1000 * wild.sum()
    usual = residual_boosting.learn([lesson], traits, predicted).factor(traits)
    upset = residual_boosting.learn(
        [residual_boosting.TrainingWindow(traits, lesson.predicted, wild)], traits, predicted
    ).factor(traits)
    assert np.isfinite(upset).all()
    assert upset.max() < 10 * usual.max()


def test_a_trend_that_goes_with_a_trait_is_learned_from_the_past():
    orders = draw_orders(900, seed=2, boost=1.8)
    contest = select_model(engine_of(orders), as_of=AS_OF, horizon_days=120)
    assert contest.champion == CORRECTED
    losses = contest.standings.set_index("model")["loss"]
    assert losses[CORRECTED] < 0.97 * losses[PARETO]


def test_the_whole_model_survives_json(orders, contest):
    customers = summarise_customers(engine_of(orders), as_of=AS_OF)
    model = replace(contest, champion=CORRECTED).refit_selected(customers)
    assert model.correction is not None
    assert model.name.endswith("corrected")
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
        model = select_model(engine, as_of=AS_OF, horizon_days=365).refit_selected(customers)
        value = model.predict(customers, horizon_days=365, annual_discount_rate=0.1)
        numbers = value.drop(columns=["model", "p_alive"]).to_numpy(float)
        assert np.isfinite(numbers).all(), case
        assert model.reasons, case
