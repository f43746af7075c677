"""Model selection by rolling-origin backtest: which model predicted earlier windows best, and by how much.

At each origin every model is fitted to what was known then and predicts the window that followed.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from crcm_lib.features.holdout_windows import MIN_HOLDOUT_DAYS, history_start, hold_out_windows
from crcm_lib.models import metrics
from crcm_lib.models.clv.backtest import (
    TRAINING_WINDOWS,
    BacktestWindow,
    backtest,
    correct,
    recalibrate,
)
from crcm_lib.models.clv.fit import fit_value
from crcm_lib.models.clv.purchase_models import BASELINES, CANDIDATES, CORRECTED, PARETO, PLAIN
from crcm_lib.models.clv.value_model import ValueModel
from crcm_lib.models.reasons import Reason
from crcm_lib.schema.engine import Engine

WINDOWS_PER_HISTORY = 4  # a window is at most this part of the history
MAX_WINDOWS = 6  # the earliest only train corrections and recalibrations
NO_GRADE = metrics.Grade(metrics.UNKNOWN, 0)
NO_SPENDS = pd.DataFrame({"actual": [], "predicted": []})
NO_STANDINGS = pd.DataFrame(columns=["model", "loss", "behind", *metrics.MEASURES])


@dataclass(frozen=True)
class ModelSelection:
    """The result of the backtest.

    Attributes
    ----------
    reason
        Why: `smallest_loss` or `within_one_standard_error` (facts: `best`, the model of smallest loss;
        `windows`; `days`), or why nothing could be compared: `history_too_short` or `too_few_buyers`.
    champion
        The model selected, one of `CANDIDATES`.
    standings
        One row per model, ordered by loss; see `metrics.rank_models`.
    windows
        The windows, the latest first; empty where the history is too short.
    judged
        How many of them, the latest, the models were compared on; the others only trained.
    grade
        The champion against the naive baselines.
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

    def refit(self, customers: pd.DataFrame, *, seed: int = 0) -> ValueModel:
        """Refit the selected model on all customers known today.

        A correction is learned from the latest windows; the errors of all windows recalibrate.
        """
        plain = self.champion if self.champion in PLAIN else PARETO
        model = fit_value(customers, purchase_model=plain, seed=seed)
        buyers = customers[customers["purchases"] > 0]
        if self.champion == CORRECTED and len(buyers):
            model = correct(model, buyers, self.windows[:TRAINING_WINDOWS], seed)
        return recalibrate(model, self.champion, self.windows)


def select_model(engine: Engine, *, as_of, horizon_days: float, seed: int = 0) -> ModelSelection:
    """Compare the models on the latest windows of the past, each predicted from what was known before it.

    A window is the horizon, or a quarter of the history if that is shorter. Nothing after `as_of` counts.
    Where no window can be held out, or too few customers bought in it, the default is Pareto/NBD.

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
    days = int(min(horizon_days, history // WINDOWS_PER_HISTORY))
    if days < MIN_HOLDOUT_DAYS:
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
    scores = standings.set_index("model").to_dict("index")
    grade = metrics.grade(scores[champion], [scores[name] for name in BASELINES], buyers)
    best = standings.loc[standings["model"].isin(CANDIDATES), "model"].iloc[0]
    rule = "smallest_loss" if champion == best else "within_one_standard_error"
    reason = Reason(rule, {"best": best, "windows": judged, "days": days})
    return ModelSelection(reason, champion, standings, tuple(windows), judged, grade)
