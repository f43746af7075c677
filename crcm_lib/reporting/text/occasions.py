"""Words for the occasions of customers that are planned: greetings, talks about contracts, follow-ups."""

import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.reporting.text.numbers import fill


def count_occasions(care: pd.DataFrame) -> pd.DataFrame:
    """The table `care` by entry: `action`, `owner_role`, `customers`, `first` and `last` day, `cost`."""
    by_entry = care.groupby(["action", "owner_role"], sort=False)
    counts = by_entry.agg(
        customers=("customer_id", "nunique"), first=("day", "min"), last=("day", "max"), cost=("cost", "sum")
    )
    return counts.reset_index()


def caption_occasions(
    care: pd.DataFrame,
    currency: str,
    unknown_years: list[int],
    *,
    at_least: int,
    waiting: dict[str, int] | None = None,
) -> str:
    """How many occasions are planned and what they cost; who waits for a seat; holidays not announced yet."""
    if care.empty:
        return _("No occasion of a customer is due.")
    words = _("Occasions of customers in the next 90 days, in {currency}")
    if care["customer_id"].nunique() >= at_least:
        words = _("{n:count} occasions of customers in the next 90 days cost {cost:cents} {currency}")
    if unknown_years:
        words += _("; the public holidays of {years} are not all announced yet")
    years = ", ".join(map(str, unknown_years))
    said = fill(words, n=len(care), cost=care["cost"].sum(), currency=currency, years=years)
    for event, customers in (waiting or {}).items():
        if customers >= at_least:
            said += fill(_("; {n:count} wait for a seat: {event}"), n=customers, event=event)
    return said
