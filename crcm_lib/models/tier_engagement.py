"""How customers of each tier are engaged: shares with ranges, beyond chance, and by quarter."""

import numpy as np
import pandas as pd

from crcm_lib.stats import LEVEL, compare_shares, holm, wilson

MIN_GROUP = 5  # customers of a group, and of the others, to compare them
QUARTERS = 6


def share_by_group(shows: pd.Series, groups: pd.Series, order: list[str]) -> pd.DataFrame:
    """The share of each group that shows something, and whether it is beyond chance another than the others'.

    Parameters
    ----------
    shows
        Whether each customer shows it, by `customer_id`; who is missing does not.
    groups
        Each customer's group (tier or stage), by `customer_id`.
    order
        The groups to list.

    Returns
    -------
    `group`, `customers`, `showing` (count), `share` with Wilson's 95 % interval `low`, `high`, `p` (the group
    against all others, exact, adjusted over groups: Holm), `verdict`: more, fewer, cannot_tell, too_few.
    """
    named = groups.dropna()
    values = shows.reindex(named.index).fillna(value=False).astype("float64").to_numpy()
    rows = []
    for group in order:
        mine = (named == group).to_numpy()
        count, showing = int(mine.sum()), int(values[mine].sum())
        row = {"group": group, "customers": count, "showing": showing}
        if count:
            low, high = wilson(showing, count)
            row |= {"share": showing / count, "low": low, "high": high}
        if min(count, int((~mine).sum())) >= MIN_GROUP:
            found = compare_shares(values, mine, np.zeros(len(values)))
            row |= {"p": found.p, "smallest_p": found.smallest_p, "difference": found.difference}
        rows.append(row)
    numbers = ["share", "low", "high", "p", "smallest_p", "difference"]
    table = pd.DataFrame(rows, columns=["group", "customers", "showing", *numbers])
    table = table.astype(dict.fromkeys(numbers, "float64"))
    table["p"] = holm(table["p"].to_numpy(float), table["smallest_p"].to_numpy(float))
    sure, more = table["p"] <= LEVEL, table["difference"] > 0
    table["verdict"] = np.select(
        [table["p"].isna(), sure & more, sure], ["too_few", "more", "fewer"], "cannot_tell"
    )
    return table.drop(columns=["smallest_p", "difference"])


def sum_by_tier(engagement: pd.DataFrame, tiers: pd.Series, order: list[str]) -> pd.DataFrame:
    """What the customers of each tier did: sums of the counts of `features.engagement.summarise_engagement`.

    Returns
    -------
    `tier`, `customers`, and for each count its sum and, as `<count>_by`, how many customers it comes from.
    """
    counts = [name for name in engagement if engagement[name].dtype != bool]
    known = engagement.reindex(tiers.index)[counts].fillna(0).astype("int64")
    groups = tiers.astype("str")
    table = pd.DataFrame({"customers": groups.value_counts()})
    for name in counts:
        table[name] = known[name].groupby(groups).sum()
        table[f"{name}_by"] = (known[name] > 0).groupby(groups).sum()
    return table.reindex(order).fillna(0).astype("int64").rename_axis("tier").reset_index()


def pick_asking(sums: pd.DataFrame) -> pd.DataFrame:
    """Of `sum_by_tier` what concerns questions, by tier; what the data lack is 0.

    Returns
    -------
    `tier`, `customers_asking` and `questions` (180 days), `without_training` (customers who asked since their
    last one), `trained` (customers, of 365 days).
    """
    taken = {"customers_asking": "questions_180d_by", "questions": "questions_180d"}
    taken |= {"without_training": "open_questions_by", "trained": "trainings_365d_by"}
    return sums[["tier"]].assign(**{name: sums.get(column, 0) for name, column in taken.items()})


def add_candidates(shares: pd.DataFrame, engagement: pd.DataFrame, tiers: pd.Series) -> pd.DataFrame:
    """`share_by_group` of those in the community, with how many `could_be_invited`: advocates outside it."""
    if "is_advocate" not in engagement:
        return shares.assign(could_be_invited=0)
    inside = engagement.get("community_365d", pd.Series(0, engagement.index)) > 0
    able = engagement.index[engagement["is_advocate"] & ~inside]
    counts = tiers[tiers.index.isin(able)].value_counts()
    return shares.assign(could_be_invited=shares["group"].map(counts).fillna(0).astype("int64"))


def share_adopted(dealings: pd.DataFrame, tiers: pd.Series, order: list[str], *, since) -> pd.DataFrame:
    """Ideas of each tier later than the day `since`, and the share of them adopted.

    Returns
    -------
    `tier`, `customers` (who had one), `ideas`, `adopted`, `adopted_share` with Wilson's 95 % interval `low`,
    `high`, which takes ideas as independent.
    """
    ideas = dealings[
        (dealings["kind"] == "idea") & (dealings["time"] >= pd.Timestamp(since) + pd.Timedelta(days=1))
    ]
    named = ideas.assign(tier=ideas["customer_id"].map(tiers).astype("object"))
    by_tier = named.groupby("tier").agg(
        customers=("customer_id", "nunique"), ideas=("kind", "size"), adopted=("adopted", "sum")
    )
    table = by_tier.reindex(order).fillna(0).astype("int64")
    ranges = [
        wilson(a, n) if n else (np.nan, np.nan) for a, n in zip(table["adopted"], table["ideas"], strict=True)
    ]
    low, high = np.array(ranges).reshape(-1, 2).T
    share = table["adopted"] / table["ideas"].where(table["ideas"] > 0)
    return table.assign(adopted_share=share, low=low, high=high).rename_axis("tier").reset_index()


def count_quarters(dealings: pd.DataFrame, tiers: pd.Series, *, as_of) -> pd.DataFrame:
    """Customers in the community by whole quarter and tier, over the last `QUARTERS` that are over.

    Returns
    -------
    `quarter` (like 2025-Q1), `tier`, `customers` (different ones), `contacts`.
    """
    end = (pd.Timestamp(as_of) + pd.Timedelta(days=1)).to_period("Q")
    posts = dealings[dealings["kind"] == "community"]
    period = posts["time"].dt.to_period("Q")
    named = posts.assign(quarter=period, tier=posts["customer_id"].map(tiers).astype("object"))
    kept = named[(period < end) & (period >= end - QUARTERS)].dropna(subset="tier")
    by_both = kept.groupby(["quarter", "tier"])["customer_id"].agg(["nunique", "size"]).reset_index()
    by_both["quarter"] = by_both["quarter"].astype("str").str.replace("Q", "-Q")
    return by_both.rename(columns={"nunique": "customers", "size": "contacts"})
