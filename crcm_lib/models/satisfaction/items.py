"""Questions of a questionnaire: what is answered, how it goes with satisfaction, what comes first."""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from crcm_lib.features.customer_sql import end_of
from crcm_lib.models.satisfaction.answers import SCALES, mean_answer
from crcm_lib.schema.engine import Engine, columns_of
from crcm_lib.stats import LEVEL, Z_95, holm, student, student_p

FEWEST = 30  # customers who answered both an item and csat, below which its importance is not told
REDRAWN = 400  # bootstrap samples of customers
EXPECTED = re.compile(r"^(expected|期望的?)\s*", re.IGNORECASE)
EXPERIENCED = re.compile(r"^(experienced|体验到?的?)\s*", re.IGNORECASE)
PRIORITIES = ["item", "customers", "mean", "gap", "importance", "low", "high", "priority", "verdict"]


def list_answers(engine: Engine, *, as_of) -> pd.DataFrame:
    """Each customer's latest answer to each question by the end of `as_of`.

    Columns: customer_id, instrument, item (missing but for items), mode (missing where it is not known),
    score. nps, csat and ces off their scale are left out.
    """
    present = columns_of(engine, "surveys")
    columns = ["customer_id", "instrument", "item", "mode", "score"]
    if not present:
        return pd.DataFrame(columns=columns)
    item, mode = (
        name if name in present else f"cast(null as varchar(1)) as {name}" for name in ("item", "mode")
    )
    scales = " or ".join(
        f"(instrument = '{name}' and score between {low} and {high})" for name, (low, high) in SCALES.items()
    )
    return engine.execute(f"""
        select customer_id, instrument, item, mode, score from (
            select customer_id, instrument, item, mode, score, row_number() over (
                partition by customer_id, instrument, item order by time desc, score, mode) as nth
            from (select customer_id, instrument, {item}, {mode}, score, time from surveys
                  where time < {end_of(as_of)} and (instrument = 'item' or {scales})) as given) as answers
        where nth = 1 and (instrument <> 'item' or item is not null)
        order by customer_id, instrument, item""").df()


def measure_items(
    answers: pd.DataFrame, *, scale: tuple[float, float], buyers: int, at_least: int = 5
) -> pd.DataFrame:
    """Mean answer to CES (1…7) and to each item, with its 95 % interval.

    Parameters
    ----------
    answers
        From `list_answers`.
    scale
        Of the items; answers off it do not count.
    buyers
        How many customers there are to answer, for `coverage`.
    at_least
        Items of fewer customers are left out: their wording could tell of somebody.

    Returns
    -------
    Columns: item (`ces` first), customers, coverage (of the buyers), mean, low, high.
    """
    named = _on_scale(answers, scale)
    rows = []
    for name, part in named.groupby("item"):
        said = mean_answer(part["score"], scale=SCALES["ces"] if name == "ces" else scale)
        facts = {key: said[key] for key in ("mean", "low", "high")}
        rows.append(
            {"item": name, "customers": said["answers"], "coverage": said["answers"] / max(buyers, 1)}
        )
        rows[-1] |= facts
    rows = sorted((row for row in rows if row["customers"] >= at_least), key=lambda row: row["item"] != "ces")
    return pd.DataFrame(rows, columns=["item", "customers", "coverage", "mean", "low", "high"])


def _on_scale(answers: pd.DataFrame, scale: tuple[float, float]) -> pd.DataFrame:
    """Answers to CES, under that name, and to items that lie on their scale."""
    asked = answers[answers["instrument"].isin(["ces", "item"])]
    named = asked.assign(item=asked["item"].where(asked["instrument"] == "item", "ces"))
    return named[(named["item"] == "ces") | named["score"].between(*scale)]


def measure_expectations(answers: pd.DataFrame, *, scale: tuple[float, float]) -> pd.DataFrame:
    """What was experienced less what was expected, of customers who answered both items of a pair.

    A pair is two items called "expected X" and "experienced X" (期望X, 体验X). Columns: subject (X),
    customers, difference, its 95 % interval, p (Student's, two-sided, adjusted over the pairs by Holm) and
    `verdict`: falls_short, exceeds, cannot_tell. Pairs of fewer than `FEWEST` customers are left out.
    """
    items = _on_scale(answers, scale)
    wide = items.pivot_table("score", "customer_id", "item")
    expected = {EXPECTED.sub("", name): name for name in wide if EXPECTED.match(name)}
    rows = []
    for name in wide:
        subject = EXPERIENCED.sub("", name)
        if EXPERIENCED.match(name) and subject in expected:
            both = (wide[name] - wide[expected[subject]]).dropna().to_numpy(float)
            if len(both) >= FEWEST:
                difference, low, high = student(both)
                p = student_p(difference, float(both.std(ddof=1) / np.sqrt(len(both))), len(both) - 1)
                rows.append((subject, len(both), difference, low, high, p))
    columns = ["subject", "customers", "difference", "low", "high", "p_value"]
    found = pd.DataFrame(rows, columns=columns)
    found["p_value"] = holm(found["p_value"].to_numpy(float)) if len(found) else found["p_value"]
    sure = found["p_value"] < LEVEL
    ways = [sure & (found["difference"] < 0), sure]
    return found.assign(verdict=np.select(ways, ["falls_short", "exceeds"], "cannot_tell"))


def weigh_items(items: np.ndarray, overall: np.ndarray) -> np.ndarray:
    """Johnson's relative weights: each item's part of the R² of satisfaction, the items being correlated.

    Johnson (2000), Multivariate Behavioral Research 35, 1-19. They add up to R².

    >>> rng = np.random.default_rng(0)
    >>> drawn = rng.normal(size=(200, 3))
    >>> apart = np.linalg.qr(drawn - drawn.mean(axis=0))[0]
    >>> weigh_items(apart, apart @ [2.0, 1.0, 0.0]).round(1).tolist()
    [0.8, 0.2, 0.0]
    """
    table = np.corrcoef(np.column_stack([items, overall]).T)
    among, with_overall = table[:-1, :-1], table[:-1, -1]
    values, vectors = np.linalg.eigh(among)
    root = vectors @ np.diag(np.sqrt(np.clip(values, 1e-9, None))) @ vectors.T
    return root**2 @ np.linalg.solve(root, with_overall) ** 2


def rank_items(
    answers: pd.DataFrame, *, scale: tuple[float, float], target: float, seed: int = 0
) -> pd.DataFrame:
    """Items by importance times gap, from customers who answered csat and all of them.

    Importance is derived, not asked: an item's relative weight, as a share of all; the gap is how far the
    mean lies below the target, as a share of the scale (no gap above it). Items answered together with csat
    by fewer than `FEWEST` customers, and what is only expected, are left out. Intervals and the comparison of
    the first with the second item are by a bootstrap of customers.

    Returns
    -------
    Highest priority first: item, customers, mean, gap (0…1), importance (0…1) with its 95 % interval,
    priority (importance × gap) and verdict: `first` (alone ahead of the second beyond chance; for the winner
    against the runner-up no correction is needed, Hung & Fithian 2019), `next`; `cannot_tell` in all rows
    where the items together explain no more of satisfaction than chance (F test) or the first is not ahead.
    """
    items = _on_scale(answers, scale)
    overall = answers[answers["instrument"] == "csat"].set_index("customer_id")["score"]
    asked = [name for name in items["item"].unique() if name != "ces" and not EXPECTED.match(name)]
    wide = items[items["item"].isin(asked)].pivot_table("score", "customer_id", "item")
    wide = wide.join(overall.rename("csat"), how="inner").dropna(subset="csat")
    kept = [name for name in sorted(asked) if wide[name].count() >= FEWEST and wide[name].std() > 0]
    wide = wide[[*kept, "csat"]].dropna()
    if len(kept) < 2 or len(wide) < FEWEST + len(kept) or wide["csat"].nunique() < 2:
        return pd.DataFrame(columns=PRIORITIES)
    return _rank(wide, kept, (scale, target), np.random.default_rng(seed))


def _rank(
    wide: pd.DataFrame, kept: Sequence[str], goal: tuple[tuple[float, float], float], rng: np.random.Generator
) -> pd.DataFrame:
    (low, high), target = goal
    values = wide[list(kept)].to_numpy(float)
    overall = wide["csat"].to_numpy(float)

    def measure(rows):
        weights = weigh_items(values[rows], overall[rows])
        gap = np.clip(target - values[rows].mean(axis=0), 0, None) / (high - low)
        return weights.sum(), weights / weights.sum(), gap

    explained, importance, gap = measure(np.arange(len(wide)))
    draws = [
        rows
        for rows in rng.integers(0, len(wide), (REDRAWN, len(wide)))
        if _varies(values[rows], overall[rows])
    ]
    again = [measure(rows) for rows in draws]
    weights, priorities = (
        np.array(each) for each in ([w for _e, w, _g in again], [w * g for _e, w, g in again])
    )
    order = np.argsort(-(importance * gap), kind="stable")
    error = (priorities[:, order[0]] - priorities[:, order[1]]).std(ddof=1)
    lead = (importance * gap)[order[0]] - (importance * gap)[order[1]]
    sure = _f_test(explained, len(wide), len(kept)) < LEVEL and lead > Z_95 * error
    found = pd.DataFrame(
        {
            "item": kept,
            "customers": len(wide),
            "mean": values.mean(axis=0),
            "gap": gap,
            "importance": importance,
            "low": np.quantile(weights, 0.025, axis=0),
            "high": np.quantile(weights, 0.975, axis=0),
            "priority": importance * gap,
        }
    ).iloc[order]
    verdict = ["first", *["next"] * (len(kept) - 1)] if sure else "cannot_tell"
    return found.assign(verdict=verdict).reset_index(drop=True)[PRIORITIES]


def _varies(values: np.ndarray, overall: np.ndarray) -> bool:
    """Whether every column of a sample has a spread, without which it has no correlation."""
    return bool((np.ptp(values, axis=0) > 0).all() and np.ptp(overall) > 0)


def _f_test(explained: float, customers: int, items: int) -> float:
    """The p of so large a share explained by so many items where none goes with satisfaction."""
    from scipy.special import fdtrc

    rest = customers - items - 1
    ratio = explained / items / max((1 - explained) / rest, 1e-12)
    return float(fdtrc(items, rest, ratio))
