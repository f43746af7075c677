"""Complaints that come again, and what became of the customers who complained."""

import numpy as np
import pandas as pd

from crcm_lib.features.customer_sql import days_between, end_of
from crcm_lib.features.customers import list_purchase_days
from crcm_lib.privacy import SMALL_GROUPS
from crcm_lib.schema.engine import Engine, columns_of
from crcm_lib.stats import LEVEL, compare_shares, holm

REPEAT = 90  # days within which a complaint of the same cause is the same trouble again
FOLLOWED = 180  # days before and after the day from which buyers are followed
ACTIVE = 365  # days within which a buyer has bought by then
RECENCY = (30, 90, 180)  # days since the last purchase: buyers are compared within these bands
FEWEST = 10  # customers who complained, below whom nothing is compared
COMPARED = ["subject", "customers", "others", "left_share", "others_left_share", "difference", "low", "high"]
COMPARED += ["p_value", "verdict"]


def list_repeats(engine: Engine, *, as_of, days: int = REPEAT) -> pd.DataFrame:
    """Complaints of each customer and cause, and how many came within `days` of one of the same cause.

    Columns: customer_id, cause, complaints, repeats. No rows without the columns `kind` and `cause`; a
    complaint without a cause cannot be told to be a repeat and is left out.
    """
    if not {"kind", "cause"} <= columns_of(engine, "tickets"):
        return pd.DataFrame(columns=["customer_id", "cause", "complaints", "repeats"])
    gap = days_between("cast(earlier as date)", "cast(opened as date)")
    return engine.execute(f"""
        select customer_id, cause, count(*) as complaints,
            sum(case when {gap} <= {days} then 1 else 0 end) as repeats
        from (select customer_id, cause, opened,
                  lag(opened) over (partition by customer_id, cause order by opened) as earlier
              from tickets
              where kind = 'complaint' and cause is not null and opened < {end_of(as_of)}) as complaints
        group by customer_id, cause order by customer_id, cause""").df()


def count_repeats(repeats: pd.DataFrame, *, at_least: int = 5) -> pd.DataFrame:
    """Repeats by cause, most first: cause, complaints, repeats, share, and the customers who repeated.

    Causes that fewer than `at_least` customers have complained of are one, `SMALL_GROUPS`.
    """
    who = repeats.groupby("cause")["customer_id"].transform("nunique")
    folded = repeats.assign(
        cause=repeats["cause"].mask(who < at_least, SMALL_GROUPS),
        again=repeats["customer_id"].where(repeats["repeats"] > 0),
    )
    by_cause = folded.groupby("cause")
    counts = by_cause.agg(
        complaints=("complaints", "sum"), repeats=("repeats", "sum"), customers=("again", "nunique")
    ).reset_index()
    counts = counts.astype({"complaints": "int64", "repeats": "int64"})
    counts = counts.assign(share=counts["repeats"] / counts["complaints"].clip(lower=1))
    return counts.sort_values(["repeats", "cause"], ascending=[False, True], ignore_index=True)


def follow_buyers(engine: Engine, *, as_of) -> pd.DataFrame:
    """Who was buying `FOLLOWED` days before `as_of`, and whether they bought in these days.

    Returns
    -------
    Indexed by `customer_id`, those who had bought in the `ACTIVE` days before: `stratum` (whether they had
    bought on one day or more, and how long ago, in the bands of `RECENCY`), `left` (no purchase since).
    """
    end = pd.Timestamp(as_of).normalize()
    start = end - pd.Timedelta(days=FOLLOWED)
    before = list_purchase_days(engine, as_of=start).groupby("customer_id")["day"].agg(["max", "nunique"])
    ago = (start - before["max"]).dt.days
    known = before[ago < ACTIVE]
    band = np.searchsorted(RECENCY, ago[ago < ACTIVE])
    stratum = 10 * (known["nunique"].to_numpy() > 1) + band
    since = list_purchase_days(engine, as_of=end)
    returned = set(since.loc[since["day"] > start, "customer_id"])
    return pd.DataFrame({"stratum": stratum, "left": ~known.index.isin(returned)}, index=known.index)


def list_complaints(engine: Engine, *, as_of) -> pd.DataFrame:
    """Who complained in the `FOLLOWED` days before buyers are followed, and of what: customer_id, subject."""
    present = columns_of(engine, "tickets")
    if "kind" not in present:
        return pd.DataFrame(columns=["customer_id", "subject"])
    end = pd.Timestamp(as_of).normalize() - pd.Timedelta(days=FOLLOWED)
    start = end - pd.Timedelta(days=FOLLOWED)
    subject = "cause" if "cause" in present else "cast(null as varchar(1))"
    return engine.execute(f"""
        select distinct customer_id, {subject} as subject
        from tickets
        where kind = 'complaint' and opened < {end_of(end)} and opened >= {end_of(start)}
        order by customer_id, subject""").df()


def compare_leaving(buyers: pd.DataFrame, mentions: pd.DataFrame, *, at_least: int = 5) -> pd.DataFrame:
    """How many of those with a complaint bought no more, against other buyers in the same bands of recency.

    It is a comparison and no effect: nobody drew by lot who has reason to complain.

    Parameters
    ----------
    buyers
        From `follow_buyers`.
    mentions
        `customer_id` and `subject` (may be missing), from before they were followed.
    at_least
        Subjects of fewer customers, or of fewer than `FEWEST`, are left out: a subject can name somebody.

    Returns
    -------
    The row `all` first, then the subjects, most customers first: `customers` and `others` in the bands that
    hold both, `left_share` of them and what it would be of as many others (`others_left_share`), the
    `difference` with its 95 % interval and exact p (Fisher's within bands; adjusted over the subjects, Holm),
    and `verdict`: more, fewer, cannot_tell, too_few (fewer than `FEWEST` customers complained).
    """
    named = mentions.dropna(subset="subject").groupby("subject")["customer_id"].agg(set)
    groups = [("all", set(mentions["customer_id"])), *named.drop("all", errors="ignore").items()]
    empty = dict.fromkeys(COMPARED, np.nan)
    found = pd.DataFrame([empty | {"subject": name} | _compare_one(buyers, who) for name, who in groups])
    shown = found["customers"] >= max(FEWEST, at_least)
    found = found[shown | (found["subject"] == "all")].reset_index(drop=True)
    adjusted = holm(found["p_value"].to_numpy(float)[1:], found["smallest_p"].to_numpy(float)[1:])
    found["p_value"] = [found["p_value"].iloc[0], *adjusted]
    sure = found["p_value"] < LEVEL
    found["verdict"] = np.select(
        [found["customers"] < FEWEST, sure & (found["difference"] > 0), sure],
        ["too_few", "more", "fewer"],
        "cannot_tell",
    )
    subjects = found[1:].sort_values(["customers", "subject"], ascending=[False, True])
    return pd.concat([found[:1], subjects], ignore_index=True)[COMPARED]


def _compare_one(buyers: pd.DataFrame, who: set) -> dict[str, float]:
    """Those of `who` that are followed, against the others, in the strata that hold both."""
    first = buyers.index.isin(list(who))
    both = set(buyers["stratum"][first]) & set(buyers["stratum"][~first])
    inside = buyers["stratum"].isin(list(both)).to_numpy()
    part, arm = buyers[inside], first[inside]
    row = {"customers": int(arm.sum()), "others": int((~arm).sum()), "p_value": np.nan, "smallest_p": np.nan}
    if row["customers"] < FEWEST:
        return row
    left = part["left"].to_numpy(float)
    found = compare_shares(left, arm, part["stratum"].to_numpy())
    share = float(left[arm].mean())
    row |= {"left_share": share, "others_left_share": share - found.difference}
    facts = ("difference", "low", "high")
    return (
        row
        | {name: getattr(found, name) for name in facts}
        | {
            "p_value": found.p,
            "smallest_p": found.smallest_p,
        }
    )


def group_waiting(waiting: pd.DataFrame, tiers: pd.Series) -> pd.DataFrame:
    """Customers who complained and were not approached since, by tier.

    Parameters
    ----------
    waiting
        From `features.unanswered_complaints.list_unanswered`.
    tiers
        Each customer's tier, by `customer_id`.

    Returns
    -------
    Columns: tier, customers, open (customers with a complaint that is not resolved), days_waiting (median).
    """
    named = waiting.assign(tier=waiting["customer_id"].map(tiers).astype("object"))
    by_tier = named.groupby("tier", sort=False)
    counts = by_tier.agg(
        customers=("customer_id", "nunique"), open=("is_open", "sum"), days_waiting=("days_waiting", "median")
    )
    return counts.sort_values(["customers", "days_waiting"], ascending=False).reset_index()
