"""Would newcomers have been seen rightly before? Learned on earlier ones, judged on later ones.

Part of `newcomers`. Time decides who is judged, not chance, because that is how it will be used.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.models import metrics
from crcm_lib.models.newcomers.poisson_model import PoissonModel, fit_mean, fit_poisson

CLASSES = PROMISING, ORDINARY, MODEST = ("promising", "ordinary", "modest")
BEATS, NO_BETTER, UNKNOWN = "beats the mean", "no better than the mean", "cannot tell"
MIN_EARLIER_NEWCOMERS = 100  # customers to learn from, at least
MEAN, MODEL = "the mean", "what was known first"
Z = 1.96  # two-sided 95 % of the normal distribution


@dataclass(frozen=True)
class HoldoutResult:
    """What was learned, and whether it held on later newcomers.

    Attributes
    ----------
    model
        What is handed out: with factors only where they beat the mean.
    word, because
        beats the mean, no better than the mean or cannot tell; and why.
    scores
        One row per model and measure of `accuracy.measure`: `model`, `measure`, `score`.
    judged
        The later newcomers: `actual` and `predicted` spend of the early days, `naive` (the mean), `class`,
        as would have been handed out; `again`: did they spend after the first day.
    cut
        The day that divides them from those learned from; empty where nobody was judged.
    """

    model: PoissonModel
    word: str
    because: str
    scores: pd.DataFrame
    judged: pd.DataFrame
    cut: pd.Timestamp | None = None


def validate_on_later(
    older: pd.DataFrame, spend: np.ndarray, *, names: list[str], days: int
) -> HoldoutResult:
    """Learn on those whose early days were over before a cut, judge on those who came after it.

    The cut is the day that leaves most customers on the smaller side. What beat the mean there is learned
    again from everybody.

    Parameters
    ----------
    older
        Customers whose early days are over: `first_day`, `spend_after` and the attributes `names`.
    spend
        Spend of each in the early days, in currency.
    days
        How many early days there are.
    """
    spend = spend.clip(0)
    mean = fit_mean(spend)
    cut = _find_cut(older["first_day"], days)
    before = (older["first_day"] + pd.Timedelta(days=days) <= cut).to_numpy()
    later = (older["first_day"] > cut).to_numpy()
    if why := _too_little(spend[before], spend[later]):
        return cannot_tell(mean, why)
    earlier = fit_poisson(older[before], spend[before], names=names)
    if not earlier.attributes:
        why = _("no attribute has two groups of enough earlier newcomers, or all spent the same")
        return cannot_tell(mean, why)
    predicted, actual = earlier.predict(older[later]), spend[later]
    naive = np.full(len(actual), earlier.mean)
    measured = {MODEL: metrics.measure(actual, predicted), MEAN: metrics.measure(actual, naive)}
    word, because = _give_verdict(actual, predicted, naive, measured)
    judged = pd.DataFrame(
        {
            "actual": actual,
            "predicted": predicted if word == BEATS else naive,
            "naive": naive,
            "again": older.loc[later, "spend_after"].to_numpy(float) > 0,
            "class": classify(earlier, predicted) if word == BEATS else ORDINARY,
        },
        index=older.index[later],
    )
    model = fit_poisson(older, spend, names=names) if word == BEATS else mean
    because = _("{n:,} later newcomers, learned on {m:,} earlier ones: {because}").format(
        n=int(later.sum()), m=int(before.sum()), because=because
    )
    return HoldoutResult(model, word, because, metrics.as_table(measured), judged, cut)


def _give_verdict(actual, predicted, naive, measured: dict) -> tuple[str, str]:
    """The loss is the Poisson deviance; the 95 % interval of the difference must lie below zero."""
    each = 2 * (predicted - naive - actual * np.log(predicted / naive)) / actual.sum()
    change, half = float(each.sum()), float(Z * np.sqrt(len(each) * each.var()))
    model, mean = measured[MODEL], measured[MEAN]
    because = _(
        "against the mean the error (RMSE) is {error:+.1%}, the ranking (Gini) {gini:.2f} where 0 is "
        "chance, and the loss (Poisson deviance as a share of spend) {change:+.3f}, 95 % interval "
        "{low:+.3f} to {high:+.3f}; its total was off by {bias:+.1%}, the mean's by {naive:+.1%}"
    )
    numbers = {"error": model["rmse"] / mean["rmse"] - 1, "gini": model["gini"], "change": change}
    numbers |= {"bias": model["bias"], "naive": mean["bias"]}
    because = because.format(**numbers, low=change - half, high=change + half)
    return BEATS if change + half < 0 and model["rmse"] <= mean["rmse"] else NO_BETTER, because


def classify(model: PoissonModel, predicted: np.ndarray) -> np.ndarray:
    """The class of each prediction, by the thirds of those learned from; without factors all are ordinary.

    Where nothing could be learned, not even a mean, nobody can tell.
    """
    low, high = model.borders
    words = np.where(predicted > high, PROMISING, np.where(predicted > low, ORDINARY, MODEST))
    alike = ORDINARY if model.customers else UNKNOWN
    return words if model.attributes else np.full(len(predicted), alike)


def cannot_tell(model: PoissonModel, why: str) -> HoldoutResult:
    """No trial: the mean is handed out, and why."""
    scores = pd.DataFrame(columns=["model", "measure", "score"]).astype({"score": float})
    judged = pd.DataFrame(columns=["actual", "predicted", "naive", "again", "class"])
    judged.index.name = "customer_id"
    numbers = dict.fromkeys(("actual", "predicted", "naive", "again"), float)
    return HoldoutResult(model, UNKNOWN, why, scores, judged.astype(numbers))


def _find_cut(first_day: pd.Series, days: int) -> pd.Timestamp:
    """The day with most customers on the smaller side: early days over by then, or first day after it."""
    if first_day.empty:
        return pd.Timestamp(0)
    came = np.sort(first_day.to_numpy("datetime64[D]").astype("int64"))
    cuts = np.arange(came[0], came[-1] + 1)
    over = np.searchsorted(came, cuts - days, side="right")
    later = len(came) - np.searchsorted(came, cuts, side="right")
    return pd.Timestamp(int(cuts[np.argmax(np.minimum(over, later))]), unit="D")


def _too_little(before: np.ndarray, later: np.ndarray) -> str:
    """Why nobody can tell; empty if somebody can."""
    if len(before) < MIN_EARLIER_NEWCOMERS:
        return _("{n:,} earlier newcomers' early days were over before later ones came, and learning needs "
                 "{fewest}").format(n=len(before), fewest=MIN_EARLIER_NEWCOMERS)  # fmt: skip
    spent = min(int((side > 0).sum()) for side in (before, later))
    if spent < metrics.MIN_BUYERS:
        words = _(
            "{n:,} of the {side} newcomers spent anything in the early days, and a trial needs {fewest}"
        )
        side = _("earlier") if (before > 0).sum() == spent else _("later")
        return words.format(n=spent, side=side, fewest=metrics.MIN_BUYERS)
    return ""
