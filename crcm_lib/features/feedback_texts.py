"""What customers wrote in tickets and surveys, to be sorted by topic; never to be shown."""

import pandas as pd

from crcm_lib.features.customer_sql import end_of
from crcm_lib.schema.engine import Engine, columns_of

SOURCES = {"tickets": "opened", "surveys": "time"}
COLUMNS = ["customer_id", "time", "source", "text"]


def list_texts(engine: Engine, *, as_of) -> pd.DataFrame:
    """Every text that is not empty, by the end of `as_of`.

    Columns: customer_id, time, source (tickets, surveys), text. Ordered by customer and time. No rows
    where neither table has the column `text`.
    """
    parts = [
        f"select customer_id, {time} as time, '{table}' as source, text from {table}"
        f" where {time} < {end_of(as_of)} and text is not null and text <> ''"
        for table, time in SOURCES.items()
        if "text" in columns_of(engine, table)
    ]
    if not parts:
        return pd.DataFrame(columns=COLUMNS)
    return engine.execute(
        f"select * from ({' union all '.join(parts)}) as texts order by customer_id, time, source, text"
    ).df()
