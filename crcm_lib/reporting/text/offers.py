"""Words for what is offered next, and how such offers did before."""

import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.models.recommendation import PastOffers
from crcm_lib.reporting.text.numbers import fill

MAX_ITEMS = 10  # of a page


def count_offers(offers: pd.DataFrame) -> pd.DataFrame:
    """The items offered to most customers: `item`, `customers` whom it is offered, `first_choice` of them."""
    by_item = offers.assign(first=offers["rank"] == 1).groupby("item")
    counts = by_item.agg(customers=("customer_id", "nunique"), first_choice=("first", "sum")).reset_index()
    return counts.sort_values(["customers", "item"], ascending=[False, True], ignore_index=True).head(
        MAX_ITEMS
    )


def caption_offers(past: PastOffers, *, at_least: int) -> str:
    """By what items are offered, and how many of an earlier day's offers were taken."""
    words = {
        "better": _(
            "Offered by what others bought too: of {customers:count} who bought something new to them after "
            "{day:day}, {hits:share} had been offered it, against {popular:share} by the most popular items"
        ),
        "worse": _(
            "The most popular items that each has not bought: of {customers:count} who bought something new "
            "after {day:day}, they reached {popular:share}; what others bought too, {hits:share}"
        ),
        "cannot_tell": _(
            "The most popular items that each has not bought: of {customers:count} who bought something new "
            "after {day:day}, they reached {popular:share}; by what others bought too it was {hits:share}, "
            "which chance explains"
        ),
    }
    if past.customers < at_least:
        return _("The most popular items that each has not bought: too few earlier offers could be judged")
    shares = {"hits": past.hits / past.customers, "popular": past.popular_hits / past.customers}
    return fill(words[past.verdict], customers=past.customers, day=past.start, **shares)
