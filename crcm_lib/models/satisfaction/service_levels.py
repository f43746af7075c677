"""What customers of a tier are promised of service, against what they got: waits and satisfaction."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from crcm_lib.config.service_policy import ServiceLevel
from crcm_lib.features.customer_sql import end_of
from crcm_lib.models.satisfaction.answers import mean_answer
from crcm_lib.models.satisfaction.service import STEPS, hours_since_opened
from crcm_lib.schema.engine import Engine, columns_of
from crcm_lib.stats import LEVEL, count_effective, holm, student_p, wilson

PERIOD = 365  # days until as_of of which tickets are judged
FEWEST = 10  # customers below which a tier's attainment has no interval that could be believed
GROUPS = ("kind", "channel", "team")  # columns of tickets by which waits are shown, where the data have them
KEPT = ["tier", "step", "target_hours", "target_share"]
ATTAINMENT = [*KEPT, "tickets", "customers", "kept_share", "low", "high", "p_value", "verdict"]
FLOORS = ["tier", "floor", "customers", "mean", "low", "high", "p_value", "verdict"]


def list_waits(engine: Engine, *, as_of, days: int = PERIOD) -> pd.DataFrame:
    """How long each ticket of the last `days` waited for a step, or has waited by the end of `as_of`.

    Columns: customer_id, step (first_response, resolution: those whose times the data have), waited (hours),
    age (hours from opening to the end of `as_of`), done; `kind`, `channel`, `team` where the data have them.
    """
    end, present = pd.Timestamp(as_of).normalize(), columns_of(engine, "tickets")
    until, start = end_of(end), end_of(end - pd.Timedelta(days=days))
    frames, known = [], [name for name in GROUPS if name in present]
    also = "".join(f", {name}" for name in known)
    for column, step in STEPS.items():
        if column in present:
            done = f"{column} is not null and {column} < {until}"
            frame = engine.execute(f"""
                select customer_id, {hours_since_opened(f"case when {done} then {column} else {until} end")}
                    as waited, {hours_since_opened(until)} as age, {done} as done{also}
                from tickets where opened < {until} and opened >= {start}
                    and coalesce({column} >= opened, true)
                order by customer_id, opened, waited""").df()
            frames.append(frame.assign(step=step))
    columns = ["customer_id", "step", "waited", "age", "done", *known]
    return pd.concat(frames, ignore_index=True)[columns] if frames else pd.DataFrame(columns=columns)


def measure_attainment(
    waits: pd.DataFrame, tiers: pd.Series, levels: Mapping[str, ServiceLevel]
) -> pd.DataFrame:
    """The share of tickets that kept the hours promised to the customer's tier, and whether it is enough.

    Judged are tickets opened at least as long ago as they may take, so that each has kept its hours or not:
    one still waiting has missed them, and a younger one, whose time is not over, is not judged, even if it
    was quick. The customers are the unit: tickets of one count as fewer by the design effect of the ratio
    (Korn & Graubard 1998, Survey Methodology 24, 193-201), which also gives the interval, Wilson's.

    Parameters
    ----------
    waits
        From `list_waits`.
    tiers
        Each customer's tier, by `customer_id`.
    levels
        The policy's `service_levels`.

    Returns
    -------
    One row per tier and step that the policy promises and the data have, tiers in the policy's order: the
    target (`target_hours`, `target_share`), `tickets`, `customers`, `kept_share`, its 95 % interval (`low`,
    `high`), the p of the binomial test against the target, adjusted over all rows (Holm), and `verdict`:
    below (fewer kept than promised, beyond chance), reached (not below, and the share is as promised), near
    (below, but chance may explain it), too_few (fewer than `FEWEST` customers).
    """
    rows = []
    named = waits.assign(tier=waits["customer_id"].map(tiers).astype("object"))
    for tier, level in levels.items():
        for step in STEPS.values():
            hours = getattr(level, f"{step}_hours")
            part = named[(named["tier"] == tier) & (named["step"] == step)]
            if hours is not None and len(part):
                judged = part[part["age"] >= hours]
                kept = judged["done"].astype(bool) & (judged["waited"] <= hours)
                facts = _compare(kept.to_numpy(float), judged["customer_id"].to_numpy(), level.reached)
                rows.append({"tier": tier, "step": step, "target_hours": hours, **facts})
    if not rows:
        return pd.DataFrame(columns=ATTAINMENT)
    return _judge(pd.DataFrame(rows), "kept_share", "target_share")[ATTAINMENT]


def _compare(kept: np.ndarray, customers: np.ndarray, target: float) -> dict[str, float]:
    """The share kept, its interval and the one-sided p against the target, by effective tickets."""
    counts = {"tickets": len(kept), "customers": len(set(customers)), "target_share": target}
    nothing = dict.fromkeys(("kept_share", "low", "high", "p_value", "smallest_p"), np.nan)
    if counts["customers"] < FEWEST:
        return counts | nothing | ({"kept_share": float(kept.mean())} if len(kept) else {})
    whose = np.unique(customers, return_inverse=True)[1]
    share, size = float(kept.mean()), count_effective(np.bincount(whose, weights=kept), np.bincount(whose))
    low, high = wilson(share * size, size)
    p, smallest = (_binomial_tail(hits, size, target) for hits in (share * size, 0.0))
    return counts | {"kept_share": share, "low": low, "high": high, "p_value": p, "smallest_p": smallest}


def _binomial_tail(hits: float, size: float, target: float) -> float:
    """The chance of at most so many hits at the target's rate; hits need not be whole numbers."""
    from scipy.special import betainc

    return float(betainc(size - hits, hits + 1, 1 - target)) if hits < size else 1.0


def measure_floors(
    satisfaction: pd.DataFrame, tiers: pd.Series, levels: Mapping[str, ServiceLevel]
) -> pd.DataFrame:
    """Mean csat of each tier against the floor that the policy sets.

    Parameters
    ----------
    satisfaction
        The table of 07: `csat`, one mean per customer.
    tiers, levels
        As in `measure_attainment`.

    Returns
    -------
    One row per tier with a floor and an answer: `floor`, `customers` who answered, `mean`, its 95 % interval,
    the one-sided p of Student's test against the floor, adjusted over the tiers (Holm), and `verdict` as in
    `measure_attainment`.
    """
    answers = satisfaction.reindex(columns=["csat"])["csat"].astype("float64").dropna()
    of_tier = answers.index.map(tiers).astype("object")
    rows = []
    for tier, level in levels.items():
        given = answers[of_tier == tier]
        if level.satisfaction_floor is None or given.empty:
            continue
        said = mean_answer(given)
        row = {"tier": tier, "floor": level.satisfaction_floor, "customers": said["answers"]}
        row |= {name: said[name] for name in ("mean", "low", "high")}
        enough = len(given) >= FEWEST
        below, error = said["mean"] - row["floor"], float(given.std(ddof=1) / np.sqrt(len(given)))
        p = student_p(below, error, len(given) - 1) if enough and error > 0 else np.nan
        row["p_value"] = p / 2 if below < 0 else 1 - p / 2
        rows.append(row | ({} if enough else {"low": np.nan, "high": np.nan}))
    return _judge(pd.DataFrame(rows), "mean", "floor")[FLOORS] if rows else pd.DataFrame(columns=FLOORS)


def _judge(rows: pd.DataFrame, measured: str, promised: str) -> pd.DataFrame:
    """The rows with p adjusted over all of them, and a verdict each."""
    smallest = rows["smallest_p"].to_numpy() if "smallest_p" in rows else 0.0
    adjusted = holm(rows["p_value"].to_numpy(float), smallest)
    short = rows[measured] < rows[promised]
    verdict = np.select(
        [rows["customers"] < FEWEST, adjusted < LEVEL, short], ["too_few", "below", "near"], "reached"
    )
    return rows.assign(p_value=adjusted, verdict=verdict)
