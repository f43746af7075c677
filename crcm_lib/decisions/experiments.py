"""What earlier waves have measured of each action, what the next plan counts on, and what to do about it."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from crcm_lib.config.policy import Action, Policy
from crcm_lib.decisions import outcomes
from crcm_lib.decisions.limits import list_choices
from crcm_lib.stats import Z_95

MEASURED = ["action", "measured", "error", "information"]
LEARNED = [
    *("action", "assumed", "measured", "error", "information", "used", "used_low", "used_high"),
    *("break_even", "advice"),
]


class Expected(NamedTuple):
    """What actions are expected to gain after their cost, with the ends of its 95 % range; missing: unknown.

    `actions` counts those of which it is known, `measured` those of them whose effect is.
    """

    gain: float
    low: float
    high: float
    actions: int
    measured: int


def measure_effects(followed: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """Each action's effect in the unit of the policy, from treated and controls of all waves.

    Parameters
    ----------
    followed
        From `outcomes.follow_arms`, of the arms as drawn.
    policy
        Names the actions.

    Returns
    -------
    One row per action that can be measured: `action`, `measured` (share of what is at stake), its standard
    `error`, and `information`, 1 / (1 / treated + 1 / controls) summed over strata: the variance of the
    difference is that of one customer divided by it. Arms that are unsound or too small measure nothing.

    Notes
    -----
    The difference of spend less what earlier spend foretells (CUPED), strata weighted by their treated, over
    their mean stake for the days that were followed. Waves of another origin have no stake: of an action on
    value it is the controls' spend, as a share of value is the same share of spend.
    """
    sound = outcomes.check_arms(followed).set_index("action")["sound"]
    rows = []
    for action in list_choices(policy):
        mine = followed[followed["action"] == action.name]
        if mine.empty or not sound[action.name]:
            continue
        arms = outcomes.keep_comparable(mine)
        sizes = arms["first"].sum(), (~arms["first"]).sum()
        if min(sizes) >= outcomes.MIN_ARM:
            rows.append({"action": action.name, **measure_arms(arms, action)})
    found = pd.DataFrame(rows, columns=MEASURED).astype(dict.fromkeys(MEASURED[1:], "float64"))
    known: pd.DataFrame = found[np.isfinite(found["measured"]) & (found["error"] > 0)]
    return known.reset_index(drop=True)


def measure_arms(arms: pd.DataFrame, action: Action) -> dict[str, float]:
    """`measured`, `error` and `information` of the arms of one action, from `outcomes.keep_comparable`."""
    arms = arms.assign(left=outcomes.take_off_earlier(arms))
    groups = arms.groupby(["stratum", "first"])
    sums = groups["left"].agg(["size", "mean", "var"]).unstack()  # noqa: PD010
    treated, control = sums["size", True], sums["size", False]
    weight = treated / treated.sum()
    difference = float((weight * (sums["mean", True] - sums["mean", False])).sum())
    variance = (weight**2 * (sums["var", True] / treated + sums["var", False] / control)).sum()
    spent = groups["spend"].mean().unstack()[False]  # noqa: PD010
    other = arms["stratum"].map(spent) if action.of == "value" else np.nan
    known = arms["stake"] * arms["followed_share"] if "stake" in arms else pd.Series(np.nan, arms.index)
    stake = float(known.fillna(other)[arms["first"]].mean())
    scale = 1 / stake if stake > 0 else float("nan")
    information = float((1 / (1 / treated + 1 / control)).sum())
    return {
        "measured": difference * scale,
        "error": float(np.sqrt(variance)) * abs(scale),
        "information": information,
    }


def learn_effects(measured: pd.DataFrame, situation: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """What the next plan counts on: the policy's effect where nothing was measured, else what both say.

    Parameters
    ----------
    measured
        From `measure_effects`.
    situation
        From `strategy.describe_situation`: whom an action is for now, and so which effect pays for its cost.
    policy
        The assumed effects, and how far true ones lie from them (`control.effect_spread`).

    Returns
    -------
    One row per action but the standard offer: `action`, `assumed`, `measured`, `error`, `information` (0:
    none), `used` with its 95 % interval from `used_low` to `used_high`, `break_even` (missing where no value
    is predicted), and `advice`:

    - `keep`: even the low end pays
    - `stop`: even the high end does not
    - `change`: it wins less than assumed, even at the high end, and whether it pays is open
    - `test_on`: measured, and none of these
    - `assumed`: nothing was measured

    Notes
    -----
    Posterior of a normal mean under a normal prior around the policy's effect (Gelman et al. 2013, Bayesian
    Data Analysis, eq. 2.10). The plan counts on no less than 0: what harms is not done for a negative cost.
    """
    rows = []
    found = {row["action"]: row for row in measured.to_dict("records")}
    blank = {"measured": np.nan, "error": np.nan, "information": 0.0}
    for action in list_choices(policy):
        one, error, information = (float(found.get(action.name, blank)[name]) for name in MEASURED[1:])
        spread = action.effect * policy.control.effect_spread
        mean, deviation = update_effect(action.effect, spread, one, error)
        low, high = mean - Z_95 * deviation, mean + Z_95 * deviation
        even = _find_break_even(action, situation)
        rows.append(
            {"action": action.name, "assumed": action.effect, "measured": one, "error": error}
            | {"information": information, "used": round(min(max(mean, 0.0), 1.0), 6), "used_low": low}
            | {"used_high": high, "break_even": even, "advice": _advise(action, one, low, high, even)}
        )
    return pd.DataFrame(rows, columns=LEARNED)


def update_effect(assumed: float, spread: float, measured: float, error: float) -> tuple[float, float]:
    """Mean and standard deviation of the effect after the measurement; before it, where there is none."""
    if np.isnan(measured) or not spread > 0:
        return assumed, spread
    weight = spread**2 / (spread**2 + error**2)
    return assumed + weight * (measured - assumed), float(np.sqrt(1 - weight) * spread)


def _find_break_even(action: Action, situation: pd.DataFrame) -> float:
    """The effect at which the mean customer of the action's tiers wins what the action costs."""
    stake = situation.loc[situation["tier"].isin(action.tiers), action.of].mean()
    return float(min(action.cost * action.occasions / stake, 1.0)) if stake > 0 else float("nan")


def _advise(action: Action, measured: float, low: float, high: float, even: float) -> str:
    if np.isnan(measured):
        return "assumed"
    if low > even:
        return "keep"
    if high < even:
        return "stop"
    return "change" if high < action.effect else "test_on"


def apply_effects(policy: Policy, learned: pd.DataFrame) -> Policy:
    """The policy with the effects that the plan counts on."""
    used = dict(zip(learned["action"], learned["used"], strict=True))
    playbook = tuple(
        action.model_copy(update={"effect": float(used[action.name])}) if action.name in used else action
        for action in policy.playbook
    )
    return policy.model_copy(update={"playbook": playbook})


def expect_gain(planned: pd.DataFrame, experiments: pd.DataFrame) -> Expected:
    """What planned actions are expected to gain together, and how far the effects that it rests on may lie.

    Parameters
    ----------
    planned
        `action`, `cost` and `gain` (less the cost; missing where it is unknown) of each.
    experiments
        `used` and its interval by `action`, like the table `experiments`.

    Notes
    -----
    A gain is taken to grow with the effect of its action alone; an action's effect is the same number for all
    its customers, and effects of different actions err independently of each other, so that the half widths
    of their intervals add up as squares do. Where customers differ in anything else, the range is wider.
    """
    sums = planned.dropna(subset="gain").groupby("action")[["cost", "gain"]].sum()
    if sums.empty:
        return Expected(float("nan"), float("nan"), float("nan"), 0, 0)
    effects = experiments.set_index("action").reindex(sums.index)
    per_effect = (sums.sum(axis=1) / effects["used"]).where(effects["used"] > 0, 0.0)
    below, above = (
        float(np.sqrt(((effects[end] - effects["used"]) * per_effect).pow(2).sum()))
        for end in ("used_low", "used_high")
    )
    gain, measured = float(sums["gain"].sum()), int(effects["measured"].notna().sum())
    return Expected(gain, gain - below, gain + above, len(sums), measured)


def tabulate(learned: pd.DataFrame, tests: pd.DataFrame) -> pd.DataFrame:
    """The table `experiments`: what was learned of each action, and its next test."""
    columns = ["action", "customers", "plan", "sized_on", "needed", "waves", "control_share"]
    both = learned.drop(columns="information").merge(tests[columns], on="action", how="left")
    return both.assign(needed=both["needed"].replace(np.inf, np.nan)).astype({"customers": "Int64"})
