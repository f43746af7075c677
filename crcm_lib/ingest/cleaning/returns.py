"""Returns matched with the sale that they undo.

A return that names its order is matched to a sale of that order of the same customer and product, or else to
the order as a whole. Any other is matched to the latest earlier sale of the same customer and product. The
amount of the sale, less what earlier returns took from it, has to cover the return; where neither a product
nor an order ties them, it has to be exactly as large. Returns are taken in the order of their time. A return
without a sale stays unmatched: it reduces the customer's spend and no purchase.
"""

from collections.abc import Iterator
from datetime import date

import duckdb
import pyarrow as pa

from crcm_lib.ingest.sources.expression_sql import sql_identifier

BATCH = 100_000  # lines fetched at a time


def match_returns(engine: duckdb.DuckDBPyConnection, table: str, order: list[str]) -> None:
    """Make the table `matched` (`_at`, `purchase_day`) of the matched returns among the lines of `table`.

    Parameters
    ----------
    engine
        Holds `table` with a unique `_at` per row.
    table
        Validated transactions; rows with a `_rule` are ignored.
    order
        All columns of a line, as SQL; they decide which of two returns at one time comes first.
    """
    view = sql_identifier(table)
    columns = {row[0] for row in engine.execute(f"describe {view}").fetchall()}
    product = "coalesce(product_id, '')" if "product_id" in columns else "''"
    named = [column for column in ("return_of", "order_id") if column in columns]
    undone = f"coalesce({', '.join(named)}, '')" if named else "''"
    own = "order_id" if "order_id" in named else "''"
    belongs = f"case when kind = 'return' then {undone} else {own} end"
    engine.execute(f"""
        create or replace temp view return_lines as
        select *, {product} as _product, coalesce({belongs}, '') as _order from {view} where _rule is null
    """)
    lines = engine.execute(f"""
        with touched as (select distinct customer_id, _product from return_lines where kind = 'return')
        select
            _at, customer_id, _product, kind = 'return', (amount::decimal(28, 4) * 10000)::bigint,
            time::date, _order
        from return_lines semi join touched using (customer_id, _product)
        order by customer_id, _product, time, kind desc, {", ".join(order)}
    """)
    matched = list(_match(lines))
    rows = pa.table(
        {
            "_at": pa.array([line for line, _day in matched], pa.int64()),
            "purchase_day": pa.array([day for _line, day in matched], pa.date32()),
        }
    )
    engine.register("matched_rows", rows)
    engine.execute("create or replace table matched as from matched_rows")
    engine.unregister("matched_rows")
    if named:
        _match_orders(engine)


def _match_orders(engine: duckdb.DuckDBPyConnection) -> None:
    """Match what is left of the returns to the order that they name, as long as its sales cover them all."""
    engine.execute("""
        insert into matched
        with orders as (
            select customer_id, _order, sum(amount) as sold, min(time) as since from return_lines
            where kind = 'sale' and _order <> '' group by all
        ),
        undone as (
            select _at, r.customer_id, r._order, since, r.time, sold,
                sum(-amount) over (partition by r.customer_id, r._order order by r.time, _at) as returned
            from return_lines r join orders using (customer_id, _order) where kind = 'return'
        )
        select _at, since::date from undone
        where time >= since and returned <= sold and _at not in (select _at from matched)
    """)


def _match(lines: duckdb.DuckDBPyConnection) -> Iterator[tuple[int, date]]:
    """The number of each return that a sale covers, with the day of the sale; lines are sorted by group."""
    group: tuple[str, str] | None = None
    open_sales: list[list] = []
    by_order: dict[str, list[list]] = {}
    while batch := lines.fetchmany(BATCH):
        for line, customer, item, is_return, amount, day, order in batch:
            if (customer, item) != group:
                group, open_sales, by_order = (customer, item), [], {}
            if not is_return:
                open_sales.append([amount, day])
                by_order.setdefault(order, []).append(open_sales[-1])
                continue
            same = by_order.get(order, []) if order else []
            purchase_day = _take(same or open_sales, -amount, exact=not (item or same))
            if purchase_day is not None:
                yield line, purchase_day


def _take(sales: list[list], amount: int, *, exact: bool) -> date | None:
    """Take `amount` (in 1/10,000 of the currency) from the latest sale that covers it; the day of that sale.

    >>> sales = [[500, date(2024, 1, 1)], [300, date(2024, 2, 1)]]
    >>> _take(sales, 400, exact=False), sales
    (datetime.date(2024, 1, 1), [[100, datetime.date(2024, 1, 1)], [300, datetime.date(2024, 2, 1)]])
    """
    for n in range(len(sales) - 1, -1, -1):
        left, day = sales[n]
        if left == amount or (left > amount and not exact):
            sales[n][0] = left - amount
            if left == amount:
                del sales[n]
            return day
    return None
