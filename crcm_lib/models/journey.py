"""Steps of the customer journey: how many go on to the next, and after which one complaints come."""

import numpy as np
import pandas as pd

from crcm_lib.features.journey_steps import STEPS
from crcm_lib.stats import LEVEL, holm
from crcm_lib.survival import follow_events

MARKS = (30, 90, 180, 365)  # days
LAST = 366  # days that the next step is waited for: a contract of a year is followed by the next on day 365
WINDOW = 30  # days from a step in which trouble is that of the step
DRAWS = 1999  # of the days of complaints
MIN_COMPLAINTS = 20  # of customers who took the step, else nothing is compared
MOST_DRAWN = 2 * 10**7  # complaints times draws


def follow_journey(transitions: pd.DataFrame) -> pd.DataFrame:
    """The share of those at each step who reach the next, by the days since; `survival.follow_events`.

    Parameters
    ----------
    transitions
        From `features.journey_steps.trace_transitions`.

    Returns
    -------
    `step`, `next_step`, and the columns of `follow_events`: `days`, `at_risk`, `share`, `low`, `high`.
    """
    parts = []
    for (step, later), rows in transitions.groupby(["step", "next_step"], sort=False):
        days = rows["days"].to_numpy("int64")
        curve = follow_events(days.clip(max=LAST), rows["reached"].to_numpy(bool) & (days <= LAST))
        parts.append(curve.assign(step=step, next_step=later))
    columns = ["step", "next_step", "days", "at_risk", "share", "low", "high"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def read_journey(curves: pd.DataFrame, transitions: pd.DataFrame) -> pd.DataFrame:
    """The share of those at each step who reach the next within each of `MARKS`.

    Returns
    -------
    `step`, `next_step`, `customers` (who took the step), `within_30d` … `within_365d` (share; missing where
    fewer than ten are followed so long), `by_day` (the last of these marks that is known), `low` and `high`
    (95 % interval of the share by then).
    """
    rows, sizes = [], transitions.groupby("step")["customer_id"].size()
    for (step, later), curve in curves.groupby(["step", "next_step"], sort=False):
        known = [mark for mark in MARKS if mark < len(curve)]
        row = {"step": step, "next_step": later, "customers": int(sizes[step])}
        row |= {f"within_{mark}d": float(curve["share"].iloc[mark]) for mark in known}
        if known:
            row |= {"by_day": known[-1]} | {end: float(curve[end].iloc[known[-1]]) for end in ("low", "high")}
        rows.append(row)
    columns = [
        "step",
        "next_step",
        "customers",
        *(f"within_{mark}d" for mark in MARKS),
        "by_day",
        "low",
        "high",
    ]
    return pd.DataFrame(rows, columns=columns).astype({"customers": "int64"})


def find_narrowest(journey: pd.DataFrame) -> pd.Series | None:
    """The step after which fewest go on, or None where it cannot be told.

    Said only where its whole 95 % interval lies below that of every other step by the same day, which for
    two steps is as rare by chance as a p of 0.6 %.
    """
    last = journey[journey["by_day"] == MARKS[-1]].dropna(subset=["low", "high"])
    if len(last) < 2:
        return None
    ordered = last.sort_values("high").reset_index(drop=True)
    return ordered.iloc[0] if ordered["high"].iloc[0] < ordered["low"].iloc[1:].min() else None


def compare_complaints(
    complaints: pd.DataFrame | None, steps: pd.DataFrame, observed: pd.DataFrame, *, seed: int = 0
) -> pd.DataFrame:
    """Complaints in the `WINDOW` days from each step, beside the same customers' other days.

    Each customer's complaints are shifted together round the days that they are observed, so that those of
    one trouble stay together (a self-controlled design: Farrington 1995, Biometrics 51, 228-235; tested by
    circular shifts, as he conditions on how many complaints each customer has). Adjusted over steps (Holm).

    Parameters
    ----------
    complaints
        `customer_id` and `time`, from `features.engagement.list_events`; None: the data do not have them.
    steps
        From `features.journey_steps.list_steps`.
    observed
        From `features.journey_steps.find_observed`.
    seed
        Of the shifts.

    Returns
    -------
    One row per step from the first order on: `step`, `customers` (who took it and complained at all),
    `complaints` (of theirs), `after_step` (in the window), `expected` (were days alike), `low` and `high`
    (what 95 % of the shifts give), `p` (two-sided, adjusted), `verdict`: more, fewer, cannot_tell or too_few.
    No rows without complaints.
    """
    columns = ["step", "customers", "complaints", "after_step", "expected", "low", "high", "p"]
    if complaints is None or complaints.empty:
        return pd.DataFrame(columns=[*columns, "verdict"])
    known = complaints.join(observed, on="customer_id", how="inner")
    day = (known["time"].dt.normalize() - known["start"]).dt.days
    length = (known["end"] - known["start"]).dt.days + 1
    known = known.assign(place=day, length=length)[(day >= 0) & (day < length)]
    random, rows = np.random.default_rng(seed), []
    for step in [name for name in STEPS[1:] if (steps["step"] == name).any()]:
        taken = steps[steps["step"] == step]
        mine = known.join(
            taken.set_index("customer_id")["day"].rename("step_day"), on="customer_id", how="inner"
        )
        begin = (mine["step_day"] - mine["start"]).dt.days.to_numpy()
        after = mine["place"].to_numpy() - begin
        row = {"step": step, "customers": mine["customer_id"].nunique(), "complaints": len(mine)}
        row |= {"after_step": int(((after >= 0) & (after < WINDOW)).sum())}
        rows.append(
            row | (_shift(mine, begin, row["after_step"], random) if len(mine) >= MIN_COMPLAINTS else {})
        )
    found = pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[4:], "float64"))
    found["p"] = holm(found["p"].to_numpy(float))
    more, sure = found["after_step"] > found["expected"], found["p"] <= LEVEL
    found["verdict"] = np.select(
        [found["p"].isna(), sure & more, sure], ["too_few", "more", "fewer"], "cannot_tell"
    )
    return found


def _shift(mine: pd.DataFrame, begin: np.ndarray, seen: int, random: np.random.Generator) -> dict[str, float]:
    """What shifting each customer's complaints round their days gives."""
    place, length = mine["place"].to_numpy(), mine["length"].to_numpy()
    who = mine["customer_id"].factorize()[0]
    each = np.zeros(who.max() + 1, dtype="int64")
    each[who] = length
    draws = int(min(DRAWS, max(199, MOST_DRAWN // len(mine))))
    counts = np.empty(draws)
    for draw in range(draws):
        shift = random.integers(0, each)
        after = (place + shift[who]) % length - begin
        counts[draw] = ((after >= 0) & (after < WINDOW)).sum()
    every = np.append(counts, seen)
    tail = min((every >= seen).mean(), (every <= seen).mean())
    low, high = np.quantile(counts, [0.025, 0.975])
    return {"expected": counts.mean(), "low": low, "high": high, "p": min(1.0, 2 * float(tail))}
