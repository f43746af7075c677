"""The contenders of the tournament, how their losses are measured, and who stands where."""

import numpy as np
import pandas as pd

from crcm_lib.language import _
from crcm_lib.models.value import accuracy
from crcm_lib.models.value.lookback import LAST_PERIOD, SAME_RATE
from crcm_lib.models.value.processes import BGNBD, MBGNBD, PARETO, REGULAR

PLAIN = (BGNBD, MBGNBD, PARETO, REGULAR)  # the simplest first
CORRECTED = _("{model}, corrected").format(model=PARETO)
CANDIDATES = (*PLAIN, CORRECTED)
BASELINES = (SAME_RATE, LAST_PERIOD)


def rank(spends: list[pd.DataFrame]) -> tuple[pd.DataFrame, str]:
    """Rank the models by their mean loss over origins, and choose the champion among the candidates.

    The loss is the Poisson deviance of spend, as a share of the spend: it is smallest in expectation for the
    true mean, as the squared error is, but a few very large customers do not decide it alone. Each model's
    total is first brought to the actual one, because a good or bad season is no model's merit; by how much
    totals were off is the measure `bias`.

    Parameters
    ----------
    spends
        For each origin one row per customer: `actual` and a column for each model.
    """
    names = [name for name in (*CANDIDATES, *BASELINES) if all(name in frame for frame in spends)]
    losses = [
        {name: measure_loss(frame["actual"].to_numpy(float), frame[name].to_numpy(float)) for name in names}
        for frame in spends
    ]
    mean = {name: float(np.mean([loss[name].sum() for loss in losses])) for name in names}
    candidates = [name for name in CANDIDATES if name in names]
    best = min(candidates, key=lambda name: mean[name])
    behind = {name: _behind(losses, name, best) for name in names}
    champion = next(name for name in candidates if behind[name] <= 1)
    rows = []
    for name in names:
        measured = pd.DataFrame(
            [accuracy.measure(*(frame[c].to_numpy(float) for c in ("actual", name))) for frame in spends]
        ).mean()
        rows.append({"model": name, "loss": mean[name], "behind": behind[name], **measured})
    return pd.DataFrame(rows).sort_values("loss", kind="stable", ignore_index=True), champion


def measure_loss(actual: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Each customer's part of the Poisson deviance, as a share of all that was spent; totals made equal."""
    actual = actual.clip(0)
    total = max(float(actual.sum()), 1e-300)
    predicted = np.maximum(predicted, 1e-6 * max(float(predicted.mean()), 1e-300))  # 0 can never be surpassed
    predicted = predicted * (total / predicted.sum())
    ratio = np.where(actual > 0, actual, 1) / predicted
    return 2 * (np.where(actual > 0, actual * np.log(ratio), 0) - (actual - predicted)) / total


def _behind(losses: list[dict], name: str, best: str) -> float:
    """How many standard errors of the paired difference a model's mean loss lies above the best one's."""
    if name == best:
        return 0.0
    differences = [loss[name] - loss[best] for loss in losses]
    mean = np.mean([difference.sum() for difference in differences])
    error = np.sqrt(sum(len(d) * d.var() for d in differences)) / len(differences)
    return float(mean / error) if error > 0 else 0.0
