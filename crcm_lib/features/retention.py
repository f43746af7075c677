"""Records kept longer than the policy's inventory says: how many, and of which day the oldest is."""

from collections.abc import Mapping

import pandas as pd

from crcm_lib.features.customer_sql import date
from crcm_lib.schema.engine import Engine, columns_of, has
from crcm_lib.schema.inputs import EVENT_DATE

COLUMNS = ["table", "retention_days", "records", "oldest", "overdue"]


def count_overdue(engine: Engine, retention: Mapping[str, int], *, as_of) -> pd.DataFrame:
    """The records of each table that are older, on the last day known, than they may be kept.

    A record's age runs from its own day (`EVENT_DATE`); that of a customer's data from the last transaction,
    or the sign-up of who has none.

    Parameters
    ----------
    engine
        The clean tables.
    retention
        Days that a table's records may be kept, by table; a table that the data lack is left out, and so is
        one without its day.
    as_of
        The last day known.

    Returns
    -------
    One row per table: `table`, `retention_days`, `records` (count), `oldest` (day), `overdue` (count).
    """
    rows = []
    for table, days in retention.items():
        if not has(engine, table) or EVENT_DATE[table] not in columns_of(engine, table):
            continue
        limit = date(pd.Timestamp(as_of).normalize() - pd.Timedelta(days=days))
        dated = f"select cast({EVENT_DATE[table]} as date) as day from {table}"
        if table == "customers":
            dated = """
                select coalesce(last, cast(signup as date)) as day from customers left join (
                    select customer_id, cast(max(day) as date) as last from transactions group by customer_id
                ) as bought on bought.customer_id = customers.customer_id"""
        counted = engine.execute(f"""
            select count(*) as records, min(day) as oldest,
                sum(case when day < {limit} then 1 else 0 end) as old
            from ({dated}) as dated""").df()
        records, oldest, old = counted.iloc[0]
        overdue = 0 if pd.isna(old) else int(old)
        rows.append((table, days, int(records), pd.Timestamp(oldest), overdue))
    return pd.DataFrame(rows, columns=COLUMNS)
