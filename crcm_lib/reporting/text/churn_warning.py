"""Churn alerts in words: why each was raised, and what became of earlier ones."""

import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.models.churn import ALERTS, BOUGHT_ONCE, WITHIN_USUAL_GAP
from crcm_lib.reporting.takeaway import Takeaway, takeaway
from crcm_lib.reporting.text.numbers import fill, fill_rows, write_rows


def write_reasons(churn: pd.DataFrame) -> pd.Series:
    """Why each customer has the alert, with the customer's own numbers, by rows of the table `churn`."""
    return write_rows(churn, _write_reason)


def _write_reason(row: dict) -> str:
    if row["reason"] == WITHIN_USUAL_GAP:
        return _("within the usual gap between purchases")
    words = {
        BOUGHT_ONCE: _(
            "bought once, {away:days} days ago; those who come back do so after about {gap_days:days}"
        ),
        "overdue": _(
            "last purchase {away:days} days ago, {overdue_ratio:number} times the usual {gap_days:days}"
        ),
        "spend_drop": _("spend down {spend_drop:share} in {spend_drop_days:days} days"),
        "low_p_alive": _("{p_alive:share} likely to be still a customer"),
    }
    away = row["overdue_ratio"] * row["gap_days"]
    return "; ".join(fill(words[reason], away=away, **row) for reason in row["reason"].split("+"))


def name_alerts(alerts: pd.Series) -> pd.Series:
    """The names of the groups of `backtest_alerts`: the alerts, and those who had bought once."""
    return alerts.replace(BOUGHT_ONCE, _("bought once"))


def describe_alerts(alerts: pd.DataFrame, currency: str) -> str:
    """The bars of customers and revenue at risk; `alerts` as for `describe_churn`."""
    part = _("{alert}: {customers:count} customers, {revenue_at_risk:money} {currency}")
    parts = fill_rows(part, alerts, currency=currency, missing=_("hidden"))
    return fill(_("Bars, customers and revenue at risk by alert. {parts}."), parts=parts)


def describe_intervals(backtest: pd.DataFrame) -> str:
    """The share who bought again by earlier alert, with intervals; `backtest` as for `describe_churn`."""
    part = _("{alert}: {bought_again_share:share} ({low:share} – {high:share}), n = {customers:count}")
    parts = fill_rows(part, backtest.dropna())
    if not parts:
        return _("No picture: there is too little history to look back on.")
    return fill(_("Points with intervals, share who bought again by alert. {parts}."), parts=parts)


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
        _(
            "**{n:count}** customers have the alert {alerts}, with **{risk:money} {currency}** at risk. "
            "{past}"
        ),
        n=pressing["customers"].sum(),
        alerts=_(" or ").join(pressing["alert"]),
        risk=pressing["revenue_at_risk"].sum(),
        currency=currency,
        past=past,
    )


def describe_backtest(backtest: pd.DataFrame) -> str:
    """Of those with the most pressing earlier alert, how many bought again, and of those without an alert.

    `backtest` as for `describe_churn`.
    """
    shares = backtest.dropna(subset="bought_again_share").set_index("alert")["bought_again_share"]
    pressing = [alert for alert in ALERTS[:0:-1] if alert in shares]
    if not pressing or "none" not in shares:
        return _("There is too little history to look back on.")
    words = _(
        "Looking back, {then:share} of those with alert {alert} bought again; of those with none, "
        "{none:share}."
    )
    return fill(words, then=shares[pressing[0]], alert=pressing[0], none=shares["none"])
