"""One price band up in what a customer buys already, where comparable customers buy it; graded on later days.

A category has three bands, the thirds of the prices that customers paid for a piece in it. A customer's
band is the one that they bought in on most days, the lower of equals. Offered is the band above, of which
they have bought nothing yet, in the category in which most of those comparable have bought it: those of the
same band in the category and the same fifth of spend. Beside it stands a rule that compares with nobody:
the band above in the category that the customer buys most often.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crcm_lib.features.holdout_windows import history_start
from crcm_lib.features.price_bands import count_price_days
from crcm_lib.models.recommendation.past_offers import DAYS, MIN_CUSTOMERS, compare_hits
from crcm_lib.schema.engine import Engine

BANDS = ("low", "middle", "high")
FIFTHS = 5
COLUMNS = ["customer_id", "category", "band", "next_band", "price_from", "comparable", "share"]


@dataclass(frozen=True)
class PastUpgrades:
    """Upgrades that would have been offered on an earlier day, held against what was bought after it.

    Attributes
    ----------
    start, end
        The day of the offers, and the last day held out.
    customers
        How many had a band above them to be offered, and bought in one of these categories after it.
    hits, naive_hits
        How many of them bought above their band in the category offered, by comparable customers and by the
        category that they buy most often.
    stayed
        How many bought in their band in the category offered.
    p
        Of no difference of the rules: exact sign test over those whom one reached and the other did not.
    verdict
        `better` or `worse` than the naive rule, `cannot_tell`, or `no_prices`: nothing that could be offered.
    """

    start: pd.Timestamp | None = None
    end: pd.Timestamp | None = None
    customers: int = 0
    hits: int = 0
    naive_hits: int = 0
    stayed: int = 0
    p: float = 1.0
    verdict: str = "cannot_tell"


def judge_upgrades(engine: Engine, *, as_of, at_least: int = 5) -> PastUpgrades:
    """Grade the upgrades that would have been offered `DAYS` before `as_of`, from what was known then.

    Nothing is told of fewer than `DAYS` days of history before them, nor of fewer than `MIN_CUSTOMERS`.
    """
    end = pd.Timestamp(as_of).normalize()
    start = end - pd.Timedelta(days=DAYS)
    known = count_price_days(engine, until=end)
    if known.empty:
        return PastUpgrades(verdict="no_prices")
    if (start - history_start(engine, end)).days < DAYS:
        return PastUpgrades()
    before = count_price_days(engine, until=start)
    borders = find_borders(before, at_least=at_least)
    possible = list_possible(before, borders, at_least=at_least)
    later = _by_band(count_price_days(engine, after=start, until=end), borders)
    later = later.reindex(pd.MultiIndex.from_frame(possible[["customer_id", "category"]]), fill_value=0)
    bought, place = later.to_numpy(), possible["place"].to_numpy()
    above = bought.cumsum(axis=1)[:, -1] - bought.cumsum(axis=1)[np.arange(len(place)), place] > 0
    possible = possible.assign(
        above=above, stays=bought[np.arange(len(place)), place] > 0, later=bought.any(axis=1)
    )
    judged = possible[possible.groupby("customer_id")["later"].transform("any")]
    ours, naive = (choose(judged, by).set_index("customer_id") for by in ("share", "days"))
    hit, naive_hit = ours["above"], naive["above"].reindex(ours.index)
    facts = {"customers": len(ours), "hits": int(hit.sum()), "naive_hits": int(naive_hit.sum())}
    facts["stayed"] = int(ours["stays"].sum())
    if len(ours) < MIN_CUSTOMERS:
        return PastUpgrades(start, end, **facts)
    p, verdict = compare_hits(hit.to_numpy(bool), naive_hit.to_numpy(bool))
    return PastUpgrades(start, end, **facts, p=p, verdict=verdict)


def offer_upgrades(engine: Engine, past: PastUpgrades, *, as_of, at_least: int = 5) -> pd.DataFrame:
    """The table `upgrade_offers`: one band up for each customer; nobody unless that was better before.

    Returns
    -------
    `customer_id`, `category`, `band` and `next_band` (of `BANDS`), `price_from` (of a piece, above which the
    next band begins), `comparable` (how many customers), `share` (of them who have bought in the next band).
    """
    if past.verdict != "better":
        return pd.DataFrame(columns=COLUMNS)
    bought = count_price_days(engine, until=as_of)
    borders = find_borders(bought, at_least=at_least)
    made = choose(list_possible(bought, borders, at_least=at_least), "share")
    names, place = np.array(BANDS, dtype=object), made["place"].to_numpy()
    price = borders.loc[made["category"]].to_numpy()[np.arange(len(made)), place]
    made = made.assign(band=names[place], next_band=names[place + 1], price_from=price)
    return made[COLUMNS].reset_index(drop=True)


def find_borders(bought: pd.DataFrame, *, at_least: int) -> pd.DataFrame:
    """The two prices between a category's bands, by category; none of few buyers or of too few prices."""
    by_category = bought.groupby("category")
    borders = by_category["price"].quantile([1 / 3, 2 / 3]).unstack()  # noqa: PD010
    enough = by_category["customer_id"].nunique().reindex(borders.index) >= at_least * len(BANDS)
    return borders[enough & (borders[1 / 3] < borders[2 / 3])]


def list_possible(bought: pd.DataFrame, borders: pd.DataFrame, *, at_least: int) -> pd.DataFrame:
    """Each category in which a customer could be offered the band above their own.

    Returns
    -------
    `customer_id`, `category`, `place` (of the own band, 0 is the lowest), `days` (bought in the category),
    `comparable`, `share`; only where at least `at_least` comparable customers have bought in the next band.
    """
    days = _by_band(bought, borders)
    place, counts = days.to_numpy().argmax(axis=1), days.to_numpy()
    every = np.arange(len(days))
    next_days = np.where(place < len(BANDS) - 1, counts[every, np.minimum(place + 1, len(BANDS) - 1)], 0)
    above = counts.sum(axis=1) - counts.cumsum(axis=1)[every, place]
    rank = bought.groupby("customer_id")["spend"].sum().rank(pct=True)
    fifth = np.ceil(rank * FIFTHS).astype(int)
    rows = days.index.to_frame(index=False).assign(
        place=place, days=counts.sum(axis=1), above=above, has_next=next_days > 0
    )
    alike = rows.assign(fifth=rows["customer_id"].map(fifth)).groupby(["category", "place", "fifth"])
    rows["comparable"] = alike["has_next"].transform("size") - 1  # without the customer
    buyers = alike["has_next"].transform("sum")
    rows["share"] = buyers / rows["comparable"].where(rows["comparable"] > 0)
    open_ = (rows["above"] == 0) & (rows["place"] < len(BANDS) - 1) & (buyers >= at_least)
    return rows[open_].drop(columns=["above", "has_next"]).reset_index(drop=True)


def choose(possible: pd.DataFrame, by: str) -> pd.DataFrame:
    """One row of each customer: the largest `share`, or most `days`; of equals the first category by name."""
    order = possible.sort_values(["customer_id", by, "category"], ascending=[True, False, True])
    return order.drop_duplicates("customer_id")


def _by_band(bought: pd.DataFrame, borders: pd.DataFrame) -> pd.DataFrame:
    """Days by customer and category (index) and band (columns 0…2), of the categories that have bands."""
    kept = bought[bought["category"].isin(borders.index)]
    edges = borders.reindex(kept["category"]).to_numpy()
    band = (kept["price"].to_numpy()[:, None] > edges).sum(axis=1)
    days = kept.assign(band=band).groupby(["customer_id", "category", "band"])["days"].sum()
    return days.unstack(fill_value=0).reindex(columns=range(len(BANDS)), fill_value=0)  # noqa: PD010
