"""Customers and their value -> who is leaving, why, and what is at risk."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.schema.tables import check

ALERTS = ("none", "watch", "warning", "urgent")
GRADES = {  # the same as in policy.yaml, for use without one
    "watch": {"overdue_ratio": 1.5, "spend_drop": 0.3, "p_alive": 0.6},
    "warning": {"overdue_ratio": 2.5, "spend_drop": 0.5, "p_alive": 0.4},
    "urgent": {"overdue_ratio": 4.0, "spend_drop": 0.75, "p_alive": 0.2},
}
WINDOWS = (365, 180, 90, 30)  # days; a drop is measured over the shortest in which it can be seen
ENOUGH = 5  # purchases that the own rhythm must promise in a window before their absence says anything
PRIOR_GAPS = 1  # how many gaps of the usual length every customer is credited with


def score_churn_risk(
    customers: pd.DataFrame,
    value: pd.DataFrame,
    grades: Mapping[str, Mapping[str, float | None]] = GRADES,
) -> pd.DataFrame:
    """Grade how pressing it is to look after each customer who has bought, and say why.

    Three grounds, and the alert is the highest grade that any of them reaches: overdue against the own
    rhythm, a drop of spend against the own earlier spend, and P(alive). One-time buyers have no rhythm and no
    P(alive) of their own: measured against everybody's rhythm, they are watched, never more.

    Parameters
    ----------
    customers
        The `customers` table; `spend_90d` and its like are needed for the drop, and left out where absent.
    value
        The `value` table of the same customers.
    grades
        For watch, warning, urgent: `overdue_ratio` at least, `spend_drop` at least, `p_alive` below; a ground
        that is missing or None does not count.

    Returns
    -------
    The `churn` table, indexed by `customer_id`. `revenue_at_risk` is what a customer who stayed would spend
    over the value's horizon, times the chance that they left: 1 − P(alive), or, where the model cannot say,
    1 − 1 / overdue_ratio once overdue.
    """
    buyers = customers[customers["purchases"] > 0]
    facts = measure_rhythm(buyers).join(value["p_alive"].reindex(buyers.index))
    facts["spend_drop"], facts["window"] = _measure_drop(buyers, facts["gap_days"])
    level = _grade(facts, grades).mask(buyers["purchases"] == 1, lambda found: found.clip(upper=1))
    stand_in = 1 - 1 / facts["overdue_ratio"].clip(lower=1)
    stays = value.get("spend_if_stays", value["spend_expected"]).reindex(buyers.index).fillna(0)
    churn = pd.DataFrame(
        {
            "alert": pd.Series(np.array(ALERTS)[level], index=buyers.index, dtype="str"),
            "overdue_ratio": facts["overdue_ratio"],
            "p_alive": facts["p_alive"],
            "spend_drop": facts["spend_drop"],
            "revenue_at_risk": stays * (1 - facts["p_alive"]).fillna(stand_in),
            "because": pd.Series(_explain(buyers, facts, level, grades), index=buyers.index, dtype="str"),
        }
    )
    return check(churn, "churn")


def measure_rhythm(buyers: pd.DataFrame) -> pd.DataFrame:
    """Each customer's usual gap between purchases, and how overdue the next purchase is.

    The usual gap is the mean of the own gaps and one gap of the usual length (the median of repeat buyers'
    mean gaps), so that few purchases are drawn towards everybody and many stand for themselves.

    Returns
    -------
    `gap_days`, and `overdue_ratio`: days since the last purchase in such gaps.

    Examples
    --------
    >>> two = pd.DataFrame({"purchases": [5, 1], "days_first_to_last": [40.0, 0.0], "days_since_last": 30.0})
    >>> measure_rhythm(two).to_numpy().tolist()
    [[10.0, 3.0], [10.0, 3.0]]
    """
    gaps, span = buyers["purchases"] - 1, buyers["days_first_to_last"]
    usual = (span / gaps.where(gaps > 0)).median()
    if not usual > 0:  # nobody came back: the time they have been away so far is all there is to compare with
        usual = max(float(buyers["days_since_last"].median()) if len(buyers) else 1.0, 1.0)
    gap = (PRIOR_GAPS * usual + span) / (PRIOR_GAPS + gaps)
    return pd.DataFrame({"gap_days": gap, "overdue_ratio": buyers["days_since_last"] / gap})


def _measure_drop(buyers: pd.DataFrame, gap: pd.Series) -> tuple[pd.Series, pd.Series]:
    """1 − recent spend per day / earlier spend per day, and the days that count as recent.

    Over the shortest window in which the own rhythm promises enough purchases, for customers known at least
    twice as long; missing for the rest, one-time buyers among them, whose quiet spell says nothing.
    """
    drop, recent = pd.Series(np.nan, buyers.index), pd.Series(np.nan, buyers.index)
    again = buyers["purchases"] > 1
    for window in WINDOWS:
        if f"spend_{window}d" not in buyers:
            continue
        spend = buyers[f"spend_{window}d"].astype(float)
        earlier = (buyers["spend_total"].astype(float) - spend) / (buyers["days_observed"] - window)
        seen = again & (buyers["days_observed"] >= 2 * window) & (window / gap >= ENOUGH) & (earlier > 0)
        drop = drop.mask(seen, 1 - spend.clip(lower=0) / window / earlier)
        recent = recent.mask(seen, window)
    return drop, recent


def _grade(facts: pd.DataFrame, grades: Mapping[str, Mapping[str, float | None]]) -> pd.Series:
    """0 for none … 3 for urgent; a missing number reaches no grade."""
    level = pd.Series(0, index=facts.index)
    for place, name in enumerate(ALERTS[1:], start=1):
        for reached in _alert_reasons(facts, grades.get(name, {})).values():
            level = level.mask(reached, place)
    return level


def _alert_reasons(facts: pd.DataFrame, least: Mapping[str, float | None]) -> dict[str, pd.Series]:
    given = {name: limit for name, limit in least.items() if limit is not None}
    reached = {name: facts[name] >= given[name] for name in ("overdue_ratio", "spend_drop") if name in given}
    if "p_alive" in given:
        reached["p_alive"] = facts["p_alive"] < given["p_alive"]
    return reached


def _explain(buyers: pd.DataFrame, facts: pd.DataFrame, level: pd.Series, grades) -> np.ndarray:
    """The grounds that reach at least the lowest grade, with the customer's numbers."""
    words = np.full(len(buyers), _("within the usual rhythm"), dtype=object)
    told = facts.assign(away=buyers["days_since_last"], once=buyers["purchases"] == 1)
    for name, reached in _alert_reasons(facts, grades.get("watch", {})).items():
        told[f"{name}_told"] = reached
    alerted = np.flatnonzero(level.to_numpy())
    words[alerted] = ["; ".join(_reasons(row)) for row in told.iloc[alerted].to_dict("records")]
    return words


def _reasons(row: dict):
    if row["once"]:
        yield _(
            "bought once, {away:.0f} days ago; those who come back do so after about {gap_days:.0f}"
        ).format(**row)
    elif row.get("overdue_ratio_told"):
        yield _(
            "last purchase {away:.0f} days ago, {overdue_ratio:.1f} times the usual {gap_days:.0f}"
        ).format(**row)
    if row.get("spend_drop_told"):
        yield _("spend down {spend_drop:.0%} in {window:.0f} days").format(**row)
    if row.get("p_alive_told"):
        yield _("{p_alive:.0%} likely to be still a customer").format(**row)


def summarise_alerts(churn: pd.DataFrame) -> pd.DataFrame:
    """How many customers have each alert, and the revenue at risk with them; the most pressing first."""
    found = churn.groupby("alert").agg(
        customers=("alert", "size"), revenue_at_risk=("revenue_at_risk", "sum")
    )
    return found.reindex(ALERTS[::-1], fill_value=0).rename_axis("alert").reset_index()


def list_urgent(churn: pd.DataFrame, *, most: int) -> pd.DataFrame:
    """The urgent alerts and warnings with most revenue at risk, the largest first."""
    pressing = churn[churn["alert"].isin(ALERTS[2:])].sort_index()
    return pressing.sort_values("revenue_at_risk", ascending=False, kind="stable").head(most)


def look_back(churn: pd.DataFrame, customers: pd.DataFrame, bought_later: pd.Series) -> pd.DataFrame:
    """Of those alerted then, how many bought again, against those who were not; with 95 % intervals (Wilson).

    Parameters
    ----------
    churn
        The warnings of an earlier day.
    customers
        The `customers` table of that day.
    bought_later
        Purchase days since then, per customer; who is missing bought nothing. Empty: not known, no rows.
    """
    if bought_later.empty:
        churn = churn.iloc[:0]
    once = customers["purchases"].reindex(churn.index).eq(1)
    group = churn["alert"].mask(once, _("bought once"))
    again = bought_later.reindex(churn.index).fillna(0).gt(0)
    found = again.groupby(group).agg(["size", "sum"])
    found = found.reindex([*ALERTS, _("bought once")]).dropna().astype(int)
    n, k = found["size"].to_numpy(float), found["sum"].to_numpy(float)
    z = 1.96
    middle = (k + z**2 / 2) / (n + z**2)
    half = z * np.sqrt(k * (n - k) / n + z**2 / 4) / (n + z**2)
    return pd.DataFrame(
        {
            "alert": found.index.astype("str"), "customers": found["size"].to_numpy(),
            "bought_again": k / n, "low": middle - half, "high": middle + half,
        }
    )  # fmt: skip


def describe_alert_backtest(found: pd.DataFrame) -> str:
    """One sentence: of those with the most pressing alert, how many bought again, against those with none."""
    shares = found.set_index("alert")
    pressing = [name for name in ALERTS[:0:-1] if name in shares.index]
    if not pressing or "none" not in shares.index:
        return _("There is too little history to look back on.")
    return _(
        "Looking back, {then:.0%} of those with alert {alert} bought again; of those with none, {none:.0%}."
    ).format(
        then=shares.loc[pressing[0], "bought_again"],
        alert=pressing[0],
        none=shares.loc["none", "bought_again"],
    )


def vary(customers: pd.DataFrame, value: pd.DataFrame, grades=GRADES, by: float = 0.25) -> pd.DataFrame:
    """How many customers would have each alert if every threshold were stricter or looser by a share."""
    found = {
        _("limits reached {by:.0%} sooner").format(by=by): score_churn_risk(
            customers, value, _scale(grades, 1 - by)
        ),
        _("as the policy says"): score_churn_risk(customers, value, grades),
        _("limits reached {by:.0%} later").format(by=by): score_churn_risk(
            customers, value, _scale(grades, 1 + by)
        ),
    }
    counts = {
        name: churn["alert"].value_counts().reindex(ALERTS, fill_value=0) for name, churn in found.items()
    }
    return pd.DataFrame(counts).T.rename_axis("limits").reset_index()


def _scale(grades, factor: float) -> dict[str, dict[str, float]]:
    """Overdue and drop times the factor, P(alive) over it; shares stay shares."""
    scaled = {"overdue_ratio": lambda x: x * factor, "spend_drop": lambda x: min(x * factor, 1.0)}
    return {
        grade: {
            name: scaled.get(name, lambda x: x / factor)(limit)
            for name, limit in limits.items()
            if limit is not None
        }
        for grade, limits in grades.items()
    }
