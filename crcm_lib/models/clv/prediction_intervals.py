"""Prediction intervals of spend, for each customer and for totals.

Customers' intervals are simulated: each draw takes parameters from the distribution of their estimates, then
purchases and spends from the models. Totals are off by what no model knows, a season, a crisis, a new shop:
their intervals are as wide as past windows' totals were off, and never narrower than the simulation.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crcm_lib.models.clv.gamma_gamma import GAMMA_GAMMA, PARAM_NAMES, expected_spend, gamma_gamma_objective
from crcm_lib.models.clv.model_selection import ModelSelection
from crcm_lib.models.clv.value_model import ValueModel
from crcm_lib.models.histories import (
    HISTORY_COLUMNS,
    Numbers,
    mean_spend,
    purchase_histories,
    weighted_histories,
)
from crcm_lib.models.mle import sample_parameters, scale_histories, scale_times

COVERAGE = 0.80  # probability that an interval holds
Z_80 = 1.2815515655446004  # two-sided 80 % of the normal distribution
DRAWS = 200
BATCH = 50_000  # different customers simulated at a time
SAMPLE = 20_000  # different histories that the covariance of the parameters is estimated from, at most


@dataclass(frozen=True)
class PredictionIntervals:
    """Intervals that hold with a probability of 80 %.

    Attributes
    ----------
    customers
        Indexed by `customer_id`: `spend_low`, `spend_high` (currency over the horizon).
    totals
        One row per group, and the last one, under an empty name, for all: `group`, `customers`,
        `spend_expected`, `spend_low`, `spend_high`; no limits where past windows cannot tell.
    """

    customers: pd.DataFrame
    totals: pd.DataFrame


def predict_intervals(
    model: ValueModel,
    customers: pd.DataFrame,
    *,
    horizon_days: float,
    total_error: float | None,
    groups: pd.Series | None = None,
    seed: int = 0,
) -> PredictionIntervals:
    """The limits between which spend over the horizon lies with a probability of 80 %.

    A customer's interval runs from the 10th to the 90th percentile of the draws; where the 10th is 0, from 0
    to the 80th. Customers of equal history, mean spend and correction have equal intervals.

    Parameters
    ----------
    model
        The fitted model; its correction changes each customer's purchase rate.
    customers
        The table `customer_features`.
    total_error
        From `ModelSelection.largest_error`: by how much totals may be off (logarithm); a group's may be off
        by the chance of its own customers as well. None: totals have no limits. 0: those of the simulation
        alone, which knows nothing of season and drift.
    groups
        A group's name for each `customer_id`, for totals per group.
    seed
        Of the draws.
    """
    buyers = customers[customers["purchases"] > 0]
    names = pd.Series("", index=buyers.index) if groups is None else groups.reindex(buyers.index).fillna("")
    codes, labels = pd.factorize(names, sort=True)
    which, (low, high), (within, between) = _simulate(model, buyers, codes, horizon_days, seed)
    limits = pd.DataFrame({"spend_low": low[which], "spend_high": high[which]}, index=buyers.index)
    predicted = model.predict(buyers, horizon_days=horizon_days)["spend_expected"].to_numpy(float)
    sums, sizes = np.bincount(codes, predicted, len(labels)), np.bincount(codes, minlength=len(labels))
    chance = _log_half_width(sums, within + between.var(axis=0))
    all_chance = _log_half_width(sums.sum(), within.sum() + between.sum(axis=1).var())
    rows = [_total_row("", len(buyers), sums.sum(), max(all_chance, total_error or 0.0))]
    if groups is not None:
        rows = [*map(_total_row, labels, sizes, sums, np.hypot(chance, total_error or 0.0)), *rows]
    totals = pd.DataFrame(rows)
    if total_error is None:
        totals[["spend_low", "spend_high"]] = np.nan
    return PredictionIntervals(limits, totals)


def coverage(actual: pd.Series, intervals: pd.DataFrame) -> float:
    """Share of customers whose actual spend lies in their interval."""
    limits = (intervals[name].reindex(actual.index).to_numpy(float) for name in ("spend_low", "spend_high"))
    low, high = limits
    inside = (actual.to_numpy(float) >= low - 1e-9) & (actual.to_numpy(float) <= high + 1e-9)
    return float(inside.mean()) if len(inside) else float("nan")


def backtest_intervals(selection: ModelSelection, *, seed: int = 0) -> pd.DataFrame:
    """How the champion's intervals held in the latest window, told from what was known before it.

    Returns
    -------
    One row, none where no window was judged: `start` (last day before it), `days`, `customers`;
    `coverage_share`, the share of customers whose actual spend lay in their interval, and
    `coverage_nonzero_share`, the same of customers whose interval is wider than zero; `spend_actual`,
    `spend_low`, `spend_high` of the total (currency; no limits with fewer than four windows before it).
    """
    window, champion = selection.latest, selection.champion
    if window is None:
        return pd.DataFrame(columns=["start", "days", "customers"])
    holdout, actual = window.holdout, window.spends["actual"]
    intervals = predict_intervals(
        window.models[champion],
        holdout.customers,
        horizon_days=holdout.days,
        total_error=selection.largest_error(holdout.days, before=1),
        seed=seed,
    )
    nonzero, total = intervals.customers["spend_high"] > 0, intervals.totals.iloc[-1]
    row = {
        "start": holdout.start,
        "days": holdout.days,
        "customers": len(actual),
        "coverage_share": coverage(actual, intervals.customers),
        "coverage_nonzero_share": coverage(actual[nonzero], intervals.customers[nonzero]),
        "spend_actual": float(actual.sum()),
        "spend_low": total["spend_low"],
        "spend_high": total["spend_high"],
    }
    return pd.DataFrame([row])


def relative_totals(groups: pd.DataFrame, everybody: pd.DataFrame) -> pd.DataFrame:
    """Totals with their limits relative to what is expected, the largest group first and the row of all last.

    Parameters
    ----------
    groups, everybody
        The rows of `PredictionIntervals.totals` for groups, small cells hidden, and for all.

    Returns
    -------
    The rows with `low_change` and `high_change` (limit / expected - 1). Groups that are hidden or of which
    nothing is expected are left out; no rows where none remains.
    """
    totals = groups.dropna().query("spend_expected > 0").sort_values("spend_expected", ascending=False)
    totals = pd.concat([totals, everybody], ignore_index=True) if len(totals) else totals
    return totals.assign(
        low_change=totals["spend_low"] / totals["spend_expected"] - 1,
        high_change=totals["spend_high"] / totals["spend_expected"] - 1,
    )


def _total_row(name: str, size: int, expected: float, log_half_width: float) -> dict[str, object]:
    return {
        "group": name,
        "customers": int(size),
        "spend_expected": float(expected),
        "spend_low": float(expected * np.exp(-log_half_width)),
        "spend_high": float(expected * np.exp(log_half_width)),
    }


def _log_half_width(expected, variance):
    """Half the width of a total's 80 % interval, as a logarithm; 0 where nothing is expected."""
    return np.log1p(Z_80 * np.sqrt(variance) / np.where(expected > 0, expected, np.inf))


def _simulate(
    model: ValueModel, buyers: pd.DataFrame, codes: np.ndarray, horizon_days: float, seed: int
) -> tuple[np.ndarray, tuple[Numbers, Numbers], tuple[Numbers, Numbers]]:
    """Simulate each different customer once: which one each buyer is, and the limits of each.

    And of the groups' totals the two parts of their chance: the variance of what customers do, shape
    (groups,), and the totals expected under each draw of the parameters, shape (draws, groups).
    """
    random, factors = np.random.default_rng(seed), model.factors(buyers)
    history = (buyers[name].to_numpy(float) for name in HISTORY_COLUMNS)
    mean = np.nan_to_num(mean_spend(buyers), nan=-1.0)
    profiles = weighted_histories(buyers["purchases"].to_numpy(float), *history, mean, factors)
    first = np.unique(profiles.which, return_index=True)[1]
    settings, groups = _draw_parameters(model, buyers, random), int(codes.max(initial=0)) + 1
    within, between, low, high = np.zeros(groups), np.zeros((len(settings), groups)), [], []
    counts = np.zeros((groups, len(first)))
    np.add.at(counts, (codes, profiles.which), 1)
    for start in range(0, len(first), BATCH):
        part = first[start : start + BATCH]
        drawn, expected = _simulate_spends(
            model, buyers.iloc[part], factors[part], settings, horizon_days, random
        )
        customers = counts[:, start : start + BATCH]
        within += customers @ (drawn.var(axis=0) - expected.var(axis=0)).clip(0)
        between += expected @ customers.T
        tenth, eightieth, ninetieth = np.quantile(drawn, [0.1, COVERAGE, 0.9], axis=0)
        low.append(tenth)
        high.append(np.where(tenth > 0, ninetieth, eightieth))
    limits = (np.concatenate(low or [np.zeros(0)]), np.concatenate(high or [np.zeros(0)]))
    return profiles.which, limits, (within, between)


def _draw_parameters(model: ValueModel, buyers: pd.DataFrame, random) -> list[tuple[dict, dict]]:
    """Parameters of purchases and of spend drawn from the distribution of their estimates.

    One pair per draw; for many customers, whose simulation is costly, one pair per ten draws.
    """
    histories, process = purchase_histories(buyers), model.purchase_process
    sets = DRAWS if len(histories) <= SAMPLE else DRAWS // 10
    purchases = [model.params] * sets
    if process.objective is not None and len(buyers):
        columns, scale = scale_histories(histories)
        scaled = scale_times({name: model.params[name] for name in process.param_names}, 1 / scale)
        drawn = sample_parameters(process.objective, columns, scaled, random, draws=sets, sample=SAMPLE)
        purchases = [scale_times(params, scale) for params in drawn]
    spends = [model.spend_params] * sets
    if model.spend_model == GAMMA_GAMMA:
        mean, n = mean_spend(buyers), buyers["purchases"].to_numpy(float)
        known = np.isfinite(mean)
        different, scale = weighted_histories(n[known], mean[known]), float(mean[known].mean())
        columns = (different.columns[0], different.columns[1] / scale, different.weight)
        params = {name: model.spend_params[name] / (scale if name == "v" else 1) for name in PARAM_NAMES}
        drawn = sample_parameters(gamma_gamma_objective, columns, params, random, draws=sets, sample=SAMPLE)
        spends = [model.spend_params | params | {"v": params["v"] * scale} for params in drawn]
    return list(zip(purchases, spends, strict=True))


def _simulate_spends(
    model: ValueModel, buyers: pd.DataFrame, factors: Numbers, settings, horizon_days: float, random
) -> tuple[Numbers, Numbers]:
    """Spend over the horizon (currency), shape (draws, customers); and expected under each setting."""
    histories, mean, process = purchase_histories(buyers), mean_spend(buyers), model.purchase_process
    x, t_x, T = (column[histories.which] for column in histories.columns)
    spends, expected = np.zeros((DRAWS, len(buyers))), np.zeros((len(settings), len(buyers)))
    for number, (params, spend_params) in enumerate(settings):
        p_alive = np.nan_to_num(process.p_alive(params, *histories.columns), nan=1.0)[histories.which]
        purchases = process.expected_purchases(params, *histories.columns, float(horizon_days))
        spend = expected_spend(model.spend_model, spend_params, x + 1, mean)
        expected[number] = p_alive * purchases[histories.which] * factors * spend
        for draw in range(number, DRAWS, len(settings)):
            active = np.flatnonzero(random.random(len(x)) < p_alive)
            history = (column[active] for column in (x, t_x, T))
            count = process.sample(params, *history, horizon_days, factors[active], random)
            buying, count = active[count > 0], count[count > 0]
            n = x[buying] + 1
            spends[draw, buying] = _simulate_amounts(model, spend_params, count, n, mean[buying], random)
    return spends, expected


def _simulate_amounts(
    model: ValueModel, params: dict, count: Numbers, n: Numbers, mean: Numbers, random
) -> Numbers:
    """Spend on `count` purchases, from each customer's posterior; exponential without Gamma-Gamma."""
    if model.spend_model != GAMMA_GAMMA:
        return model.expected_spend(n, mean) * random.gamma(count)
    known = np.isfinite(mean)
    own_n, own_spend = np.where(known, n, 0.0), np.where(known, n * np.nan_to_num(mean), 0.0)
    rate = random.gamma(params["q"] + params["p"] * own_n) / (params["v"] + own_spend)
    return random.gamma(params["p"] * count) / np.maximum(rate, 1e-300)
