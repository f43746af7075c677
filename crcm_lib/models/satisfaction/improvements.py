"""Whether a topic is written about less after a measure of improvement than before."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from crcm_lib.config.service_policy import Improvement
from crcm_lib.models.satisfaction.topics import FEWEST, compare_days
from crcm_lib.stats import LEVEL, holm

LONGEST = 180  # days before and after that are compared
SHORTEST = 30  # days that must have passed
EVALUATED = [
    "name",
    "owner_role",
    "topic",
    "day",
    "days",
    "customers",
    "share_before",
    "share_after",
    "difference",
    "low",
]
EVALUATED += ["high", "p_value", "verdict"]


def evaluate_improvements(
    mentions: pd.DataFrame, improvements: Sequence[Improvement], *, as_of
) -> pd.DataFrame:
    """The share of texts about a topic in as many days after a measure as before it.

    Without customers whom the measure did not reach this says what came after, never because of what.

    Parameters
    ----------
    mentions
        From `topics.find_topics`.
    improvements
        The policy's.
    as_of
        The last day known.

    Returns
    -------
    One row per improvement that began by `as_of`, in the policy's order: `name`, `owner_role`, `topic`,
    `day`, `days` compared on either side (as many as have passed, `LONGEST` at most), `customers` who
    mentioned the topic, both shares of texts, their difference with its 95 % interval and p as in
    `topics.compare_periods`, adjusted over all rows (Holm), and `verdict`: less, more, cannot_tell, too_few
    (who wrote on one side, or mentioned it), too_early (fewer than `SHORTEST` days have passed).
    """
    end = pd.Timestamp(as_of).normalize() + pd.Timedelta(days=1)
    empty = dict.fromkeys(EVALUATED, np.nan)
    rows = []
    for one in improvements:
        day = pd.Timestamp(one.day)
        days = min(LONGEST, (end - day).days)
        row = empty | {"name": one.name, "owner_role": one.owner_role, "topic": one.topic}
        row |= {"day": day, "days": days, "verdict": "too_early"}
        if days >= SHORTEST:
            row |= _evaluate(mentions, one.topic, day, days)
        if days > 0:
            rows.append(row)
    found = pd.DataFrame(rows, columns=EVALUATED)
    found["p_value"] = holm(found["p_value"].to_numpy(float)) if len(found) else found["p_value"]
    sure = found["p_value"] < LEVEL
    ways = [sure & (found["difference"] < 0), sure]
    return found.assign(verdict=np.select(ways, ["less", "more"], found["verdict"]))


def _evaluate(mentions: pd.DataFrame, topic: str, day: pd.Timestamp, days: int) -> dict:
    """Both sides of the day compared; too few where not enough customers wrote or mentioned the topic."""
    length = pd.Timedelta(days=days)
    near = mentions[(mentions["time"] >= day - length) & (mentions["time"] < day + length)]
    near = near.assign(now=near["time"].to_numpy() >= day)
    texts = near[~near.index.duplicated()]
    wrote = texts.groupby("now")["customer_id"].nunique().reindex([False, True], fill_value=0)
    named = near[near["topic"] == topic]
    customers = named["customer_id"].nunique()
    if wrote.min() < FEWEST or customers < FEWEST:
        return {"customers": customers, "verdict": "too_few"}
    compared = compare_days(texts, texts.index.isin(named.index).astype(float))
    compared["share_after"] = compared.pop("share_now")
    return {"customers": customers, "verdict": "cannot_tell"} | compared
