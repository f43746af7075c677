"""The plan in sums: who may be approached, what is planned at what cost, and what was left undone."""

from typing import Any

import numpy as np
import pandas as pd

from crcm_lib.config.policy import Policy

SEVERAL = "several"  # reasons of few customers, together
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
    """Each action's demand, capacity, cost and expected gain.

    Returns
    -------
    One row per action but the standard offer: `action`, `zh`, `lever`, `owner_role`, `occasions` (how often
    it is done for a customer), `asked` (customers whom the playbook has it for), `treated` and `control` of
    them, `capacity` (empty: no limit), `cost` of all occasions, and `gain` (missing where that of anybody
    treated is).
    """
    rows = []
    for action in policy.playbook:
        if action.standard:
            continue
        mine = chosen[chosen["action"] == action.name]
        treated, control = (int((mine["arm"] == arm).sum()) for arm in ("treatment", "control"))
        facts: dict[str, Any] = {"action": action.name, "zh": action.zh, "lever": action.lever}
        facts |= {"owner_role": action.owner_role, "occasions": action.occasions}
        sizes = {"asked": len(mine), "treated": treated, "control": control}
        capacity = np.nan if action.capacity is None else float(action.capacity)
        amounts = mine.loc[mine["arm"] == "treatment", ["cost", "gain"]].sum(skipna=False).to_dict()
        rows.append(facts | sizes | {"capacity": capacity} | amounts)
    return pd.DataFrame(rows)


def add_up(summary: pd.DataFrame, actions: pd.DataFrame) -> dict[str, Any]:
    """The plan in sums.

    Parameters
    ----------
    summary
        From `summarise_actions`.
    actions
        The table `actions`.

    Returns
    -------
    `treated` (actions), `customers` (who get at least one), `cost`, `gain` (of those of which it is known;
    missing where it is of none) and `unknown` (actions of which it is not).
    """
    people = actions.loc[actions["action"].isin(summary["action"]), "customer_id"].nunique()
    sums = {name: float(summary[name].sum()) for name in ("treated", "cost")}
    planned = summary[summary["treated"] > 0]
    unknown = planned.loc[planned["gain"].isna(), "treated"].sum()
    return sums | {
        "gain": float(planned["gain"].sum(min_count=1)),
        "unknown": float(unknown),
        "customers": people,
    }


def cross_tiers(actions: pd.DataFrame, summary: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """How many customers of each tier an action reaches: `lever`, `action`, a column per tier, best first.

    Parameters
    ----------
    actions
        The table `actions`.
    summary
        From `summarise_actions`; what reaches nobody is left out.
    policy
        Orders the tiers.
    """
    named = summary[summary["treated"] > 0].reset_index(drop=True)
    tiers = [tier.name for tier in policy.tiers]
    counts = pd.crosstab(actions["action"], actions["tier"])
    counts = counts.reindex(index=named["action"], columns=tiers, fill_value=0)
    crossed = named[["lever", "action"]].join(counts.rename_axis(columns=None).reset_index(drop=True))
    levers = {lever: place for place, lever in enumerate(LEVERS)}
    return crossed.sort_values("lever", key=lambda lever: lever.map(levers), kind="stable", ignore_index=True)


def count_reasons(chosen: pd.DataFrame, *, at_least: int) -> pd.DataFrame:
    """Why playbook actions were not taken, as people may see it.

    Returns
    -------
    `reason` (a `state` of the chosen), `actions`, `customers`. Reasons for fewer than `at_least` customers
    stand together as `several`, with the next larger ones until they are enough; no rows where all are too
    few.
    """
    left = chosen.loc[chosen["state"] != "chosen", ["customer_id", "state"]]
    if left["customer_id"].nunique() < at_least:
        left = left.head(0)
    sizes = left.groupby("state")["customer_id"].nunique().sort_values(kind="stable")
    few = int((sizes < at_least).sum())
    while few and left.loc[left["state"].isin(sizes.index[:few]), "customer_id"].nunique() < at_least:
        few += 1
    reason = left["state"].mask(left["state"].isin(sizes.index[:few]), SEVERAL).rename("reason")
    by_reason = left.groupby(reason)["customer_id"]
    counts = pd.DataFrame({"actions": by_reason.size(), "customers": by_reason.nunique()})
    counts = counts.reset_index()
    return counts.sort_values(["actions", "reason"], ascending=[False, True], ignore_index=True)
