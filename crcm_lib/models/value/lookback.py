"""The past as judge: predict from what was known at a cut, and compare with what came after it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crcm_lib.data.customers import spend_between, summarise_purchases
from crcm_lib.language import _
from crcm_lib.models.value import accuracy
from crcm_lib.models.value.ladder import fit_value
from crcm_lib.models.value.model import DAYS, MEAN, ValueModel
from crcm_lib.models.value.processes import RATE, YEAR

HELD_OUT = 0.25  # share of the history that is held out
FEWEST_DAYS, MOST_DAYS = 28, 365  # days held out, at least and at most
SAME_RATE, LAST_PERIOD = "same rate as before", "last period × ratio"


@dataclass(frozen=True)
class Backtest:
    """What would have been predicted at `cut` for the days until `until`, and what happened.

    Attributes
    ----------
    customers
        As known at the cut; `value` is what the model, learned from them, predicted for the days held out.
    spends
        One row per customer, in currency: `actual` spend in the days held out, and each model's prediction.
    purchases
        Purchase days in the days held out: `actual` and `predicted`.
    scores
        The table `backtest`: one row per model and measure.
    deciles
        Mean predicted and actual spend of ten groups by prediction.
    grade, because
        good, fair, weak or cannot tell, and why.
    """

    cut: pd.Timestamp
    until: pd.Timestamp
    model: ValueModel | None
    customers: pd.DataFrame
    value: pd.DataFrame
    spends: pd.DataFrame
    purchases: pd.DataFrame
    scores: pd.DataFrame
    deciles: pd.DataFrame
    grade: str
    because: str

    @property
    def days(self) -> int:
        """How many days were held out."""
        return (self.until - self.cut).days


def backtest(engine, *, as_of, seed: int = 0) -> Backtest:
    """Learn from the first three quarters of the history, predict the last quarter (28 to 365 days), compare.

    Two naive baselines stand beside: every customer goes on spending at the same rate as before; and every
    customer spends what they spent in the last such period, times the ratio that held one period earlier.
    Where there is nothing to learn from or to compare with, the grade is "cannot tell", the tables empty.

    Parameters
    ----------
    engine
        Holds the clean table `transactions`.
    as_of
        Last day observed; nothing dated later counts.
    """
    until = pd.Timestamp(as_of)
    start = find_first_busy_day(engine, until)
    days = int(min(MOST_DAYS, (until - start).days * HELD_OUT))
    cut = until - pd.Timedelta(days=max(days, 0))
    if days < FEWEST_DAYS:
        because = _("{days} days of history are too few to hold some out").format(days=(until - start).days)
        return _cannot_tell(cut, until, because)
    customers = summarise_purchases(engine, as_of=cut)
    customers = customers[customers["purchases"] > 0]
    if customers.empty:
        return _cannot_tell(cut, until, _("nobody had bought before the days held out"))
    model = fit_value(customers, seed=seed)
    value = model.predict(customers, horizon_days=days)
    later = spend_between(engine, after=cut, until=until).reindex(customers.index).fillna(0)
    spends = pd.DataFrame(
        {
            "actual": later["spend"],
            model.name: value["spend_expected"],
            SAME_RATE: same_rate(customers, days),
            LAST_PERIOD: last_period(engine, customers, cut, days),
        }
    )
    measured = {name: _measure(spends, name) for name in spends.columns[1:]}
    word, because = accuracy.grade(measured, int((later["purchases"] > 0).sum()))
    return Backtest(
        cut, until, model, customers, value, spends,
        pd.DataFrame({"actual": later["purchases"], "predicted": value["expected_purchases"]}),
        accuracy.as_table(measured),
        accuracy.tabulate_deciles(*(spends[name].to_numpy() for name in ("actual", model.name))),
        word, because,
    )  # fmt: skip


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


def _measure(spends: pd.DataFrame, name: str) -> dict[str, float]:
    return accuracy.measure(spends["actual"].to_numpy(float), spends[name].to_numpy(float))


def _cannot_tell(cut: pd.Timestamp, until: pd.Timestamp, because: str) -> Backtest:
    customers = _no_rows("purchases", *DAYS, "days_since_last", "spend_total")
    value = ValueModel(
        RATE, {"r": 1.0, "alpha": YEAR}, MEAN, {"level": 0.0, "slope": 0.0, "worth": 1.0}
    ).predict(customers, horizon_days=0)
    return Backtest(
        cut, until, None, customers, value, _no_rows("actual"), _no_rows("actual", "predicted"),
        accuracy.as_table({}), _no_rows("decile", "customers", "predicted", "actual"),
        accuracy.UNKNOWN, because,
    )  # fmt: skip


def _no_rows(*columns: str) -> pd.DataFrame:
    return pd.DataFrame(
        columns=list(columns), dtype=float, index=pd.Index([], name="customer_id", dtype="str")
    )
