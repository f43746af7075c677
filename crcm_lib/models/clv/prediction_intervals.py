"""How sure: ranges of spend for each customer and for totals, by drawing possible futures.

Each draw takes parameters as uncertain as the data leave them, then purchases and spends as random as the
models say. Ranges know nothing of what no model knows: a season, a crisis, a new shop.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.models.clv.backtest import BacktestWindow
from crcm_lib.models.clv.gamma_gamma import gamma_gamma_objective
from crcm_lib.models.clv.value_model import GAMMA_GAMMA, ValueModel, mean_spend, purchase_histories
from crcm_lib.models.mle import Numbers, sample_parameters, scale_histories, scale_times, weighted_histories

SHARE = 0.80  # of possible futures inside a range
DRAWS = 200
BATCH = 50_000  # customers drawn for at a time
SAMPLE = 20_000  # different histories that the spread of the parameters is learned from, at most


@dataclass(frozen=True)
class PredictionIntervals:
    """Ranges that hold with a probability of 80 %.

    Attributes
    ----------
    customers
        Indexed by `customer_id`: `spend_low`, `spend_high` (currency over the horizon).
    totals
        One row per group, and one for all: `group`, `customers`, `spend_expected`, `spend_low`, `spend_high`.
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
    """Draw what customers may spend over the horizon, and say within which limits 80 % of the draws lie.

    A customer's range runs from the 10th to the 90th percentile; where the 10th is 0, from 0 to the 80th.

    Parameters
    ----------
    model
        The learned model; its correction changes each customer's pace.
    customers
        The `customers` table.
    groups
        A group's name for each `customer_id`, for totals per group.
    seed
        Of the draws.
    """
    buyers = customers[customers["purchases"] > 0]
    names = pd.Series("", index=buyers.index) if groups is None else groups.reindex(buyers.index).fillna("")
    codes, labels = pd.factorize(names, sort=True)
    random = np.random.default_rng(seed)
    settings = _draw_settings(model, buyers, random)
    pace = model.correct(buyers)
    totals, low, high = np.zeros((DRAWS, len(labels))), [], []
    for start in range(0, len(buyers), BATCH):
        part = slice(start, start + BATCH)
        drawn = _draw_spends(model, buyers.iloc[part], pace[part], settings, horizon_days, random)
        for number, row in enumerate(drawn):
            totals[number] += np.bincount(codes[part], weights=row, minlength=len(labels))
        tenth, most, ninety = np.quantile(drawn, [0.1, SHARE, 0.9], axis=0)
        low.append(tenth)
        high.append(np.where(tenth > 0, ninety, most))
    limits = {"spend_low": np.concatenate(low or [[]]), "spend_high": np.concatenate(high or [[]])}
    expected = model.predict(buyers, horizon_days=horizon_days)["spend_expected"].to_numpy(float)
    found = _sum_up(totals, labels, codes, expected, split=groups is not None)
    return PredictionIntervals(pd.DataFrame(limits, index=buyers.index), found)


def coverage(actual: pd.Series, ranges: pd.DataFrame) -> float:
    """Share of customers whose actual spend lies in their range."""
    low, high = (ranges[name].reindex(actual.index).to_numpy(float) for name in ("spend_low", "spend_high"))
    inside = (actual.to_numpy(float) >= low - 1e-9) & (actual.to_numpy(float) <= high + 1e-9)
    return float(inside.mean()) if len(inside) else float("nan")


def describe_coverage(look: BacktestWindow | None, champion: str, *, seed: int = 0) -> str:
    """Whether the ranges would have held in a window of the past: of customers, and of the total."""
    if look is None:
        return _("Cannot tell whether ranges hold: no window of the past could be held out.")
    ranges = predict_intervals(look.models[champion], look.customers, horizon_days=look.days, seed=seed)
    actual, total = look.spends["actual"], ranges.totals.iloc[-1]
    some = ranges.customers["spend_high"] > 0  # nothing but 0 is expected of the others
    return _(
        "In the {days} days after {cut:%Y-%m-%d}, {share:.0%} of customers spent within their 80 % range "
        "({some:.0%} of those whose range is wider than zero). All together spent {actual:,.0f}; the range "
        "was {low:,.0f} to {high:,.0f}{missed}."
    ).format(
        days=look.days, cut=look.cut, share=coverage(actual, ranges.customers), actual=actual.sum(),
        some=coverage(actual[some], ranges.customers[some]), low=total["spend_low"], high=total["spend_high"],
        missed="" if total["spend_low"] <= actual.sum() <= total["spend_high"]
        else _(": missed, as ranges know nothing of season and trend"),
    )  # fmt: skip


def _sum_up(totals: Numbers, labels, codes, expected: Numbers, *, split: bool) -> pd.DataFrame:
    """The totals' ranges; the row of all customers comes last, under an empty name."""
    rows = [("", len(codes), expected.sum(), totals.sum(axis=1))]
    if split:
        sums, sizes = np.bincount(codes, expected, len(labels)), np.bincount(codes, minlength=len(labels))
        rows = [*zip(labels, sizes, sums, totals.T, strict=True), *rows]
    return pd.DataFrame(
        [
            {
                "group": name, "customers": int(size), "spend_expected": float(mean),
                "spend_low": float(np.quantile(drawn, 0.1)), "spend_high": float(np.quantile(drawn, 0.9)),
            }
            for name, size, mean, drawn in rows
        ]
    )  # fmt: skip


def _draw_settings(model: ValueModel, buyers: pd.DataFrame, random) -> list[tuple[dict, dict]]:
    """The parameters of purchases and of spend, as uncertain as the data leave them, once per few draws."""
    histories = purchase_histories(buyers)
    sets = DRAWS if len(histories) <= SAMPLE else DRAWS // 10
    purchases = [model.params] * sets
    if model.process.objective is not None and len(buyers):
        columns, scale = scale_histories(histories)
        scaled = scale_times({name: model.params[name] for name in model.process.names}, 1 / scale)
        drawn = sample_parameters(model.process.objective, columns, scaled, random, draws=sets, sample=SAMPLE)
        purchases = [scale_times(params, scale) for params in drawn]
    spends = [model.spend_params] * sets
    if model.spend == GAMMA_GAMMA:
        mean, n = mean_spend(buyers), buyers["purchases"].to_numpy(float)
        known = np.isfinite(mean)
        different, level = weighted_histories(n[known], mean[known]), float(mean[known].mean())
        columns = (different.columns[0], different.columns[1] / level, different.weight)
        params = {name: model.spend_params[name] / (level if name == "v" else 1) for name in "pqv"}
        drawn = sample_parameters(gamma_gamma_objective, columns, params, random, draws=sets, sample=SAMPLE)
        spends = [model.spend_params | found | {"v": found["v"] * level} for found in drawn]
    return list(zip(purchases, spends, strict=True))


def _draw_spends(model, buyers: pd.DataFrame, pace: Numbers, settings, days: float, random) -> Numbers:
    """Spend over the horizon: one row per draw, one column per customer."""
    histories, mean = purchase_histories(buyers), mean_spend(buyers)
    x, t_x, age = (column[histories.which] for column in histories.columns)
    found = np.zeros((DRAWS, len(buyers)))
    for number, (params, spend_params) in enumerate(settings):
        alive = np.nan_to_num(model.process.alive(params, *histories.columns), nan=1.0)[histories.which]
        for draw in range(number, DRAWS, len(settings)):
            here = np.flatnonzero(random.random(len(x)) < alive)
            parts = (column[here] for column in (x, t_x, age))
            count = model.process.sample(params, *parts, days, pace[here], random)
            some = here[count > 0]
            found[draw, some] = _draw_amounts(
                model, spend_params, count[count > 0], x[some] + 1, mean[some], random
            )
    return found


def _draw_amounts(model, params: dict, count: Numbers, n: Numbers, mean: Numbers, random) -> Numbers:
    """What `count` purchases bring, from the spend model's view of each customer."""
    if model.spend != GAMMA_GAMMA:
        shape = max(params.get("p", 1.0), 1e-3)
        return model.expect_spend(n, mean) / shape * random.gamma(shape * count)
    known = np.isfinite(mean)
    own, paid = np.where(known, n, 0.0), np.where(known, n * np.nan_to_num(mean), 0.0)
    rate = random.gamma(params["q"] + params["p"] * own) / (params["v"] + paid)
    return random.gamma(params["p"] * count) / np.maximum(rate, 1e-300)
