"""Would offers made on an earlier day have been taken? Co-purchase beside the most popular items."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crcm_lib.features.holdout_windows import history_start
from crcm_lib.features.item_purchases import ItemPurchases, choose_kind, count_item_days
from crcm_lib.models.recommendation.co_purchase import learn, recommend
from crcm_lib.schema.engine import Engine
from crcm_lib.stats import LEVEL

DAYS = 90  # held out
MIN_CUSTOMERS = 30  # with something new in them, to tell anything


@dataclass(frozen=True)
class PastOffers:
    """Offers of an earlier day, held against what was bought for the first time after it.

    Attributes
    ----------
    start, end
        The day of the offers, and the last day held out.
    customers
        How many known customers bought something new to them in those days.
    hits, popular_hits
        How many of them were offered at least one of it, by co-purchase and by popularity.
    p
        Of no difference: exact sign test over the customers whom one reached and the other did not (McNemar).
    verdict
        `better` or `worse` than popularity, or `cannot_tell`.
    """

    start: pd.Timestamp | None = None
    end: pd.Timestamp | None = None
    customers: int = 0
    hits: int = 0
    popular_hits: int = 0
    p: float = 1.0
    verdict: str = "cannot_tell"

    @property
    def choice(self) -> str:
        """What offers are made by: `co_purchase` where it was better, else `popularity`."""
        return "co_purchase" if self.verdict == "better" else "popularity"


def judge_offers(engine: Engine, *, as_of, at_least: int = 5) -> PastOffers:
    """Grade the offers that would have been made `DAYS` before `as_of`, from what was known then.

    Nothing is told where the data name no items, where there are fewer than `DAYS` days of history before
    them, or where fewer than `MIN_CUSTOMERS` customers bought something new to them.
    """
    end = pd.Timestamp(as_of).normalize()
    start, kind = end - pd.Timedelta(days=DAYS), choose_kind(engine)
    if not kind or (start - history_start(engine, end)).days < DAYS:
        return PastOffers()
    known = count_item_days(engine, kind=kind, until=start, at_least=at_least)
    later = count_item_days(engine, kind=kind, after=start, until=end, items=known.items)
    both = known.customers.intersection(later.customers)
    before, after = (_rows_of(each, both) for each in (known, later))
    new = (after.days > 0).toarray() & ~(before.days > 0).toarray()
    learned, reached = learn(known), {}
    for by in ("co_purchase", "popularity"):
        offers = recommend(learned, before, by=by)
        rows, columns = both.get_indexer(offers["customer_id"]), known.items.get_indexer(offers["item"])
        hit = np.zeros(len(both), dtype=bool)
        np.logical_or.at(hit, rows, new[rows, columns])
        reached[by] = hit[new.any(axis=1)]
    ours, popular = reached["co_purchase"], reached["popularity"]
    facts = {"customers": len(ours), "hits": int(ours.sum()), "popular_hits": int(popular.sum())}
    if len(ours) < MIN_CUSTOMERS:
        return PastOffers(start, end, **facts)
    p, verdict = compare_hits(ours, popular)
    return PastOffers(start, end, **facts, p=p, verdict=verdict)


def compare_hits(ours: np.ndarray, others: np.ndarray) -> tuple[float, str]:
    """Of customers whom two rules reached or not (flags): `p` of the exact sign test, and the `verdict`.

    It rests on those whom one rule reached and the other did not (McNemar).
    """
    from scipy.stats import binomtest

    alone, other = int((ours & ~others).sum()), int((others & ~ours).sum())
    p = float(binomtest(alone, alone + other).pvalue) if alone + other else 1.0
    return p, "cannot_tell" if p > LEVEL else "better" if alone > other else "worse"


def offer(engine: Engine, *, as_of, by: str, at_least: int = 5) -> pd.DataFrame:
    """Up to three items for each customer by what is known on `as_of`; see `co_purchase.recommend`.

    Without items in the data there are no rows.
    """
    kind = choose_kind(engine)
    if not kind:
        columns = ["customer_id", "rank", "item", "because_of", "also_bought_share", "kind"]
        return pd.DataFrame(columns=columns)
    bought = count_item_days(engine, kind=kind, until=as_of, at_least=at_least)
    return recommend(learn(bought), bought, by=by).assign(kind=kind)


def _rows_of(bought: ItemPurchases, customers: pd.Index) -> ItemPurchases:
    """What these customers bought, in their order."""
    return ItemPurchases(
        bought.kind, customers, bought.items, bought.days[bought.customers.get_indexer(customers)]
    )
