"""Words for what is offered next, and how such offers did before."""

import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.models.recommendation import PastOffers, PastUpgrades
from crcm_lib.reporting.text.numbers import fill, write_rows

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


def caption_upgrades(past: PastUpgrades, *, at_least: int) -> str:
    """Whether one price band up is offered, and how many of an earlier day's were bought."""
    words = {
        "better": _(
            "One price band up is offered in the category in which comparable customers buy it: "
            "{hits:share} of {customers:count} bought so after {day:day}, {naive:share} in the category that "
            "they buy most, and {stayed:share} bought in their own band again."
        ),
        "worse": _(
            "No price band up is offered: what comparable customers buy reached {hits:share} of "
            "{customers:count} after {day:day}, fewer than by the category that they buy most "
            "({naive:share}); {stayed:share} bought in their own band again."
        ),
        "cannot_tell": _(
            "No price band up is offered: what comparable customers buy reached {hits:share} of "
            "{customers:count} after {day:day}, the category that they buy most {naive:share}, which chance "
            "explains; {stayed:share} bought in their own band again."
        ),
    }
    if past.verdict == "no_prices":
        return _("No price band up is offered: the data have no categories, or no prices of a piece.")
    if past.customers < at_least:
        return _("No price band up is offered: too few earlier ones could be judged.")
    shares = {"hits": past.hits, "naive": past.naive_hits, "stayed": past.stayed}
    shares = {name: number / past.customers for name, number in shares.items()}
    return fill(words[past.verdict], customers=past.customers, day=past.start, **shares)


def write_upgrades(upgrades: pd.DataFrame) -> pd.Series:
    """One price band up for each customer with what speaks for it, by `customer_id`; see `upgrade_offers`."""
    words = _(
        "one price band up in {category:text}, from {price_from:cents} a piece: {share:share} of "
        "{comparable:count} comparable customers buy it"
    )
    return write_rows(upgrades, lambda row: fill(words, **row), "upgrade")
