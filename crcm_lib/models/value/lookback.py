"""The past as judge: predict from what was known at a cut, and compare with what came after it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crcm_lib.data.customers import spend_between, summarise_customers
from crcm_lib.models.value.ladder import fit_value

HELD_OUT = 0.25  # share of the history that is held out
FEWEST_DAYS, MOST_DAYS = 28, 365  # days held out, at least and at most
SAME_RATE, LAST_PERIOD = "same rate as before", "last period × ratio"


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


def backtest(engine, *, as_of, purchases: str, seed: int = 0) -> Backtest:
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
    days = int(min(MOST_DAYS, (until - find_first_busy_day(engine, until)).days * HELD_OUT))
    cut = until - pd.Timedelta(days=days)
    customers = summarise_customers(engine, as_of=cut)
    value = fit_value(customers, purchases=purchases, seed=seed).predict(customers, horizon_days=days)
    later = spend_between(engine, after=cut, until=until)["purchases"].reindex(value.index).fillna(0)
    return Backtest(cut, until, customers, value, later if days >= FEWEST_DAYS else later.iloc[:0])


def find_first_busy_day(engine, until: pd.Timestamp) -> pd.Timestamp:
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
