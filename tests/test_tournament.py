"""Rolling origins choose the model; the correction learns what a model misses; nothing sees the future."""

import duckdb
import numpy as np
import pandas as pd
import pytest

from crcm_lib.data.tables import check
from crcm_lib.models.value import ValueModel, accuracy, compete, correction, tournament
from crcm_lib.models.value.lookback import LAST_PERIOD, SAME_RATE
from crcm_lib.models.value.processes import BGNBD, PARETO

FIRST, AS_OF = pd.Timestamp("2023-01-01"), "2024-12-30"
DAYS = 730


def draw_orders(customers: int, seed: int, boost: float = 1.0) -> pd.DataFrame:
    """Orders of customers who never leave and buy at gamma paces.

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
            now += random.exponential(1 / max(pace * faster, 1e-4))
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
    return compete(engine_of(orders), as_of=AS_OF, horizon_days=120)


def test_windows_follow_each_other_and_end_on_the_last_day(contest):
    starts, ends = ([getattr(look, name) for look in contest.looks] for name in ("cut", "until"))
    assert ends[0] == pd.Timestamp(AS_OF)
    assert ends[1:] == starts[:-1]
    assert {(end - start).days for start, end in zip(starts, ends, strict=True)} == {120}


def test_everybody_stands_in_the_standings_and_scores_keep_their_contract(contest):
    expected = {BGNBD, PARETO, tournament.CORRECTED, SAME_RATE, LAST_PERIOD}
    assert set(contest.standings["model"]) == expected
    assert contest.standings["loss"].is_monotonic_increasing
    check(contest.scores(), "backtest")


def test_the_champion_is_the_simplest_within_one_standard_error(contest):
    candidates = contest.standings.set_index("model").loc[list(tournament.CANDIDATES), "behind"]
    assert contest.champion == next(name for name, behind in candidates.items() if behind <= 1)


def test_a_model_that_knows_better_wins_and_one_that_ties_does_not():
    random = np.random.default_rng(0)
    truth = random.gamma(1, 100, 4000)
    actual = random.gamma(2, truth / 2)
    noisy = truth * random.lognormal(0, 0.6, 4000)
    better = pd.DataFrame({"actual": actual, BGNBD: noisy, PARETO: noisy, tournament.CORRECTED: truth})
    assert tournament.rank([better])[1] == tournament.CORRECTED
    tied = pd.DataFrame(
        {"actual": actual, BGNBD: truth, PARETO: truth * 1.000001, tournament.CORRECTED: truth}
    )
    assert tournament.rank([tied])[1] == BGNBD


def test_a_good_season_is_no_models_merit():
    actual = np.random.default_rng(1).gamma(1, 100, 500)
    predicted = actual + 30
    doubled = tournament.measure_loss(2 * actual, predicted)
    assert doubled == pytest.approx(tournament.measure_loss(actual, predicted))
    assert tournament.measure_loss(actual, 3 * actual) == pytest.approx(0, abs=1e-12)


def test_nothing_after_as_of_is_seen(orders, contest):
    day = pd.Timestamp(AS_OF) + pd.Timedelta(days=1)
    later = orders.tail(200).assign(day=day, purchase_day=day, amount=9999.0)
    again = compete(engine_of(pd.concat([orders, later])), as_of=AS_OF, horizon_days=120)
    pd.testing.assert_frame_equal(again.standings, contest.standings)


def test_row_order_and_names_of_customers_change_nothing(orders, contest):
    shuffled = orders.sample(frac=1, random_state=3)
    renamed = shuffled.assign(customer_id="Z" + shuffled["customer_id"])
    again = compete(engine_of(renamed), as_of=AS_OF, horizon_days=120)
    pd.testing.assert_frame_equal(again.standings, contest.standings)


def test_amounts_ten_times_as_large_make_values_ten_times_as_large(orders, contest):
    from crcm_lib.data.customers import summarise_customers

    larger = engine_of(orders.assign(amount=orders["amount"] * 10))
    again = compete(larger, as_of=AS_OF, horizon_days=120)
    assert again.champion == contest.champion
    values = [
        held.crown(summarise_customers(engine, as_of=AS_OF)).predict(
            summarise_customers(engine, as_of=AS_OF), horizon_days=120
        )["value"]
        for held, engine in ((contest, engine_of(orders)), (again, larger))
    ]
    np.testing.assert_allclose(values[1], 10 * values[0], rtol=1e-6)


def test_the_grade_compares_with_the_naive_baselines(contest):
    assert contest.grade in (accuracy.GOOD, accuracy.FAIR, accuracy.WEAK)
    assert "naive" in contest.told


@pytest.mark.parametrize("days", [40, 100])
def test_a_short_history_cannot_tell(orders, days):
    until = FIRST + pd.Timedelta(days=days)
    short = compete(engine_of(orders), as_of=until, horizon_days=365)
    assert (short.grade, short.latest, short.champion) == (accuracy.UNKNOWN, None, PARETO)
    assert "history" in short.because
    assert short.deciles().empty
    check(short.scores(), "backtest")


def test_few_buyers_cannot_tell(orders):
    few = orders[orders["customer_id"] < "K0020"]
    assert compete(engine_of(few), as_of=AS_OF, horizon_days=120).grade == accuracy.UNKNOWN


# Correction


@pytest.fixture(scope="module")
def lessons() -> tuple[list[correction.Lesson], pd.DataFrame, np.ndarray]:
    """Customers of kind A spend twice, of kind B half of what was predicted."""
    random = np.random.default_rng(5)
    traits = pd.DataFrame(
        {"kind": random.integers(0, 2, 6000).astype(float), "noise": random.random(6000), "blank": np.nan}
    )
    traits.loc[::7, "noise"] = np.nan
    predicted = random.gamma(2, 40, 6000)
    actual = random.gamma(1.5, predicted * np.where(traits["kind"] == 1, 2, 0.5) / 1.5)
    return [correction.Lesson(traits, predicted, actual)], traits, predicted


def test_a_correction_learns_by_which_factor_kinds_differ(lessons):
    taught, traits, predicted = lessons
    found = correction.learn(taught, traits, predicted)
    factor = 2 * found.factor(traits) - 1  # before averaging with 1
    assert (
        3.2 < factor[traits["kind"] == 1].mean() / factor[traits["kind"] == 0].mean() < 4.1
    )  # 4, drawn to 1


def test_a_correction_leaves_the_total_as_it_is(lessons):
    taught, traits, predicted = lessons
    factor = correction.learn(taught, traits, predicted).factor(traits)
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
    found = correction.learn(taught, traits, predicted)
    theirs = np.log(fitted[0].predict(traits[list(found.names)].to_numpy()))
    ours = np.log(2 * found.factor(traits) - 1)
    assert np.ptp(theirs - ours) < 1e-9  # the same but for the level


def test_a_correction_scores_one_customer_alone_as_in_a_batch_and_survives_json(lessons):
    taught, traits, predicted = lessons
    found = correction.learn(taught, traits, predicted)
    kept = correction.Correction.from_state(found.to_state())
    alone = [kept.factor(traits.iloc[[place]])[0] for place in range(5)]
    assert alone == found.factor(traits)[:5].tolist()


def test_one_spend_beyond_all_measure_does_not_teach(lessons):
    (lesson,), traits, predicted = lessons
    wild = lesson.actual.copy()
    wild[0] = 1000 * wild.sum()
    usual = correction.learn([lesson], traits, predicted).factor(traits)
    upset = correction.learn([correction.Lesson(traits, lesson.predicted, wild)], traits, predicted).factor(
        traits
    )
    assert np.isfinite(upset).all()
    assert upset.max() < 10 * usual.max()


def test_a_trend_that_goes_with_a_trait_is_learned_from_the_past():
    orders = draw_orders(900, seed=2, boost=1.8)
    contest = compete(engine_of(orders), as_of=AS_OF, horizon_days=120)
    assert contest.champion == tournament.CORRECTED
    losses = contest.standings.set_index("model")["loss"]
    assert losses[tournament.CORRECTED] < 0.97 * losses[PARETO]


def test_the_whole_model_survives_json(orders, contest):
    from dataclasses import replace

    from crcm_lib.data.customers import summarise_customers

    customers = summarise_customers(engine_of(orders), as_of=AS_OF)
    model = replace(contest, champion=tournament.CORRECTED).crown(customers)
    assert model.correction is not None
    assert model.name.endswith("corrected")
    again = ValueModel.from_json(model.to_json())
    pd.testing.assert_frame_equal(
        again.predict(customers, horizon_days=90), model.predict(customers, horizon_days=90)
    )
    alone = again.predict(customers.iloc[[3]], horizon_days=90)
    pd.testing.assert_frame_equal(alone, model.predict(customers, horizon_days=90).loc[alone.index])


def test_what_data_cannot_carry_ends_in_words_and_finite_numbers(orders):
    from crcm_lib.data.customers import summarise_customers

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
        model = compete(engine, as_of=AS_OF, horizon_days=365).crown(customers)
        value = model.predict(customers, horizon_days=365, annual_discount_rate=0.1)
        numbers = value.drop(columns=["model", "p_alive"]).to_numpy(float)
        assert np.isfinite(numbers).all(), case
        assert model.reasons, case
