"""The plan at a glance: who may be approached, what each lever does, at what cost, and what is left."""

import numpy as np
import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.i18n import _

LEVERS = ("product", "price", "service", "communication", "marketing")
POWER = 1.959964 + 0.841621  # two-sided 5 % and 80 % power


def count_consents(situation: pd.DataFrame, consents: pd.DataFrame | None, silent: set[str]) -> pd.DataFrame:
    """How many may be approached, and how many get the standard offer only: `customers` per group."""
    kind = situation["subject_type"].map({"company": _("companies")}).fillna(_("natural persons"))
    may = np.where(situation.index.isin(silent), _("standard offer only"), _("may be approached"))
    if consents is None:
        may[:] = _("objections unknown")
    counts = situation.groupby([kind.rename("who"), pd.Series(may, situation.index, name="what")]).size()
    return counts.rename("customers").reset_index()


def say_consents(consents: pd.DataFrame | None) -> str:
    """Whether anyone's objections are known at all."""
    if consents is None:
        return _(
            "Not available: no `consents` table, so nobody's objection is known. Check before any contact."
        )
    refused = consents[consents["status"] == "refused"]
    return _("Latest word of {customers:,} customers; {refused:,} refuse something").format(
        customers=consents["customer_id"].nunique(), refused=refused["customer_id"].nunique()
    )


def list_levers(policy: Policy) -> pd.DataFrame:
    """The playbook as a matrix: lever by tier, the names of the actions; terms are marked."""
    tiers = [tier.name for tier in policy.tiers]
    cells = {(lever, tier): [] for lever in LEVERS for tier in tiers}
    for action in policy.playbook:
        for tier in action.tiers:
            cells[action.lever, tier].append(action.name + (_(" (terms)") if action.terms else ""))
    rows = [[lever, *(", ".join(cells[lever, tier]) or "–" for tier in tiers)] for lever in LEVERS]
    return pd.DataFrame(rows, columns=["lever", *tiers])


def summarise_actions(chosen: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """Each action's demand, capacity, cost and expected gain, and what its control group could show.

    Returns
    -------
    One row per action but the standard offer: `action`, `zh`, `lever`, `owner_role`, `asked`, `treated`,
    `control`, `capacity` (empty: no limit), `cost`, `gain`, and `detectable`: the smallest difference in the
    share who buy again that the two groups would show four times out of five (worst case, 50 %).
    """
    rows = []
    for action in policy.playbook:
        if action.standard:
            continue
        mine = chosen[chosen["action"] == action.name]
        treated, control = (int((mine["arm"] == arm).sum()) for arm in ("treatment", "control"))
        power = POWER * np.sqrt(0.25 / treated + 0.25 / control) if treated and control else np.nan
        rows.append(
            {
                "action": action.name, "zh": action.zh, "lever": action.lever,
                "owner_role": action.owner_role, "asked": len(mine), "treated": treated, "control": control,
                "capacity": np.nan if action.capacity is None else float(action.capacity),
                "cost": treated * action.cost, "gain": mine.loc[mine["arm"] == "treatment", "gain"].sum(),
                "detectable": power if power < 1 else np.nan,
            }
        )  # fmt: skip
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
    """Why playbook actions were not taken: `reason`, `actions`, `customers`."""
    left = chosen[chosen["state"] != "chosen"].groupby("state")
    counts = pd.DataFrame({"actions": left.size(), "customers": left["customer_id"].nunique()})
    counts = counts.rename_axis("reason").reset_index()
    return counts.sort_values(["actions", "reason"], ascending=[False, True], ignore_index=True)


def compare_arms(assignments: pd.DataFrame, situation: pd.DataFrame) -> pd.DataFrame:
    """Both arms of all actions together before anything was done: `arm`, `customers`, `value_mean`."""
    value = assignments["customer_id"].map(situation["value"])
    groups = value.groupby(assignments["arm"])
    found = pd.DataFrame({"customers": groups.size(), "value_mean": groups.mean()})
    return found.reindex(["treatment", "control"]).fillna({"customers": 0}).rename_axis("arm").reset_index()
