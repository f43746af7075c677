"""Words of the strategy notebook on money, effort and terms: what limits the plan, what more would gain."""

import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.reporting.text.numbers import fill, write

SMALLEST_GAP = 0.001  # a smaller one is said to be at most this
EXACT = 1e-6  # up to which nothing is missing but the last digits


def describe_efficiency(curve: pd.DataFrame, gap: float, currency: str) -> str:
    """What the curve of gain over budget shows, and how much better another choice could be.

    Parameters
    ----------
    curve
        From `efficiency.trace_efficiency`.
    gap
        From `allocation.Allocation`.
    currency
        Of both axes.
    """
    if curve.empty:
        return _("No money is planned that a gain could be set against.")
    words = _(
        "Line: the most that any plan gains for a budget within the other limits, up to {gain:count} "
        "{currency} for {budget:count}."
    )
    if gap <= EXACT:
        words += _(" No choice within the limits gains more than this plan before controls are drawn.")
    else:
        words += _(" Before controls are drawn the plan is at most {gap:share} below the best choice.")
    return fill(words, currency=currency, gap=max(gap, SMALLEST_GAP), **curve.iloc[-1].to_dict())


def write_limits(priced: pd.DataFrame, currency: str) -> pd.DataFrame:
    """`efficiency.price_limits` in words, each number with its unit."""
    names = {
        "total": _("money in all"),
        "lever": _("money for {of}"),
        "tier": _("money for the tier {of}"),
        "hours": _("hours of {of}"),
        "capacity": _("customers of {of}"),
    }
    units = {"hours": _("hours"), "capacity": _("customers")}
    kinds = {"hours": "points", "capacity": "count"}

    def write_amount(row: dict, name: str) -> str:
        return f"{write(row[name], kinds.get(row['kind'], 'money'))} {units.get(row['kind'], currency)}"

    rows = [
        {"limit": fill(names[row["kind"]], of=row["of"])}
        | {name: write_amount(row, name) for name in ("available", "used")}
        | {name: row[name] for name in ("gain_per_unit", "gain_of_tenth")}
        for row in priced.to_dict("records")
    ]
    return pd.DataFrame(rows, columns=["limit", "available", "used", "gain_per_unit", "gain_of_tenth"])


def caption_limits(written: pd.DataFrame, currency: str) -> str:
    """What a tenth more of the limit that costs most would gain."""
    if written.empty:
        return _("No budget, capacity or role's hours keep the plan from gaining more.")
    words = _(
        "What keeps the plan from gaining more: a tenth more {limit} would gain up to {gain:money} {currency}"
    )
    first = written.iloc[0]
    return fill(words, limit=first["limit"], gain=first["gain_of_tenth"], currency=currency)


def describe_effort(effort: pd.DataFrame) -> str:
    """Where effort and value are furthest apart."""
    known = effort.dropna(subset=["cost_share", "value_share"])
    if known.empty:
        return _("Whether effort goes where the value is cannot be told.")
    far = known.loc[(known["cost_share"] - known["value_share"]).abs().idxmax()]
    words = _(
        "Effort and value are furthest apart in {tier}: {cost:share} of the cost, {value:share} of the value"
    )
    return fill(words, tier=far["tier"], cost=far["cost_share"], value=far["value_share"])


def write_terms(counts: pd.DataFrame) -> pd.DataFrame:
    """`terms.count_terms` in words."""
    return counts.replace({"subject_type": {"company": _("companies"), "person": _("natural persons")}})
