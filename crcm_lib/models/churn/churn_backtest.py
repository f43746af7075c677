"""Rolling origins: which candidate predicts who will not buy, and are its probabilities and alerts right?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from crcm_lib.models.churn.candidates import BASE_RATE, CANDIDATES, MODEL, POOLED, RECENCY
from crcm_lib.models.churn.churn_model import (
    ChurnModel,
    absences_that_ended,
    describe_predictions,
    learn,
    learn_churn_model,
)
from crcm_lib.models.churn.origins import Origin, list_origins
from crcm_lib.models.churn.past_alerts import BY_NOTHING, NO_ALERTS, judge_alerts, judge_past
from crcm_lib.models.histories import Numbers
from crcm_lib.models.reasons import Reason
from crcm_lib.schema.engine import Engine
from crcm_lib.stats import Z_95, wilson

MIN_EVENTS = 30  # who bought, and who did not, at earlier origins: below that nothing is learned
FALSE_ALERTS = 0.01  # as in policy.yaml, for use without one
GROUPS = 10  # of the calibration table


@dataclass(frozen=True)
class ChurnBacktest:
    """What earlier origins say, and the model for today.

    Attributes
    ----------
    model
        The selected candidate learned on all origins; the purchase model as it is where nothing was compared.
    reason
        Whether alerts are raised and why; see `judge_past`; `too_few_origins` where nothing was compared.
    losses
        One row per candidate and for the base rate: mean `loss` (log loss over customers and origins), `auc`
        (mean, repeat buyers), `against_recency` (loss / that of recency - 1) with its 95 % interval `low`,
        `high`, then the loss at each origin, named by its day.
    predictions
        One row per customer and origin of the comparison; see `judge_alerts`.
    alerts
        From `judge_alerts`.
    edges
        Origins at which the purchase model's P(alive) was not used, and all of them.
    """

    model: ChurnModel
    reason: Reason
    losses: pd.DataFrame
    predictions: pd.DataFrame
    alerts: pd.DataFrame
    edges: tuple[int, int]

    def calibration(self) -> pd.DataFrame:
        """By tenth of the predicted probability, and for one-time and repeat buyers: said, and what came.

        `group` (1 is the lowest tenth; bought_once, bought_again), `customers`, `predicted`, `observed` and
        its 95 % interval `low`, `high` (Wilson).
        """
        if self.predictions.empty:
            return pd.DataFrame(columns=["group", "customers", "predicted", "observed", "low", "high"])
        tenth = np.ceil(self.predictions["p_no_purchase"].rank(pct=True) * GROUPS).astype(int).astype("str")
        kind = self.predictions["again"].map({True: "bought_again", False: "bought_once"})
        rows = pd.concat([_calibrate(self.predictions, tenth), _calibrate(self.predictions, kind)])
        order = rows["group"].str.isnumeric()
        return pd.concat(
            [rows[order].sort_values("group", key=lambda name: name.astype(int)), rows[~order]]
        ).reset_index(drop=True)


def _calibrate(predictions: pd.DataFrame, group: pd.Series) -> pd.DataFrame:
    found = predictions.groupby(group.rename("group")).agg(
        customers=("missed", "size"),
        predicted=("p_no_purchase", "mean"),
        observed=("missed", "mean"),
    )
    ends = [wilson(share * n, n) for share, n in zip(found["observed"], found["customers"], strict=True)]
    found["low"], found["high"] = np.array(ends).reshape(-1, 2).T
    return found.reset_index()


def backtest_churn(
    engine: Engine,
    customers: pd.DataFrame,
    *,
    as_of,
    horizon_days: int | None = None,
    false_alerts: float = FALSE_ALERTS,
    seed: int = 0,
) -> ChurnBacktest:
    """Compare the candidates on rolling origins, learn the best on all of them, judge its alerts.

    Parameters
    ----------
    engine
        Holds the clean tables.
    customers
        The table `customer_features` of `as_of`.
    as_of
        Last day known; nothing dated later counts.
    horizon_days
        Days ahead; None takes the longest of 30, 60, 90, 180 that leaves three origins.
    false_alerts
        Share of those still there who may be alerted.
    seed
        Of the fits' starting points and of the sample of customers.
    """
    horizon, origins = list_origins(engine, customers, as_of=as_of, horizon_days=horizon_days, seed=seed)
    return backtest_origins(origins, horizon, false_alerts=false_alerts)


def backtest_origins(
    origins: Sequence[Origin], horizon: int, *, false_alerts: float = FALSE_ALERTS
) -> ChurnBacktest:
    """`backtest_churn` of origins that are described already, today the last."""
    *past, _today = origins
    edges = sum(origin.purchase_fit.edge != "" for origin in origins), len(origins)
    places = [place for place in range(1, len(past)) if _can_learn(past[:place])]
    if not places:
        reason = Reason("too_few_origins", {"origins": len(past), "days": horizon, "calls_by": BY_NOTHING})
        model = learn_churn_model(origins, horizon, MODEL)
        return ChurnBacktest(model, reason, pd.DataFrame(), pd.DataFrame(), NO_ALERTS.copy(), edges)
    said = {name: [_predict(name, past[:place], past[place]) for place in places] for name in _names()}
    judged = [past[place] for place in places]
    losses, name = _compare(said, judged)
    predictions = pd.concat(
        [_describe(name, past[:place], past[place], horizon, false_alerts) for place in places]
    )
    alerts = judge_alerts(predictions)
    reason = judge_past(alerts, {"origins": len(places), "days": horizon, "candidate": name})
    model = replace(learn_churn_model(origins, horizon, name), alerts_hold=reason.rule == "alerts_hold")
    return ChurnBacktest(model, reason, losses, predictions, alerts, edges)


def _names() -> tuple[str, ...]:
    return (BASE_RATE, *CANDIDATES)


def _can_learn(origins: Sequence[Origin]) -> bool:
    missed = np.concatenate([origin.missed for origin in origins])
    return min(missed.sum(), (1 - missed).sum()) >= MIN_EVENTS


def _predict(name: str, earlier: Sequence[Origin], origin: Origin) -> Numbers:
    """P(no purchase) by a candidate, or the base rate, learned at earlier origins."""
    if name == BASE_RATE:
        return np.full(len(origin.signs), np.concatenate([each.missed for each in earlier]).mean())
    log_odds = learn(name, earlier).log_odds(origin.signs, origin.standard)
    return (1 / (1 + np.exp(-log_odds))).clip(1e-4, 1 - 1e-4).to_numpy()


def _compare(said: dict[str, list[Numbers]], origins: Sequence[Origin]) -> tuple[pd.DataFrame, str]:
    """The table `losses`, the smallest loss first, and the candidate selected.

    That is the pooled one, unless others are better beyond chance; then the best of these.
    """
    each = {
        name: [_log_loss(origin.missed, p) for origin, p in zip(origins, parts, strict=True)]
        for name, parts in said.items()
    }
    rows = []
    for name, parts in said.items():
        difference, low, high = _paired(each[name], each[RECENCY], origins)
        row = {"candidate": name, "loss": float(np.mean([loss.mean() for loss in each[name]]))}
        row["auc"] = float(np.nanmean([_auc(origin, p) for origin, p in zip(origins, parts, strict=True)]))
        base = float(np.mean([loss.mean() for loss in each[RECENCY]]))
        row |= {"against_recency": difference / base, "low": low / base, "high": high / base}
        row |= {f"{o.day:%Y-%m-%d}": loss.mean() for o, loss in zip(origins, each[name], strict=True)}
        rows.append(row)
    losses = pd.DataFrame(rows).sort_values("loss", kind="stable", ignore_index=True)
    better = [name for name in CANDIDATES if _paired(each[name], each[POOLED], origins)[2] < 0]
    return losses, next((name for name in losses["candidate"] if name in better), POOLED)


def _log_loss(missed: Numbers, p: Numbers) -> Numbers:
    return -np.where(missed == 1, np.log(p), np.log(1 - p))


def _paired(one: list[Numbers], other: list[Numbers], origins: Sequence[Origin]):
    """Mean difference of losses over origins, and its 95 % interval; a customer's origins stand together."""
    count = len(origins)
    parts = [
        pd.Series((a - b) / len(a) / count, index=origin.customers.index)
        for a, b, origin in zip(one, other, origins, strict=True)
    ]
    mean = float(sum(part.sum() for part in parts))
    centred = [part - part.mean() for part in parts]
    half = Z_95 * float(np.sqrt((pd.concat(centred).groupby(level=0).sum() ** 2).sum()))
    return mean, mean - half, mean + half


def _auc(origin: Origin, p: Numbers) -> float:
    """Chance that of two repeat buyers the one who did not buy has the higher p; ties count half."""
    again = (origin.customers["purchases"] > 1).to_numpy()
    missed, rank = origin.missed[again] == 1, pd.Series(p[again]).rank().to_numpy()
    n, m = missed.sum(), (~missed).sum()
    return float((rank[missed].sum() - n * (n + 1) / 2) / (n * m)) if n and m else np.nan


def _describe(
    name: str, earlier: Sequence[Origin], origin: Origin, horizon: int, false_alerts: float
) -> pd.DataFrame:
    """What would have been said of the customers of an origin, and what they did."""
    known = absences_that_ended(earlier, origin)
    said = describe_predictions(learn(name, earlier), known, origin.customers, origin.signs, origin.standard)[
        ["p_no_purchase", "p_if_active", "as_unusual_share"]
    ]
    away = origin.customers["days_since_last"]
    return said.assign(
        origin=origin.day,
        days_since_last=away,
        again=origin.customers["purchases"] > 1,
        within=away <= horizon,
        alerted=find_unusual(said, away, horizon, false_alerts),
        missed=origin.missed,
    )


def find_unusual(said: pd.DataFrame, away: pd.Series, horizon: int, false_alerts: float) -> pd.Series:
    """Who bought within the horizon, is away for unusually long, and is less likely to buy than by rate."""
    excess = said["p_no_purchase"] > said["p_if_active"]
    return (away <= horizon) & excess & (said["as_unusual_share"] <= false_alerts)
