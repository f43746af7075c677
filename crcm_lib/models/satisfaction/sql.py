"""SQL that answers and service share."""

import pandas as pd

from crcm_lib.schema.engine import has


def until_sql(as_of) -> str:
    """The first moment after `as_of`, as SQL."""
    return f"timestamp '{pd.Timestamp(as_of).normalize() + pd.Timedelta(days=1):%Y-%m-%d %H:%M:%S}'"


def columns_of(engine, table: str) -> set[str]:
    """The columns of an input table; none where the table is absent."""
    if not has(engine, table):
        return set()
    return set(engine.execute(f"select * from {table} limit 0").df().columns)
