"""Backtest of retention: renewals predicted from what was known on an earlier day, against what happened."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crcm_lib.features.contract_periods import trace_subscriptions
from crcm_lib.models.subscriptions.sbg import Retention, fit_retention, survival_curve
from crcm_lib.schema.engine import Engine

HOLDOUT_SHARES = (0.25, 0.125)  # of the history; the first that leaves enough to fit from is held out
MIN_DECISIONS = 20  # in the days held out
SBG, SAME_RATE = "sBG", "same_rate"
SCORES = ("decisions", "renewed", "expected", "bias", "brier", "loglik")


@dataclass(frozen=True)
class RenewalBacktest:
    """Renewals predicted on the day `start` for the contracts that ended until `end`, and what happened.

    Attributes
    ----------
    retention
        As fitted on `start`; None where there are no contracts.
    decisions
        One row per contract that came up for renewal after `start`, of the subscriptions that ran then:
        `customer_id`, `renewals` (before it), `renewed`, and its probability by each model.
    scores
        One row per model: `model`, `decisions`, `renewed` (count), `expected` (count), `bias` (expected /
        renewed − 1), `brier` (mean squared error of the probabilities), `loglik` (per decision). No rows
        where there is no comparison.
    comparison
        An id. `closer`, `as_close` or `less_close`: the model's squared errors against those of one rate for
        all. `no_contracts`, `no_fit` or `too_few_decisions`: why there is no comparison.
    """

    start: pd.Timestamp
    end: pd.Timestamp
    retention: Retention | None
    decisions: pd.DataFrame
    scores: pd.DataFrame
    comparison: str


def backtest_renewals(engine: Engine, *, as_of, seed: int = 0) -> RenewalBacktest:
    """Fit on the first three quarters of the contracts' history and predict the renewals of the last.

    If three quarters are too short for a fit, an eighth is held out. The baseline is that everybody renews at
    the rate seen before `start`. Nothing after `as_of` counts, and the models are fitted on nothing after
    `start`. A contract is scored if its subscription ran on `start`.
    """
    end = pd.Timestamp(as_of).normalize()
    rows = trace_subscriptions(engine, as_of=end).rows
    if rows.empty:
        return _no_comparison(end, end, None, "no_contracts")
    history = (end - rows["since"].min()).days
    for share in HOLDOUT_SHARES:
        start = end - pd.Timedelta(days=int(history * share))
        before = trace_subscriptions(engine, as_of=start)
        retention = fit_retention(before, seed=seed)
        if retention.known:
            later = trace_subscriptions(engine, as_of=end, period_days=before.period_days)
            decisions = _predict(retention, _list_decisions(before.rows, later.rows))
            return _compare(start, end, retention, decisions)
    return _no_comparison(start, end, retention, "no_fit")


def _list_decisions(before: pd.DataFrame, later: pd.DataFrame) -> pd.DataFrame:
    """Every contract that came up for renewal in between, one row each."""
    running = before.loc[before["next_end"].notna(), ["customer_id", "since", "renewals"]]
    both = running.merge(later, on=["customer_id", "since"], suffixes=("", "_later"))
    count = (both["renewals_later"] - both["renewals"] + both["lost"]).clip(lower=0)
    each = both.loc[both.index.repeat(count)]
    each = each.assign(renewals=each["renewals"] + each.groupby(level=0).cumcount())
    each["renewed"] = each["renewals"] < each["renewals_later"]
    return each[["customer_id", "renewals", "renewed"]].reset_index(drop=True)


def _predict(retention: Retention, decisions: pd.DataFrame) -> pd.DataFrame:
    stayed, left = retention.facts["stayed"], retention.facts["left"]
    probabilities = {
        SBG: survival_curve(retention.params, decisions["renewals"], 1),
        SAME_RATE: stayed / (stayed + left),
    }
    return decisions.assign(**probabilities)


def _compare(start, end, retention: Retention, decisions: pd.DataFrame) -> RenewalBacktest:
    if len(decisions) < MIN_DECISIONS:
        return _no_comparison(start, end, retention, "too_few_decisions", decisions)
    scores = pd.DataFrame([{"model": name, **_score(decisions, name)} for name in (SBG, SAME_RATE)])
    return RenewalBacktest(start, end, retention, decisions, scores, _compare_errors(decisions))


def _score(decisions: pd.DataFrame, name: str) -> dict[str, float]:
    renewed, probability = decisions["renewed"].to_numpy(), decisions[name].to_numpy(float)
    expected, actual = float(probability.sum()), int(renewed.sum())
    return {
        "decisions": len(decisions),
        "renewed": actual,
        "expected": expected,
        "bias": (expected - actual) / max(actual, 1),
        "brier": float(((probability - renewed) ** 2).mean()),
        "loglik": float(np.log(np.where(renewed, probability, 1 - probability)).mean()),
    }


def _compare_errors(decisions: pd.DataFrame) -> str:
    """Whose squared errors are smaller, unless their mean difference is within two standard errors."""
    ours, baseline = (
        (decisions[name].to_numpy(float) - decisions["renewed"]) ** 2 for name in (SBG, SAME_RATE)
    )
    gain = float((baseline - ours).mean())
    if abs(gain) <= 2 * float((baseline - ours).std(ddof=1)) / np.sqrt(len(decisions)):
        return "as_close"
    return "closer" if gain > 0 else "less_close"


def _no_comparison(start, end, retention, comparison: str, decisions=None) -> RenewalBacktest:
    if decisions is None:
        decisions = pd.DataFrame(columns=["customer_id", "renewals", "renewed", SBG, SAME_RATE])
    scores = pd.DataFrame(columns=["model", *SCORES], dtype=float)
    return RenewalBacktest(start, end, retention, decisions, scores, comparison)
