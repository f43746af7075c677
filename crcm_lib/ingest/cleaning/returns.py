"""Returns matched with the sale that they undo.

A return is matched to the latest earlier sale of the same customer and product whose amount, less what
earlier returns took from it, covers the return. Where the source has no products, only a sale of exactly the
returned amount counts. Returns are taken in the order of their time. A return without a sale stays unmatched:
it reduces the customer's spend and no purchase.
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
    lines = engine.execute(f"""
        with usable as (select *, {product} as _product from {view} where _rule is null),
        touched as (select distinct customer_id, _product from usable where kind = 'return')
        select _at, customer_id, _product, kind = 'return', (amount * 10000)::bigint, time::date
        from usable semi join touched using (customer_id, _product)
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


def _match(lines: duckdb.DuckDBPyConnection) -> Iterator[tuple[int, date]]:
    """The number of each return that a sale covers, with the day of the sale; lines are sorted by group."""
    group: tuple[str, str] | None = None
    open_sales: list[list] = []
    while batch := lines.fetchmany(BATCH):
        for line, customer, item, is_return, amount, day in batch:
            if (customer, item) != group:
                group, open_sales = (customer, item), []
            if not is_return:
                open_sales.append([amount, day])
            elif (purchase_day := _take(open_sales, -amount, exact=not item)) is not None:
                yield line, purchase_day


def _take(open_sales: list[list], amount: int, *, exact: bool) -> date | None:
    """Take `amount` (in 1/10,000 of the currency) from the latest sale that covers it; the day of that sale.

    >>> sales = [[500, date(2024, 1, 1)], [300, date(2024, 2, 1)]]
    >>> _take(sales, 400, exact=False), sales
    (datetime.date(2024, 1, 1), [[100, datetime.date(2024, 1, 1)], [300, datetime.date(2024, 2, 1)]])
    """
    for n in range(len(open_sales) - 1, -1, -1):
        left, day = open_sales[n]
        if left == amount or (left > amount and not exact):
            open_sales[n][0] = left - amount
            if left == amount:
                del open_sales[n]
            return day
    return None
