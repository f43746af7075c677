"""Retention -> the present value of the renewals within the horizon, of each customer and in all."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crcm_lib.features.contract_periods import Subscriptions
from crcm_lib.models.histories import Numbers, WeightedHistories, weighted_histories
from crcm_lib.models.mle import sample_parameters
from crcm_lib.models.subscriptions.sbg import Retention, discount_lifetime, sbg_objective, survival_curve
from crcm_lib.privacy import LARGEST_SHARE

YEAR = 365.0  # days
DRAWS = 400  # simulated futures
SAMPLE = 20_000  # different subscriptions that the covariance of the parameters is estimated from, at most


@dataclass(frozen=True)
class Horizon:
    """The days that are predicted, and how they are discounted.

    Attributes
    ----------
    start
        The last day known; the horizon is the `days` after it.
    annual_discount_rate
        0.1 = 10 % a year.
    """

    start: pd.Timestamp
    days: float
    annual_discount_rate: float = 0.0


@dataclass(frozen=True)
class Renewals:
    """The renewals within the horizon and their present value.

    Attributes
    ----------
    rows
        From `predict_renewals`.
    low, high
        The 80 % prediction interval of the sum of `renewal_value` (currency); missing where no contract's
        value is known.
    horizon
        The days that are predicted.
    """

    rows: pd.DataFrame
    low: float
    high: float
    horizon: Horizon

    @property
    def customers(self) -> pd.DataFrame:
        """The table `renewals`: one row per customer with a running subscription.

        `p_renewal` is that of the contract that ends next, `renewal_value` the sum over subscriptions.
        """
        by_customer = self.rows.sort_values("next_end", kind="stable").groupby(level="customer_id")
        table = by_customer[["p_renewal"]].first()
        if "renewal_value" in self.rows:
            table["renewal_value"] = by_customer["renewal_value"].sum()
        return table

    def summarise(self) -> pd.DataFrame:
        """One row: what is running and the present value of its renewals; no rows where nothing is running.

        `subscriptions` (count) and the mean of `p_renewal`; the sum of `renewal_value` with `value_low` and
        `value_high` (currency; missing where no value is known); `largest_share`, the part of the sum that
        one subscription brings, which small-cell suppression needs.
        """
        values = self.rows.get("renewal_value", pd.Series(dtype=float))
        total = values.sum(min_count=1)
        summary = {
            "subscriptions": len(self.rows),
            "p_renewal": self.rows["p_renewal"].mean(),
            "renewal_value": total,
            "value_low": self.low,
            "value_high": self.high,
            LARGEST_SHARE: values.max() / total if total > 0 else 0.0,
        }
        return pd.DataFrame([summary]).iloc[: len(self.rows)]


def value_renewals(
    retention: Retention, subscriptions: Subscriptions, horizon: Horizon, *, seed: int = 0
) -> Renewals:
    """Predict the renewals within the horizon, and simulate futures for the interval of their present value.

    Each future draws parameters from the distribution of their estimate, then each subscription's renewals.
    Values per contract are those of today, and no subscription begins.
    """
    rows = predict_renewals(retention, subscriptions, horizon)
    if rows.empty or "renewal_value" not in rows:
        return Renewals(rows, np.nan, np.nan, horizon)
    sums = _simulate_sums(retention, subscriptions, horizon, np.random.default_rng(seed))
    low, high = np.quantile(sums, [0.1, 0.9])
    return Renewals(rows, float(low), float(high), horizon)


def predict_renewals(retention: Retention, subscriptions: Subscriptions, horizon: Horizon) -> pd.DataFrame:
    """The expected renewals of every subscription and their present value.

    Returns
    -------
    Indexed by `customer_id`, one row per subscription that is running or waits to be renewed; no rows where
    retention is not known:

    - `renewals` (count): so far
    - `next_end` (day): last day of the contract; the next renewal is decided then
    - `p_renewal` (0…1): probability of the next renewal
    - `expected_renewals` (count): within the horizon
    - `lifetime_discounted` (count): renewals without end, discounted from the next decision on; left out
      where there is no discount
    - `renewal_value` (currency): of the renewals within the horizon, each at the latest contract's value,
      whole and on its own day, discounted to today; left out where no contract's value is known
    """
    rows = subscriptions.running if retention.known else subscriptions.running.iloc[:0]
    rate = horizon.annual_discount_rate
    groups = _group_decisions(rows, horizon)
    renewals, wait = groups.columns
    days = _list_days(wait, retention.period_days, horizon.days)
    probability = _renewal_probabilities(retention, renewals, days)
    once = survival_curve(retention.params, renewals, 1) if retention.known else np.zeros(len(groups))
    table = rows[["renewals", "next_end"]].assign(
        p_renewal=once[groups.which], expected_renewals=probability.sum(axis=1)[groups.which]
    )
    if rate > 0 and retention.known:
        per_period = (1 + rate) ** (retention.period_days / YEAR) - 1
        table["lifetime_discounted"] = discount_lifetime(retention.params, rows["renewals"], per_period)
    if subscriptions.rows["value"].notna().any():
        present_value = (probability * _discount(days, rate)).sum(axis=1)
        table["renewal_value"] = present_value[groups.which] * _fill_values(subscriptions, rows)
    return table


def _group_decisions(rows: pd.DataFrame, horizon: Horizon) -> WeightedHistories:
    """The different subscriptions: renewals so far, and days until the next decision."""
    wait = (rows["next_end"] - horizon.start.normalize()).dt.days.clip(lower=0)
    return weighted_histories(rows["renewals"].to_numpy(float), wait.to_numpy(float))


def _list_days(wait: Numbers, period_days: int, horizon_days: float) -> Numbers:
    """Days until each decision in the horizon, one row per subscription; infinite beyond the horizon."""
    if not len(wait):
        return np.zeros((0, 0))
    steps = np.arange(1 + max(int((horizon_days - wait.min()) // period_days), 0))
    days = wait[:, None] + steps * period_days
    return np.where(days <= horizon_days, days, np.inf)


def _renewal_probabilities(retention: Retention, renewals: Numbers, days: Numbers) -> Numbers:
    """The probability of each renewal within the horizon; 0 beyond it and where retention is not known."""
    if not retention.known:
        return np.zeros(days.shape)
    number = np.arange(1, days.shape[1] + 1)
    return np.where(np.isfinite(days), survival_curve(retention.params, renewals[:, None], number), 0.0)


def _discount(days: Numbers, annual_rate: float) -> Numbers:
    return (1 + annual_rate) ** (-np.where(np.isfinite(days), days, 0.0) / YEAR)


def _fill_values(subscriptions: Subscriptions, rows: pd.DataFrame) -> pd.Series:
    """The contract values of `rows`; the median of all where one is unknown."""
    return rows["value"].fillna(subscriptions.rows["value"].median())


def _simulate_sums(
    retention: Retention, subscriptions: Subscriptions, horizon: Horizon, random: np.random.Generator
) -> Numbers:
    """The sum of all renewals' present value in each simulated future, shape (`DRAWS`,)."""
    rows = subscriptions.running
    groups = _group_decisions(rows, horizon)
    days = _list_days(groups.columns[1], retention.period_days, horizon.days)
    discounted = _discount(days, horizon.annual_discount_rate).cumsum(axis=1)
    by_count = np.pad(discounted, ((0, 0), (1, 0)))  # of 0, 1, 2 … renewals in a row
    value = _fill_values(subscriptions, rows).to_numpy(float)
    sums = np.empty(DRAWS)
    for draw, params in enumerate(_sample_retention(retention, subscriptions, random)):
        drawn = Retention(params, retention.period_days)
        probability = _renewal_probabilities(drawn, groups.columns[0], days)[groups.which]
        count = (random.random(len(rows))[:, None] < probability).sum(axis=1)
        sums[draw] = value @ by_count[groups.which, count]
    return sums


def _sample_retention(retention: Retention, subscriptions: Subscriptions, random: np.random.Generator):
    """Parameters drawn from the distribution of their estimate."""
    rows = subscriptions.rows
    groups = weighted_histories(rows["renewals"].to_numpy(float), rows["lost"].to_numpy(float))
    columns = (*groups.columns, groups.weight)
    return sample_parameters(sbg_objective, columns, retention.params, random, draws=DRAWS, sample=SAMPLE)
