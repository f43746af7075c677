"""Days held out: what was known before them, nothing of them, and who was expected in them."""

import pandas as pd
import pytest
from fixtures.engines import engine_of
from test_value_model import cdnow_file

from crcm_lib.features.holdout_windows import Holdout, hold_out_latest
from crcm_lib.models.clv import fit_value
from crcm_lib.models.clv.purchase_models import BGNBD, PARETO


def cdnow_lines() -> pd.DataFrame:
    lines = pd.read_csv(
        cdnow_file("CDNOW_sample.txt"),
        sep=r"\s+",
        header=None,
        dtype=str,
        names=["id", "customer_id", "day", "cds", "amount"],
    )
    return lines[["customer_id", "amount"]].assign(day=pd.to_datetime(lines["day"], format="%Y%m%d"))


def cdnow_engine():
    return engine_of(cdnow_lines())


@pytest.fixture(scope="module")
def past() -> Holdout:
    return hold_out_latest(cdnow_engine(), as_of="1998-06-30")


def predict(holdout: Holdout, purchase_model: str = PARETO) -> pd.DataFrame:
    """What a model fitted to what was known at the start predicted for the days held out."""
    model = fit_value(holdout.customers, purchase_model=purchase_model)
    return model.predict(holdout.customers, horizon_days=holdout.days)


def test_backtest_on_cdnow_holds_out_a_quarter_and_counts_who_bought_in_it(past):
    assert (f"{past.start:%Y-%m-%d}", past.days) == ("1998-02-15", 135)
    days = cdnow_lines().groupby("customer_id")["day"]
    later = days.agg(lambda day: day[day > past.start].nunique())
    assert past.purchases.to_dict() == later.to_dict()
    assert later.gt(0).sum() == 437


def test_backtest_on_cdnow_knew_who_would_buy_again(past):
    value = predict(past)
    assert value["expected_purchases"].sum() == pytest.approx(past.purchases.sum(), rel=0.2)
    likely = value["expected_purchases"].rank(pct=True) > 0.8
    assert past.purchases[likely].gt(0).mean() > 4 * past.purchases[~likely].gt(0).mean()


def test_backtest_fits_the_purchase_model_that_is_asked_for(past):
    assert set(predict(past)["model"]) == {"Pareto/NBD + Gamma-Gamma"}
    assert set(predict(past, BGNBD)["model"]) == {"BG/NBD + Gamma-Gamma"}


def test_backtest_sees_nothing_after_as_of(past):
    engine = cdnow_engine()
    engine.execute("insert into transactions select * replace (date '1999-01-01' as day) from transactions")
    again = hold_out_latest(engine, as_of="1998-06-30")
    pd.testing.assert_frame_equal(predict(again), predict(past))
    pd.testing.assert_series_equal(again.purchases, past.purchases)


def test_backtest_learns_nothing_from_the_days_held_out(past):
    engine, first = cdnow_engine(), f"date '{past.start + pd.Timedelta(days=1):%Y-%m-%d}'"
    set_later = f"set amount = 9, day = {first}, purchase_day = {first} where day > {first}"
    engine.execute(f"update transactions {set_later}")
    changed = hold_out_latest(engine, as_of="1998-06-30")
    pd.testing.assert_frame_equal(changed.customers, past.customers)
    pd.testing.assert_frame_equal(predict(changed), predict(past))
    assert changed.purchases.equals(past.purchases.clip(upper=1))


def test_backtest_says_nothing_of_a_short_history_and_that_nobody_came_back_of_a_silent_one():
    ids, days = [f"c{i}" for i in range(60)], pd.date_range("2024-01-01", periods=60)
    once = engine_of(pd.DataFrame({"customer_id": ids, "day": days}))
    short = hold_out_latest(once, as_of="2024-02-01")
    assert (short.days, len(predict(short)), len(short.purchases)) == (7, 25, 0)
    silent = hold_out_latest(once, as_of="2024-12-31")
    assert silent.purchases.to_dict() == dict.fromkeys(ids, 0)


def test_backtest_of_a_shop_that_took_everything_back_has_nobody_to_speak_of():
    sold = pd.DataFrame({"customer_id": "a", "day": pd.to_datetime(["2024-01-01"]), "amount": [5.0]})
    back = sold.assign(amount=-5.0, kind="return", purchase_day=sold["day"])
    engine = engine_of(pd.concat([sold.assign(kind="sale"), back]))
    past = hold_out_latest(engine, as_of="2024-12-31")
    assert past.customers["purchases"].to_list() == [0]
    assert predict(past).empty
    assert past.purchases.to_dict() == {"a": 0}
