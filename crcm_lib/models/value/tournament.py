"""Which model would have been right before? Rolling origins in the past decide, and say by how much.

At each origin every model sees what was known then and predicts the window that followed. The champion is the
simplest whose loss is within one standard error of the smallest (Breiman et al. 1984, Classification and
Regression Trees, section 3.4.3).
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from crcm_lib.data.customers import spend_between, summarise_customers
from crcm_lib.errors import DataError
from crcm_lib.language import _
from crcm_lib.models.value import accuracy, correction
from crcm_lib.models.value.ladder import fit_value, refit_purchases
from crcm_lib.models.value.lookback import (
    FEWEST_DAYS,
    LAST_PERIOD,
    SAME_RATE,
    find_first_busy_day,
    last_period,
    same_rate,
)
from crcm_lib.models.value.model import ValueModel
from crcm_lib.models.value.processes import BGNBD, MBGNBD, PARETO, REGULAR, YEAR
from crcm_lib.models.value.recalibration import find_factor, tell_factor

PLAIN = (BGNBD, MBGNBD, PARETO, REGULAR)  # the simplest first
CORRECTED = _("{model}, corrected").format(model=PARETO)
CANDIDATES = (*PLAIN, CORRECTED)
BASELINES = (SAME_RATE, LAST_PERIOD)
PARTS = 4  # a window is at most this part of the history
MOST_WINDOWS = 6  # that are looked back on; the earliest only teach
LESSONS = 2  # windows that a correction is learned from, at most
SAMPLE = 50_000  # customers that the origins are judged on, at most


@dataclass(frozen=True)
class Look:
    """One window of the past: what was known at its start, what the models made of it, what came."""

    cut: pd.Timestamp
    until: pd.Timestamp
    customers: pd.DataFrame
    models: dict[str, ValueModel]
    spends: pd.DataFrame  # one row per customer: `actual`, and a column for each model
    purchases: pd.Series

    def lesson(self) -> correction.Lesson:
        """What a correction can learn from this window."""
        predicted, actual = (self.spends[name].to_numpy(float) for name in (PARETO, "actual"))
        return correction.Lesson(self.models[PARETO].describe(self.customers), predicted, actual)


@dataclass(frozen=True)
class Tournament:
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
    looks: tuple[Look, ...]
    origins: int
    grade: str
    told: str

    @property
    def latest(self) -> Look | None:
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
        return accuracy.tabulate_deciles(
            *(spends[name].to_numpy(float) for name in ("actual", self.champion))
        )

    def crown(self, customers: pd.DataFrame, *, seed: int = 0) -> ValueModel:
        """The champion, learned from all customers of today; corrections come from the latest windows.

        Totals are recalibrated where those of all windows were off in the same direction.
        """
        name = self.champion if self.champion in PLAIN else PARETO
        model = fit_value(customers, purchases=name, seed=seed)
        buyers = customers[customers["purchases"] > 0]
        if self.champion == CORRECTED and len(buyers):
            model = _correct(model, buyers, [look.lesson() for look in self.looks[:LESSONS]], seed)
        return self._recalibrate(model)

    def _recalibrate(self, model: ValueModel) -> ValueModel:
        name = self.champion if self.champion in PLAIN else PARETO  # a correction leaves the total as it is
        looks = [look for look in self.looks if name in look.spends]
        predicted, actual = (
            np.array([look.spends[column].sum() for look in looks], float) for column in (name, "actual")
        )
        factor = find_factor(predicted, actual, sum((look.until - look.cut).days for look in looks))
        if factor == 1:
            return model
        why = tell_factor(factor, predicted, actual)
        return replace(model, recalibration=factor, reasons=(*model.reasons, why))


def compete(engine, *, as_of, horizon_days: float, seed: int = 0) -> Tournament:
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
    history = (until - find_first_busy_day(engine, until)).days
    step = int(min(horizon_days, history // PARTS))
    if step < FEWEST_DAYS:
        return _stand_down(_("{days} days of history are too few to hold some out").format(days=history))
    looks = _look_back_on_all(engine, until, step, min(MOST_WINDOWS, history // step - 1), seed)
    # An origin's correction is learned from as many windows before it as today's will be.
    lessons = max(1, min(LESSONS, len(looks) - 1))
    origins = [
        _with_correction(look, looks[place + 1 : place + 1 + lessons], seed)
        for place, look in enumerate(looks[:-lessons])
    ]
    buyers = max((int((look.purchases > 0).sum()) for look in origins), default=0)
    if buyers < accuracy.FEWEST_BUYERS:
        words = _("{n} customers bought in a window held out, and a choice needs {fewest}")
        return _stand_down(words.format(n=buyers, fewest=accuracy.FEWEST_BUYERS))
    return _judge(origins, looks, buyers)


def _judge(origins: list[Look], looks: list[Look], buyers: int) -> Tournament:
    standings, champion = rank([look.spends for look in origins])
    scores = standings.set_index("model").drop(columns=["loss", "behind"]).to_dict("index")
    compared = {name: scores[name] for name in (champion, *BASELINES)}
    grade, told = accuracy.grade(compared, buyers)
    best = standings.loc[standings["model"].isin(CANDIDATES), ["model", "loss"]].sort_values("loss").iloc[0]
    words = (
        _("the smallest loss, and no simpler model within one standard error (windows of {days} days held "
          "out: {origins})")
        if champion == best["model"]
        else _("the simplest within one standard error of the smallest loss, {best}'s (windows of {days} "
               "days held out: {origins})")
    )  # fmt: skip
    days = (looks[0].until - looks[0].cut).days
    because = words.format(best=best["model"], origins=len(origins), days=days)
    looks = (*origins, *looks[len(origins) :])
    return Tournament(champion, because, standings, looks, len(origins), grade, told)


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


def _look_back_on_all(engine, until: pd.Timestamp, step: int, count: int, seed: int) -> list[Look]:
    """The windows, the latest first, as far back as somebody had bought before them."""
    looks: list[Look] = []
    for back in range(1, count + 1):
        start = until - pd.Timedelta(days=step * back)
        look = _look_back(engine, start, start + pd.Timedelta(days=step), seed)
        if look is None:
            break
        looks.append(look)
    return looks


def _look_back(engine, cut: pd.Timestamp, until: pd.Timestamp, seed: int) -> Look | None:
    """What the plain models and the baselines would have predicted on `cut`; None where nobody had bought."""
    try:
        customers = summarise_customers(engine, as_of=cut)
    except DataError:
        return None
    customers = customers[customers["purchases"] > 0]
    if len(customers) > SAMPLE:
        customers = customers.sample(SAMPLE, random_state=seed).sort_index()
    if customers.empty:
        return None
    days = (until - cut).days
    simplest = fit_value(customers, purchases=PLAIN[0], seed=seed)
    others = {name: refit_purchases(simplest, customers, name, seed=seed) for name in PLAIN[1:]}
    models = {PLAIN[0]: simplest, **others}
    if models[REGULAR].purchases == models[MBGNBD].purchases:  # customers without a rhythm
        del models[REGULAR]
    later = spend_between(engine, after=cut, until=until).reindex(customers.index).fillna(0)
    spends = {"actual": later["spend"].astype(float)} | {
        name: model.predict(customers, horizon_days=days)["spend_expected"] for name, model in models.items()
    }
    spends |= {SAME_RATE: same_rate(customers, days), LAST_PERIOD: last_period(engine, customers, cut, days)}
    return Look(cut, until, customers, models, pd.DataFrame(spends), later["purchases"])


def _with_correction(look: Look, earlier: list[Look], seed: int) -> Look:
    lessons = [window.lesson() for window in earlier]
    model = _correct(look.models[PARETO], look.customers, lessons, seed)
    days = (look.until - look.cut).days
    predicted = model.predict(look.customers, horizon_days=days)["spend_expected"]
    return replace(
        look,
        models={**look.models, CORRECTED: model},
        spends=look.spends.assign(**{CORRECTED: predicted}),
    )


def _correct(model: ValueModel, buyers: pd.DataFrame, lessons: list, seed: int) -> ValueModel:
    """The model with a correction; without one where the lessons hold nothing to learn from."""
    lessons = [lesson for lesson in lessons if (lesson.actual > 0).sum() >= accuracy.FEWEST_BUYERS]
    predicted = model.predict(buyers, horizon_days=YEAR)["spend_expected"].to_numpy(float)
    if not lessons or not predicted.sum() > 0:
        return model
    return replace(model, correction=correction.learn(lessons, model.describe(buyers), predicted, seed=seed))


def _stand_down(because: str) -> Tournament:
    """No contest: the default model, and nothing can be said of its past."""
    standings = pd.DataFrame(columns=["model", "loss", "behind", *accuracy.MEASURES])
    return Tournament(PARETO, because, standings, (), 0, accuracy.UNKNOWN, because)
