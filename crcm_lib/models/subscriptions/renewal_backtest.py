"""The past as judge of retention: predict renewals from what was known at a cut, and compare."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crcm_lib.features.contract_periods import trace_subscriptions
from crcm_lib.i18n import _
from crcm_lib.models.subscriptions.sbg import Retention, fit_retention, survival_curve

HOLDOUT_SHARE = (
    0.25,
    0.125,
)  # shares of the history that are held out; the first that leaves enough to learn from
MIN_DECISIONS = 20  # in the days held out
SBG, SAME_RATE = "sBG", "same rate for all"


@dataclass(frozen=True)
class RenewalBacktest:
    """What would have been predicted at `cut` for the contracts that ended until `until`, and what happened.

    Attributes
    ----------
    retention
        As learned at the cut; None where nothing was.
    decisions
        One row per contract that came up for renewal after the cut, of the subscriptions that ran at the cut:
        `customer_id`, `renewals` (before it), `renewed`, and the chance by each model. Empty where none could
        be made.
    scores
        One row per model: `model`, `decisions`, `renewed` (count), `expected` (count), `bias` (share of the
        renewed), `brier` (mean squared error of the chances), `loglik` (per decision).
    because
        The comparison, or why there is none, in words.
    """

    cut: pd.Timestamp
    until: pd.Timestamp
    retention: Retention | None
    decisions: pd.DataFrame
    scores: pd.DataFrame
    because: str


def backtest_renewals(engine, *, as_of, seed: int = 0) -> RenewalBacktest:
    """Learn from the first three quarters of the contracts' history and predict the renewals of the last.

    If three quarters are too short to learn from, an eighth is held out. Beside the model stands the naive
    baseline: everybody renews at the rate seen before the cut. Nothing after `as_of` counts, and the models
    learn nothing from what came after the cut. A contract is scored if its subscription ran at the cut.
    """
    until = pd.Timestamp(as_of).normalize()
    rows = trace_subscriptions(engine, as_of=until).rows
    if rows.empty:
        return _cannot_tell(until, until, _("there are no contracts to look back on"))
    start = rows["since"].min()
    for share in HOLDOUT_SHARE:
        cut = until - pd.Timedelta(days=int((until - start).days * share))
        known = trace_subscriptions(engine, as_of=cut)
        retention = fit_retention(known, seed=seed)
        if retention.known:
            later = trace_subscriptions(engine, as_of=until, period_days=known.period_days)
            decisions = _predict(retention, _face(known.rows, later.rows))
            return _compare(cut, until, retention, decisions)
    why = _("at the cut nothing could be learned: {why}").format(why="; ".join(retention.reasons))
    return _cannot_tell(cut, until, why)


def _face(known: pd.DataFrame, later: pd.DataFrame) -> pd.DataFrame:
    """Every contract that came up for renewal between, one row each."""
    running = known.loc[known["next_end"].notna(), ["customer_id", "since", "renewals"]]
    both = running.merge(later, on=["customer_id", "since"], suffixes=("", "_later"))
    faced = (both["renewals_later"] - both["renewals"] + both["lost"]).clip(lower=0)
    each = both.loc[both.index.repeat(faced)]
    each = each.assign(renewals=each["renewals"] + each.groupby(level=0).cumcount())
    each["renewed"] = each["renewals"] < each["renewals_later"]
    return each[["customer_id", "renewals", "renewed"]].reset_index(drop=True)


def _predict(retention: Retention, decisions: pd.DataFrame) -> pd.DataFrame:
    stayed, left = retention.facts["stayed"], retention.facts["left"]
    chances = {
        SBG: survival_curve(retention.params, decisions["renewals"], 1),
        SAME_RATE: stayed / (stayed + left),
    }
    return decisions.assign(**chances)


def _compare(cut, until, retention: Retention, decisions: pd.DataFrame) -> RenewalBacktest:
    if len(decisions) < MIN_DECISIONS:
        return _cannot_tell(cut, until, _(
            "{n} contracts came up for renewal in the days held out, and a comparison needs {fewest}").format(
            n=len(decisions), fewest=MIN_DECISIONS))  # fmt: skip
    scores = pd.DataFrame([{"model": name, **_score(decisions, name)} for name in (SBG, SAME_RATE)])
    ours, naive = scores.to_dict("records")
    words = _("of {n:,} contracts that came up for renewal {renewed:,} were renewed; the model expected "
              "{ours:,.0f} ({bias:+.1%}), the same rate for all {naive:,.0f} ({other:+.1%}); its chances are "
              "{verdict}")  # fmt: skip
    return RenewalBacktest(cut, until, retention, decisions, scores, words.format(
        n=ours["decisions"], renewed=ours["renewed"], ours=ours["expected"], bias=ours["bias"],
        naive=naive["expected"], other=naive["bias"], verdict=_judge(decisions)))  # fmt: skip


def _score(decisions: pd.DataFrame, name: str) -> dict[str, float]:
    renewed, chance = decisions["renewed"].to_numpy(), decisions[name].to_numpy(float)
    expected, actual = float(chance.sum()), int(renewed.sum())
    return {
        "decisions": len(decisions), "renewed": actual, "expected": expected,
        "bias": (expected - actual) / max(actual, 1), "brier": float(((chance - renewed) ** 2).mean()),
        "loglik": float(np.log(np.where(renewed, chance, 1 - chance)).mean()),
    }  # fmt: skip


def _judge(decisions: pd.DataFrame) -> str:
    """Whose chances are closer, unless the difference of the squared errors is within two standard errors."""
    ours, naive = ((decisions[name].to_numpy(float) - decisions["renewed"]) ** 2 for name in (SBG, SAME_RATE))
    gain = float((naive - ours).mean())
    if abs(gain) <= 2 * float((naive - ours).std(ddof=1)) / np.sqrt(len(decisions)):
        return _("about as close, within what chance alone does")
    return _("closer") if gain > 0 else _("less close")


def _cannot_tell(cut: pd.Timestamp, until: pd.Timestamp, because: str) -> RenewalBacktest:
    decisions = pd.DataFrame(columns=["customer_id", "renewals", "renewed", SBG, SAME_RATE])
    scores = pd.DataFrame(
        columns=["model", "decisions", "renewed", "expected", "bias", "brier", "loglik"], dtype=float
    )
    return RenewalBacktest(cut, until, None, decisions, scores, because)
