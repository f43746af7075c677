"""What the models assume, measured on the data, and what follows where an assumption fails."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from crcm_lib.features.customer_sql import date
from crcm_lib.models.clv.gamma_gamma import GAMMA_GAMMA, MAX_RANK_CORRELATION, MIN_SPEND_CUSTOMERS
from crcm_lib.models.clv.value_model import ValueModel
from crcm_lib.models.histories import Numbers, purchase_histories
from crcm_lib.schema.engine import Engine
from crcm_lib.stats import Z_95

MAX_MISPLACED_SHARE = 0.05  # share of customers that the expected counts of purchases may misplace
MAX_RANDOM_SHAPE = 1.5  # Erlang shape of the days between purchases that counts as a Poisson process
MAX_DRIFT = 0.05  # share by which the typical purchase may have changed
MAX_COHORT_DEVIATION = 0.15  # share by which a third of the customers may differ from what is expected
THIRDS = 3
Z_THIRDS = 2.3939797998185104  # two-sided 95 % of the normal distribution, for three thirds together
MIN_SEASON_CORRELATION = 0.5  # correlation of a year's months with the year before that counts as a season
MIN_CUSTOMERS = 30  # of whom something is measured
MAX_COUNT = 7
HOLDS, FAILS, UNKNOWN = "holds", "fails", "cannot_tell"
MISSING = float("nan")


@dataclass(frozen=True)
class AssumptionCheck:
    """An assumption of the models, held against the data.

    Attributes
    ----------
    assumption
        Its id: `spend_independent_of_frequency`, `purchase_counts_as_expected`, `purchases_at_random`,
        `spend_is_stationary`, `cohorts_are_alike`, `no_season`.
    status
        `holds`, `fails` or `cannot_tell` (too little data).
    consequence
        What was done about it, as an id; the status where there is nothing to do.
    measured
        The numbers that decide, by name; empty where there are too few data.
    """

    assumption: str
    status: str
    consequence: str
    measured: dict[str, float | list[float]] = field(default_factory=dict)


def check_assumptions(
    model: ValueModel, customers: pd.DataFrame, engine: Engine, *, as_of
) -> tuple[AssumptionCheck, ...]:
    """Check what the models assume.

    Parameters
    ----------
    model
        The model that predicts.
    customers
        The table `customer_features`.
    engine
        Holds the clean table `transactions`.
    as_of
        Last day known.
    """
    buyers = customers[customers["purchases"] > 0]
    return (
        _check_spend(model),
        _check_counts(compare_counts(model, customers)),
        _check_regularity(model),
        _check_drift(measure_drift(buyers)),
        _check_cohorts(model, compare_cohorts(model, buyers)),
        _check_season(measure_season(count_months(engine, as_of=as_of))),
    )


def compare_counts(model: ValueModel, customers: pd.DataFrame) -> pd.DataFrame:
    """Share of buyers by repeat purchases: `purchases` (0, 1, … 7+), `customers`, `actual`, `expected`."""
    x = customers.loc[customers["purchases"] > 0, "purchases"].to_numpy(float) - 1
    counts = np.bincount(np.minimum(x, MAX_COUNT).astype(int), minlength=MAX_COUNT + 1)
    return pd.DataFrame(
        {
            "purchases": [*map(str, range(MAX_COUNT)), f"{MAX_COUNT}+"],
            "customers": counts,
            "actual": counts / max(len(x), 1),
            "expected": model.count_distribution(customers, MAX_COUNT),
        }
    )


def measure_drift(buyers: pd.DataFrame) -> tuple[float, float, float]:
    """Relative change of the same customers' mean purchase in the last 180 days; its 95 % interval.

    NaN where fewer than 30 customers bought both in those days and before.
    """
    if "spend_180d" not in buyers:
        return (MISSING,) * 3
    earlier, recent = buyers["purchases"] - buyers["purchases_180d"], buyers["purchases_180d"]
    both = buyers[(earlier > 0) & (recent > 0)]
    before = (both["spend_total"] - both["spend_180d"]) / (both["purchases"] - both["purchases_180d"])
    now = both["spend_180d"] / both["purchases_180d"]
    change = np.log((now / before).astype(float)[(now > 0) & (before > 0)])
    if len(change) < MIN_CUSTOMERS:
        return (MISSING,) * 3
    half = Z_95 * change.std() / np.sqrt(len(change))
    return tuple(float(np.expm1(change.mean() + step)) for step in (0, -half, half))


def compare_cohorts(model: ValueModel, buyers: pd.DataFrame) -> tuple[Numbers, Numbers]:
    """Repeat purchases so far over those expected, by thirds of the customers in order of first day.

    Returns
    -------
    The ratios and the half widths of their 95 % intervals, all three together (Bonferroni), each of shape
    (3,); NaN where there are fewer than 90 customers.
    """
    histories = purchase_histories(buyers)
    if len(buyers) < THIRDS * MIN_CUSTOMERS:
        return np.full(THIRDS, np.nan), np.full(THIRDS, np.nan)
    x, _t_x, T = (column[histories.which] for column in histories.columns)
    new = np.zeros(len(T))
    expected = model.purchase_process.expected_purchases(model.params, new, new, new, T)
    third = np.minimum(pd.Series(-T).rank(pct=True).to_numpy() * THIRDS, THIRDS - 1e-9).astype(int)
    sums, of_each = (np.bincount(third, weights, minlength=THIRDS) for weights in (expected, x))
    known = np.where(sums > 0, sums, np.nan)
    ratios = of_each / known
    squares = np.bincount(third, (x - np.nan_to_num(ratios)[third] * expected) ** 2, minlength=THIRDS)
    return ratios, Z_THIRDS * np.sqrt(squares) / known


def count_months(engine: Engine, *, as_of) -> pd.Series:
    """Purchase days in each whole calendar month up to `as_of`, by month; the first month is left out."""
    end = pd.Timestamp(as_of)
    rows = engine.execute(
        f"""
        select extract(year from day) as year, extract(month from day) as month, count(*) as purchases
        from (
            select distinct customer_id, day from transactions
            where kind = 'sale' and day <= {date(end)}
        ) as days
        group by extract(year from day), extract(month from day)
        order by year, month"""
    ).df()
    months = pd.PeriodIndex.from_fields(
        year=rows["year"].astype(int), month=rows["month"].astype(int), freq="M"
    )
    counts = pd.Series(rows["purchases"].to_numpy(float), index=months).iloc[1:]
    return counts[counts.index.end_time.normalize() <= end] if len(counts) else counts


def measure_season(months: pd.Series) -> tuple[float, float]:
    """Correlation of the last twelve months with the twelve before, detrended; the best month's excess.

    The excess is relative to the mean month of both years. NaN with fewer than 24 months.
    """
    if len(months) < 24 or (months <= 0).any():
        return MISSING, MISSING
    logs = np.log(months.to_numpy(float)[-24:])
    time = np.arange(24.0)
    detrended = logs - np.polyval(np.polyfit(time, logs, 1), time)
    mean = (detrended[:12] + detrended[12:]) / 2
    return float(np.corrcoef(detrended[:12], detrended[12:])[0, 1]), float(np.expm1(mean.max()))


def _check_spend(model: ValueModel) -> AssumptionCheck:
    name, facts = "spend_independent_of_frequency", model.facts
    if facts["repeaters"] < MIN_SPEND_CUSTOMERS:
        return AssumptionCheck(name, UNKNOWN, "shrunken_mean_used")
    keys = ("spend_correlation", "spend_correlation_low", "spend_correlation_high")
    measured = {key: facts[key] for key in keys} | {"limit": MAX_RANK_CORRELATION}
    holds = abs(facts["spend_correlation"]) <= MAX_RANK_CORRELATION
    used = model.spend_model == GAMMA_GAMMA
    consequence = "gamma_gamma_used" if used else "gamma_gamma_not_used"
    return AssumptionCheck(name, HOLDS if holds else FAILS, consequence, measured)


def _check_counts(counts: pd.DataFrame) -> AssumptionCheck:
    misplaced = float(abs(counts["actual"] - counts["expected"]).sum() / 2)
    close = misplaced <= MAX_MISPLACED_SHARE
    return AssumptionCheck(
        "purchase_counts_as_expected",
        HOLDS if close else FAILS,
        HOLDS if close else "trust_backtest",
        {"misplaced_share": misplaced},
    )


def _check_regularity(model: ValueModel) -> AssumptionCheck:
    name, shape = "purchases_at_random", model.facts.get("regularity")
    if shape is None:
        return AssumptionCheck(name, UNKNOWN, UNKNOWN)
    if shape <= MAX_RANDOM_SHAPE:
        return AssumptionCheck(name, HOLDS, HOLDS, {"erlang_shape": shape})
    if model.purchase_process.k > 1:
        consequence = "model_knows_regularity"
    else:
        consequence = "p_alive_too_high" if model.correction is None else "correction_knows_gaps"
    return AssumptionCheck(name, FAILS, consequence, {"erlang_shape": shape})


def _check_drift(drift: tuple[float, float, float]) -> AssumptionCheck:
    name, (change, low, high) = "spend_is_stationary", drift
    if np.isnan(change):
        return AssumptionCheck(name, UNKNOWN, UNKNOWN)
    holds = low <= MAX_DRIFT and high >= -MAX_DRIFT
    measured = {"change": change, "change_low": low, "change_high": high}
    return AssumptionCheck(name, HOLDS if holds else FAILS, HOLDS if holds else "totals_may_drift", measured)


def _check_cohorts(model: ValueModel, cohorts: tuple[Numbers, Numbers]) -> AssumptionCheck:
    name, (ratios, half_widths) = "cohorts_are_alike", cohorts
    if np.isnan(ratios).any():
        return AssumptionCheck(name, UNKNOWN, UNKNOWN)
    far = abs(ratios - 1) > MAX_COHORT_DEVIATION
    if not far.any():
        status, consequence = HOLDS, HOLDS
    elif not (far & (abs(ratios - 1) > half_widths)).any():
        status, consequence = UNKNOWN, "within_chance"
    else:
        status = FAILS
        consequence = "trust_ranking_within_cohort" if model.correction is None else "correction_knows_age"
    measured = {"actual_to_expected": ratios.tolist(), "half_width": float(half_widths.max())}
    return AssumptionCheck(name, status, consequence, measured)


def _check_season(season: tuple[float, float]) -> AssumptionCheck:
    name, (correlation, excess) = "no_season", season
    if np.isnan(correlation):
        return AssumptionCheck(name, UNKNOWN, UNKNOWN)
    holds = correlation < MIN_SEASON_CORRELATION
    measured = {"correlation": correlation, "best_month_excess": excess}
    return AssumptionCheck(name, HOLDS if holds else FAILS, HOLDS if holds else "whole_years_only", measured)
