"""Retention -> what the renewals ahead are worth, in all and of each customer, and how sure that is."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crcm_lib.features.contract_periods import Subscriptions, describe_contracts
from crcm_lib.i18n import _
from crcm_lib.models.mle import Numbers, WeightedHistories, sample_parameters, weighted_histories
from crcm_lib.models.subscriptions.renewal_backtest import RenewalBacktest
from crcm_lib.models.subscriptions.sbg import Retention, discount_lifetime, sbg_objective, survival_curve
from crcm_lib.privacy import LARGEST_SHARE, hide_small

YEAR = 365.0
DRAWS = 400  # possible futures
SAMPLE = 20_000  # different subscriptions that the spread of the parameters is learned from, at most


@dataclass(frozen=True)
class Renewals:
    """What the renewals within the horizon are worth.

    Attributes
    ----------
    rows
        From `predict_renewals`.
    low, high
        The range that the sum of `renewal_value` falls into with 80 % probability (currency); missing where
        there is none.
    horizon_days
        How far ahead, in days.
    remarks
        What was left out and taken for granted, or why nothing can be said, in words.
    """

    rows: pd.DataFrame
    low: float
    high: float
    horizon_days: float
    remarks: tuple[str, ...]

    @property
    def customers(self) -> pd.DataFrame:
        """One row per customer: `p_renewal` of what is decided next, `renewal_value` summed, where known."""
        if self.rows.empty:
            return self.rows[[]]
        by_customer = self.rows.sort_values("next_end", kind="stable").groupby(level="customer_id")
        found = by_customer[["p_renewal"]].first()
        if "renewal_value" in self.rows:
            found["renewal_value"] = by_customer["renewal_value"].sum()
        return found


def value_renewals(
    retention: Retention, subscriptions: Subscriptions, *, as_of, horizon_days: float,
    annual_discount_rate: float = 0.0, seed: int = 0,
) -> Renewals:  # fmt: skip
    """Predict the renewals within the horizon, and draw possible futures for the range of their sum.

    Each future takes parameters as uncertain as the data leave them, then renews or ends each subscription by
    chance. Values per contract are those of today, and nobody new begins.
    """
    settings = {"horizon_days": float(horizon_days), "annual_discount_rate": annual_discount_rate}
    rows = predict_renewals(retention, subscriptions, as_of=as_of, **settings)
    idle = [_("no subscription is running")] if retention.known and rows.empty else []
    remarks = (*idle, *retention.reasons, *describe_contracts(subscriptions))
    if rows.empty or "renewal_value" not in rows:
        return Renewals(rows, np.nan, np.nan, horizon_days, remarks)
    drawn = _draw_sums(retention, subscriptions, as_of, settings, np.random.default_rng(seed))
    low, high = np.quantile(drawn, [0.1, 0.9])
    return Renewals(rows, float(low), float(high), horizon_days, remarks)


def predict_renewals(
    retention: Retention, subscriptions: Subscriptions, *, as_of, horizon_days: float,
    annual_discount_rate: float = 0.0,
) -> pd.DataFrame:  # fmt: skip
    """What the renewals of every subscription will be worth.

    Returns
    -------
    Indexed by `customer_id`, one row per subscription that is running or waits to be renewed; no rows where
    retention is not known:

    - `renewals` (count): so far
    - `next_end` (day): last day of the contract; the next renewal is decided then
    - `p_renewal` (0…1): chance of the next renewal
    - `expected_renewals` (count): within the horizon
    - `lifetime_discounted` (count): renewals without end, discounted from the next decision on; left out
      where there is no discount
    - `renewal_value` (currency): of the renewals within the horizon, each at the latest contract's value,
      whole and on its own day, discounted; left out where no contract's value is known
    """
    rows = subscriptions.running if retention.known else subscriptions.running.iloc[:0]
    groups = _find_decisions(rows, as_of)
    renewals, wait = groups.columns
    days = _list_days(wait, retention.period_days, horizon_days)
    chance = _survive_each(retention.params, renewals, days) if retention.known else np.zeros(days.shape)
    once = survival_curve(retention.params, renewals, 1) if retention.known else np.zeros(len(groups))
    table = rows[["renewals", "next_end"]].assign(
        p_renewal=once[groups.which], expected_renewals=chance.sum(axis=1)[groups.which]
    )
    if annual_discount_rate > 0 and retention.known:
        per_period = (1 + annual_discount_rate) ** (retention.period_days / YEAR) - 1
        table["lifetime_discounted"] = discount_lifetime(retention.params, rows["renewals"], per_period)
    if subscriptions.rows["value"].notna().any():
        worth = (chance * _discount(days, annual_discount_rate)).sum(axis=1)
        table["renewal_value"] = worth[groups.which] * _fill_values(subscriptions, rows)
    return table


def _find_decisions(rows: pd.DataFrame, as_of) -> WeightedHistories:
    """The different subscriptions: renewals so far, and days until the next decision."""
    wait = (rows["next_end"] - pd.Timestamp(as_of).normalize()).dt.days.clip(lower=0)
    return weighted_histories(rows["renewals"].to_numpy(float), wait.to_numpy(float))


def _list_days(wait: Numbers, period_days: int, horizon_days: float) -> Numbers:
    """Until each decision in the horizon, one row per subscription; infinite beyond the horizon."""
    if not len(wait):
        return np.zeros((0, 0))
    steps = np.arange(1 + max(int((horizon_days - wait.min()) // period_days), 0))
    days = wait[:, None] + steps * period_days
    return np.where(days <= horizon_days, days, np.inf)


def _survive_each(params: dict[str, float], renewals: Numbers, days: Numbers) -> Numbers:
    """The chance of each renewal within the horizon."""
    number = np.arange(1, days.shape[1] + 1)
    return np.where(np.isfinite(days), survival_curve(params, renewals[:, None], number), 0.0)


def _discount(days: Numbers, yearly: float) -> Numbers:
    return (1 + yearly) ** (-np.where(np.isfinite(days), days, 0.0) / YEAR)


def _fill_values(subscriptions: Subscriptions, rows: pd.DataFrame) -> pd.Series:
    return rows["value"].fillna(subscriptions.rows["value"].median())


def _draw_sums(retention: Retention, subscriptions: Subscriptions, as_of, settings: dict, random) -> Numbers:
    """The sum of all renewals' value in each possible future."""
    rows, known = subscriptions.running, subscriptions.rows
    groups = _find_decisions(rows, as_of)
    days = _list_days(groups.columns[1], retention.period_days, settings["horizon_days"])
    each = _discount(days, settings["annual_discount_rate"]).cumsum(axis=1)
    brought = np.pad(each, ((0, 0), (1, 0)))  # by so many renewals in a row
    value = _fill_values(subscriptions, rows).to_numpy(float)
    learned = weighted_histories(known["renewals"].to_numpy(float), known["lost"].to_numpy(float))
    spread = sample_parameters(
        sbg_objective, (*learned.columns, learned.weight), retention.params, random,
        draws=DRAWS, sample=SAMPLE,
    )  # fmt: skip
    sums = np.empty(DRAWS)
    for draw, params in enumerate(spread):
        chance = _survive_each(params, groups.columns[0], days)[groups.which]
        times = (random.random(len(rows))[:, None] < chance).sum(axis=1)
        sums[draw] = value @ brought[groups.which, times]
    return sums


def describe_renewals(found: Renewals, past: RenewalBacktest, currency: str, *, at_least: int = 5) -> str:
    """What renewals are worth, whether such chances would have been right, and remarks, in sentences."""
    remarks = [f"{words[:1].upper()}{words[1:]}." for words in found.remarks]
    if found.rows.empty:
        return " ".join(remarks)
    held_out = _("Held out: {because}.").format(because=past.because)
    return " ".join([_tell_worth(found, currency, at_least), held_out, *remarks])


def _tell_worth(found: Renewals, currency: str, at_least: int) -> str:
    worth = found.rows.get("renewal_value", pd.Series(dtype=float))
    largest = worth.max() / worth.sum() if worth.sum() > 0 else 0.0
    one = pd.DataFrame({"customers": [len(found.rows)], "worth": worth.sum(), LARGEST_SHARE: largest})
    count, total = hide_small(one, money=["worth"], at_least=at_least).iloc[0]
    if pd.isna(count):
        return _("Fewer than {n} subscriptions are running.").format(n=at_least)
    words = _("{n:,.0f} subscriptions are running; the next renewal's chance is {chance:.1%} on average.")
    said = words.format(n=count, chance=found.rows["p_renewal"].mean())
    if worth.empty:
        return said + " " + _("The value of no contract is known.")
    if pd.isna(total):
        return said + " " + _("One of them dominates what renewals are worth, which is hidden.")
    words = _("Renewals within {days:.0f} days are worth {total:,.0f} {currency}, discounted to today "
              "({low:,.0f} to {high:,.0f} in four of five futures).")  # fmt: skip
    return said + " " + words.format(
        days=found.horizon_days, total=total, currency=currency, low=found.low, high=found.high)  # fmt: skip
