"""What is planned by lever and tier: cost, expected gain with its range, return; and what was measured."""

import numpy as np
import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.decisions.experiments import Expected, expect_gain
from crcm_lib.decisions.limits import list_choices

RETURNS = ["customers", "actions", "cost", "gain", "low", "high", "gain_per_cost", "resting_on"]
MEASURED, ASSUMED, BOTH, UNKNOWN = "measured", "assumed", "measured_and_assumed", "unknown"


def sum_returns(
    actions: pd.DataFrame, experiments: pd.DataFrame, policy: Policy, by: list[str]
) -> pd.DataFrame:
    """Cost, expected gain and return of what is planned, per lever, tier, or both.

    Parameters
    ----------
    actions
        The table `actions`, without the standard offer's rows that have neither cost nor gain.
    experiments
        The table `experiments`: the effects that the gain rests on.
    policy
        In whose order tiers and levers stand.
    by
        `lever`, `tier` or both.

    Returns
    -------
    One row per group: `customers`, `actions` (count), `cost`, `gain` (less the cost, in the money of
    `value`), its range `low`, `high` (see `experiments.expect_gain`; the range of all is narrower than the
    sum of the groups'), `gain_per_cost` (return on investment; missing without cost), and `resting_on`:
    measured or assumed effects, both, or unknown where nothing says what an action gains. `cost` and `gain`
    of the groups add up to those of the plan of 09.
    """
    rows = []
    for keys, ours in actions.groupby(by, sort=False):
        expected = expect_gain(ours, experiments)
        counts = (ours["customer_id"].nunique(), len(ours), ours["cost"].sum())
        rows.append((*keys, *counts, *expected[:3], np.nan, name_basis(expected)))
    table = pd.DataFrame(rows, columns=[*by, *RETURNS])
    costs = table["cost"].where(table["cost"] > 0)
    table = table.assign(gain_per_cost=table["gain"] / costs)
    order = {
        "tier": [tier.name for tier in policy.tiers],
        "lever": list(dict.fromkeys(_levers(policy).values())),
    }
    places = [table[name].map({each: place for place, each in enumerate(order[name])}) for name in by]
    return table.iloc[np.lexsort(places[::-1])].reset_index(drop=True) if len(table) else table


def name_basis(expected: Expected) -> str:
    """What an expected gain rests on."""
    if not expected.actions:
        return UNKNOWN
    return ASSUMED if not expected.measured else MEASURED if expected.measured == expected.actions else BOTH


def _levers(policy: Policy) -> dict[str, str]:
    return {action.name: action.lever for action in list_choices(policy)}


def join_measured(effects: pd.DataFrame, costs: pd.Series, policy: Policy) -> pd.DataFrame:
    """What was measured of earlier actions, treated beside controls, as 10 says it, beside what they cost.

    Parameters
    ----------
    effects
        The table `action_effects`.
    costs
        What treating customers cost, by action, from `features.period_sums.sum_treatments`.
    policy
        Says each action's lever.

    Returns
    -------
    One row per action of which spend was compared: `lever` ("" of an action that the policy no longer has),
    `action`, `treated`, `controls`, `spend_difference` (currency per treated customer, what earlier spend
    foretells taken off where known), `low`, `high`, `gained` (of all treated), `cost` (what treating them
    cost; missing where unknown), `verdict`.
    """
    spend = effects[effects["outcome"] == "spend"]
    levers = _levers(policy)
    cuped = spend["cuped"].notna()
    table = pd.DataFrame(
        {
            "lever": [levers.get(name, "") for name in spend["action"]],
            "action": spend["action"],
            "treated": spend["treated"],
            "controls": spend["controls"],
            "spend_difference": spend["cuped"].where(cuped, spend["difference"]),
            "low": spend["cuped_low"].where(cuped, spend["low"]),
            "high": spend["cuped_high"].where(cuped, spend["high"]),
        }
    )
    table["gained"] = table["spend_difference"] * table["treated"]
    table["cost"] = table["action"].map(costs).astype("float64")
    return table.assign(verdict=spend["verdict"]).reset_index(drop=True)
