"""Channels of acquisition: whether one brings better newcomers than others, and what winning one costs."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crcm_lib.features.arrivals import CHANNEL, EARLY, YEAR, acquisition_year
from crcm_lib.permutation import compare_means
from crcm_lib.stats import LEVEL, exact_p, holm, student, wilson

AGAIN = 90  # days in which a second order is counted
SPEND, MARGIN = "spend", "margin"
BETTER, WORSE, UNKNOWN = "better", "worse", "cannot_tell"
MIN_MONEY = 10  # newcomers of a channel, and of the others, before their spend is compared
KNOWN_SHARE = 0.9  # of the newcomers must have a margin before margins are compared, not spend
COLUMNS = [
    *("channel", "newcomers", "followed", "again_share", "again_low", "again_high", "p_again", "again"),
    *("customers", "money_mean", "money_low", "money_high", "p_money", "money", "largest_share"),
]
COSTS = ["channel", "newcomers", "cost", "cost_each", "money_mean", "money_per_cost", "low", "high"]


@dataclass(frozen=True)
class ChannelComparison:
    """Newcomers by channel of acquisition.

    Attributes
    ----------
    channels
        One row per channel, by second orders, most first: `channel`; `newcomers` of the last 365 days;
        `followed`, those of the last year of whom 90 days are over, `again_share` of them with a second order
        within these, its 95 % interval `again_low`, `again_high` (Wilson), `p_again` (Fisher's exact test
        against all other channels), and `again`: better, worse or cannot_tell; `customers`, those of the last
        year of whom 180 days are over, `money_mean` (currency each, in these) with its 95 % interval
        `money_low`, `money_high` (Student), `p_money` (permutation test against all others) and `money`;
        `largest_share`, the part of the sum that the largest customer brings. All p are adjusted for how many
        there are (Holm): any verdict of the table is false with at most 5 %.
    measure
        `margin` where nine in ten of the newcomers have one, else `spend`.
    unknown
        How many newcomers of the last 365 days have no channel (count).
    """

    channels: pd.DataFrame
    measure: str
    unknown: int


def compare_channels(
    arrivals: pd.DataFrame, *, margin_rate: float | None = None, seed: int = 0
) -> ChannelComparison:
    """Compare each channel with all others together, over years in which all are followed equally long.

    Parameters
    ----------
    arrivals
        From `features.arrivals.list_arrivals`; those who may not be new are left out.
    margin_rate
        Profit per unit of spend, 0…1, where the policy gives one; else the data's margin counts.
    seed
        Of the permutations.
    """
    new = arrivals[arrivals["is_certain"]]
    lately = new[new["days_followed"] < YEAR]
    known = new[new[CHANNEL].notna()]
    again = known[known["days_followed"].between(AGAIN, AGAIN + YEAR - 1)]
    mature = known[known["days_followed"].between(EARLY, EARLY + YEAR - 1)]
    money, measure = _choose_money(mature, margin_rate)
    mature, money = mature[money.notna()], money.dropna()
    names = sorted(known.loc[known["days_followed"] < EARLY + YEAR, CHANNEL].unique())
    hits = again["again_after_days"].le(AGAIN).to_numpy()
    rows = []
    for name in names:
        row = {"channel": name, "newcomers": int((lately[CHANNEL] == name).sum())}
        row |= _compare_again(hits, (again[CHANNEL] == name).to_numpy())
        of_it = (mature[CHANNEL] == name).to_numpy()
        rows.append(row | _compare_money(money.to_numpy("float64"), of_it, claims=2 * len(names), seed=seed))
    found = pd.DataFrame(rows, columns=[*COLUMNS, "up_again", "up_money", "least_again", "least_money"])
    found = _judge(found)[COLUMNS]
    found = found.astype(dict.fromkeys(["newcomers", "followed", "customers"], "int64"))
    found = found.sort_values(["again_share", "channel"], ascending=[False, True], ignore_index=True)
    return ChannelComparison(found, measure, int(lately[CHANNEL].isna().sum()))


def cost_newcomers(
    arrivals: pd.DataFrame,
    compared: ChannelComparison,
    costs: pd.DataFrame,
    assumed: Mapping[str, float],
    *,
    as_of,
) -> pd.DataFrame:
    """What winning a newcomer by each channel cost, beside what they bring in their first 180 days.

    Parameters
    ----------
    arrivals, compared
        What `compare_channels` was given, and what it found.
    costs
        From `features.arrivals.sum_acquisition_costs`: divided by the newcomers of the same months.
    assumed
        Cost of winning one by channel, where the policy gives it (`newcomers.acquisition_cost`); used for
        channels without recorded costs.

    Returns
    -------
    One row per channel with a cost, most money per cost first: `channel`, `newcomers` (of the twelve months
    that are over), `cost` (currency, recorded; empty where assumed), `cost_each` (currency; empty where
    nobody was won), `money_mean` (currency, of `compared`), `money_per_cost` with `low` and `high` (those of
    the mean's interval).
    """
    start, after = acquisition_year(as_of)
    came = arrivals[arrivals["is_certain"] & (arrivals["first_day"] >= start)]
    counts = came[came["first_day"] < after].groupby(CHANNEL).size()
    names = sorted({*costs.index, *assumed})
    table = pd.DataFrame({"channel": names, "newcomers": counts.reindex(names).fillna(0).to_numpy("int64")})
    table["cost"] = costs["cost"].reindex(names).to_numpy("float64")
    each = table["cost"] / table["newcomers"].where(table["newcomers"] > 0)
    table["cost_each"] = each.where(table["cost"].notna(), table["channel"].map(dict(assumed)).astype(float))
    means = compared.channels.set_index("channel")[["money_mean", "money_low", "money_high"]].reindex(names)
    paid = table["cost_each"].where(table["cost_each"] > 0).to_numpy()
    table["money_mean"] = means["money_mean"].to_numpy()
    table["money_per_cost"] = means["money_mean"].to_numpy() / paid
    table["low"], table["high"] = (means[name].to_numpy() / paid for name in ("money_low", "money_high"))
    return table.sort_values("money_per_cost", ascending=False, kind="stable", ignore_index=True)[COSTS]


def _choose_money(mature: pd.DataFrame, margin_rate: float | None) -> tuple[pd.Series, str]:
    """Margin by the policy's rate or of the data, where nearly all have one; else spend."""
    if margin_rate is not None:
        return mature["spend_180d"] * margin_rate, MARGIN
    has_margin = mature["margin_180d"].notna()
    if len(mature) and has_margin.mean() >= KNOWN_SHARE:
        return mature["margin_180d"], MARGIN
    return mature["spend_180d"], SPEND


def _compare_again(hits: np.ndarray, of_it: np.ndarray) -> dict[str, float]:
    inside, others = int(of_it.sum()), int((~of_it).sum())
    if not inside:
        return {"followed": 0, "p_again": np.nan, "least_again": 1.0}
    share, (low, high) = float(hits[of_it].mean()), wilson(hits[of_it].sum(), inside)
    row = {"followed": inside, "again_share": share, "again_low": low, "again_high": high}
    if not others:
        return row | {"p_again": np.nan, "least_again": 1.0}
    p, least = exact_p(int(hits[of_it].sum()), [(len(hits), int(hits.sum()), inside)])
    return row | {"p_again": p, "least_again": least, "up_again": share > hits[~of_it].mean()}


def _compare_money(money: np.ndarray, of_it: np.ndarray, *, claims: int, seed: int) -> dict[str, float]:
    inside, others = int(of_it.sum()), int((~of_it).sum())
    row: dict[str, float] = {"customers": inside, "p_money": np.nan, "least_money": 1.0}
    if not inside:
        return row
    mean, low, high = student(money[of_it])
    largest = float(money[of_it].max() / max(money[of_it].sum(), 1e-300))
    row |= {"money_mean": mean, "money_low": low, "money_high": high, "largest_share": largest}
    if min(inside, others) < MIN_MONEY:
        return row
    found = compare_means(money, of_it, np.zeros(len(money)), claims=claims, seed=seed)
    return row | {"p_money": found.p, "least_money": found.smallest_p, "up_money": found.difference > 0}


def _judge(found: pd.DataFrame) -> pd.DataFrame:
    """The verdicts, all p of the table adjusted together."""
    both = ("again", "money")
    p = np.concatenate([found[f"p_{name}"].to_numpy("float64") for name in both])
    least = np.concatenate([found[f"least_{name}"].to_numpy("float64") for name in both])
    adjusted = np.split(holm(p, least), 2) if len(found) else [np.zeros(0)] * 2
    for name, each in zip(both, adjusted, strict=True):
        beyond, up = each <= LEVEL, found[f"up_{name}"].eq(True)
        verdict = np.where(beyond & up, BETTER, np.where(beyond, WORSE, UNKNOWN))
        found = found.assign(**{name: verdict, f"p_{name}": each})
    return found
