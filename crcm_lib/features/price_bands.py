"""What customers paid for a piece, by category: the days on which they bought at each price."""

import pandas as pd

from crcm_lib.features.customer_sql import date
from crcm_lib.schema.engine import Engine, columns_of

COLUMNS = ["customer_id", "category", "price", "days", "spend"]


def count_price_days(engine: Engine, *, after=None, until) -> pd.DataFrame:
    """On how many days each customer bought at which price of a piece, by category.

    Parameters
    ----------
    engine
        Holds the clean table `transactions`.
    after, until
        Days after `after` (None: from the first) up to `until`, inclusive.

    Returns
    -------
    Columns `customer_id`, `category`, `price` (of a piece, above 0: `unit_price`, else the line's amount by
    its `quantity`), `days`, `spend`. No rows where the data have no categories or no prices of a piece.
    """
    known = columns_of(engine, "transactions")
    price = "unit_price" if "unit_price" in known else "amount / nullif(quantity, 0)"
    if "category" not in known or not {"unit_price", "quantity"} & known:
        return pd.DataFrame(columns=COLUMNS)
    since = "" if after is None else f"and day > {date(pd.Timestamp(after))}"
    return engine.execute(f"""
        select customer_id, category, price, count(distinct day) as days,
            cast(sum(amount) as double precision) as spend
        from (
            select customer_id, category, day, amount, cast({price} as double precision) as price
            from transactions
            where kind = 'sale' and category is not null and day <= {date(pd.Timestamp(until))} {since}
        ) as lines
        where price > 0
        group by customer_id, category, price order by customer_id, category, price""").df()
