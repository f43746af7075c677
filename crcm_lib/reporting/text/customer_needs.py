"""Words of what customers need: what their purchases show, how sure, and whether it changes."""

import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.i18n import _
from crcm_lib.models.needs import NEEDS, SURE
from crcm_lib.reporting.takeaway import Takeaway, takeaway
from crcm_lib.reporting.text.numbers import fill, fill_rows

CHANCE = 0.05


def name_need(need: str) -> str:
    """A need in words; that none is shown for ""."""
    words = {
        "premium": _("premium: from the top prices"),
        "personalised": _("personalised: what few others buy"),
        "price_led": _("price-led: at a discount"),
        "standardised": _("standardised: what most others buy"),
        "": _("no need shown"),
    }
    return words[need]


def explain_absence(needs: pd.DataFrame) -> str:
    """Why nothing can be said of needs; "" where something can."""
    return (
        ""
        if len(needs)
        else _("Not available: the transactions of the year name no product and no category.")
    )


def write_needs(summary: pd.DataFrame) -> pd.DataFrame:
    """`summarise_needs` in words."""
    return summary.assign(need=summary["need"].map(name_need)).rename(columns={"days": "purchase_days"})


def caption_needs(days: int) -> str:
    """How sure a need must be, and how many purchase days that takes."""
    words = _(
        "Said where it is {sure:share} sure; a customer all of whose purchases are of one kind shows it from "
        "{days:count} purchase days on. Medians of purchase days, spend of the year each"
    )
    return fill(words, sure=SURE, days=days)


def describe_shares(shares: pd.DataFrame, why: str) -> str:
    """What the bars of shares show, or why there are none."""
    if shares.empty:
        return why
    words = _("{need}: {everybody:share} of all, eight in ten customers between {low:share} and {high:share}")
    written = shares.assign(need=shares["need"].map(name_need))
    bars = _("Bars, expected share of a customer's purchases; mark: of all. {parts}.")
    return fill(bars, parts=fill_rows(words, written))


def write_years(years: pd.DataFrame) -> pd.DataFrame:
    """`compare_years` in words."""
    return years.assign(need=years["need"].map(name_need))


def caption_years(years: pd.DataFrame) -> str:
    """How many bought in both years, and whether any need is shown by more or fewer of them."""
    if years.empty:
        return _("Nobody is known to have bought in this year and in the one before: no change can be seen.")
    changed = years[years["p"] <= CHANCE]
    both = fill(
        _("{n:count} customers bought in this year and in the one before"), n=years["customers"].max()
    )
    if changed.empty:
        return both + _("; no need is shown by more or fewer of them beyond chance")
    more = fill_rows(_("{need} ({before:count}, now {now:count})"), write_years(changed))
    return both + fill(_("; beyond chance changed: {more}"), more=more)


def list_answers(policy: Policy, actions: pd.DataFrame) -> pd.DataFrame:
    """What the playbook has for each need: `need`, `action`, `because`, and to how many `customers` it is "
    "due."""
    due = actions.groupby("action")["customer_id"].nunique()
    rows = [
        (name_need(need), action.name, action.because, int(due.get(action.name, 0)))
        for need in NEEDS
        for action in policy.playbook
        if need in action.needs
    ]
    return pd.DataFrame(rows, columns=["need", "action", "because", "customers"])


def describe_needs(summary: pd.DataFrame, years: pd.DataFrame, why: str) -> Takeaway:
    """How many customers show a need, which is most frequent, whether that changes.

    Parameters
    ----------
    summary
        From `summarise_needs`, small cells hidden.
    years
        From `compare_years`.
    why
        From `explain_absence`.
    """
    if why:
        return takeaway(why)
    shown = summary[summary["need"] != ""]
    known = shown.dropna(subset="customers")
    known = known[known["customers"] > 0].sort_values("customers", ascending=False, kind="stable")
    total = summary["customers"].sum()
    if known.empty:
        words = _("Nobody's purchases show a need of their own beyond chance, or too few to show do.")
        return takeaway(words)
    words = _(
        "Of {total:count} customers with purchases this year **{named:count} show a need of their own**: "
        "{parts}."
    )
    parts = fill_rows(_("{customers:count} {need}"), known.assign(need=known["need"].map(name_need)))
    text = fill(words, total=total, named=known["customers"].sum(), parts=parts)
    return takeaway(text + " " + _("Of the others it cannot be told.") + _write_change(years))


def _write_change(years: pd.DataFrame) -> str:
    changed = years[years["p"] <= CHANCE] if len(years) else years
    if changed.empty:
        return ""
    words = _(
        " Beyond chance, {need} is shown by {now:count} of those who bought in both years, {before:count} "
        "before."
    )
    return fill_rows(words, write_years(changed))
