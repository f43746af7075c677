"""What came after: did past tiers keep their order, and did earlier actions make a difference?"""

from itertools import pairwise

import numpy as np
import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.features.customers import spend_between
from crcm_lib.schema.engine import Engine
from crcm_lib.schema.results import RESULTS
from crcm_lib.stats import newcombe, student, welch, wilson

MIN_ARM = 5  # customers of each arm, to compare them at all
OUTCOMES = {"bought_again": newcombe, "spend": welch}


def follow_tiers(before: pd.DataFrame, later: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """The table `effects`: each past tier's later spend and share who bought again, with 95 % intervals.

    Parameters
    ----------
    before
        The table `tiers` of the past day.
    later
        From `spend_between`: `spend` and `purchases` since; who has no row there bought nothing.
    policy
        Orders the tiers; a tier that nobody had is left out.

    Notes
    -----
    Means have Student intervals, shares Wilson's (1927); with one customer there is no interval of the mean.
    """
    spend, again = _outcomes(before.index, later)
    rows = []
    for tier in policy.tiers:
        members = (before["tier"] == tier.name).to_numpy()
        if not members.any():
            continue
        mean, mean_low, mean_high = student(spend[members])
        low, high = wilson(again[members].sum(), members.sum())
        spent = {"spend_later_mean": mean, "spend_later_low": mean_low, "spend_later_high": mean_high}
        kept = {"retained_share": float(again[members].mean()), "retained_low": low, "retained_high": high}
        rows.append({"tier_before": tier.name, "customers": int(members.sum()), **spent, **kept})
    return pd.DataFrame(rows)


def compare_neighbours(before: pd.DataFrame, later: pd.DataFrame, followed: pd.DataFrame) -> pd.DataFrame:
    """Each past tier against the one below: difference of later spend and retention, with a verdict.

    Welch's interval for the spend, Newcombe's for the share. A pair is `kept` if the interval lies above
    zero, `reversed` below, else `cannot_tell`.

    Parameters
    ----------
    before
        The table `tiers` of the past day.
    later
        From `spend_between`.
    followed
        From `follow_tiers`: the tiers to compare, best first; tiers too small to be shown may be left out.
    """
    spend, again = _outcomes(before.index, later)
    values = {"spend": spend, "bought_again": again}
    tiers, rows = before["tier"].to_numpy(), []
    for upper, lower in pairwise(followed["tier_before"] if len(followed) else ()):
        one, other = tiers == upper, tiers == lower
        for outcome, of_each in values.items():
            difference, low, high = OUTCOMES[outcome](of_each[one], of_each[other])
            rows.append((upper, lower, outcome, difference, low, high, _judge(low, high)))
    columns = ["tier", "below", "outcome", "difference", "low", "high", "verdict"]
    return pd.DataFrame(rows, columns=columns)


def tier_order_verdict(pairs: pd.DataFrame, outcome: str) -> str:
    """Did the tiers keep their order later? `kept`, `partly` or `cannot_tell`.

    >>> tier_order_verdict(pd.DataFrame({"outcome": ["spend"] * 2, "verdict": ["kept", "reversed"]}), "spend")
    'partly'
    """
    verdicts = set(pairs.loc[pairs["outcome"] == outcome, "verdict"])
    if verdicts == {"kept"}:
        return "kept"
    return "partly" if verdicts & {"kept", "reversed"} else "cannot_tell"


def measure_actions(engine: Engine, arms: pd.DataFrame, *, as_of: str | pd.Timestamp) -> pd.DataFrame:
    """The table `action_effects`: earlier treatments beside their controls, from their start on.

    Parameters
    ----------
    engine
        Holds the clean table `transactions`.
    arms
        From `decision_inputs.find_arms`; each wave (action, start, end) is followed to its end or to `as_of`.
    as_of
        Last day known.

    Returns
    -------
    Per action and outcome the sizes, means, difference with its 95 % interval, and a `verdict`: `higher` or
    `lower` with the action, `cannot_tell` where the interval holds zero, `no_controls`, or `too_few`.

    Notes
    -----
    Without controls nothing is said of an effect. Whether the arms were drawn at random is for
    whoever drew them to say; ours are.
    """
    parts = []
    for _of_wave, wave in arms.groupby(["action", "start", "end"], sort=True):
        start, end = wave["start"].iloc[0], min(wave["end"].iloc[0], pd.Timestamp(as_of))
        later = spend_between(engine, after=start - pd.Timedelta(days=1), until=end)
        spend, again = _outcomes(pd.Index(wave["customer_id"]), later)
        parts.append(wave.assign(spend=spend, bought_again=again))
    followed = pd.concat(parts) if parts else arms.assign(spend=0.0, bought_again=0.0)
    rows = [
        {"action": action, "outcome": outcome, **_compare_arms(wave, outcome)}
        for action, wave in followed.groupby("action")
        for outcome in OUTCOMES
    ]
    return pd.DataFrame(rows, columns=list(RESULTS["action_effects"].columns))


def _compare_arms(wave: pd.DataFrame, outcome: str) -> dict[str, float | int | str]:
    treated, control = (
        wave.loc[wave["arm"] == arm, outcome].to_numpy(float) for arm in ("treatment", "control")
    )
    compared: dict[str, float | int | str] = {"treated": len(treated), "controls": len(control)}
    if not len(control):
        return compared | {"treated_mean": treated.mean(), "verdict": "no_controls"}
    if min(len(treated), len(control)) < MIN_ARM:
        return compared | {"verdict": "too_few"}
    difference, low, high = OUTCOMES[outcome](treated, control)
    verdict = {"kept": "higher", "reversed": "lower"}.get(_judge(low, high), "cannot_tell")
    means = {"treated_mean": treated.mean(), "control_mean": control.mean(), "difference": difference}
    return compared | means | {"low": low, "high": high, "verdict": verdict}


def _outcomes(customers: pd.Index, later: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Spend, and 1 where they bought again; no row means neither."""
    of_each = later.reindex(customers)
    spend = of_each["spend"].fillna(0.0).to_numpy(float)
    return spend, (of_each["purchases"].fillna(0) > 0).to_numpy(float)


def _judge(low: float, high: float) -> str:
    if low > 0:
        return "kept"
    return "reversed" if high < 0 else "cannot_tell"
