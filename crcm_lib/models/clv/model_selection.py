"""Model selection by rolling-origin backtest: which model predicted earlier windows best, and by how much.

At each origin every model is fitted to what was known then and predicts the window that followed.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from crcm_lib.features.holdout_windows import MIN_HOLDOUT_DAYS, history_start, hold_out_windows
from crcm_lib.models import metrics
from crcm_lib.models.clv.backtest import BacktestWindow, backtest, correct, recalibrate
from crcm_lib.models.clv.calibration import MAX_REACH, WINDOWS, largest_error
from crcm_lib.models.clv.fit import fit_value
from crcm_lib.models.clv.purchase_models import BASELINES, CANDIDATES, CORRECTED, PARETO, plain_model
from crcm_lib.models.clv.value_model import ValueModel
from crcm_lib.models.reasons import Reason
from crcm_lib.schema.engine import Engine

MIN_HISTORY_DAYS = 4 * MIN_HOLDOUT_DAYS  # below which nothing is held out
WINDOWS_PER_HISTORY = 6  # a window is this part of a history that is too short for six horizons
MAX_WINDOWS = 6  # the earliest only train corrections and recalibrations
NO_GRADE = metrics.Grade(metrics.UNKNOWN, 0)
NO_SPENDS = pd.DataFrame({"actual": [], "predicted": []})
NO_STANDINGS = pd.DataFrame(
    columns=["model", "loss", "behind", "behind_low", "behind_high", *metrics.MEASURES]
)


@dataclass(frozen=True)
class ModelSelection:
    """The result of the backtest.

    Attributes
    ----------
    reason
        Why: `smallest_loss` (facts: `tied`, the other models that chance may have put behind; `windows`;
        `days`), or why nothing could be compared: `history_too_short` or `too_few_buyers`.
    champion
        The model selected, one of `CANDIDATES`.
    standings
        One row per model, ordered by loss; see `metrics.rank_models`.
    windows
        The windows, the latest first; empty where the history is too short.
    judged
        How many of them, the latest, the models were compared on; the others only trained.
    grade
        The champion against the simple rules.
    """

    reason: Reason
    champion: str = PARETO
    standings: pd.DataFrame = field(default_factory=NO_STANDINGS.copy)
    windows: tuple[BacktestWindow, ...] = ()
    judged: int = 0
    grade: metrics.Grade = NO_GRADE

    @property
    def latest(self) -> BacktestWindow | None:
        """The latest window with the predictions of all models; None where nothing could be compared."""
        return self.windows[0] if self.judged else None

    def fitted_name(self, model: str) -> str:
        """What was fitted under this name in the latest window: a simpler model where data are few."""
        fitted = None if self.latest is None else self.latest.models.get(model)
        if fitted is None:
            return model
        return fitted.purchase_model if fitted.correction is None else f"{fitted.purchase_model}, corrected"

    def scores(self) -> pd.DataFrame:
        """The table `backtest`: one row per model and measure."""
        return self.standings.melt("model", var_name="measure", value_name="score").dropna(ignore_index=True)

    def deciles(self) -> pd.DataFrame:
        """Mean predicted and actual spend by decile of the champion's prediction, latest window."""
        spends = NO_SPENDS if self.latest is None else self.latest.spends[["actual", self.champion]]
        return metrics.tabulate_deciles(*spends.to_numpy(float).T)

    def holdout(self) -> pd.DataFrame:
        """The table `holdout`: what the champion predicted of each customer for the latest window."""
        if self.latest is None:
            columns = ["start", "end", "spend_predicted", "margin_predicted"]
            return pd.DataFrame(columns=columns, dtype=float).rename_axis("customer_id")
        window, spend = self.latest.holdout, self.latest.spends[self.champion]
        margin = self.latest.models[self.champion].margin
        return pd.DataFrame(
            {
                "start": window.start,
                "end": window.end,
                "spend_predicted": spend,
                "margin_predicted": spend * (np.nan if margin is None else margin),
            }
        )

    def predictions(self) -> pd.DataFrame:
        """The table `holdout_predictions`, from which anyone can compute the standings again."""
        key = {"start": "datetime64[us]", "customer_id": str, "model": str}
        if self.latest is None:
            columns = {**key, "spend_predicted": float, "spend_actual": float}
            return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns.items()})
        parts = [
            window.spends.reset_index()
            .melt(["customer_id", "actual"], var_name="model", value_name="spend_predicted")
            .rename(columns={"actual": "spend_actual"})
            .assign(start=window.holdout.start)
            for window in self.windows[: self.judged]
        ]
        return pd.concat(parts, ignore_index=True)[[*key, "spend_predicted", "spend_actual"]]

    def past_values(self, **terms) -> pd.DataFrame:
        """The table `value_past`: the champion's prediction on the first day of each window judged.

        `terms`, as for `ValueModel.predict`: horizon, discount and margin rate. Empty if nothing was judged.
        """
        numbers = ["p_alive", "expected_purchases", "spend_expected", "growth_expected", "value"]
        parts = [
            window.models[self.champion]
            .predict(window.holdout.customers, **terms)[numbers]
            .reset_index()
            .assign(start=window.holdout.start, end=window.holdout.end)
            for window in self.windows[: self.judged]
        ]
        columns = {"start": "datetime64[us]", "end": "datetime64[us]", "customer_id": str}
        columns |= dict.fromkeys(numbers, float)
        empty = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns.items()})
        return pd.concat(parts, ignore_index=True)[[*columns]] if parts else empty

    def largest_error(self, horizon_days: float, *, before: int = 0) -> float | None:
        """How far the champion's total may be off, as a logarithm; see `calibration.largest_error`.

        Parameters
        ----------
        horizon_days
            Length of the period predicted. Beyond four windows nothing is said: short windows' errors say
            little of so long a period.
        before
            Latest windows to leave out, to tell what would have been said before them.
        """
        if not self.judged or horizon_days > MAX_REACH * self.windows[0].holdout.days:
            return None
        plain = plain_model(self.champion)
        errors = [window.errors.get(plain) for window in self.windows[before : before + WINDOWS + 1]]
        return largest_error([error for error in errors if error is not None])

    def refit(self, customers: pd.DataFrame, *, seed: int = 0) -> ValueModel:
        """Refit the selected model on all customers known today.

        A correction is learned from the latest windows; their totals' errors recalibrate.
        """
        plain = plain_model(self.champion)
        model = fit_value(customers, purchase_model=plain, seed=seed)
        buyers = customers[customers["purchases"] > 0]
        if self.champion == CORRECTED and len(buyers):
            model = correct(model, buyers, self.windows, seed)
        return recalibrate(model, self.champion, self.windows)


def select_model(engine: Engine, *, as_of, horizon_days: float, seed: int = 0) -> ModelSelection:
    """Compare the models on the latest windows of the past, each predicted from what was known before it.

    A window is the horizon, or a sixth of the history if that is shorter, but at least 28 days. Nothing after
    `as_of` counts. Where no window can be held out, or too few customers bought in it, the default is
    Pareto/NBD.

    Parameters
    ----------
    engine
        Holds the clean table `transactions`.
    as_of
        Last day observed.
    horizon_days
        Length of the period that will be predicted, in days.
    seed
        Of the fits' starting points and of the sample of customers.
    """
    end = pd.Timestamp(as_of)
    history = (end - history_start(engine, end)).days
    days = int(min(horizon_days, max(history // WINDOWS_PER_HISTORY, MIN_HOLDOUT_DAYS)))
    if history < MIN_HISTORY_DAYS or days < MIN_HOLDOUT_DAYS:
        return ModelSelection(Reason("history_too_short", {"history_days": history}))
    count = min(MAX_WINDOWS, history // days - 1)
    holdouts = hold_out_windows(engine, end=end, days=days, count=count, seed=seed)
    windows, judged = backtest(holdouts, seed=seed)
    buyers = max((int((holdout.purchases > 0).sum()) for holdout in holdouts[:judged]), default=0)
    if buyers < metrics.MIN_BUYERS:
        reason = Reason("too_few_buyers", {"buyers": buyers, "needed": metrics.MIN_BUYERS})
        return ModelSelection(reason, grade=metrics.Grade(metrics.UNKNOWN, buyers))
    spends = [window.spends for window in windows[:judged]]
    standings, champion = metrics.rank_models(spends, CANDIDATES, BASELINES)
    grade = metrics.grade(spends, standings, champion, BASELINES, buyers)
    near = standings[(standings["behind_low"] <= 0) & (standings["model"] != champion)]
    facts = {"tied": list(near["model"]), "windows": judged, "days": days}
    return ModelSelection(Reason("smallest_loss", facts), champion, standings, tuple(windows), judged, grade)
