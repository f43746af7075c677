"""How accurate predictions of spend were: measures, deciles, a ranking of models, a grade."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

GOOD, FAIR, WEAK, UNKNOWN = "good", "fair", "weak", "cannot_tell"
GOOD_BIAS, FAIR_BIAS = 0.10, 0.25  # largest share by which the total may be off
NEAR_RMSE, NEAR_GINI = 0.02, 0.02  # share and points within which a model is about as good as a baseline
MIN_BUYERS = 30  # customers who must have bought in a window before anything is judged by it
MEASURES = ("mae", "rmse", "bias", "gini", "top_share", "top_missed")
TOP = 0.2  # share of customers that are the top in `top_share` and `top_missed`


@dataclass(frozen=True)
class Grade:
    """A model's accuracy against the best baseline.

    Attributes
    ----------
    grade
        good: at least as low an error (RMSE) and as high a Gini as each baseline, and the total within 10 %;
        fair: about as good as each (2 % of RMSE, 2 points of Gini), and the total within 25 %; weak: the
        rest; cannot_tell: fewer than 30 customers bought.
    buyers
        Customers who bought in the window.
    rmse_change
        RMSE / the lowest RMSE of a baseline - 1; NaN where fewer than 30 customers bought.
    gini_change
        Gini - the highest Gini of a baseline.
    bias
        Predicted total / actual total - 1.
    """

    grade: str
    buyers: int
    rmse_change: float = np.nan
    gini_change: float = np.nan
    bias: float = np.nan


def measure(actual: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Measures of predicted against actual spend per customer, each of shape (customers,).

    Returns
    -------
    mae and rmse (currency per customer), bias (predicted total / actual total - 1), gini (1 is the true
    ranking, 0 is chance), top_share (share of the actual spend that the predicted top fifth brought),
    top_missed (share of the true top fifth, as far as they spent anything, who are not in the predicted one).

    Examples
    --------
    >>> measure(np.array([0., 0., 4.]), np.array([1., 1., 3.]))["gini"]
    1.0
    """
    error, total = predicted - actual, float(actual.sum())
    return {
        "mae": float(abs(error).mean()),
        "rmse": float(np.sqrt((error**2).mean())),
        "bias": float(predicted.sum()) / total - 1 if total > 0 else np.nan,
        "gini": normalised_gini(actual, predicted),
        "top_share": 1 - float(np.interp(1 - TOP, *_lorenz(actual, predicted))),
        "top_missed": _top_missed(actual, predicted),
    }


def as_table(measured: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """The table `backtest`: one row per model and measure, `score` its value; missing ones left out."""
    rows = [
        {"model": model, "measure": name, "score": score}
        for model, scores in measured.items()
        for name, score in scores.items()
        if np.isfinite(score)
    ]
    return pd.DataFrame(rows, columns=["model", "measure", "score"]).astype({"score": float})


def _top_missed(actual: np.ndarray, predicted: np.ndarray) -> float:
    true_top = (pd.Series(actual).rank(pct=True).to_numpy() > 1 - TOP) & (actual > 0)
    predicted_top = pd.Series(predicted).rank(pct=True).to_numpy() > 1 - TOP
    return float((~predicted_top[true_top]).mean()) if true_top.any() else np.nan


def normalised_gini(actual: np.ndarray, predicted: np.ndarray) -> float:
    """Gini of actual spend in predicted order over that in its own order; customers who tie share a rank."""
    best = _gini(actual, actual)
    return _gini(actual, predicted) / best if best > 0 else np.nan


def _lorenz(actual: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of customers from the lowest `order` up, and the share of the actual spend that they brought."""
    rank, _levels = pd.factorize(order, sort=True)
    customers = np.cumsum(np.bincount(rank)) / len(actual)
    spend = np.cumsum(np.bincount(rank, weights=actual))
    return np.append(0.0, customers), np.append(0.0, spend / spend[-1] if spend[-1] > 0 else customers)


def _gini(actual: np.ndarray, order: np.ndarray) -> float:
    customers, spend = _lorenz(actual, order)
    return round(1 - 2 * float(np.trapezoid(spend, customers)), 12)


def tabulate_deciles(actual: np.ndarray, predicted: np.ndarray, groups: int = 10) -> pd.DataFrame:
    """Customers in ten groups by predicted spend, 1 the highest.

    Returns
    -------
    `decile`, `customers`, mean `predicted` and `actual` (currency). Customers who tie share a group, so that
    groups may differ in size and some may be empty.
    """
    rank = pd.Series(-predicted).rank(method="average", pct=True)
    decile = np.ceil(rank * groups).clip(1, groups).astype(int).rename("decile")
    by_decile = pd.DataFrame({"predicted": predicted, "actual": actual}).groupby(decile)
    means = by_decile.agg(
        customers=("actual", "size"), predicted=("predicted", "mean"), actual=("actual", "mean")
    )
    return means.reset_index()


def rank_models(
    spends: Sequence[pd.DataFrame], candidates: Sequence[str], baselines: Sequence[str]
) -> tuple[pd.DataFrame, str]:
    """Rank models by their mean loss over windows, and select one of the candidates.

    The loss is the Poisson deviance of spend, as a share of the spend: it is smallest in expectation for the
    true mean, as the squared error is, but a few very large customers do not decide it alone. Each model's
    total is first brought to the actual one, so that a good or bad season is no model's merit; by how much
    totals were off is the measure `bias`. Selected is the simplest candidate whose loss is within one
    standard error of the smallest (Breiman et al. 1984, Classification and Regression Trees, section 3.4.3).

    Parameters
    ----------
    spends
        For each window one row per customer (currency): `actual` and a column for each model.
    candidates
        The models to select from, the simplest first.
    baselines
        Models that are only measured.

    Returns
    -------
    One row per model, ordered by loss: `model`, `loss`, `behind` (standard errors above the smallest loss of
    a candidate) and the measures of `measure`, averaged over windows; and the model selected.
    """
    names = [name for name in (*candidates, *baselines) if all(name in frame for frame in spends)]
    losses = [{name: deviance(frame["actual"], frame[name]) for name in names} for frame in spends]
    mean = {name: float(np.mean([loss[name].sum() for loss in losses])) for name in names}
    eligible = [name for name in candidates if name in names]
    best = min(eligible, key=lambda name: mean[name])
    behind = {name: _standard_errors_behind(losses, name, best) for name in names}
    selected = next(name for name in eligible if behind[name] <= 1)
    rows = []
    for name in names:
        scores = [measure(frame["actual"].to_numpy(float), frame[name].to_numpy(float)) for frame in spends]
        rows.append(
            {"model": name, "loss": mean[name], "behind": behind[name], **pd.DataFrame(scores).mean()}
        )
    return pd.DataFrame(rows).sort_values("loss", kind="stable", ignore_index=True), selected


def deviance(actual, predicted) -> np.ndarray:
    """Each customer's part of the Poisson deviance, as a share of all that was spent; totals made equal."""
    actual, predicted = np.asarray(actual, float).clip(0), np.asarray(predicted, float)
    total = max(float(actual.sum()), 1e-300)
    predicted = np.maximum(predicted, 1e-6 * max(float(predicted.mean()), 1e-300))  # The logarithm needs > 0.
    predicted = predicted * (total / predicted.sum())
    ratio = np.where(actual > 0, actual, 1) / predicted
    return 2 * (np.where(actual > 0, actual * np.log(ratio), 0) - (actual - predicted)) / total


def _standard_errors_behind(losses: Sequence[dict[str, np.ndarray]], name: str, best: str) -> float:
    """Mean loss above the best model's, in standard errors of the paired difference."""
    if name == best:
        return 0.0
    differences = [loss[name] - loss[best] for loss in losses]
    mean = np.mean([difference.sum() for difference in differences])
    error = np.sqrt(sum(len(d) * d.var() for d in differences)) / len(differences)
    return float(mean / error) if error > 0 else 0.0


def grade(model: Mapping[str, float], baselines: Sequence[Mapping[str, float]], buyers: int) -> Grade:
    """Grade a model's measures against those of baselines; see `Grade`."""
    if buyers < MIN_BUYERS:
        return Grade(UNKNOWN, buyers)
    rmse_change = model["rmse"] / max(min(base["rmse"] for base in baselines), 1e-300) - 1
    gini_change = model["gini"] - max(base["gini"] for base in baselines)
    bias = model["bias"]
    if rmse_change <= 0 and gini_change >= 0 and abs(bias) <= GOOD_BIAS:
        word = GOOD
    elif rmse_change <= NEAR_RMSE and gini_change >= -NEAR_GINI and abs(bias) <= FAIR_BIAS:
        word = FAIR
    else:
        word = WEAK
    return Grade(word, buyers, rmse_change, gini_change, bias)
