"""The plan in sums: who may be approached, what is planned at what cost, and what was left undone."""

from typing import Any

import numpy as np
import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.privacy import hide_small

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


def hide_few(summary: pd.DataFrame, *, at_least: int) -> pd.DataFrame:
    """`summarise_actions` as people may see it: no count of a few, nor what one could compute it from.

    Cost and gain are missing where the number of treated is. `asked` is missing where treated or controls
    are, or where too few are left over; of those left over `count_reasons` tells the sum.
    """
    few = {name: summary[name].between(1, at_least - 1) for name in ("treated", "control")}
    left = (summary["asked"] - summary["treated"] - summary["control"]).to_frame("customers")
    left_over = hide_small(left, at_least=at_least)["customers"]
    shown = summary.astype(dict.fromkeys(("asked", "treated", "control"), "Int64"))
    shown["asked"] = shown["asked"].mask(few["treated"] | few["control"] | left_over.isna())
    shown["control"] = shown["control"].mask(few["control"])
    return shown.assign(**shown[["treated", "cost", "gain"]].mask(few["treated"]))


def add_up(shown: pd.DataFrame, actions: pd.DataFrame) -> dict[str, Any]:
    """The plan in sums of the actions that are shown, so that no other follows from them.

    Parameters
    ----------
    shown
        From `hide_few`.
    actions
        The table `actions`.

    Returns
    -------
    `treated` (actions), `customers` (who get at least one), `cost`, `gain` (of those of which it is known;
    missing where it is of none), `unknown` (actions of which it is not) and `hidden`: how many actions of the
    playbook are for too few to show.
    """
    named = shown.loc[shown["treated"].notna(), "action"]
    people = actions.loc[actions["action"].isin(named), "customer_id"].nunique()
    sums = {name: float(shown[name].sum()) for name in ("treated", "cost")}
    planned = shown[shown["treated"].fillna(0) > 0]
    unknown = planned.loc[planned["gain"].isna(), "treated"].sum()
    sums |= {"gain": float(planned["gain"].sum(min_count=1)), "unknown": float(unknown)}
    return sums | {"customers": people, "hidden": int(shown["treated"].isna().sum())}


def cross_tiers(actions: pd.DataFrame, shown: pd.DataFrame, policy: Policy, *, at_least: int) -> pd.DataFrame:
    """How many customers of each tier an action reaches: `lever`, `action`, a column per tier, best first.

    A few of a tier are missing, and so is what they would follow from with the number of treated.

    Parameters
    ----------
    actions
        The table `actions`.
    shown
        From `hide_few`: actions of which the treated are hidden are left out, so that no sum tells of them.
    policy
        Orders the tiers.
    at_least
        Fewer customers are a few.
    """
    named = shown[shown["treated"].fillna(0) > 0].reset_index(drop=True)
    tiers = [tier.name for tier in policy.tiers]
    counts = pd.crosstab(actions["action"], actions["tier"]).reindex(named["action"], fill_value=0)
    counts = counts.reindex(columns=tiers, fill_value=0).T.reset_index(drop=True)
    hidden = [hide_small(counts[[name]], counts=str(name), at_least=at_least) for name in counts]
    cells = (
        pd.concat(hidden, axis=1).T.set_axis(tiers, axis=1) if hidden else counts.T.set_axis(tiers, axis=1)
    )
    crossed = named[["lever", "action"]].join(cells.reset_index(drop=True).astype("Int64"))
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
