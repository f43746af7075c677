"""Which model would have been right before? Rolling origins in the past decide, and say by how much.

At each origin every model sees what was known then and predicts the window that followed. The champion is the
simplest whose loss is within one standard error of the smallest (Breiman et al. 1984, Classification and
Regression Trees, section 3.4.3).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.models import metrics
from crcm_lib.models.clv import residual_boosting
from crcm_lib.models.clv.backtest import (
    MIN_HOLDOUT_DAYS,
    BacktestWindow,
    backtest_windows,
    first_busy_day,
    recalibrate,
)
from crcm_lib.models.clv.fit import fit_value
from crcm_lib.models.clv.purchase_models import BASELINES, CANDIDATES, CORRECTED, PARETO, PLAIN, YEAR
from crcm_lib.models.clv.value_model import ValueModel

WINDOWS_PER_HISTORY = 4  # a window is at most this part of the history
MAX_WINDOWS = 6  # that are looked back on; the earliest only teach
TRAINING_WINDOWS = 2  # windows that a correction is learned from, at most


@dataclass(frozen=True)
class ModelSelection:
    """What rolling origins said.

    Attributes
    ----------
    champion
        One of `CANDIDATES`.
    because
        Why this one.
    standings
        One row per model, the champion first among equals by loss: `model`, `loss` and the measures of
        `accuracy.measure`, averaged over origins; `behind` the best in standard errors.
    looks
        The windows, the latest first. Empty where the history is too short.
    origins
        How many of them, the latest, the models were judged on; the others only taught.
    grade
        The champion against the naive baselines over all origins: good, fair, weak or cannot tell.
    told
        Why that grade.
    """

    champion: str
    because: str
    standings: pd.DataFrame
    looks: tuple[BacktestWindow, ...]
    origins: int
    grade: str
    told: str

    @property
    def latest(self) -> BacktestWindow | None:
        """The latest window, with what the champion and the others had predicted for it."""
        return self.looks[0] if self.origins else None

    def scores(self) -> pd.DataFrame:
        """The table `backtest`: one row per model and measure."""
        return self.standings.melt("model", var_name="measure", value_name="score").dropna(ignore_index=True)

    def deciles(self) -> pd.DataFrame:
        """Mean predicted and actual spend of ten groups by the champion's prediction, latest window."""
        spends = (
            pd.DataFrame({"actual": [], self.champion: []}) if self.latest is None else self.latest.spends
        )
        return metrics.tabulate_deciles(*(spends[name].to_numpy(float) for name in ("actual", self.champion)))

    def refit_selected(self, customers: pd.DataFrame, *, seed: int = 0) -> ValueModel:
        """The champion, learned from all customers of today.

        A correction comes from the latest windows; how far totals were off in all of them recalibrates.
        """
        model = fit_value(customers, purchases=self.champion if self.champion in PLAIN else PARETO, seed=seed)
        buyers = customers[customers["purchases"] > 0]
        if self.champion == CORRECTED and len(buyers):
            model = _correct(model, buyers, self.looks[:TRAINING_WINDOWS], seed)
        return recalibrate(model, self.champion, self.looks)


def select_model(engine, *, as_of, horizon_days: float, seed: int = 0) -> ModelSelection:
    """Let the models predict the latest windows of the past, each from what was known before it.

    A window is the horizon, or a quarter of the history if that is shorter. Nothing after `as_of` is seen.

    Parameters
    ----------
    engine
        Holds the clean table `transactions`.
    as_of
        Last day known.
    horizon_days
        How far predictions will look ahead.
    """
    until = pd.Timestamp(as_of)
    history = (until - first_busy_day(engine, until)).days
    step = int(min(horizon_days, history // WINDOWS_PER_HISTORY))
    if step < MIN_HOLDOUT_DAYS:
        return _no_selection(_("{days} days of history are too few to hold some out").format(days=history))
    looks = backtest_windows(engine, until, step, min(MAX_WINDOWS, history // step - 1), seed)
    # An origin's correction is learned from as many windows before it as today's will be.
    lessons = max(1, min(TRAINING_WINDOWS, len(looks) - 1))
    origins = [
        _prepare(look, looks[place:], lessons, seed) for place, look in enumerate(looks[:-lessons], start=1)
    ]
    buyers = max((int((look.purchases > 0).sum()) for look in origins), default=0)
    if buyers < metrics.MIN_BUYERS:
        words = _("{n} customers bought in a window held out, and a choice needs {fewest}")
        return _no_selection(words.format(n=buyers, fewest=metrics.MIN_BUYERS))
    return _judge(origins, looks, buyers)


def _judge(origins: list[BacktestWindow], looks: list[BacktestWindow], buyers: int) -> ModelSelection:
    standings, champion = rank([look.spends for look in origins])
    scores = standings.set_index("model").drop(columns=["loss", "behind"]).to_dict("index")
    compared = {name: scores[name] for name in (champion, *BASELINES)}
    grade, told = metrics.grade(compared, buyers)
    best = standings.loc[standings["model"].isin(CANDIDATES), ["model", "loss"]].sort_values("loss").iloc[0]
    words = (
        _("the smallest loss, and no simpler model within one standard error (windows of {days} days held "
          "out: {origins})")
        if champion == best["model"]
        else _("the simplest within one standard error of the smallest loss, {best}'s (windows of {days} "
               "days held out: {origins})")
    )  # fmt: skip
    because = words.format(best=best["model"], origins=len(origins), days=looks[0].days)
    looks = (*origins, *looks[len(origins) :])
    return ModelSelection(champion, because, standings, looks, len(origins), grade, told)


def _prepare(look: BacktestWindow, earlier: list[BacktestWindow], lessons: int, seed: int) -> BacktestWindow:
    """The window with every candidate, as it would have been crowned from the windows before."""
    corrected = _correct(look.models[PARETO], look.customers, earlier[:lessons], seed)
    return look.add(CORRECTED, corrected).recalibrate(earlier)


def _correct(
    model: ValueModel, buyers: pd.DataFrame, looks: Sequence[BacktestWindow], seed: int
) -> ValueModel:
    """The model with a correction; without one where the windows hold nothing to learn from."""
    taught = [look.lesson() for look in looks if (look.spends["actual"] > 0).sum() >= metrics.MIN_BUYERS]
    predicted = model.predict(buyers, horizon_days=YEAR)["spend_expected"].to_numpy(float)
    if not taught or not predicted.sum() > 0:
        return model
    return replace(
        model, correction=residual_boosting.learn(taught, model.describe(buyers), predicted, seed=seed)
    )


def _no_selection(because: str) -> ModelSelection:
    """No contest: the default model, and nothing can be said of its past."""
    standings = pd.DataFrame(columns=["model", "loss", "behind", *metrics.MEASURES])
    return ModelSelection(PARETO, because, standings, (), 0, metrics.UNKNOWN, because)


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
    behind = {name: _standard_errors_behind(losses, name, best) for name in names}
    champion = next(name for name in candidates if behind[name] <= 1)
    rows = []
    for name in names:
        measured = pd.DataFrame(
            [metrics.measure(*(frame[c].to_numpy(float) for c in ("actual", name))) for frame in spends]
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


def _standard_errors_behind(losses: list[dict], name: str, best: str) -> float:
    """How many standard errors of the paired difference a model's mean loss lies above the best one's."""
    if name == best:
        return 0.0
    differences = [loss[name] - loss[best] for loss in losses]
    mean = np.mean([difference.sum() for difference in differences])
    error = np.sqrt(sum(len(d) * d.var() for d in differences)) / len(differences)
    return float(mean / error) if error > 0 else 0.0
