"""What the pictures of customer lifetime value show, for those who cannot see them."""

import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.reporting.text.numbers import fill, fill_rows


def describe_deciles(deciles: pd.DataFrame, currency: str) -> str:
    """Mean spend predicted and actual by decile, small cells hidden."""
    shown = deciles.dropna()
    if shown.empty:
        return _("No picture: there is too little to compare.")
    parts = fill_rows(_("{decile}: {predicted:money}, {actual:money}"), shown)
    words = _("Bars, mean {currency} per customer by tenth, predicted and actual. {parts}.")
    return fill(words, currency=currency, parts=parts)


def describe_tenths(tenths: pd.DataFrame, currency: str) -> str:
    """Share of the predicted value by tenth, small cells hidden."""
    if tenths["value_share"].isna().all():
        return _("No picture: there are too few customers to show who carries the value.")
    words = _("Bars, share of the predicted value ({currency}) by tenth of customers: {shares:share}.")
    return fill(words, currency=currency, shares=list(tenths["value_share"]), missing=_("hidden"))


def describe_totals(totals: pd.DataFrame, currency: str) -> str:
    """Expected spend and its interval by group, from `relative_totals`."""
    if totals.empty:
        return _("No picture: there are too few customers, or nothing is expected of them.")
    part = _("{group}: {spend_expected:money} ({spend_low:money} – {spend_high:money})")
    named = totals.assign(group=totals["group"].replace("", _("all")))
    words = _("80 % prediction intervals around what is expected, {currency} per group. {parts}.")
    return fill(words, currency=currency, parts=fill_rows(part, named))
