"""What a year of published runs shows, with figures: calm, waiting, budget, controls, effects, histories."""

import re
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from crcm_lib.decisions import approvals
from worlds.year_in_runs import DOES_NOTHING, LESS, MORE, TRUTH, WORKS, Year, live_through


def find_places(year: Year, column: str = "tier_in_force") -> pd.DataFrame:
    """A row per customer, a column per month: the number of the tier, 0 for the best."""
    number = {tier.name: place for place, tier in enumerate(year.policy.tiers)}
    return pd.DataFrame({n: month["tiers"][column].map(number) for n, month in enumerate(year.months)})


def measure_tiers(year: Year) -> dict[str, float]:
    """Who changed tier in force, of those who did not change and of those who did; which falls had waited."""
    places = find_places(year)
    steps = places.diff(axis=1).iloc[:, 1:]
    factor = pd.Series(year.company.factor, year.company.ids).reindex(places.index)
    said = pd.concat([pd.DataFrame(), *year.company.decided])
    falls, decided = 0, 0
    for number, month in enumerate(year.months[1:], 1):
        fell = steps.index[steps[number] > 0]
        before = year.months[number - 1]
        waited = before["tiers"].loc[fell, "state"].isin([approvals.WAITS, approvals.LAPSED])
        between = said[(said["day"] > before.as_of) & (said["day"] <= month.as_of)] if len(said) else said
        signed = between.loc[between["decision"] == "approve", "customer_id"] if len(said) else []
        falls, decided = falls + len(fell), decided + int((waited & fell.isin(list(signed))).sum())
    last = places.iloc[:, -1] - places[0]
    return {
        "flipped": float((steps[factor == 1.0] != 0).any(axis=1).mean()),
        "risen_of_more": float((last[factor > 1] < 0).mean()),
        "fallen_of_less": float((last[factor < 1] > 0).mean()),
        "falls": falls,
        "falls_waited": decided / falls if falls else float("nan"),
        "queue": float(np.mean([len(month["waiting_moves"]) for month in year.months[1:]])),
    }


def measure_budget(year: Year) -> pd.DataFrame:
    """What each month's plan uses of each limit, and the sums that must be equal, each to the cent."""
    budget, rows = year.policy.budget, []
    playbook = {action.name: action for action in year.policy.playbook if not action.standard}
    for month in year.months:
        actions = month["actions"]
        planned = actions[actions["action"].isin(playbook)]
        hours = [playbook[name].occasions * (playbook[name].hours or 0.0) for name in planned["action"]]
        by_role = pd.Series(hours, planned["owner_role"], dtype="float64").groupby(level=0).sum()
        by_lever = planned.groupby("lever")["cost"].sum()
        keys = pd.MultiIndex.from_frame(planned[["customer_id", "action"]])
        tasks = month.tasks[month.tasks["action"].isin(playbook)]
        tasks = tasks[pd.MultiIndex.from_frame(tasks[["customer_id", "action"]]).isin(keys)]
        care = month.tasks[~month.tasks["action"].isin(playbook)]
        assigned = month["planned_assignments"]
        left = {"total": budget.total - planned["cost"].sum()}
        left |= {f"lever {name}": most - by_lever.get(name, 0.0) for name, most in budget.levers.items()}
        left |= {f"hours {name}": most - by_role.get(name, 0.0) for name, most in budget.hours.items()}
        said = re.search(r"(\S+) customers get (\S+) actions that cost (\S+) EUR", month.headline)
        in_words = [float(each.replace(",", "")) for each in said.groups()] if said else [np.nan] * 3
        rows.append(
            left
            | {"cost": round(planned["cost"].sum(), 2), "cost_of_tasks": round(tasks["cost"].sum(), 2)}
            | {"cost_assigned": round(assigned["cost"].sum(), 2), "cost_said": in_words[2]}
            | {
                "actions": len(planned),
                "actions_in_tasks": len(tasks[["customer_id", "action"]].drop_duplicates()),
            }
            | {"actions_said": in_words[1], "customers": planned["customer_id"].nunique()}
            | {"customers_said": in_words[0], "care": len(month["care"]), "care_in_tasks": len(care)}
            | {"few": int((planned["action"].value_counts() < year.policy.privacy.min_cell).sum())}
            | {"hours": round(sum(hours), 2), "hours_of_tasks": round(tasks["hours"].sum(), 2)}
        )
    return pd.DataFrame(rows)


def follow_begun(year: Year) -> pd.DataFrame:
    """Contacts that the plan before began: each month those to come, on the list, and in the headline."""
    rows, key = [], ["customer_id", "action", "day"]
    playbook = {action.name for action in year.policy.playbook}
    for before, month in pairwise(year.months):
        history = month["assignment_history"]
        on = history["reported"] & (history["arm"] == "treatment") & (history["end"] >= month.as_of)
        to_come = before["calendar"][before["calendar"]["day"] > month.as_of]
        to_come = to_come.merge(history.loc[on & (history["wave"] <= month.as_of), key[:2]].drop_duplicates())
        planned = pd.MultiIndex.from_frame(month["actions"][key[:2]])
        tasks = month.tasks[month.tasks["action"].isin(playbook)]
        listed = tasks[~pd.MultiIndex.from_frame(tasks[key[:2]]).isin(planned)]
        said = re.search(r"(\S+) contacts of actions that earlier plans began", month.headline)
        rows.append(
            {"to_come": len(to_come), "listed": len(to_come.merge(listed[key]))}
            | {"others": len(listed) - len(to_come.merge(listed[key]))}
            | {"said": int(said[1].replace(",", "")) if said else 0}
        )
    return pd.DataFrame(rows)


def count_treated_controls(year: Year) -> int:
    """Controls for whom any run planned the action they control for while they do, and held out customers."""
    key = ["customer_id", "action"]
    every = pd.concat([month["planned_assignments"] for month in year.months]).drop_duplicates()
    both = every[every["arm"] == "control"].merge(every[every["arm"] == "treatment"], on=key)
    overlap = (both["start_x"] <= both["end_y"]) & (both["start_y"] <= both["end_x"])
    wrong, service = int(overlap.sum()), {a.name for a in year.policy.playbook if a.lever == "service"}
    for month in year.months:
        listed, now = month["actions"], month.as_of + pd.Timedelta(days=1)
        controls = every[(every["arm"] == "control") & (every["start"] <= now) & (every["end"] >= now)]
        wrong += len(listed.merge(controls[key].drop_duplicates(), on=key))
        held = month["programme_holdout"].query("group == 'holdout'").index
        wrong += int((listed["customer_id"].isin(held) & ~listed["action"].isin(service)).sum())
    return wrong


def follow_effects(year: Year) -> pd.DataFrame:
    """By month and planted action: what the plan counts on, what was measured, what is claimed."""
    rows = []
    for number, month in enumerate(year.months):
        worked = month["action_effects"]
        verdict = worked[worked["outcome"] == "spend"].set_index("action")["verdict"]
        counts = month["planned_assignments"].groupby(["action", "arm"]).size()
        for row in month["experiments"][month["experiments"]["action"].isin(list(TRUTH))].itertuples():
            sizes = {arm: int(counts.get((row.action, arm), 0)) for arm in ("treatment", "control")}
            known = {"measured": row.measured, "error": row.error, "used": row.used, "advice": row.advice}
            rows.append(
                {"month": number, "action": row.action, **sizes, **known, "verdict": verdict.get(row.action)}
            )
    return pd.DataFrame(rows)


def describe_history(year: Year) -> pd.DataFrame:
    """Of each month's run: which it remembers, how long its histories are, what of earlier ones is lost."""
    rows, before, known = [], None, pd.DataFrame()
    for month in year.months:
        holdout = month["programme_holdout"][["group", "since"]]
        kept = before is None or holdout.loc[before.index].equals(before)
        history, days = month["assignment_history"], month["tier_history"].reset_index()["day"]
        keys = history[["customer_id", "action", "wave"]]
        lost = (
            len(known.merge(keys, "left", indicator=True).query("_merge == 'left_only'")) if len(known) else 0
        )
        sizes = {"days": days.nunique(), "rows": len(days), "assignments": len(history)}
        sizes |= {"promises": len(month["promises"]), "lost": lost}
        rows.append({"run": month.name, "previous": month.previous, **sizes, "holdout_kept": kept})
        before, known = holdout, keys
    return pd.DataFrame(rows)


def print_year(year: Year) -> None:
    """What a manager would ask of the year, each with its figure."""
    tiers, budget, effects = measure_tiers(year), measure_budget(year), follow_effects(year)
    history, months = describe_history(year), len(year.months)
    print(f"{year.company.customers:,} customers, {months} monthly runs, each read only the one before.\n")
    print(f"{'month':>5}{'actions':>9}{'cost':>9}{'budget':>9}{'waiting':>9}   {WORKS:26}{DOES_NOTHING}")
    for number, month in enumerate(year.months):
        mine, words = effects[effects["month"] == number].set_index("action"), []
        for action in TRUTH:
            row = mine.loc[action]
            measured = (
                "–" if np.isnan(row["measured"]) else f"{row['measured']:.0%} ± {1.96 * row['error']:.0%}"
            )
            words.append(f"{measured:>12} → {row['used']:.0%}")
        plan = f"{budget.loc[number, 'actions']:>9,}{budget.loc[number, 'cost']:>9,.2f}"
        queue = f"{year.policy.budget.total:>9,.2f}{len(month['waiting_moves']):>9}"
        print(f"{number:>5}{plan}{queue}   {words[0]:26}{words[1]}")
    limits = budget.filter(regex="^(total|lever .*|hours .*)$")
    claimed = pd.concat([month["action_effects"].assign(month=n) for n, month in enumerate(year.months)])
    claimed = claimed[claimed["verdict"].isin(["higher", "lower"])]
    false = claimed[claimed["action"] != WORKS].groupby(["action", "outcome"]).size()
    print(
        f"\nOf those who did not change {tiers['flipped']:.1%} changed tier in force; of those who buy "
        f"{MORE:.0f} times as much {tiers['risen_of_more']:.0%} have a better one, of those who buy "
        f"{LESS:.0%} {tiers['fallen_of_less']:.0%} a worse one.\n"
        f"Moves down: {tiers['falls']}, of which {tiers['falls_waited']:.0%} had waited and were approved; "
        f"on average {tiers['queue']:.1f} wait.\n"
        f"Least left of any limit (money in all, by lever, hours by role): {limits.min(axis=None):.2f}.\n"
        f"Controls or held out customers treated: {count_treated_controls(year)}. "
        f"Sides of the holdout kept: {history['holdout_kept'].mean():.0%}.\n"
        f"Claims of {WORKS}: {(claimed['action'] == WORKS).sum()}, of others: {false.to_dict() or 'none'}.\n"
        f"Days of tier history {history['days'].iloc[-1]}, assignments carried "
        f"{history['assignments'].iloc[-1]:,}, lost {history['lost'].sum()}."
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        print_year(live_through(Path(place), customers=800, months=12))
