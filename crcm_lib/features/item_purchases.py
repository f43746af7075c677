"""Which categories or products each customer has bought, up to a day."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crcm_lib.features.customer_sql import date
from crcm_lib.schema.engine import Engine, columns_of

KINDS = {"category": "category", "product": "product_id"}  # of items, the coarser first
FEW = 10  # categories below which products are offered instead, where the data name them
MAX_ITEMS = 2_000  # offered: the ones with most buyers


@dataclass(frozen=True)
class ItemPurchases:
    """Who has bought what.

    Attributes
    ----------
    kind
        `category` or `product`; "" where the data name neither.
    customers, items
        Names of the rows and columns of `days`; items with most buyers first.
    days
        Sparse matrix (scipy csr) of shape (customers, items): on how many days a customer bought an item.
    """

    kind: str
    customers: pd.Index
    items: pd.Index
    days: object


def choose_kind(engine: Engine) -> str:
    """What an offer names: categories, or products where there are too few categories to choose from."""
    known = [kind for kind, column in KINDS.items() if column in columns_of(engine, "transactions")]
    if len(known) < 2:
        return "".join(known)
    query = "select count(distinct category) from transactions where kind = 'sale'"
    (categories,) = engine.execute(query).fetchall()[0]
    return "category" if categories >= FEW else "product"


def count_item_days(
    engine: Engine, *, kind: str, after=None, until, at_least: int = 5, items: pd.Index | None = None
) -> ItemPurchases:
    """On how many days each customer bought each item; returns are not taken off.

    Parameters
    ----------
    engine
        Holds the clean table `transactions`.
    kind
        From `choose_kind`.
    after, until
        Days after `after` (None: from the first) up to `until`, inclusive.
    at_least
        Items of fewer buyers are left out: what hardly anybody buys can name who does.
    items
        Only these, in this order; None: the `MAX_ITEMS` with most buyers.
    """
    from scipy.sparse import csr_matrix

    column = KINDS[kind]
    since = "" if after is None else f"and day > {date(pd.Timestamp(after))}"
    bought = engine.execute(f"""
        select customer_id, {column} as item, count(distinct day) as days from transactions
        where kind = 'sale' and {column} is not null and day <= {date(pd.Timestamp(until))} {since}
        group by customer_id, {column} order by customer_id, {column}""").df()
    if items is None:
        buyers = bought["item"].value_counts()
        buyers = buyers[buyers >= at_least].sort_index().sort_values(ascending=False, kind="stable")
        items = pd.Index(buyers.index[:MAX_ITEMS], name="item")
    customers = pd.Index(bought["customer_id"].unique(), name="customer_id")
    columns = items.get_indexer(bought["item"])
    kept = columns >= 0
    rows = customers.get_indexer(bought["customer_id"])
    cells = (bought["days"].to_numpy(np.float32)[kept], (rows[kept], columns[kept]))
    return ItemPurchases(kind, customers, items, csr_matrix(cells, shape=(len(customers), len(items))))
