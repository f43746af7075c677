"""How accurate predictions of spend were: measures, deciles, a ranking of models, a grade."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

GOOD, FAIR, TIE, WEAK, UNKNOWN = "good", "fair", "tie", "weak", "cannot_tell"
GOOD_BIAS = 0.10  # largest share by which the total may be off
MIN_BUYERS = 30  # customers who must have bought in a window before anything is judged by it
MEASURES = ("mae", "rmse", "bias", "gini", "top_share", "top_missed")
LEAST = 0.01  # share of the mean prediction that a smaller one counts as: the loss has a logarithm
TOP = 0.2  # share of customers that are the top in `top_share` and `top_missed`


@dataclass(frozen=True)
class Grade:
    """A model's accuracy against the best baseline.

    Attributes
    ----------
    grade
        good: a smaller loss than the best baseline's, beyond chance, and totals within 10 %; fair: the same
        with totals further off; tie: chance may explain the difference, or the model is a baseline; weak: a
        larger loss, beyond chance; cannot_tell: fewer than 30 customers bought.
    buyers
        Customers who bought in a window.
    baseline
        The baseline of smallest loss.
    change, low, high
        Loss / that baseline's - 1, and its 95 % interval; NaN where fewer than 30 customers bought.
    bias
        Predicted total / actual total - 1, averaged over windows.
    """

    grade: str
    buyers: int
    baseline: str = ""
    change: float = np.nan
    low: float = np.nan
    high: float = np.nan
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
    """Rank models by their mean loss over windows, and select the candidate of smallest loss.

    The loss is the Poisson deviance of spend, as a share of the spend: it is smallest in expectation for the
    true mean, as the squared error is, but a few very large customers do not decide it alone. Each model's
    total is first brought to the actual one, so that a good or bad season is no model's merit; by how much
    totals were off is the measure `bias`.

    Parameters
    ----------
    spends
        For each window one row per customer (currency): `actual` and a column for each model.
    candidates
        The models to select from, the simplest first; of equal losses the first counts as smaller.
    baselines
        Simple rules to compare with; those that are no candidates are only measured.

    Returns
    -------
    One row per model, ordered by loss: `model`, `loss`, `behind` with the limits of its 95 % interval
    `behind_low` and `behind_high` (loss / that of the model selected - 1; see `compare_losses`) and the
    measures of `measure`, averaged over windows; and the model selected.
    """
    models = dict.fromkeys((*candidates, *baselines))
    names = [name for name in models if all(name in frame for frame in spends)]
    losses = measure_losses(spends, names)
    mean, comparisons = losses.sum(), max(len(names) - 1, 1)
    selected = min((name for name in candidates if name in names), key=lambda name: mean[name])
    rows = []
    for name in names:
        behind, low, high = compare_losses(losses[name], losses[selected], comparisons=comparisons)
        scores = [measure(frame["actual"].to_numpy(float), frame[name].to_numpy(float)) for frame in spends]
        relative = {"behind": behind, "behind_low": low, "behind_high": high}
        rows.append({"model": name, "loss": mean[name], **relative, **pd.DataFrame(scores).mean()})
    return pd.DataFrame(rows).sort_values("loss", kind="stable", ignore_index=True), selected


def measure_losses(spends: Sequence[pd.DataFrame], names: Sequence[str]) -> pd.DataFrame:
    """Each customer's part of each model's loss, averaged over windows; see `rank_models`."""
    losses = [
        pd.DataFrame({name: deviance(frame["actual"], frame[name]) for name in names}, index=frame.index)
        for frame in spends
    ]
    return pd.concat(losses).groupby(level=0).sum() / len(losses)


def compare_losses(one: pd.Series, other: pd.Series, *, comparisons: int = 1) -> tuple[float, float, float]:
    """One model's loss / another's - 1, with its 95 % interval.

    The difference is paired by customer, whose windows are not independent of each other, and the interval is
    that of a sum over customers (Diebold & Mariano 1995, J. Business & Economic Statistics 13, 253-263,
    section 1.1, of customers in place of days); the chance of the other's own loss is left out. All intervals
    of several comparisons hold together with 95 % (Bonferroni), as the smallest loss of several is compared.
    """
    from scipy.special import ndtri

    difference, scale = one - other, max(float(other.sum()), 1e-300)
    half = ndtri(1 - 0.025 / comparisons) * np.sqrt(len(difference) * difference.var(ddof=0)) / scale
    relative = float(difference.sum()) / scale
    return relative, float(relative - half), float(relative + half)


def deviance(actual, predicted) -> np.ndarray:
    """Each customer's part of the Poisson deviance, as a share of all that was spent; totals made equal."""
    actual, predicted = np.asarray(actual, float).clip(0), np.asarray(predicted, float)
    total = max(float(actual.sum()), 1e-300)
    predicted = np.maximum(predicted, LEAST * max(float(predicted.mean()), 1e-300))
    predicted = predicted * (total / predicted.sum())
    ratio = np.where(actual > 0, actual, 1) / predicted
    return 2 * (np.where(actual > 0, actual * np.log(ratio), 0) - (actual - predicted)) / total


def grade(
    spends: Sequence[pd.DataFrame], standings: pd.DataFrame, model: str, baselines: Sequence[str], buyers: int
) -> Grade:
    """Grade the model selected against the best baseline; see `Grade`.

    Parameters
    ----------
    spends, standings
        As given to and returned by `rank_models`: the model was selected among those of the standings, and so
        the interval is as wide as so many comparisons need.
    buyers
        Customers who bought in a window, the most of any.
    """
    if buyers < MIN_BUYERS:
        return Grade(UNKNOWN, buyers)
    table = standings.set_index("model")
    best, bias = table["loss"].reindex(baselines).idxmin(), float(table.loc[model, "bias"])
    losses = measure_losses(spends, list(dict.fromkeys([model, best])))
    change, low, high = compare_losses(losses[model], losses[best], comparisons=max(len(table) - 1, 1))
    if low > 0:
        word = WEAK
    elif high >= 0:
        word = TIE
    else:
        word = GOOD if abs(bias) <= GOOD_BIAS else FAIR
    return Grade(word, buyers, best, change, low, high, bias)
