"""What more money, capacity or hours would gain, and whether effort goes where the value is.

All gains are of the best choice within the limits, or a little more (`allocation.Allocation.bound`), as
expected before controls are drawn.
"""

import numpy as np
import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.decisions.action_choice import Choice
from crcm_lib.decisions.lagrangian_bound import Dual
from crcm_lib.decisions.limits import list_choices
from crcm_lib.privacy import hide_small

STEPS, TOLERANCE = 10, 1e-3  # points of the curve, and relative to the gain how exact they are
MORE, EXACT = 0.1, 0.05  # of a limit; how exact what it brings is
DEAR = 1e9  # money for one unit of money: nothing is bought at this price


def trace_efficiency(choice: Choice) -> pd.DataFrame:
    """The most that the plan can gain for a budget, within all other limits.

    Returns
    -------
    `budget` and `gain` (currency), rising, up to where more money gains nothing more; no rows where no gain
    is known. The first row is of published terms and of what costs nothing.
    """
    dual, share = Dual(choice.without_budget), choice.treated[0]
    limits = dual.problem.limits / choice.treated  # the first of them is the budget
    free = dual.minimise(limits, tolerance=TOLERANCE)
    most = dual.evaluate(free.prices)[1][0]
    if not most > 0:
        return pd.DataFrame({"budget": [], "gain": []}, dtype="float64")
    budgets, gains = [0.0], [dual.evaluate(np.where(np.arange(len(limits)) == 0, DEAR, 0.0))[0]]
    for budget in most * (np.arange(1, STEPS + 1) / STEPS) ** 2:  # denser where the gain rises fast
        limits[0] = budget
        budgets.append(budget)
        gains.append(dual.minimise(limits, tolerance=TOLERANCE).value)
    rising = np.maximum.accumulate(np.minimum(gains, gains[-1]))
    terms = 0.0 if np.isnan(choice.terms_gain) else choice.terms_gain
    return pd.DataFrame(
        {"budget": np.array(budgets) * share + choice.terms_cost, "gain": rising * share + terms}
    )


def price_limits(choice: Choice, actions: pd.DataFrame, policy: Policy, *, at_least: int) -> pd.DataFrame:
    """The limits that keep the plan from gaining more.

    Parameters
    ----------
    choice
        What was chosen.
    actions
        The table `actions`, of the actions that may be shown, so that no other follows from what is used.
    policy
        Says what an action takes.
    at_least
        Limits of what fewer customers get are left out.

    Returns
    -------
    One row per limit with a price, the dearest first: `kind`, `of`, `available`, `used` (by those treated;
    money, hours or customers), `gain_per_unit` (the shadow price: what one more unit would gain, at most)
    and `gain_of_tenth` (what a tenth more of it would, in currency).
    """
    allocation, share = choice.allocation, choice.treated[0]
    limits = allocation.dual.problem.limits
    binding = np.flatnonzero((allocation.prices > 0) & np.isfinite(choice.limits["available"].to_numpy()))
    now = allocation.dual.minimise(limits).value
    rises = []
    for place in binding:
        most = allocation.prices[place] * MORE * limits[place]
        more = limits * np.where(np.arange(len(limits)) == place, 1 + MORE, 1.0)
        rise = allocation.dual.minimise(more, tolerance=EXACT * most / max(now, most)).value - now
        rises.append(share * min(max(rise, 0.0), most))
    found = choice.limits.iloc[binding].reset_index(drop=True)
    found = found.assign(gain_per_unit=allocation.prices[binding], gain_of_tenth=np.array(rises, dtype=float))
    planned = _add_hours(actions, policy)
    names = {"lever": "lever", "tier": "tier", "hours": "owner_role", "capacity": "action"}
    uses = [
        planned[planned[names[kind]] == of] if kind in names else planned
        for kind, of in zip(found["kind"], found["of"], strict=True)
    ]
    sums = {"hours": lambda rows: rows["hours"].sum(), "capacity": len}
    used = [
        sums.get(kind, lambda rows: rows["cost"].sum())(rows)
        for kind, rows in zip(found["kind"], uses, strict=True)
    ]
    found.insert(3, "used", np.array(used, dtype=float))
    found = found[np.array([rows["customer_id"].nunique() >= at_least for rows in uses], dtype=bool)]
    return found.sort_values(
        ["gain_of_tenth", "kind", "of"], ascending=[False, True, True], ignore_index=True
    )


def compare_effort(
    actions: pd.DataFrame, situation: pd.DataFrame, policy: Policy, *, at_least: int
) -> pd.DataFrame:
    """How much of the effort each tier gets, beside its share of all customers' value.

    Parameters
    ----------
    actions
        The table `actions`, of the actions that may be shown.
    situation
        From `strategy.describe_situation`.
    policy
        Orders the tiers and says what an action takes.
    at_least
        Tiers with fewer customers treated are not shown.

    Returns
    -------
    One row per tier: `tier`, `treated` (customers), `cost_share`, `hours_share` (missing where no action says
    hours) and `value_share` (missing where no value is predicted).
    """
    planned = _add_hours(actions, policy)
    by_tier, value = planned.groupby("tier"), situation["value"].clip(lower=0.0).groupby(situation["tier"])
    sums = pd.DataFrame(
        {"cost": by_tier["cost"].sum(), "hours": by_tier["hours"].sum(), "value": value.sum(min_count=1)}
    )
    sums = sums.reindex([tier.name for tier in policy.tiers]).rename_axis("tier")
    known = sums["value"].sum()
    shares = pd.DataFrame(
        {
            "treated": by_tier["customer_id"].nunique().reindex(sums.index, fill_value=0),
            **{
                f"{name}_share": sums[name].fillna(0.0) / total for name, total in sums.sum().items() if total
            },
            "largest_share": value.max().reindex(sums.index) / sums["value"],
        },
        index=sums.index,
    )
    shares = shares.assign(value_share=shares["value_share"] if known else np.nan)
    money = [name for name in ("value_share", "cost_share", "hours_share") if name in shares]
    shown = hide_small(shares, counts="treated", money=money, at_least=at_least)
    return shown.reindex(columns=["treated", "cost_share", "hours_share", "value_share"]).reset_index()


def _add_hours(actions: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """The actions but the standard offers, with the `hours` of all their occasions."""
    hours = {action.name: (action.hours or 0.0) * action.occasions for action in list_choices(policy)}
    planned = actions[actions["action"].isin(hours)]
    return planned.assign(hours=planned["action"].map(hours).astype("float64"))
