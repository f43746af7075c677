"""Backtest: what each model predicted at the start of a past window, against what customers then spent."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from crcm_lib.features.holdout_windows import Holdout
from crcm_lib.models.clv.calibration import WINDOWS, calibration_factor, log_error
from crcm_lib.models.clv.fit import fit_purchase_models
from crcm_lib.models.clv.purchase_models import CORRECTED, LAST_PERIOD, PARETO, PLAIN, plain_model
from crcm_lib.models.clv.residual_boosting import TrainingWindow, learn_correction
from crcm_lib.models.clv.value_model import YEAR, ValueModel
from crcm_lib.models.metrics import MIN_BUYERS
from crcm_lib.models.reasons import Reason

TRAINING_WINDOWS = 4  # windows that a correction is learned from, at most
MIN_TRAINING_WINDOWS = 2  # before a window that is judged, where the history has as many


@dataclass(frozen=True)
class BacktestWindow:
    """A window of the past with the models fitted to what was known at its start.

    Attributes
    ----------
    holdout
        The window, and its customers as known at its start.
    models
        The fitted models, by candidate.
    spends
        One row per customer (currency): `actual`, and the prediction of each candidate and baseline.
    errors
        Logarithm of actual / predicted total of the plain models, before any recalibration.
    """

    holdout: Holdout
    models: dict[str, ValueModel]
    spends: pd.DataFrame
    errors: dict[str, float]

    def training_window(self) -> TrainingWindow | None:
        """What a correction can learn from this window; None where too few customers spent anything."""
        predicted, actual = (self.spends[name].to_numpy(float) for name in (PARETO, "actual"))
        if (actual > 0).sum() < MIN_BUYERS:
            return None
        return TrainingWindow(self.models[PARETO].covariates(self.holdout.customers), predicted, actual)


def backtest(holdouts: Sequence[Holdout], *, seed: int = 0) -> tuple[list[BacktestWindow], int]:
    """Fit and predict every window; prepare the later ones as they would have been from the earlier ones.

    Parameters
    ----------
    holdouts
        Windows of equal length, the latest first.

    Returns
    -------
    The windows, the latest first, and how many of them, the latest, can be judged: those have all candidates,
    recalibrated and corrected by windows before them. The others have the plain models alone.
    """
    windows = [_predict(holdout, seed) for holdout in holdouts]
    judged = max(len(windows) - max(1, min(MIN_TRAINING_WINDOWS, len(windows) - 1)), 0)
    prepared = [_prepare(windows[place], windows[place + 1 :], seed) for place in range(judged)]
    return prepared + windows[judged:], judged


def correct(
    model: ValueModel, buyers: pd.DataFrame, windows: Sequence[BacktestWindow], seed: int
) -> ValueModel:
    """The model with a correction learned from the latest windows; unchanged where they hold nothing."""
    parts = (window.training_window() for window in windows[:TRAINING_WINDOWS])
    training = [part for part in parts if part is not None]
    predicted = model.predict(buyers, horizon_days=YEAR)["spend_expected"].to_numpy(float)
    if not training or not predicted.sum() > 0:
        return model
    return replace(
        model, correction=learn_correction(training, model.covariates(buyers), predicted, seed=seed)
    )


def recalibrate(model: ValueModel, candidate: str, windows: Sequence[BacktestWindow]) -> ValueModel:
    """The model with the recalibration that windows before, the latest first, give to this candidate.

    A correction leaves the total to the model that it corrects, and so has that model's errors.
    """
    plain = plain_model(candidate)
    errors = [window.errors[plain] for window in windows if plain in window.errors]
    if not errors:
        return model
    factor, biases = calibration_factor(errors), [float(np.expm1(-error)) for error in errors]
    reason = Reason("recalibrated", {"change": factor - 1, "biases": biases[:WINDOWS]})
    return replace(model, recalibration=factor, reasons=(*model.reasons, reason))


def _predict(holdout: Holdout, seed: int) -> BacktestWindow:
    """The plain models and the baselines, as of the start of the window."""
    customers, days = holdout.customers, holdout.days
    models = fit_purchase_models(customers, PLAIN, seed=seed)
    spends = {"actual": holdout.spend} | {
        name: model.predict(customers, horizon_days=days)["spend_expected"] for name, model in models.items()
    }
    found = {name: log_error(holdout.spend, spends[name]) for name in models}
    errors = {name: error for name, error in found.items() if error is not None}
    return BacktestWindow(
        holdout, models, pd.DataFrame(spends | {LAST_PERIOD: _last_period(holdout)}), errors
    )


def _last_period(holdout: Holdout) -> pd.Series:
    """Spend of the last window, times its total over that of the window before it.

    The totals are those of customers who had bought before both.
    """
    step = pd.Timedelta(days=holdout.days)
    bought_before = holdout.customers["first_day"] <= holdout.start - step
    last, before = (float(spend[bought_before].sum()) for spend in (holdout.spend_last, holdout.spend_before))
    return holdout.spend_last * (max(last, 0.0) / before if before > 0 else 1.0)


def _prepare(window: BacktestWindow, earlier: Sequence[BacktestWindow], seed: int) -> BacktestWindow:
    """The window with all candidates, as they would have been selected and refitted at its start."""
    customers, days = window.holdout.customers, window.holdout.days
    corrected = correct(window.models[PARETO], customers, earlier, seed)
    predicted = corrected.predict(customers, horizon_days=days)["spend_expected"]
    models = {
        name: recalibrate(model, name, earlier)
        for name, model in (window.models | {CORRECTED: corrected}).items()
    }
    spends = window.spends.assign(**{CORRECTED: predicted})
    spends = spends.assign(**{name: spends[name] * model.recalibration for name, model in models.items()})
    return replace(window, models=models, spends=spends)
