"""What an indicator of the policy may read, and how it may be scored. Part of `policy_rules.py`."""

from itertools import pairwise
from typing import TypeGuard

from crcm_lib.config.yaml_loader import Mapping, Place, SettingsFile, rows_in
from crcm_lib.errors import unknown_name
from crcm_lib.i18n import _
from crcm_lib.schema.columns import Column
from crcm_lib.schema.indicators import INDICATORS, LAST, MEAN, find_column, stem
from crcm_lib.schema.inputs import INPUTS
from crcm_lib.schema.results import RESULTS

# Of `churn`, what customer features alone give: 10 measures it on earlier days without a backtest for each.
RHYTHM = ("overdue_ratio", "gap_days", "spend_drop")
SCORABLE = ("customer_features", "rfm", "value", "churn", "satisfaction")  # result tables
DATES = ("day", "time")


def known_columns(table: str) -> dict[str, Column] | None:
    """The fixed columns that an indicator may read from a table; None where it may read nothing.

    >>> list(known_columns("renewals"))
    ['renewed_share']
    """
    if table in INDICATORS:
        columns = INDICATORS[table].columns
    elif table in SCORABLE:
        own = INPUTS["customers"].columns if table == "customer_features" else {}
        columns = RESULTS[table].columns | own
    else:
        return None
    return {
        name: column
        for name, column in columns.items()
        if name != "customer_id" and column.kind not in DATES and (table != "churn" or name in RHYTHM)
    }


def describe_column(table: str, name: str) -> Column | None:
    """What the column is that an indicator reads; None where there can be none of this name.

    Whether the data have a column of a name that they themselves give, only the data tell.
    """
    if table in INDICATORS:
        return find_column(table, name)
    return (known_columns(table) or {}).get(name)


def check_indicators(settings: SettingsFile) -> None:
    """Note indicators that read what is not there, is protected, or is a word without points."""
    protected = settings.get("fairness", "protected")
    protected = {str(name).lower() for name in protected} if isinstance(protected, list) else set()
    for where, criterion in settings.rows("criteria"):
        for at, row in rows_in(criterion, where, "indicators"):
            _check_column(settings, at, row, protected)
            _check_points(settings, at, row)


def _check_column(settings: SettingsFile, at: Place, row: Mapping, protected: set[str]) -> None:
    table, name = str(row.get("table")), str(row.get("column"))
    if {name.lower(), stem(table, name).lower()} & protected:
        problem = _("{column!r} is protected (fairness.protected): it may be audited, never scored")
        settings.note((*at, "column"), problem, column=name)
        return
    known = known_columns(table)
    if known is None:
        settings.note((*at, "table"), unknown_name(_("table"), table, (*SCORABLE, *INDICATORS)))
        return
    column = describe_column(table, name)
    if table == "customers" and name not in known and name in RESULTS["customer_features"].columns:
        settings.note((*at, "table"), _("{column!r} is a column of customer_features"), column=name)
    elif column is None and table == "measures":
        problem = _("{column!r}: of a measure give `name{last}` or `name{mean}`")
        settings.note((*at, "column"), problem, column=name, last=LAST, mean=MEAN)
    elif column is None:
        settings.note((*at, "column"), unknown_name(_("indicator column"), name, known))
    elif name in known and column.kind == "text" and not row.get("levels"):
        settings.note(at, _("{column!r} holds words: give `levels`, points for each"), column=name)


def _check_points(settings: SettingsFile, at: Place, row: Mapping) -> None:
    anchors = row.get("points")
    if anchors is not None and row.get("levels") is not None:
        settings.note(at, _("give points or levels, not both"))
    if row.get("scale") == "proportional" and (row.get("levels") or anchors or row.get("better") == "lower"):
        problem = _("scale: proportional takes no points, no levels and no `better: lower`")
        settings.note((*at, "scale"), problem)
    pairs = [pair for pair in anchors if isinstance(pair, list)] if isinstance(anchors, list) else []
    if anchors is None or not all(len(pair) == 2 and all(map(is_number, pair)) for pair in pairs):
        return
    raw, points = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    falls = row.get("better") == "lower"
    if len(raw) < 2 or any(later <= earlier for earlier, later in pairwise(raw)):
        settings.note((*at, "points"), _("points: give two or more anchors with rising raw numbers"))
    elif points != sorted(points, reverse=falls):
        problem = _("points: run against `better: {better}`")
        settings.note((*at, "points"), problem, better="lower" if falls else "higher")


def is_number(value: object) -> TypeGuard[float]:
    """Whether it is a number and no flag."""
    return isinstance(value, int | float) and not isinstance(value, bool)
