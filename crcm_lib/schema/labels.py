"""What kind of number a column holds, by its name: the schema's own columns first, then naming rules.

Summaries that notebooks make have columns that no table declares; `SUMMARY_KINDS` names those whose kind
does not follow from the name.
"""

from functools import cache

import pandas as pd

from crcm_lib.schema.columns import Column
from crcm_lib.schema.inputs import INPUTS
from crcm_lib.schema.results import RESULTS

# Columns that count customers: a row with fewer of them than the policy's smallest cell is not shown.
COUNTS = ("customers", "buyers", "people", "count", "size", "asked", "treated", "control", "answers")

SUMMARY_KINDS = {
    "actual": "number",
    "bias": "share",
    "spend": "money",
    "spend_drop": "share",
    "gain": "money",
    "mae": "cents",
    "rmse": "cents",
    "top_missed": "share",
    "top_share": "share",
    "weight": "share",
    "used": "share",
    "known": "share",
    "firmness": "share",
    **{
        f"{way}{by_chance}": "share" for way in ("stayed", "rose", "fell") for by_chance in ("", "_by_chance")
    },
}


def kind_of(name: str, values: pd.Series) -> str:
    """A key of `reporting.text.numbers.KINDS`, or "" where the values themselves say what they are.

    >>> kind_of("spend_share", pd.Series([0.5])), kind_of("spend_total", pd.Series([10.0]))
    ('share', 'money')
    >>> kind_of("days_since_last", pd.Series([3.0])), kind_of("customers", pd.Series([3.0]))
    ('days', 'count')
    """
    if pd.api.types.is_bool_dtype(values) or not pd.api.types.is_numeric_dtype(values):
        return ""
    if name in COUNTS:
        return "count"
    if name.endswith("_share") or name.startswith("p_") or name == "share":
        return "share"
    if name in SUMMARY_KINDS:
        return SUMMARY_KINDS[name]
    if column := _declared().get(name):
        return _kind(column)
    if name.startswith("days_") or name.endswith("_days"):
        return "days"
    stem = name.split("_")[0]
    return "money" if stem in ("spend", "value", "revenue", "margin", "cost", "contribution") else ""


def label(name: str) -> str:
    """A column's heading: the schema's label, or its name with spaces.

    >>> label("days_since_last")
    'days since last'
    """
    column = _declared().get(name)
    return (column.label if column else "") or name.replace("_", " ")


def _kind(column: Column) -> str:
    if column.kind == "money":
        return "money"
    if column.unit == "0…1":
        return "share"
    return {"days": "days", "count": "count"}.get(column.unit, "")


@cache
def _declared() -> dict[str, Column]:
    tables = [*INPUTS.values(), *RESULTS.values()]
    return {name: column for table in tables for name, column in table.columns.items()}
