"""What kind of things each customer buys: common or rare ones, from the top of the prices, at a discount."""

import pandas as pd

from crcm_lib.features.customer_sql import date
from crcm_lib.schema.engine import Engine, columns_of

COMMON, RARE, TOP_PRICES = 1 / 2, 1 / 10, 1 / 3  # of all that is bought
SHARES = ("common", "rare", "top_price", "discounted")


def sum_purchase_mix(engine: Engine, *, after, until) -> pd.DataFrame:
    """Of each customer's purchase days, how much was common, rare, dear or discounted.

    On each day counts the share of the day's items, so that one basket of many items weighs as one day.
    Items are products, or categories where there are no products. Common are the items with most buyers that
    together make half of what is bought; rare those with fewest that together make a tenth; at a top price
    what costs as much a piece as the dearest third of what is bought in its category.

    Parameters
    ----------
    engine
        Holds the clean table `transactions`.
    after, until
        Days after `after` up to `until`, inclusive.

    Returns
    -------
    Indexed by `customer_id`: `days` (with purchases), and for each of `SHARES` that the data can tell the sum
    of its shares over the days (0…days). No rows where the data name neither products nor categories.
    """
    known = columns_of(engine, "transactions")
    item = "product_id" if "product_id" in known else "category"
    shares = {"common": f"rank_share <= {COMMON}", "rare": f"rank_share > {1 - RARE}"}
    price, group = _price(known), "category" if "category" in known else "'all'"
    if price:
        shares["top_price"] = f"dearer_share <= {TOP_PRICES}"
    if "discount" in known:
        shares["discounted"] = "discount > 0"
    if item not in known:
        return pd.DataFrame(columns=["days"]).rename_axis("customer_id")
    means = ", ".join(
        f"avg(case when {rule} then 1.0 else 0.0 end) as {name}" for name, rule in shares.items()
    )
    sums = ", ".join(f"sum({name}) as {name}" for name in shares)
    return (
        engine.execute(f"""
        with lines as (
            select customer_id, day, {item} as item, {group} as category, {price or "1.0"} as price,
                {"coalesce(discount, 0)" if "discount" in known else "0"} as discount
            from transactions
            where kind = 'sale' and {item} is not null
                and day > {date(pd.Timestamp(after))} and day <= {date(pd.Timestamp(until))}),
        items as (
            select item, count(distinct customer_id) as buyers, count(*) as lines from lines group by item),
        ranked as (
            select item, cast(sum(lines) over (order by buyers desc, item) as double precision)
                / sum(lines) over () as rank_share
            from items),
        priced as (
            select customer_id, day, item, discount,
                cast(count(*) over (partition by category order by price desc) as double precision)
                / count(*) over (partition by category) as dearer_share
            from lines),
        days as (
            select customer_id, day, {means}
            from priced join ranked on ranked.item = priced.item group by customer_id, day)
        select customer_id, count(*) as days, {sums} from days group by customer_id order by customer_id""")
        .df()
        .set_index("customer_id")
    )


def _price(known: set[str]) -> str:
    """SQL: the price of a piece; "" where the data have none."""
    if "unit_price" in known:
        return "cast(coalesce(unit_price, 0) as double precision)"
    return "cast(amount / nullif(quantity, 0) as double precision)" if "quantity" in known else ""
