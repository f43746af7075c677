"""SQL that answers and service share."""

import pandas as pd


def until_sql(as_of) -> str:
    """The first moment after `as_of`, as SQL."""
    return f"timestamp '{pd.Timestamp(as_of).normalize() + pd.Timedelta(days=1):%Y-%m-%d %H:%M:%S}'"
