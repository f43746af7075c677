"""The arms of the planned actions before anything is done: who is in them, and what they could show.

An action's effect is seen in the spend of its treated customers and its controls, and in the share of them
who buy again, over the action's `days`. What an arm of a given size can show follows from how much customers
differ: here from the same number of days before the plan begins.
"""

import numpy as np
import pandas as pd

from crcm_lib.config.policy import Action, Control, Policy
from crcm_lib.decisions import action_choice
from crcm_lib.features.customers import spend_between
from crcm_lib.features.holdout_windows import history_start
from crcm_lib.schema.engine import Engine
from crcm_lib.stats import POWER_80, Z_95

ARMS = ["treatment", "control"]
BEFORE = 365  # days of earlier spend that later spend is compared with
PLANNED = [
    *("action", "customers", "days", "spend_mean", "spend_assumed", "explained", "bought_share"),
    *("bought_assumed", "plan", "sized_on", "needed", "waves", "control_share"),
]


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


def plan_tests(
    engine: Engine,
    candidates: pd.DataFrame,
    situation: pd.DataFrame,
    policy: Policy,
    *,
    as_of: str | pd.Timestamp,
    known: pd.Series | None = None,
) -> pd.DataFrame:
    """How many of those chosen for each action must be left out, so that its assumed effect would be seen.

    Parameters
    ----------
    engine
        Holds the clean table `transactions`.
    candidates
        From `strategy.list_candidates`.
    situation
        From `strategy.describe_situation`.
    policy
        The playbook's `effect`, `of` and `days`, the horizon that effects are shares of, and `control`.
    as_of
        The last day known; the `days` up to it stand for the days to come.
    known
        By action, the information of earlier waves, from `experiments.measure_effects`.

    Returns
    -------
    One row per action that two or more would be chosen for, published terms left out: `action`, `customers`
    (who would be chosen), `days`; of the last `days`: `spend_mean` (currency per customer), `bought_share`,
    and `explained`, the share of the variance of spend that the spend of the `BEFORE` days before explains;
    `spend_assumed` and `bought_assumed`, the rises that the policy's effect would be over so many days, the
    second if all of it came from more customers who buy. `plan`:

    - `known`: earlier waves were enough; `one_wave`: this plan's customers suffice
    - `waves`: so many `waves` of as many customers suffice together
    - `none`: they would not, and nobody is left out
    - `no_value`, `short_history`, `nobody_bought`: what is needed is unknown

    `sized_on` (`spend`, or `bought_again` where only that can be seen), `needed` (customers, this wave's
    included, of whom the share `most` are controls) and `control_share`, the chance to be drawn.

    Notes
    -----
    Two-sided test at 5 % of this one comparison, power 80 %, differences of means as normal: Cohen (1988),
    Statistical Power Analysis, 2.4. With a share c of n customers as controls its variance is s² / (n c
    (1 - c)). Earlier spend takes the share `explained` off s² (CUPED: Deng, Xu, Kohavi & Walker 2013, WSDM,
    eq. 4). With several claims in one report each needs more than this.
    """
    expected = action_choice.expect_chosen(candidates, situation, policy)
    free = candidates[(candidates["barred"] == "") & ~candidates["granted"].astype(bool)]
    known_since, rows = history_start(engine, pd.Timestamp(as_of)), []
    days = {action.name: action.days for action in policy.playbook}
    spent = {number: _recall(engine, pd.Timestamp(as_of), number) for number in set(days.values())}
    for action in policy.playbook:
        ids = pd.Index(free.loc[free["action"] == action.name, "customer_id"])
        if len(ids) < 2 or expected.get(action.name, 0) < 2:  # one customer makes no arms
            continue
        seen = _describe_before(spent[action.days].reindex(ids).fillna(0.0))
        seen["spend_assumed"] = action.effect * float(
            find_stakes(action, situation.reindex(ids), policy).mean()
        )
        seen["bought_assumed"] = seen["bought_share"] * seen["spend_assumed"] / (seen["spend_mean"] or np.nan)
        reached = 0.0 if known is None else float(known.get(action.name, 0.0))
        short = known_since > pd.Timestamp(as_of) - pd.Timedelta(days=action.days - 1)
        plan = _size_test(seen, int(expected[action.name]), reached, policy, short=short)
        rows.append(
            {"action": action.name, "customers": expected[action.name], "days": action.days} | seen | plan
        )
    return pd.DataFrame(rows, columns=PLANNED).astype({"needed": "float64", "waves": "float64"})


def find_stakes(action: Action, situation: pd.DataFrame, policy: Policy) -> pd.Series:
    """What an effect of 1 would be in spend over the action's days, by customer; missing if nobody has value.

    An effect on value is spread over the horizon; value at risk is at stake within those days. Value becomes
    spend by the ratio of both over all these customers.
    """
    spend, value = situation["spend_expected"].sum(), situation["value"].sum()
    days = 1.0 if action.of == "value_at_risk" else action.days / policy.horizon_days
    ratio = spend / value * days if value > 0 else float("nan")
    return situation[action.of].fillna(0.0) * ratio


def _recall(engine: Engine, as_of: pd.Timestamp, days: int) -> pd.DataFrame:
    """Spend and purchases of the last days, and spend of the days before these."""
    start = as_of - pd.Timedelta(days=days)
    lately = spend_between(engine, after=start, until=as_of)
    before = spend_between(engine, after=start - pd.Timedelta(days=BEFORE), until=start)["spend"]
    return lately.join(before.rename("spend_before"), how="outer").fillna(0.0)


def _describe_before(spent: pd.DataFrame) -> dict[str, float]:
    """What the last days of those who may be chosen say of how much customers differ."""
    spend, before = spent["spend"], spent["spend_before"]
    varies, n = spend.std() > 0 and before.std() > 0, len(spent)
    share = float(spend.corr(before)) ** 2 if varies and n > 2 else 0.0
    explained = max(0.0, 1 - (1 - share) * (n - 1) / max(n - 2, 1))  # adjusted: two customers lie on a line
    bought = float((spent["purchases"] > 0).mean())
    return {"spend_mean": float(spend.mean()), "spend_sd": float(spend.std()), "bought_share": bought} | {
        "explained": explained
    }


def _size_test(
    seen: dict[str, float], customers: int, reached: float, policy: Policy, *, short: bool
) -> dict[str, object]:
    """One action's test; `reached` is the information, 1 / (1 / treated + 1 / controls), so far."""
    rules, unknown = policy.control, {"sized_on": None, "needed": None, "waves": None}
    blind = {"short_history": short, "nobody_bought": not seen["bought_share"] > 0}
    blind["no_value"] = not seen["spend_assumed"] > 0
    if reason := next((name for name, holds in blind.items() if holds), None):
        return {"plan": reason, "control_share": rules.share} | unknown
    sums = {
        "spend": (seen["spend_sd"] ** 2 * (1 - seen["explained"]), seen["spend_assumed"]),
        "bought_again": (seen["bought_share"] * (1 - seen["bought_share"]), seen["bought_assumed"]),
    }
    room = seen["bought_share"] + seen["bought_assumed"] < 1
    plans = []
    for outcome, (variance, rise) in sums.items():
        if outcome == "spend" or room:
            needs = (Z_95 + POWER_80) ** 2 * variance / rise**2
            plans.append({"sized_on": outcome, **_find_share(needs, reached, customers, rules)})
    return next((plan for plan in plans if plan["plan"] != "none"), plans[0])


def _find_share(needs: float, reached: float, customers: int, rules: Control) -> dict[str, object]:
    """The smallest share of controls, within the policy's, that tells what is still needed."""
    widest = rules.most * (1 - rules.most)
    if not widest > 0:
        return {"plan": "none", "needed": float("inf"), "waves": None, "control_share": 0.0}
    left = max(needs - reached, 0.0)
    sums = {"needed": float(np.ceil(left / widest)), "waves": None}
    if not left:
        return {"plan": "known", "control_share": rules.share, **sums}
    waves = max(int(np.ceil(left / (widest * customers) - 1e-9)), 1)
    if waves > rules.waves:
        return {"plan": "none", "control_share": 0.0, **sums}
    share = (1 - np.sqrt(max(0.0, 1 - 4 * left / (customers * waves)))) / 2
    within = float(np.clip(np.ceil(share * 1000) / 1000, rules.share, rules.most))
    return {"plan": "one_wave" if waves == 1 else "waves", "control_share": within, **sums, "waves": waves}
