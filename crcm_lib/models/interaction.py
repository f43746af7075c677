"""Contacts per customer -> answers by channel, effort beside value, silence, channels used.

Whatever is compared, customers are the units, because the contacts of one customer go together: two ratios of
sums by `stats.compare_events`, all claims of one kind counted (Holm). A `verdict` is `more` or `less` where
the adjusted p is at most 5 %, the interval does not hold zero and both ratios are of `ENOUGH` customers; else
`cannot_tell`. None of them says why: who is contacted, and how, is not drawn by chance.
"""

import numpy as np
import pandas as pd

from crcm_lib.stats import LEVEL, Comparison, compare_events, holm, share_of_events

ENOUGH = 20  # customers behind each of two ratios
INACTIVE = ("prospect", "lost")  # stages in which silence is no news
NOBODY = "nobody"  # in place of an owner
DID_NOT_ASK = "did_not_ask"
COMPARED = ["difference", "difference_low", "difference_high", "p_adjusted", "verdict"]


def measure_channels(counts: pd.DataFrame) -> pd.DataFrame:
    """Contacts of the last 365 days by channel, and how many of the outbound ones were answered.

    Parameters
    ----------
    counts
        From `interaction_counts.count_by_channel`.

    Returns
    -------
    One row per channel, most contacts first: `channel`, `customers`, `contacts`, `inbound`, `outbound`,
    `tried` (customers with an outbound contact whose outcome is known), `answered_share` of these contacts
    with its 95 % interval `low` and `high`, and its `difference` from that of all other channels together,
    with interval, `p_adjusted` and `verdict`.
    """
    now = counts[counts["year"] == "now"]
    sums = ["contacts", "inbound", "outbound"]
    table = now.groupby("channel")[sums].sum()
    table.insert(0, "customers", now.groupby("channel").size())
    known = now.assign(tries=now["answered"] + now["unanswered"])
    answered, tries = (_spread(known, column) for column in ("answered", "tries"))
    shares, found = [], {}
    for channel in table.index:
        one = answered[channel].to_numpy(float), tries[channel].to_numpy(float)
        others = (
            answered.drop(columns=channel).sum(axis=1).to_numpy(float),
            tries.drop(columns=channel).sum(axis=1).to_numpy(float),
        )
        shares.append((int((one[1] > 0).sum()), *share_of_events(*one)))
        found[channel] = _compare(*one, *others)
    shown = pd.DataFrame(shares, table.index, ["tried", "answered_share", "low", "high"])
    table = table.join(shown).join(_judge(found))
    return table.sort_values("contacts", ascending=False, kind="stable").reset_index()


def measure_answers(counts: pd.DataFrame) -> dict[str, float]:
    """Of the outbound contacts of 365 days whose outcome is known: `answered_share`, interval, `tried`."""
    now = counts[counts["year"] == "now"].groupby("customer_id")[["answered", "unanswered"]].sum()
    answered, tries = (now[name].to_numpy(float) for name in ("answered", "unanswered"))
    tries = answered + tries
    share, low, high = share_of_events(answered, tries)
    return {"answered_share": share, "low": low, "high": high, "tried": int((tries > 0).sum())}


def share_effort(effort: pd.Series, value: pd.Series, tiers: pd.Series, order: list[str]) -> pd.DataFrame:
    """Each tier's share of all contacts beside its share of all value.

    Parameters
    ----------
    effort, value
        Contacts (count) and predicted value (currency) of each customer of `tiers`, by `customer_id`; one
        without is 0.
    tiers
        Each customer's tier.
    order
        The tiers, best first.

    Returns
    -------
    One row per tier: `tier`, `customers`, `contacts`, `contacts_per_customer`, `effort_share`, `value_share`,
    `largest_share` (part of the tier's value that its largest customer brings), and the `difference` of the
    two shares with interval, `p_adjusted` and `verdict`.
    """
    contacts = effort.reindex(tiers.index).fillna(0.0).to_numpy(float)
    amounts = value.reindex(tiers.index).fillna(0.0).clip(lower=0.0).to_numpy(float)
    rows, found = [], {}
    for tier in order:
        inside = (tiers == tier).to_numpy()
        mine, its = contacts * inside, amounts * inside
        customers = int(inside.sum())
        sums = (customers, mine.sum(), mine.sum() / max(customers, 1))
        shares = mine.sum() / (contacts.sum() or np.nan), its.sum() / (amounts.sum() or np.nan)
        rows.append((tier, *sums, *shares, its.max(initial=0.0) / (its.sum() or 1.0)))
        found[tier] = _compare(mine, contacts, its, amounts) if customers >= ENOUGH else None
    columns = ["tier", "customers", "contacts", "contacts_per_customer", "effort_share", "value_share"]
    table = pd.DataFrame(rows, columns=[*columns, "largest_share"]).set_index("tier")
    return table.join(_judge(found)).reset_index()


def find_silent(since: pd.Series, stages: pd.Series, *, as_of: str | pd.Timestamp, days: int) -> pd.Series:
    """Which customers who have bought and are not lost had no contact, either way, for longer than `days`.

    Parameters
    ----------
    since
        From `features.interaction_counts.find_quiet_since`: the last contact, or else the first purchase.
    stages
        Each customer's stage of 02: whoever has not bought or is lost is not silent.

    Returns
    -------
    True or false by `customer_id`, of all of `since`.
    """
    stage = stages.reindex(since.index)
    active = stage.notna() & ~stage.isin(INACTIVE)
    return (active & ((pd.Timestamp(as_of) - since).dt.days > days)).rename("silent")


def list_states(interaction: pd.DataFrame, groups: pd.Series, stages: pd.Series) -> pd.DataFrame:
    """Each active customer's `group` and `state`: silent or in_contact, by `customer_id`.

    Parameters
    ----------
    interaction
        The table `interaction`, with `silent`.
    groups
        Each customer's tier or owner; who has none is under `NOBODY`.
    stages
        Each customer's stage: whoever has not bought or is lost is left out.
    """
    stage = stages.reindex(interaction.index)
    active = interaction[stage.notna() & ~stage.isin(INACTIVE)]
    names = groups.reindex(active.index).astype("object")
    state = active["silent"].map({True: "silent", False: "in_contact"})
    return pd.DataFrame({"group": names.where(names.notna(), NOBODY), "state": state})


def size_owners(interaction: pd.DataFrame, owners: pd.Series, value: pd.Series) -> pd.DataFrame:
    """What each owner carries: owner, customers, contacts, contacts_per_customer, value_share, largest_share.

    Parameters
    ----------
    interaction
        The table `interaction`.
    owners
        Each customer's owner; who has none is under `NOBODY`.
    value
        Each customer's predicted value.
    """
    columns = ["owner", "customers", "contacts", "contacts_per_customer", "value_share", "largest_share"]
    if "contacts_365d" not in interaction:
        return pd.DataFrame(columns=columns)
    names = owners.reindex(interaction.index).astype("object")
    names = names.where(names.notna(), NOBODY).rename("owner")
    amounts = value.reindex(interaction.index).fillna(0.0).clip(lower=0.0).groupby(names)
    contacts = interaction["contacts_365d"].groupby(names)
    table = pd.DataFrame({"customers": contacts.size(), "contacts": contacts.sum()})
    table["contacts_per_customer"] = table["contacts"] / table["customers"]
    table["value_share"] = amounts.sum() / (amounts.sum().sum() or np.nan)
    table["largest_share"] = amounts.max() / amounts.sum().where(amounts.sum() > 0, 1.0)
    return table.reset_index()


def list_participants(interaction: pd.DataFrame, tiers: pd.Series) -> pd.DataFrame:
    """Each customer with a contact at an event or by social media: `customer_id`, `tier`, `by`."""
    parts = [
        pd.DataFrame({"customer_id": interaction.index[interaction[column] > 0], "by": name})
        for column, name in (("events_365d", "event"), ("social_365d", "social"))
        if column in interaction
    ]
    found = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["customer_id", "by"])
    return found.assign(tier=found["customer_id"].map(tiers)).dropna(subset="tier")


def list_pairs(contacts: pd.DataFrame, purchases: pd.DataFrame) -> pd.DataFrame:
    """Every channel that a customer bought through with every one that they asked through, in 365 days.

    Parameters
    ----------
    contacts, purchases
        From `interaction_counts`: `count_by_channel`, `count_purchases_by_channel`.

    Returns
    -------
    `customer_id`, `bought`, `asked`: who asked through none has `DID_NOT_ASK`.
    """
    now = contacts["year"].eq("now") & contacts["inbound"].gt(0)
    asked = contacts.loc[now, ["customer_id", "channel"]].rename(columns={"channel": "asked"})
    bought = purchases.loc[purchases["year"].eq("now"), ["customer_id", "channel"]]
    pairs = bought.rename(columns={"channel": "bought"}).merge(asked, on="customer_id", how="left")
    return pairs.fillna({"asked": DID_NOT_ASK})


def count_channels_used(pairs: pd.DataFrame) -> pd.DataFrame:
    """How many customers buy through one channel or more, and ask through none, one or more.

    Returns
    -------
    One row per customer, by `customer_id`: `bought` (one, more), `asked` (none, one, more).
    """
    by_customer = pairs.groupby("customer_id")
    bought = by_customer["bought"].nunique()
    asked = pairs[pairs["asked"] != DID_NOT_ASK].groupby("customer_id")["asked"].nunique()
    asked = asked.reindex(bought.index).fillna(0)
    kinds = pd.DataFrame({"bought": bought.clip(upper=2), "asked": asked.clip(upper=2)})
    names = {0: "none", 1: "one", 2: "more"}
    return kinds.apply(lambda column: column.map(names))


def compare_mix(counts: pd.DataFrame, of: str) -> pd.DataFrame:
    """Each channel's share in the last 365 days beside its share in the 365 days before.

    Parameters
    ----------
    counts
        From `interaction_counts.count_by_channel` or `count_purchases_by_channel`.
    of
        Its column that is counted.

    Returns
    -------
    `channel`, `customers` (in either year), `before_share`, `now_share`, their `difference` with interval,
    `p_adjusted` and `verdict`; no rows where one of the years is not known.
    """
    now, before = (counts[counts["year"] == year] for year in ("now", "before"))
    if now.empty or before.empty:
        return pd.DataFrame(columns=["channel", "customers", "before_share", "now_share", *COMPARED])
    everybody = sorted(set(counts["customer_id"]))
    channels = sorted(set(counts["channel"]))
    spread = (_spread(part, of) for part in (before, now))
    then, later = (part.reindex(everybody, columns=channels, fill_value=0) for part in spread)
    wholes = later.sum(axis=1).to_numpy(float), then.sum(axis=1).to_numpy(float)
    found = {
        channel: _compare(later[channel].to_numpy(float), wholes[0], then[channel].to_numpy(float), wholes[1])
        for channel in channels
    }
    table = pd.DataFrame(
        {
            "customers": ((then > 0) | (later > 0)).sum(),
            "before_share": then.sum() / wholes[1].sum(),
            "now_share": later.sum() / wholes[0].sum(),
        }
    )
    return table.rename_axis("channel").join(_judge(found)).reset_index()


def join_mixes(mixes: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Several of `compare_mix` below one another, under `of`; the claims of each are counted apart."""
    known = [mix.assign(of=name) for name, mix in mixes.items() if len(mix)]
    joined = pd.concat(known, ignore_index=True) if known else next(iter(mixes.values())).assign(of="")
    return joined[["of", *joined.columns.drop("of")]]


def _spread(counts: pd.DataFrame, column: str) -> pd.DataFrame:
    """A row per customer, a column per channel."""
    return counts.pivot_table(column, "customer_id", "channel", aggfunc="sum", fill_value=0, observed=True)


def _compare(hits: np.ndarray, events: np.ndarray, other: np.ndarray, of: np.ndarray) -> Comparison | None:
    """The comparison of two ratios, or None where one is of too few customers."""
    enough = min((events > 0).sum(), (of > 0).sum()) >= ENOUGH
    return compare_events(hits, events, other, of) if enough else None


def _judge(found: dict[str, Comparison | None]) -> pd.DataFrame:
    """Differences with intervals, adjusted p and verdicts, by the key of each comparison."""
    nothing = Comparison(*[float("nan")] * 5)
    compared = [one or nothing for one in found.values()]
    table = pd.DataFrame([one[:3] for one in compared], list(found), COMPARED[:3], dtype="float64")
    table["p_adjusted"] = holm(np.array([one.p for one in compared])) if compared else np.array([])
    sure = (table["p_adjusted"] <= LEVEL) & (table["difference_low"] * table["difference_high"] > 0)
    table["verdict"] = np.where(~sure, "cannot_tell", np.where(table["difference"] > 0, "more", "less"))
    return table.astype({"verdict": "str"})
