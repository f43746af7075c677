"""The plan in sums: who may be approached, what is planned at what cost, and what was left undone."""

import numpy as np
import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.stats import POWER_80, Z_95

LEVERS = ("product", "price", "service", "communication", "marketing")


def count_consents(
    situation: pd.DataFrame, consents: pd.DataFrame | None, objectors: set[str]
) -> pd.DataFrame:
    """How many may be approached, and how many get the standard offer only.

    Returns
    -------
    `customers` by `subject_type` (company or person) and `consent`: `may_be_approached`,
    `standard_offer_only`, or `unknown` for everybody where there is no table `consents`.
    """
    objects = situation.index.isin(objectors)
    may = np.where(objects, "standard_offer_only", "may_be_approached")
    consent = pd.Series("unknown" if consents is None else may, situation.index, name="consent")
    kind = situation["subject_type"].where(situation["subject_type"] == "company", "person")
    counts = situation.groupby([kind.rename("subject_type"), consent]).size()
    return counts.rename("customers").reset_index()


def summarise_actions(chosen: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """Each action's demand, capacity, cost and expected gain, and what its control group could show.

    Returns
    -------
    One row per action but the standard offer: `action`, `zh`, `lever`, `owner_role`, `asked`, `treated`,
    `control`, `capacity` (empty: no limit), `cost`, `gain`, and `detectable`: the smallest difference in the
    share who buy again that a two-sided test at 5 % finds with a power of 80 % (worst case, 50 %).
    """
    rows = []
    for action in policy.playbook:
        if action.standard:
            continue
        mine = chosen[chosen["action"] == action.name]
        treated, control = (int((mine["arm"] == arm).sum()) for arm in ("treatment", "control"))
        detectable = np.nan
        if treated and control:
            detectable = (Z_95 + POWER_80) * np.sqrt(0.25 / treated + 0.25 / control)
        facts = {"action": action.name, "zh": action.zh, "lever": action.lever}
        sizes = {"asked": len(mine), "treated": treated, "control": control}
        capacity = np.nan if action.capacity is None else float(action.capacity)
        gain = mine.loc[mine["arm"] == "treatment", "gain"].sum()
        amounts = {"capacity": capacity, "cost": treated * action.cost, "gain": gain}
        detectable = detectable if detectable < 1 else np.nan
        rows.append({**facts, "owner_role": action.owner_role, **sizes, **amounts, "detectable": detectable})
    return pd.DataFrame(rows)


def cross_levers(
    actions: pd.DataFrame, tiers: pd.DataFrame, policy: Policy, amount: str = ""
) -> pd.DataFrame:
    """Lever by tier: how many actions, or the sum of `amount` (such as cost), standard offers left out."""
    standard = [action.name for action in policy.playbook if action.standard]
    mine = actions[~actions["action"].isin(standard)]
    tier = mine["customer_id"].map(tiers["tier"])
    values = mine[amount] if amount else pd.Series(1, index=mine.index)
    crossed = values.groupby([mine["lever"], tier]).sum().unstack(fill_value=0)  # noqa: PD010
    order = [tier.name for tier in policy.tiers]
    return crossed.reindex(index=list(LEVERS), columns=order, fill_value=0).rename_axis("lever").reset_index()


def count_reasons(chosen: pd.DataFrame) -> pd.DataFrame:
    """Why playbook actions were not taken: `reason` (a `state` of the chosen), `actions`, `customers`."""
    left = chosen[chosen["state"] != "chosen"].groupby("state")
    counts = pd.DataFrame({"actions": left.size(), "customers": left["customer_id"].nunique()})
    counts = counts.rename_axis("reason").reset_index()
    return counts.sort_values(["actions", "reason"], ascending=[False, True], ignore_index=True)


def compare_arms(assignments: pd.DataFrame, situation: pd.DataFrame) -> pd.DataFrame:
    """Both arms of all actions together before anything was done: `arm`, `customers`, `value_mean`."""
    value = assignments["customer_id"].map(situation["value"])
    groups = value.groupby(assignments["arm"])
    arms = pd.DataFrame({"customers": groups.size(), "value_mean": groups.mean()})
    arms = arms.reindex(["treatment", "control"]).fillna({"customers": 0})
    return arms.astype({"customers": "int64"}).rename_axis("arm").reset_index()
