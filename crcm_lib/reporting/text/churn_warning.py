"""Churn alerts in words: why each was raised, and what became of earlier ones."""

from collections.abc import Callable

import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.models.churn import ALERTS, BOUGHT_ONCE, WITHIN_USUAL_GAP
from crcm_lib.reporting.takeaway import Takeaway, takeaway
from crcm_lib.reporting.text import numbers


def write_reasons(churn: pd.DataFrame) -> pd.Series:
    """Why each customer has the alert, with the customer's own numbers.

    Parameters
    ----------
    churn
        Rows of the `churn` table; only those that are shown, because every row is formatted.
    """
    reasons = [_write_reason(row) for row in churn.to_dict("records")]
    return pd.Series(reasons, index=churn.index, name="because", dtype="str")


def _write_reason(row: dict) -> str:
    if row["reason"] == WITHIN_USUAL_GAP:
        return _("within the usual gap between purchases")
    facts = {
        "away": numbers.days(row["overdue_ratio"] * row["gap_days"]),
        "gap": numbers.days(row["gap_days"]),
        "ratio": numbers.number(row["overdue_ratio"]),
        "drop": numbers.share(row["spend_drop"]),
        "window": numbers.days(row["spend_drop_days"]),
        "alive": numbers.share(row["p_alive"]),
    }
    return "; ".join(_templates()[reason].format(**facts) for reason in row["reason"].split("+"))


def _templates() -> dict[str, str]:
    return {
        BOUGHT_ONCE: _("bought once, {away} days ago; those who come back do so after about {gap}"),
        "overdue": _("last purchase {away} days ago, {ratio} times the usual {gap}"),
        "spend_drop": _("spend down {drop} in {window} days"),
        "low_p_alive": _("{alive} likely to be still a customer"),
    }


def name_alerts(alerts: pd.Series) -> pd.Series:
    """The names of the groups of `backtest_alerts`: the alerts, and those who had bought once."""
    return alerts.replace(BOUGHT_ONCE, _("bought once"))


def describe_alerts(alerts: pd.DataFrame, currency: str) -> str:
    """The bars of customers and revenue at risk by alert.

    Parameters
    ----------
    alerts
        From `models.churn.summarise_alerts`, small cells hidden.
    """
    template = _("{alert}: {customers} customers, {money} {currency}")
    parts = [
        template.format(
            alert=row.alert,
            customers=_hide_missing(numbers.count, row.customers),
            money=_hide_missing(numbers.money, row.revenue_at_risk),
            currency=currency,
        )
        for row in alerts.itertuples()
    ]
    return _("Bars, customers and revenue at risk by alert. {parts}.").format(parts="; ".join(parts))


def describe_intervals(backtest: pd.DataFrame) -> str:
    """The points and intervals of the share who bought again by earlier alert.

    Parameters
    ----------
    backtest
        From `models.churn.backtest_alerts`, small cells hidden.
    """
    template = _("{alert}: {share} ({low} – {high}), n = {n}")
    parts = [
        template.format(
            alert=row.alert,
            share=numbers.share(row.bought_again_share),
            low=numbers.share(row.low),
            high=numbers.share(row.high),
            n=numbers.count(row.customers),
        )
        for row in backtest.dropna().itertuples()
    ]
    if not parts:
        return _("No picture: there is too little history to look back on.")
    template = _("Points with intervals, share who bought again by alert. {parts}.")
    return template.format(parts="; ".join(parts))


def describe_churn(alerts: pd.DataFrame, backtest: pd.DataFrame, currency: str) -> Takeaway:
    """How many customers are alerted, the revenue at risk with them, and whether alerts were right before.

    Parameters
    ----------
    alerts
        From `models.churn.summarise_alerts`, small cells hidden. A sum over a hidden alert would give it
        away, so that only the alerts that are shown are added up.
    backtest
        From `models.churn.backtest_alerts`, small cells hidden.
    """
    past = describe_backtest(backtest)
    pressing = alerts[alerts["alert"].isin(ALERTS[2:])].dropna()
    if pressing.empty:
        return takeaway(_("Too few customers have an urgent alert or a warning to show. {past}"), past=past)
    return takeaway(
        _("**{n}** customers have the alert {alerts}, with **{money} {currency}** at risk. {past}"),
        n=numbers.count(pressing["customers"].sum()),
        alerts=_(" or ").join(pressing["alert"]),
        money=numbers.money(pressing["revenue_at_risk"].sum()),
        currency=currency,
        past=past,
    )


def describe_backtest(backtest: pd.DataFrame) -> str:
    """Of those with the most pressing earlier alert, how many bought again, and of those without an alert.

    Parameters
    ----------
    backtest
        From `models.churn.backtest_alerts`, small cells hidden.
    """
    shares = backtest.dropna(subset="bought_again_share").set_index("alert")["bought_again_share"]
    pressing = [alert for alert in ALERTS[:0:-1] if alert in shares]
    if not pressing or "none" not in shares:
        return _("There is too little history to look back on.")
    template = _("Looking back, {then} of those with alert {alert} bought again; of those with none, {none}.")
    return template.format(
        then=numbers.share(shares[pressing[0]]), alert=pressing[0], none=numbers.share(shares["none"])
    )


def _hide_missing(write: Callable[[float], str], value: float) -> str:
    return _("hidden") if pd.isna(value) else write(value)
