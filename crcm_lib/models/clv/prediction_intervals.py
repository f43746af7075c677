"""Prediction intervals of spend, for each customer and for totals, by simulation.

Each draw takes parameters from the distribution of their estimates, then purchases and spends from the
models. What no model knows is not in the intervals: a season, a crisis, a new shop.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crcm_lib.models.clv.backtest import BacktestWindow
from crcm_lib.models.clv.gamma_gamma import GAMMA_GAMMA, PARAM_NAMES, gamma_gamma_objective
from crcm_lib.models.clv.value_model import ValueModel
from crcm_lib.models.histories import Numbers, mean_spend, purchase_histories, weighted_histories
from crcm_lib.models.mle import sample_parameters, scale_histories, scale_times

COVERAGE = 0.80  # probability that an interval holds
DRAWS = 200
BATCH = 50_000  # customers simulated at a time
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
        `spend_expected`, `spend_low`, `spend_high`.
    """

    customers: pd.DataFrame
    totals: pd.DataFrame


def predict_intervals(
    model: ValueModel,
    customers: pd.DataFrame,
    *,
    horizon_days: float,
    groups: pd.Series | None = None,
    seed: int = 0,
) -> PredictionIntervals:
    """Simulate what customers may spend over the horizon: the limits between which 80 % of the draws lie.

    A customer's interval runs from the 10th to the 90th percentile; where the 10th is 0, from 0 to the 80th.

    Parameters
    ----------
    model
        The fitted model; its correction changes each customer's purchase rate.
    customers
        The table `customer_features`.
    groups
        A group's name for each `customer_id`, for totals per group.
    seed
        Of the draws.
    """
    buyers = customers[customers["purchases"] > 0]
    names = pd.Series("", index=buyers.index) if groups is None else groups.reindex(buyers.index).fillna("")
    codes, labels = pd.factorize(names, sort=True)
    random = np.random.default_rng(seed)
    settings, factors = _draw_parameters(model, buyers, random), model.factors(buyers)
    totals, low, high = np.zeros((DRAWS, len(labels))), [], []
    for start in range(0, len(buyers), BATCH):
        part = slice(start, start + BATCH)
        drawn = _simulate_spends(model, buyers.iloc[part], factors[part], settings, horizon_days, random)
        for number, row in enumerate(drawn):
            totals[number] += np.bincount(codes[part], weights=row, minlength=len(labels))
        tenth, eightieth, ninetieth = np.quantile(drawn, [0.1, COVERAGE, 0.9], axis=0)
        low.append(tenth)
        high.append(np.where(tenth > 0, ninetieth, eightieth))
    limits = {"spend_low": np.concatenate(low or [[]]), "spend_high": np.concatenate(high or [[]])}
    expected = model.predict(buyers, horizon_days=horizon_days)["spend_expected"].to_numpy(float)
    rows = [_total_row("", len(buyers), expected.sum(), totals.sum(axis=1))]
    if groups is not None:
        sums, sizes = np.bincount(codes, expected, len(labels)), np.bincount(codes, minlength=len(labels))
        rows = [*map(_total_row, labels, sizes, sums, totals.T), *rows]
    return PredictionIntervals(pd.DataFrame(limits, index=buyers.index), pd.DataFrame(rows))


def coverage(actual: pd.Series, intervals: pd.DataFrame) -> float:
    """Share of customers whose actual spend lies in their interval."""
    limits = (intervals[name].reindex(actual.index).to_numpy(float) for name in ("spend_low", "spend_high"))
    low, high = limits
    inside = (actual.to_numpy(float) >= low - 1e-9) & (actual.to_numpy(float) <= high + 1e-9)
    return float(inside.mean()) if len(inside) else float("nan")


def backtest_intervals(window: BacktestWindow | None, champion: str, *, seed: int = 0) -> pd.DataFrame:
    """How the champion's intervals held in a window of the past.

    Returns
    -------
    One row, none without a window: `start` (last day before it), `days`, `customers`; `coverage_share`, the
    share of customers whose actual spend lay in their interval, and `coverage_nonzero_share`, the same of
    customers whose interval is wider than zero; `spend_actual`, `spend_low`, `spend_high` of the total
    (currency).
    """
    if window is None:
        return pd.DataFrame(columns=["start", "days", "customers"])
    holdout, actual = window.holdout, window.spends["actual"]
    intervals = predict_intervals(
        window.models[champion], holdout.customers, horizon_days=holdout.days, seed=seed
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


def _total_row(name: str, size: int, expected: float, drawn: Numbers) -> dict[str, object]:
    low, high = np.quantile(drawn, [0.1, 0.9])
    return {
        "group": name,
        "customers": int(size),
        "spend_expected": float(expected),
        "spend_low": float(low),
        "spend_high": float(high),
    }


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
) -> Numbers:
    """Spend over the horizon (currency), shape (draws, customers)."""
    histories, mean, process = purchase_histories(buyers), mean_spend(buyers), model.purchase_process
    x, t_x, T = (column[histories.which] for column in histories.columns)
    spends = np.zeros((DRAWS, len(buyers)))
    for number, (params, spend_params) in enumerate(settings):
        p_alive = np.nan_to_num(process.p_alive(params, *histories.columns), nan=1.0)[histories.which]
        for draw in range(number, DRAWS, len(settings)):
            active = np.flatnonzero(random.random(len(x)) < p_alive)
            history = (column[active] for column in (x, t_x, T))
            count = process.sample(params, *history, horizon_days, factors[active], random)
            buying, count = active[count > 0], count[count > 0]
            n = x[buying] + 1
            spends[draw, buying] = _simulate_amounts(model, spend_params, count, n, mean[buying], random)
    return spends


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
