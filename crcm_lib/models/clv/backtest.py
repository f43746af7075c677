"""Windows of the past: what was known at the start of each, what the plain models made of it, what came."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from crcm_lib.errors import DataError
from crcm_lib.features.customer_sql import date
from crcm_lib.features.customers import spend_between, summarise_customers
from crcm_lib.models.clv import residual_boosting
from crcm_lib.models.clv.calibration import (
    CalibrationError,
    calibration_factor,
    describe_calibration,
    measure_calibration_error,
)
from crcm_lib.models.clv.fit import fit_value, refit_purchases
from crcm_lib.models.clv.purchase_models import (
    LAST_PERIOD,
    MBGNBD,
    PARETO,
    PLAIN,
    REGULAR,
    SAME_RATE,
    name_cnbd,
)
from crcm_lib.models.clv.value_model import ValueModel
from crcm_lib.schema.engine import open_beside

HOLDOUT_SHARE = 0.25  # share of the history that is held out
MIN_HOLDOUT_DAYS, MAX_HOLDOUT_DAYS = 28, 365  # days held out, at least and at most
SAMPLE = 50_000  # customers that windows are judged on, at most


@dataclass(frozen=True)
class BacktestWindow:
    """One window of the past: what was known at its start, what the models made of it, what came.

    Attributes
    ----------
    spends
        One row per customer: `actual`, and a column for each model and baseline (currency).
    purchases
        Purchase days of each customer in the window.
    surprises
        By how much the totals of the plain models were off, before any recalibration.
    """

    cut: pd.Timestamp
    until: pd.Timestamp
    customers: pd.DataFrame
    models: dict[str, ValueModel]
    spends: pd.DataFrame
    purchases: pd.Series
    surprises: dict[str, CalibrationError]

    @property
    def days(self) -> int:
        """How long the window is."""
        return (self.until - self.cut).days

    def add(self, name: str, model: ValueModel) -> "BacktestWindow":
        """The same window with one more model and what it had predicted."""
        predicted = model.predict(self.customers, horizon_days=self.days)["spend_expected"]
        return replace(
            self, models=self.models | {name: model}, spends=self.spends.assign(**{name: predicted})
        )

    def recalibrate(self, earlier: Sequence["BacktestWindow"]) -> "BacktestWindow":
        """The same window, each model's total changed by what earlier windows say of it."""
        models = {name: recalibrate(model, name, earlier) for name, model in self.models.items()}
        changed = {name: self.spends[name] * model.recalibration for name, model in models.items()}
        return replace(self, models=models, spends=self.spends.assign(**changed))

    def lesson(self) -> residual_boosting.TrainingWindow:
        """What a correction can learn from this window."""
        predicted, actual = (self.spends[name].to_numpy(float) for name in (PARETO, "actual"))
        return residual_boosting.TrainingWindow(
            self.models[PARETO].describe(self.customers), predicted, actual
        )


def backtest_windows(engine, until: pd.Timestamp, step: int, count: int, seed: int) -> list[BacktestWindow]:
    """The windows, the latest first, as far back as somebody had bought before them.

    Of more than 50,000 customers a random sample of as many is looked at, the same in every window.
    """
    engine, looks = _take_sample(engine, until, seed), []
    for back in range(1, count + 1):
        start = until - pd.Timedelta(days=step * back)
        look = _look_back(engine, start, start + pd.Timedelta(days=step), seed)
        if look is None:
            break
        looks.append(look)
    return looks


def _take_sample(engine, until: pd.Timestamp, seed: int):
    """An engine with the lines of some customers, drawn by a hash of their ids; the same one where few do."""
    known = f"select distinct customer_id from transactions where day <= {date(until)}"
    if engine.execute(f"select count(*) as n from ({known}) as known").df()["n"].item() <= SAMPLE:
        return engine
    schema = f"sample_{seed}"
    sample = open_beside(engine, schema)
    # Made by the engine given, which may itself see other transactions than `main` holds.
    engine.execute(f"""
        create or replace table {schema}.transactions as select * from transactions where customer_id in (
            select customer_id from ({known}) as known
            order by md5(customer_id || '|{seed}') limit {SAMPLE})""")
    return sample


def _look_back(engine, cut: pd.Timestamp, until: pd.Timestamp, seed: int) -> BacktestWindow | None:
    """What the plain models and the baselines would have predicted on `cut`; None where nobody had bought."""
    try:
        customers = summarise_customers(engine, as_of=cut)
    except DataError:
        return None
    customers = customers[customers["purchases"] > 0]
    if customers.empty:
        return None
    days = (until - cut).days
    simplest = fit_value(customers, purchases=PLAIN[0], seed=seed)
    rhythm = name_cnbd(simplest.facts.get("regularity", 1.0)) != MBGNBD
    others = [name for name in PLAIN[1:] if name != REGULAR or rhythm]
    models = {name: refit_purchases(simplest, customers, name, seed=seed) for name in others}
    models = {PLAIN[0]: simplest, **models}
    later = spend_between(engine, after=cut, until=until).reindex(customers.index).fillna(0)
    spends = {"actual": later["spend"].astype(float)} | {
        name: model.predict(customers, horizon_days=days)["spend_expected"] for name, model in models.items()
    }
    spends |= {SAME_RATE: same_rate(customers, days), LAST_PERIOD: last_period(engine, customers, cut, days)}
    found = {name: measure_calibration_error(spends["actual"], spends[name], days) for name in models}
    surprises = {name: one for name, one in found.items() if one is not None}
    return BacktestWindow(cut, until, customers, models, pd.DataFrame(spends), later["purchases"], surprises)


def recalibrate(model: ValueModel, name: str, looks: Sequence[BacktestWindow]) -> ValueModel:
    """The model under this name, its totals changed by what windows before, the latest first, say of it.

    A correction leaves the total to the model that it corrects, and so has that one's surprises.
    """
    plain = name if name in PLAIN else PARETO
    surprises = [look.surprises[plain] for look in looks if plain in look.surprises]
    factor = calibration_factor(surprises)
    if factor == 1:
        return model
    return replace(
        model, recalibration=factor, reasons=(*model.reasons, describe_calibration(factor, surprises))
    )


@dataclass(frozen=True)
class Backtest:
    """What was known and would have been predicted at `cut`, and who bought from then until `until`.

    Attributes
    ----------
    customers
        The table `customers` as known at the cut.
    value
        The table `value` that the model, learned from them, predicted for the days held out.
    purchases
        Purchase days in the days held out, of each customer who had bought; empty where the history is too
        short to hold days out.
    """

    cut: pd.Timestamp
    until: pd.Timestamp
    customers: pd.DataFrame
    value: pd.DataFrame
    purchases: pd.Series

    @property
    def days(self) -> int:
        """How many days were held out."""
        return (self.until - self.cut).days


def backtest_once(engine, *, as_of, purchases: str, seed: int = 0) -> Backtest:
    """Learn from the first three quarters of the history, predict the last quarter (at most 365 days).

    Fewer than 28 days are not held out: of who bought then nothing is said.

    Parameters
    ----------
    engine
        Holds the clean table `transactions`.
    as_of
        Last day observed; nothing dated later counts.
    purchases
        The purchase model to learn, of `processes.PROCESSES`.
    """
    until = pd.Timestamp(as_of)
    days = int(min(MAX_HOLDOUT_DAYS, (until - first_busy_day(engine, until)).days * HOLDOUT_SHARE))
    cut = until - pd.Timedelta(days=days)
    customers = summarise_customers(engine, as_of=cut)
    value = fit_value(customers, purchases=purchases, seed=seed).predict(customers, horizon_days=days)
    later = spend_between(engine, after=cut, until=until)["purchases"].reindex(value.index).fillna(0)
    return Backtest(cut, until, customers, value, later if days >= MIN_HOLDOUT_DAYS else later.iloc[:0])


def first_busy_day(engine, until: pd.Timestamp) -> pd.Timestamp:
    """The day by which one in a hundred lines was written: a single stray early record is not a history."""
    lines = engine.execute(
        f"select day, count(*) as lines from transactions where day <= date '{until:%Y-%m-%d}' "
        "group by day order by day"
    ).df()
    if lines.empty:
        return until
    seen = lines["lines"].cumsum().to_numpy()
    return pd.Timestamp(lines["day"].iloc[int(np.searchsorted(seen, 0.01 * seen[-1]))])


def same_rate(customers: pd.DataFrame, days: int) -> pd.Series:
    """Spend so far per day known, times the days ahead; a newcomer is taken to repeat what they spent."""
    return customers["spend_total"] / customers["days_observed"].clip(lower=days) * days


def last_period(engine, customers: pd.DataFrame, cut: pd.Timestamp, days: int) -> pd.Series:
    """Spend of the last `days`, times last period's total over the one before, of those known before both."""
    step = pd.Timedelta(days=days)
    last = spend_between(engine, after=cut - step, until=cut)["spend"].reindex(customers.index).fillna(0)
    before = spend_between(engine, after=cut - 2 * step, until=cut - step)["spend"]
    before = before.reindex(customers.index).fillna(0)
    known = customers["first_day"] <= cut - step
    earlier = float(before[known].sum())
    return last * (max(float(last[known].sum()), 0.0) / earlier if earlier > 0 else 1.0)
