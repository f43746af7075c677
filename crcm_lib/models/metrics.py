"""How right predictions of spend were: measures, deciles, and a grade in words."""

import numpy as np
import pandas as pd

from crcm_lib.i18n import _

GOOD, FAIR, WEAK, UNKNOWN = "good", "fair", "weak", "cannot tell"
SMALL_BIAS, LARGE_BIAS = 0.10, 0.25  # share by which a total may be off to be good, to be fair
MIN_BUYERS = 30  # who must have bought after the cut before anything can be said
NEAR_RMSE, NEAR_GINI = 0.02, 0.02  # within which the model is about as good as a baseline
MEASURES = ("mae", "rmse", "bias", "gini", "top_share", "top_missed")


def measure(actual: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Measures of predicted against actual spend per customer.

    Returns
    -------
    mae and rmse (currency per customer), bias (predicted total / actual total − 1), gini (1 is the true
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
        "top_share": 1 - float(np.interp(0.8, *_lorenz(actual, predicted))),
        "top_missed": _miss_top(actual, predicted),
    }


def as_table(measured: dict[str, dict[str, float]]) -> pd.DataFrame:
    """Each model's measures, one row each, as in the table `backtest`: `model`, `measure`, `score`."""
    rows = [
        {"model": name, "measure": measure, "score": score}
        for name, scores in measured.items()
        for measure, score in scores.items()
        if np.isfinite(score)
    ]
    return pd.DataFrame(rows, columns=["model", "measure", "score"]).astype({"score": float})


def _miss_top(actual: np.ndarray, predicted: np.ndarray, share: float = 0.2) -> float:
    true = (pd.Series(actual).rank(pct=True).to_numpy() > 1 - share) & (actual > 0)
    seen = pd.Series(predicted).rank(pct=True).to_numpy() > 1 - share
    return float((~seen[true]).mean()) if true.any() else np.nan


def normalised_gini(actual: np.ndarray, predicted: np.ndarray) -> float:
    """Gini of actual spend in predicted order over that in its own order; customers who tie share a place."""
    best = _gini(actual, actual)
    return _gini(actual, predicted) / best if best > 0 else np.nan


def _lorenz(actual: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of customers from the lowest `order` up, and the share of the actual spend that they brought."""
    place, _levels = pd.factorize(order, sort=True)
    people = np.cumsum(np.bincount(place)) / len(actual)
    money = np.cumsum(np.bincount(place, weights=actual))
    return np.append(0.0, people), np.append(0.0, money / money[-1] if money[-1] > 0 else people)


def _gini(actual: np.ndarray, order: np.ndarray) -> float:
    people, money = _lorenz(actual, order)
    return round(1 - 2 * float(np.trapezoid(money, people)), 12)


def tabulate_deciles(actual: np.ndarray, predicted: np.ndarray, groups: int = 10) -> pd.DataFrame:
    """Customers in ten groups by predicted spend, 1 the highest: how many, mean predicted, mean actual.

    Customers who tie share a group, so groups may differ in size and some may be empty.
    """
    rank = pd.Series(-predicted).rank(method="average", pct=True)
    place = np.ceil(rank * groups).clip(1, groups).astype(int).rename("decile")
    frame = pd.DataFrame({"predicted": predicted, "actual": actual})
    found = frame.groupby(place).agg(
        customers=("actual", "size"), predicted=("predicted", "mean"), actual=("actual", "mean")
    )
    return found.reset_index()


def grade(scores: dict[str, dict[str, float]], buyers: int) -> tuple[str, str]:
    """Grade the first model of `scores` against the others, the baselines, and say why.

    good: at least as close (RMSE) and as well ranked (Gini) as each baseline, and the total within 10 %;
    fair: about as good as each (within 2 % of RMSE and 2 points of Gini), and the total within 25 %;
    weak: the rest.
    """
    if buyers < MIN_BUYERS:
        return UNKNOWN, _("{n} customers bought in the days held out, and a grade needs {fewest}").format(
            n=buyers, fewest=MIN_BUYERS
        )
    model, *baselines = scores.values()
    closer = 1 - model["rmse"] / max(min(base["rmse"] for base in baselines), 1e-300)
    better = model["gini"] - max(base["gini"] for base in baselines)
    off = abs(model["bias"])
    because = _(
        "against the best naive baseline its error (RMSE) is {closer:+.1%} and its ranking (Gini) "
        "{better:+.1f} points; its total was off by {bias:+.1%}"
    ).format(closer=-closer, better=100 * better, bias=model["bias"])
    if closer >= 0 and better >= 0 and off <= SMALL_BIAS:
        return GOOD, because
    if closer >= -NEAR_RMSE and better >= -NEAR_GINI and off <= LARGE_BIAS:
        return FAIR, because
    return WEAK, because
