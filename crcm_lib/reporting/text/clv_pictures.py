"""What the pictures of customer lifetime value show, for those who cannot see them."""

import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.reporting.text import numbers


def describe_deciles(deciles: pd.DataFrame, currency: str) -> str:
    """Mean spend predicted and actual by decile, small cells hidden."""
    shown = deciles.dropna()
    if shown.empty:
        return _("No picture: there is too little to compare.")
    part = _("{decile}: {predicted}, {actual}")
    parts = [
        part.format(
            decile=row.decile, predicted=numbers.money(row.predicted), actual=numbers.money(row.actual)
        )
        for row in shown.itertuples()
    ]
    words = _("Bars, mean {currency} per customer by tenth, predicted and actual. {parts}.")
    return words.format(currency=currency, parts="; ".join(parts))


def describe_tenths(tenths: pd.DataFrame, currency: str) -> str:
    """Share of the predicted value by tenth, small cells hidden."""
    if tenths["value_share"].isna().all():
        return _("No picture: there are too few customers to show who carries the value.")
    shares = [_("hidden") if pd.isna(share) else numbers.share(share) for share in tenths["value_share"]]
    words = _("Bars, share of the predicted value ({currency}) by tenth of customers: {shares}.")
    return words.format(currency=currency, shares=", ".join(shares))


def describe_totals(totals: pd.DataFrame, currency: str) -> str:
    """Expected spend and its interval by group, from `relative_totals`."""
    if totals.empty:
        return _("No picture: there are too few customers, or nothing is expected of them.")
    part = _("{group}: {expected} ({low} – {high})")
    parts = [
        part.format(
            group=row.group or _("all"),
            expected=numbers.money(row.spend_expected),
            low=numbers.money(row.spend_low),
            high=numbers.money(row.spend_high),
        )
        for row in totals.itertuples()
    ]
    words = _("80 % prediction intervals around what is expected, {currency} per group. {parts}.")
    return words.format(currency=currency, parts="; ".join(parts))
