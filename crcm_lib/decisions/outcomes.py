"""What came after: did past tiers keep their order, and did earlier actions make a difference?"""

from itertools import pairwise

import numpy as np
import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.features.customers import spend_between
from crcm_lib.i18n import _
from crcm_lib.stats import newcombe, student, welch, wilson

FEWEST = 5  # of each arm, to compare them at all
COMPARED = (
    "action",
    "outcome",
    "treated",
    "controls",
    "treated_mean",
    "control_mean",
    "difference",
    "low",
    "high",
)


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
        rows.append(
            {
                "tier_before": tier.name, "customers": int(members.sum()),
                "spend_later_mean": mean, "spend_later_low": mean_low, "spend_later_high": mean_high,
                "retained_share": float(again[members].mean()), "retained_low": low, "retained_high": high,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def compare_neighbours(before: pd.DataFrame, later: pd.DataFrame, followed: pd.DataFrame) -> pd.DataFrame:
    """Each past tier against the one below: difference of later spend and retention, with a verdict.

    Welch's interval for the spend, Newcombe's for the share. A pair is `kept` if the interval lies above
    zero, `reversed` below, else `cannot tell`.

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
    tiers, rows = before["tier"].to_numpy(), []
    for upper, lower in pairwise(followed["tier_before"] if len(followed) else ()):
        one, other = tiers == upper, tiers == lower
        for outcome, compare, values in (("spend", welch, spend), ("bought again", newcombe, again)):
            difference, low, high = compare(values[one], values[other])
            rows.append((upper, lower, outcome, difference, low, high, _judge(low, high)))
    columns = ["tier", "below", "outcome", "difference", "low", "high", "verdict"]
    return pd.DataFrame(rows, columns=columns)


def tier_order_verdict(pairs: pd.DataFrame, outcome: str) -> str:
    """Did the tiers keep their order later? `kept`, `partly` or `cannot tell`.

    >>> tier_order_verdict(pd.DataFrame({"outcome": ["spend"] * 2, "verdict": ["kept", "reversed"]}), "spend")
    'partly'
    """
    verdicts = set(pairs.loc[pairs["outcome"] == outcome, "verdict"])
    if verdicts == {"kept"}:
        return _("kept")
    return _("partly") if verdicts & {"kept", "reversed"} else _("cannot tell")


def measure_actions(engine, arms: pd.DataFrame, *, as_of) -> pd.DataFrame:
    """The table `action_effects`: earlier treatments beside their controls, from their start on.

    Parameters
    ----------
    engine
        Holds the clean table `transactions`.
    arms
        From `evidence.find_arms`; each wave (action, start, end) is followed to its end, or to `as_of`.
    as_of
        Last day known.

    Notes
    -----
    Without controls nothing is said of an effect. Whether the arms were drawn at random is for
    whoever drew them to say; ours are.
    """
    parts = []
    for (_action, start, end), wave in arms.groupby(["action", "start", "end"], sort=True):
        later = spend_between(engine, after=start - pd.Timedelta(days=1), until=min(end, pd.Timestamp(as_of)))
        spend, again = _outcomes(pd.Index(wave["customer_id"]), later)
        parts.append(wave.assign(spend=spend, again=again))
    followed = pd.concat(parts) if parts else arms.assign(spend=0.0, again=0.0)
    rows = []
    for action, wave in followed.groupby("action"):
        treated, control = (wave[wave["arm"] == arm] for arm in ("treatment", "control"))
        for outcome, compare, column in (("bought again", newcombe, "again"), ("spend", welch, "spend")):
            rows.append(_compare_arms(action, outcome, compare, (treated[column], control[column])))
    return pd.DataFrame(rows, columns=[*COMPARED, "verdict"])


def say_arms(arms: pd.DataFrame, *, currency: str) -> str:
    """Whether there is anything to compare."""
    if arms.empty:
        return _("Not available: no `assignments` table, so no earlier action can be judged.")
    return _("Earlier actions: treated beside controls; spend in {currency}, buying again as a share").format(
        currency=currency
    )


def _compare_arms(action: str, outcome: str, compare, arms: tuple) -> tuple:
    treated, control = (arm.to_numpy(dtype=float) for arm in arms)
    sizes = (action, outcome, len(treated), len(control))
    if not len(control):
        return (
            *sizes,
            treated.mean(),
            *[np.nan] * 4,
            _("no control group: nothing can be said of an effect"),
        )
    if min(len(treated), len(control)) < FEWEST:
        return (*sizes, *[np.nan] * 5, _("too few to compare"))
    difference, low, high = compare(treated, control)
    words = {"kept": _("higher with the action"), "reversed": _("lower with the action")}
    verdict = words.get(_judge(low, high), _("cannot tell: the interval holds zero"))
    return (*sizes, treated.mean(), control.mean(), difference, low, high, verdict)


def _outcomes(customers: pd.Index, later: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Spend, and 1 where they bought again; no row means neither."""
    found = later.reindex(customers)
    return found["spend"].fillna(0.0).to_numpy(float), (found["purchases"].fillna(0) > 0).to_numpy(float)


def _judge(low: float, high: float) -> str:
    if low > 0:
        return "kept"
    return "reversed" if high < 0 else "cannot tell"
