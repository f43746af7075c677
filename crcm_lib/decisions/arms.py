"""The arms of the planned actions before anything is done: who is in them, and what they could show.

An action's effect is seen in the spend of its treated customers and its controls, and in the share of them
who buy again, over the action's `days`. What an arm of a given size can show follows from how much customers
differ: here from the same number of days before the plan begins.
"""

import numpy as np
import pandas as pd

from crcm_lib.config.policy import Action, Policy
from crcm_lib.features.customers import spend_between
from crcm_lib.features.holdout_windows import history_start
from crcm_lib.schema.engine import Engine
from crcm_lib.stats import POWER_80, Z_95

ARMS = ["treatment", "control"]
SHARES = np.linspace(0, 1, 1001)  # on which the smallest share that can be told from another is looked for


def count_people(assignments: pd.DataFrame) -> dict[str, int]:
    """How many customers the assignments are of, each counted once.

    `treated` by some action, `left_out` of some action at random, `left_out_treated`: both.
    """
    treated, left_out = (
        set(assignments.loc[assignments["arm"] == arm, "customer_id"].astype("str")) for arm in ARMS
    )
    both = treated & left_out
    return {"treated": len(treated), "left_out": len(left_out), "left_out_treated": len(both)}


def compare_arms(assignments: pd.DataFrame, situation: pd.DataFrame) -> pd.DataFrame:
    """Each action's two arms before anything is done.

    Returns
    -------
    One row per action: `action`, `treated`, `control` (customers), `treated_mean` and `control_mean` of
    `value`, their `difference` with its 95 % interval `low` to `high` (normal; drawn at random, one in twenty
    lies beside zero). No means where an arm is empty.
    """
    value = assignments["customer_id"].map(situation["value"]).astype("float64")
    parts = value.groupby([assignments["action"], assignments["arm"]])
    sums = pd.DataFrame({"size": parts.size(), "mean": parts.mean(), "variance": parts.var()})
    by_arm = {arm: sums[sums.index.get_level_values("arm") == arm].droplevel("arm") for arm in ARMS}
    one, other = (by_arm[arm].reindex(assignments["action"].unique()) for arm in ARMS)
    half = Z_95 * np.sqrt(one["variance"] / one["size"] + other["variance"] / other["size"])
    difference = one["mean"] - other["mean"]
    sizes = {"treated": one["size"].fillna(0), "control": other["size"].fillna(0)}
    means = {"treated_mean": one["mean"], "control_mean": other["mean"], "difference": difference}
    arms = pd.DataFrame({**sizes, **means, "low": difference - half, "high": difference + half})
    return arms.astype({"treated": "int64", "control": "int64"}).rename_axis("action").reset_index()


def measure_power(
    engine: Engine,
    assignments: pd.DataFrame,
    situation: pd.DataFrame,
    policy: Policy,
    *,
    as_of: str | pd.Timestamp,
) -> pd.DataFrame:
    """What the arms of each action could show, beside what the policy assumes that it wins.

    Parameters
    ----------
    engine
        Holds the clean table `transactions`.
    assignments
        The table `planned_assignments`, of the actions to look at.
    situation
        From `strategy.describe_situation`.
    policy
        The playbook's `effect`, `of` and `days`, and the horizon that effects are shares of.
    as_of
        The last day known; the `days` up to it stand for the days to come.

    Returns
    -------
    One row per action with both arms: `action`, `treated`, `control` (customers), `days`; of the last `days`,
    both arms together: `spend_mean` (currency per customer) and `bought_share`; `spend_detectable` and
    `bought_detectable`, the smallest rise that a two-sided test at 5 % of this one comparison finds with a
    power of 80 % (missing where even everybody buying would not do); `spend_assumed`, the rise that the
    policy's effect would be over so many days (missing where spend is not predicted); and `can_show`, whether
    that is as large. What the `days` would have to show is missing where the history has fewer, and
    `spend_detectable` where nobody bought in them: those who are chosen for their absence tell nothing of how
    spend will vary.

    Notes
    -----
    Differences of means and of shares as normal: Cohen (1988), Statistical Power Analysis, 2.4 and 6.4. With
    several claims in one report each needs more than this.
    """
    playbook = {action.name: action for action in policy.playbook}
    later: dict[int, pd.DataFrame] = {}
    known_since, rows = history_start(engine, pd.Timestamp(as_of)), []
    for name, arms in assignments.groupby("action", sort=False):
        action = playbook[str(name)]
        if action.days not in later:
            start = pd.Timestamp(as_of) - pd.Timedelta(days=action.days)
            later[action.days] = spend_between(engine, after=start, until=as_of)
        sizes = {arm: int((arms["arm"] == arm).sum()) for arm in ARMS}
        if min(sizes.values()):
            ids = pd.Index(arms["customer_id"])
            found = _detect(later[action.days].reindex(ids), sizes)
            if known_since > pd.Timestamp(as_of) - pd.Timedelta(days=action.days - 1):
                found = dict.fromkeys(found, float("nan"))
            assumed = assume_rise(action, situation.reindex(ids), policy.horizon_days)
            known = {"action": name, "treated": sizes["treatment"], "control": sizes["control"]}
            can_show = assumed >= found["spend_detectable"]
            rows.append(known | found | {"days": action.days, "spend_assumed": assumed, "can_show": can_show})
    columns = ["action", "treated", "control", "days", "spend_mean", "spend_assumed", "spend_detectable"]
    return pd.DataFrame(rows, columns=[*columns, "bought_share", "bought_detectable", "can_show"])


def _detect(before: pd.DataFrame, sizes: dict[str, int]) -> dict[str, float]:
    """The smallest rises of mean spend and of the share of buyers that two such arms can show."""
    spend, bought = before["spend"].fillna(0.0), before["purchases"].fillna(0) > 0
    treated, control = sizes.values()
    width = (Z_95 + POWER_80) * np.sqrt(1 / treated + 1 / control)
    rise = find_share_rise(float(bought.mean()), treated, control)
    detectable = width * spend.std() if bought.any() else float("nan")
    money = {"spend_mean": spend.mean(), "spend_detectable": detectable}
    return money | {"bought_share": bought.mean(), "bought_detectable": rise}


def find_share_rise(share: float, treated: int, control: int) -> float:
    """The smallest rise above a share of the controls found with a power of 80 %; NaN where there is none.

    >>> round(find_share_rise(0.5, 392, 392), 2), find_share_rise(0.98, 60, 10)
    (0.1, nan)
    """
    higher = SHARES[share < SHARES]
    pooled = (treated * higher + control * share) / (treated + control)
    alike = np.sqrt(pooled * (1 - pooled) * (1 / treated + 1 / control))
    apart = np.sqrt(higher * (1 - higher) / treated + share * (1 - share) / control)
    enough = higher[higher - share >= Z_95 * alike + POWER_80 * apart]
    return float(enough[0] - share) if len(enough) else float("nan")


def assume_rise(action: Action, situation: pd.DataFrame, horizon_days: int) -> float:
    """The policy's effect as spend per customer over the action's days.

    An effect on value is spread over the horizon; value at risk is at stake within those days.
    """
    money = situation[action.of].fillna(0.0).sum()
    spend, value = situation["spend_expected"].sum(), situation["value"].sum()
    if not value > 0:
        return float("nan")
    days = 1.0 if action.of == "value_at_risk" else action.days / horizon_days
    return action.effect * money * spend / value * days / len(situation)
