"""Validation of the newcomers' model in time order: fitted on earlier newcomers, compared on later ones."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from crcm_lib.models import metrics
from crcm_lib.models.newcomers.poisson_model import PoissonModel, fit_mean, fit_poisson
from crcm_lib.stats import Z_95

CLASSES = PROMISING, ORDINARY, MODEST = ("promising", "ordinary", "modest")
UNKNOWN = "cannot_tell"  # a class and a grade
BEATS, NO_BETTER = "beats_mean", "no_better_than_mean"
MIN_EARLIER_NEWCOMERS = 100  # customers to fit on, at least
MEAN, MODEL = "mean", "first_day_model"


@dataclass(frozen=True)
class HoldoutResult:
    """A fitted model, and how it did on later newcomers.

    Attributes
    ----------
    model
        With factors only where they beat the mean.
    grade
        `beats_mean`, `no_better_than_mean` or `cannot_tell`.
    reason
        An id: `compared`, or why there is no comparison: `short_history`, `too_few_earlier`,
        `few_earlier_spent`, `few_later_spent` or `no_attribute`.
    facts
        Numbers behind the reason. `earlier` and `later` (newcomers fitted on and compared on); of the
        comparison `rmse_change` (against the mean, share), `gini`, `loss_change` (Poisson deviance less that
        of the mean, share of spend) with `loss_low` and `loss_high` (95 % interval), `bias` and `mean_bias`;
        otherwise `spent` (who spent anything) or `history_days`.
    scores
        One row per model and measure of `metrics.measure`: `model`, `measure`, `score`.
    compared
        The later newcomers: `actual` and `predicted` spend of the early days, `naive` (the mean), `class`,
        as would have been given; `again`: whether they spent after the first day.
    cutoff_day
        The day that divides them from those fitted on; None without a comparison.
    """

    model: PoissonModel
    grade: str
    reason: str
    facts: dict[str, float]
    scores: pd.DataFrame = field(repr=False)
    compared: pd.DataFrame = field(repr=False)
    cutoff_day: pd.Timestamp | None = None


def validate_on_later(
    older: pd.DataFrame, spend: np.ndarray, *, names: list[str], days: int
) -> HoldoutResult:
    """Fit on those whose early days were over by a cutoff day, compare on those who came after it.

    The cutoff day is the one with most customers on the smaller side. A model that beats the mean there is
    fitted again on everybody.

    Parameters
    ----------
    older
        Customers whose early days are over: `first_day`, `spend_after` and the attributes `names`.
    spend
        Spend of each in the early days, in currency.
    names
        Columns of `older` that the model may use.
    days
        How many early days there are.
    """
    spend = spend.clip(0)
    mean = fit_mean(spend)
    cutoff_day = _find_cutoff_day(older["first_day"], days)
    before = (older["first_day"] + pd.Timedelta(days=days) <= cutoff_day).to_numpy()
    later = (older["first_day"] > cutoff_day).to_numpy()
    sizes = {"earlier": int(before.sum()), "later": int(later.sum())}
    reason, facts = _find_missing(spend[before], spend[later])
    if reason:
        return no_comparison(mean, reason, **sizes, **facts)
    earlier = fit_poisson(older[before], spend[before], names=names)
    if not earlier.attributes:
        return no_comparison(mean, "no_attribute", **sizes)
    predicted, actual = earlier.predict(older[later]), spend[later]
    naive = np.full(len(actual), earlier.mean)
    order = np.lexsort((actual, predicted))  # so that no digit depends on the order of the rows
    measured = {
        MODEL: metrics.measure(actual[order], predicted[order]),
        MEAN: metrics.measure(actual[order], naive),
    }
    facts = sizes | _compare(actual[order], predicted[order], naive, measured)
    beats = facts["loss_high"] < 0 and measured[MODEL]["rmse"] <= measured[MEAN]["rmse"]
    compared = pd.DataFrame(
        {
            "actual": actual,
            "predicted": predicted if beats else naive,
            "naive": naive,
            "again": older.loc[later, "spend_after"].to_numpy(float) > 0,
            "class": classify(earlier, predicted) if beats else ORDINARY,
        },
        index=older.index[later],
    )
    model, grade = (fit_poisson(older, spend, names=names), BEATS) if beats else (mean, NO_BETTER)
    scores = metrics.as_table(measured)
    return HoldoutResult(model, grade, "compared", facts, scores, compared, cutoff_day)


def _compare(actual, predicted, naive, measured: dict[str, dict[str, float]]) -> dict[str, float]:
    """The model against the mean; the loss is the Poisson deviance as a share of spend."""
    each = 2 * (predicted - naive - actual * np.log(predicted / naive)) / actual.sum()
    change, half = float(each.sum()), float(Z_95 * np.sqrt(len(each) * each.var()))
    model, mean = measured[MODEL], measured[MEAN]
    return {
        "rmse_change": model["rmse"] / mean["rmse"] - 1,
        "gini": model["gini"],
        "loss_change": change,
        "loss_low": change - half,
        "loss_high": change + half,
        "bias": model["bias"],
        "mean_bias": mean["bias"],
    }


def classify(model: PoissonModel, predicted: np.ndarray) -> np.ndarray:
    """The class of each prediction, by the tertiles of the customers fitted on; ordinary without factors.

    Where nothing could be fitted, not even a mean, the class is `cannot_tell`.
    """
    low, high = model.borders
    classes = np.where(predicted > high, PROMISING, np.where(predicted > low, ORDINARY, MODEST))
    alike = ORDINARY if model.customers else UNKNOWN
    return classes if model.attributes else np.full(len(predicted), alike)


def no_comparison(model: PoissonModel, reason: str, **facts: float) -> HoldoutResult:
    """The result where no comparison is possible: the mean is used."""
    scores = pd.DataFrame(columns=["model", "measure", "score"]).astype({"score": float})
    compared = pd.DataFrame(columns=["actual", "predicted", "naive", "again", "class"])
    compared.index.name = "customer_id"
    kinds = dict.fromkeys(("actual", "predicted", "naive", "again"), float)
    return HoldoutResult(model, UNKNOWN, reason, facts, scores, compared.astype(kinds))


def _find_cutoff_day(first_day: pd.Series, days: int) -> pd.Timestamp:
    """The day with most customers on the smaller side: early days over by then, or first day after it."""
    if first_day.empty:
        return pd.Timestamp(0)
    came = np.sort(first_day.to_numpy("datetime64[D]").astype("int64"))
    candidates = np.arange(came[0], came[-1] + 1)
    over = np.searchsorted(came, candidates - days, side="right")
    later = len(came) - np.searchsorted(came, candidates, side="right")
    return pd.Timestamp(int(candidates[np.argmax(np.minimum(over, later))]), unit="D")


def _find_missing(before: np.ndarray, later: np.ndarray) -> tuple[str, dict[str, float]]:
    """The id of what a comparison lacks, with its number; an empty id where nothing is missing."""
    if len(before) < MIN_EARLIER_NEWCOMERS:
        return "too_few_earlier", {}
    earlier_spent, later_spent = (int((spend > 0).sum()) for spend in (before, later))
    spent = min(earlier_spent, later_spent)
    if spent >= metrics.MIN_BUYERS:
        return "", {}
    return "few_earlier_spent" if earlier_spent == spent else "few_later_spent", {"spent": spent}
