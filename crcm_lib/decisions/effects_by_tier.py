"""Does an action win more in one tier than in another, by more than chance? Then its tasks go by that.

Who is likely to leave is not who will respond (Ascarza 2018, Journal of Marketing Research 55(1), 80-98). The
effect in each tier is measured beside the controls of that tier; the tier is the one in force before the wave
was drawn, as what came later may be the action's doing.
"""

import numpy as np
import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.decisions import outcomes
from crcm_lib.decisions.experiments import measure_arms, update_effect
from crcm_lib.decisions.limits import list_choices
from crcm_lib.stats import LEVEL, holm

MIN_IN_TIER = 30  # of each arm: the test takes the means as normal
COLUMNS = ["action", "tier", "measured", "error", "used", "p_adjusted", "differs"]


def find_tiers_before(followed: pd.DataFrame, history: pd.DataFrame | None) -> pd.Series:
    """The tier in force on the last day before each customer's wave; missing where no run gave one.

    Parameters
    ----------
    followed
        From `outcomes.follow_arms`.
    history
        The table `tier_history` of the earlier run; None: there is none.
    """
    if history is None or followed.empty:
        return pd.Series(None, followed.index, dtype="object")
    waves = followed[["customer_id", "start"]].assign(row=np.arange(len(followed))).sort_values("start")
    days = history[["customer_id", "day", "tier_in_force"]].sort_values("day")
    days = days.astype({"day": waves["start"].dtype})
    found = pd.merge_asof(
        waves, days, left_on="start", right_on="day", by="customer_id", allow_exact_matches=False
    )
    found = found.sort_values("row")
    return pd.Series(found["tier_in_force"].to_numpy(), followed.index)


def measure_by_tier(followed: pd.DataFrame, tiers: pd.Series, policy: Policy) -> pd.DataFrame:
    """Each action's effect by tier, and whether the effects differ by more than chance.

    Parameters
    ----------
    followed
        From `outcomes.follow_arms`, of the arms as drawn.
    tiers
        From `find_tiers_before`.
    policy
        Names the actions and tiers; `control.effect_spread` says how far true effects lie from each other.

    Returns
    -------
    The table `effects_by_tier`: one row per action and tier of at least `MIN_IN_TIER` customers in each arm,
    where an action has two such tiers and sound arms: `measured` (share of what is at stake) and its standard
    `error`; `used`, drawn towards the effect of all tiers together the more, the less exact it is, and no
    less than 0; `p_adjusted` of no difference between the tiers, with all actions counted (Holm); `differs`:
    that is at most 5 %.

    Notes
    -----
    Cochran's Q: the squared distances from the mean weighted by their exactness, which is chi-square with one
    degree of freedom less than tiers (Hedges & Olkin 1985, Statistical Methods for Meta-Analysis, ch. 6.D).
    """
    from scipy.special import chdtrc

    sound = outcomes.check_arms(followed).set_index("action")["sound"]
    parts = []
    for action in list_choices(policy):
        mine = followed[followed["action"] == action.name]
        if mine.empty or not sound[action.name]:
            continue
        rows = []
        for tier in policy.tiers:
            arms = outcomes.keep_comparable(mine[tiers.loc[mine.index].eq(tier.name).to_numpy()])
            if min(arms["first"].sum(), (~arms["first"]).sum()) >= MIN_IN_TIER:
                rows.append({"action": action.name, "tier": tier.name, **measure_arms(arms, action)})
        part = pd.DataFrame(rows, columns=COLUMNS[:4])
        part = part[np.isfinite(part["measured"].astype(float)) & (part["error"].astype(float) > 0)]
        if len(part) < 2:
            continue
        weight = 1 / part["error"] ** 2
        mean = float((weight * part["measured"]).sum() / weight.sum())
        spread = action.effect * policy.control.effect_spread
        drawn = [update_effect(mean, spread, *each)[0] for each in part[["measured", "error"]].to_numpy()]
        p = float(chdtrc(len(part) - 1, (weight * (part["measured"] - mean) ** 2).sum()))
        parts.append(part.assign(used=np.clip(drawn, 0, 1), p=p))
    if not parts:
        return pd.DataFrame(columns=COLUMNS).astype(
            dict.fromkeys(COLUMNS[2:6], "float64") | {"differs": bool}
        )
    adjusted = holm(np.array([part["p"].iloc[0] for part in parts]))
    listed = [part.assign(p_adjusted=p) for part, p in zip(parts, adjusted, strict=True)]
    found = pd.concat(listed, ignore_index=True)
    return found.assign(differs=found["p_adjusted"] <= LEVEL)[COLUMNS]


def order_by_effect(
    chosen: pd.DataFrame, situation: pd.DataFrame, policy: Policy, by_tier: pd.DataFrame
) -> pd.DataFrame:
    """What was chosen with `goes_by`, the gain that its order goes by: by the effect in the customer's tier.

    Without that column where no tiers differ. Who is chosen, and `gain`, what the plan is said to win, stay.

    Parameters
    ----------
    chosen
        The rows of `action_choice.choose_actions`.
    situation
        From `strategy.describe_situation`.
    policy
        With the effects that the plan counts on.
    by_tier
        From `measure_by_tier`.
    """
    differing = by_tier[by_tier["differs"]].set_index(["action", "tier"])["used"]
    if differing.empty:
        return chosen
    ours = situation.loc[chosen["customer_id"]]
    keys = pd.MultiIndex.from_arrays([chosen["action"], ours["tier"]])
    effect = pd.Series(differing.reindex(keys).to_numpy(), chosen.index)
    goes_by = chosen["gain"]
    for action in list_choices(policy):
        mine = (chosen["action"] == action.name) & effect.notna()
        if not mine.any():
            continue
        more = (effect - action.effect) * ours[action.of].to_numpy()
        goes_by = goes_by.mask(mine, (goes_by + more).round(6))
    return chosen.assign(goes_by=goes_by)
