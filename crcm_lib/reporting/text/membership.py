"""Words of the loyalty programme: what was earned and used, what is owed, who uses it, what expires."""

from collections.abc import Mapping

import pandas as pd

from crcm_lib.config.policy import LoyaltyProgramme
from crcm_lib.features.holdout_windows import Holdout
from crcm_lib.features.points_accounts import PointsAccounts
from crcm_lib.i18n import _
from crcm_lib.models.loyalty_programme import Redemption
from crcm_lib.models.matched_comparison import MatchedComparison
from crcm_lib.reporting.takeaway import Takeaway, takeaway
from crcm_lib.reporting.text.numbers import fill, fill_rows

BALANCED = 0.1  # standardised mean difference
SURE = 0.05


def explain_absence(moves: pd.DataFrame) -> str:
    """That there is no programme in the data; "" where there is one."""
    return "" if len(moves) else _("Not available: no `loyalty` table, or no movement of points in it.")


def write_ways(ways: pd.DataFrame, programme: LoyaltyProgramme) -> pd.DataFrame:
    """`total_ways` in words, with the money that the points take off prices where the policy says it."""
    words = {
        "redeemed": _("redeemed"),
        "expired": _("expired unused"),
        "reversed": _("taken back (returns, corrections)"),
        "left": _("left on accounts"),
    }
    written = ways.assign(way=ways["way"].map(words))
    if programme.point_value is not None:
        written["money"] = written["points"] * programme.point_value
    return written


def caption_ways(accounts: PointsAccounts, currency: str, programme: LoyaltyProgramme) -> str:
    """How expiry is known, and what the money is."""
    if accounts.recorded:
        words = _("Where the points earned have gone; expiry as the movements record it")
    elif accounts.expire_days is None:
        words = _("Where the points earned have gone; the policy says that they do not expire")
    else:
        words = _(
            "Where the points earned have gone; the data record no expiry, so that it is computed from the "
            "policy's {days:days} days, the oldest points spent first"
        )
    money = (
        "" if programme.point_value is None else _("; money in {currency} at the policy's value of a point")
    )
    return fill(words + money, days=accounts.expire_days, currency=currency)


def describe_months(months: pd.DataFrame, why: str) -> str:
    """What the lines of points per month show, or why there are none; months of few members are left out."""
    shown = months.dropna(subset="points")
    if shown.empty:
        return why or _("Too few members moved points in any month to show.")
    words = {"earned": _("earned"), "redeemed": _("redeemed"), "expired": _("expired")}
    last = shown.sort_values("month").groupby("way", sort=False).tail(1)
    last = last.assign(way=last["way"].map(words), month=last["month"].dt.strftime("%Y-%m"))
    parts = fill_rows(_("{way} {points:count} in {month}"), last)
    return fill(_("Lines, points per month over up to two years. The last: {parts}."), parts=parts)


def describe_curve(redemption: Redemption, why: str) -> str:
    """What the line of redemption shows, or why there is none."""
    if redemption.curve.empty:
        return why or _("No points have been earned yet.")
    places = redemption.curve.iloc[[min(90, redemption.until), redemption.until]].drop_duplicates("days")
    parts = fill_rows(_("{share:share} within {days:days} days"), places)
    return fill(
        _("Line with 95 % interval, points redeemed by the days since they were earned: {parts}."),
        parts=parts,
    )


def caption_redemption(check: Mapping[str, float], days: int) -> str:
    """What the same way of reckoning said of an earlier day, beside what came."""
    if not check["left"]:
        return _("Nothing was left on an earlier day by which to judge this.")
    words = _(
        "Would it have been right before? Of {left:count} points left {days:days} days ago it expected "
        "{expected:count} to be redeemed by now; {actual:count} were"
    )
    return fill(words, days=days, **check)


def tabulate_liability(redemption: Redemption, programme: LoyaltyProgramme) -> pd.DataFrame:
    """Points left, and how many of them will be used: points, low, high, and the same in money."""
    left, until = redemption.left, redemption.until
    within = _("will be redeemed before they expire")
    if programme.expire_days is None:
        within = fill(_("will be redeemed within {days:days} days of being earned"), days=until)
    lost = (left - redemption.expected, left - redemption.high, left - redemption.low)
    rows = [
        (_("left on accounts"), left, float("nan"), float("nan")),
        (within, redemption.expected, redemption.low, redemption.high),
        (_("will not"), *lost),
    ]
    table = pd.DataFrame(rows, columns=["of_the_points", "points", "low", "high"])
    if programme.point_value is not None:
        for column, name in (("points", "money"), ("low", "money_low"), ("high", "money_high")):
            table[name] = table[column] * programme.point_value
    return table if left else table.iloc[:0]


def write_levels(levels: pd.DataFrame, programme: LoyaltyProgramme) -> pd.DataFrame:
    """`summarise_levels` with the points that a level asks for and a word for those without one."""
    asks = levels["level"].map({name: float(points) for name, points in programme.levels.items()})
    written = levels.assign(level=levels["level"].replace({"": _("no level")}))
    written.insert(1, "from_points", asks)
    return written


def write_measures(comparison: MatchedComparison) -> pd.DataFrame:
    """The measures of `compare_members` in words."""
    words = {"purchases": _("purchase days"), "spend": _("spend")}
    return comparison.measures.replace({"measure": words})


def caption_comparison(comparison: MatchedComparison, windows: list[Holdout], currency: str) -> str:
    """Who was compared over the first of these windows, and how alike they were; "" where there is none."""
    if not windows:
        return ""
    words = _(
        "Per customer in {days:days} days from {start:day} on, spend in {currency}: {matched_members:count} "
        "of "
        "{members:count} members of that day, and {matched_others:count} of {others:count} others in the "
        "same "
        "strata; {balance}"
    )
    worst = comparison.balance["after"].abs().max() if len(comparison.balance) else float("nan")
    alike = _(
        "they differ by at most {worst:number} standard deviations in what is known (up to 0.1 is called "
        "alike)"
    )
    apart = _(
        "they still differ by {worst:number} standard deviations in what is known (up to 0.1 is called alike)"
    )
    facts = {
        name: getattr(comparison, name) for name in ("members", "matched_members", "others", "matched_others")
    }
    balance = fill(alike if worst <= BALANCED else apart, worst=worst)
    start, days = windows[0].start + pd.Timedelta(days=1), windows[0].days
    return fill(words, days=days, start=start, currency=currency, balance=balance, **facts)


def explain_uncompared(comparison: MatchedComparison, why: str) -> str:
    """Why members are not compared with others."""
    words = _(
        "Too few members ({members:count}) or others ({others:count}) are alike on that day to compare."
    )
    return why or fill(words, members=comparison.members, others=comparison.others)


def caption_expiries(programme: LoyaltyProgramme, currency: str) -> str:
    """What the table of expiries counts, and where the names are."""
    if programme.expire_days is None:
        return _("The policy says that points do not expire.")
    words = _(
        "Points that expire unless they are used; whom to tell is in the lists (points from {least:count} a "
        "month on)"
    )
    money = "" if programme.point_value is None else _("; money in {currency}")
    return fill(words + money, least=programme.remind_points, currency=currency)


def write_expiries(expiries: pd.DataFrame, programme: LoyaltyProgramme) -> pd.DataFrame:
    """`count_expiries`, small cells hidden, with `money` where the policy says what a point is worth."""
    shown = expiries.drop(columns="largest_share", errors="ignore")
    return (
        shown
        if programme.point_value is None
        else shown.assign(money=shown["points"] * programme.point_value)
    )


def write_difference(comparison: MatchedComparison) -> str:
    """The sentence on purchase days of members and others, to be filled with the row; what it does not say "
    "too."""
    row = comparison.measures.iloc[0]
    if row["p"] > SURE:
        return _(
            "Members bought on {members:number} days and others like them on {others:number}: a difference "
            "of "
            "{low:number} to {high:number}, which chance explains."
        )
    more = _(
        "**Members bought on more days** than others like them ({members:number} against {others:number})."
    )
    fewer = _(
        "**Members bought on fewer days** than others like them ({members:number} against {others:number})."
    )
    caveat = _(
        " Who joins may differ in ways that nobody recorded, so that this is not what the programme does."
    )
    return (more if row["difference"] > 0 else fewer) + caveat


def describe_programme(
    accounts: PointsAccounts,
    redemption: Redemption,
    comparison: MatchedComparison,
    programme: LoyaltyProgramme,
    currency: str,
    *,
    why: str = "",
    at_least: int = 5,
) -> Takeaway:
    """How many points members hold, how many will be used, what expires soon, and who buys more.

    Parameters
    ----------
    why
        From `explain_absence`.
    at_least
        Of fewer members nothing is said.
    """
    members = accounts.members
    if why or len(members) < at_least:
        return takeaway(why or _("Too few members to say anything."))
    facts = {"members": len(members), "left": redemption.left, "currency": currency}
    facts |= {name: getattr(redemption, name) for name in ("expected", "low", "high")}
    words = [_("{members:count} members hold **{left:count} points**.")]
    if pd.notna(redemption.low):
        words = [
            _(
                "{members:count} members hold **{left:count} points**, of which {expected:count} will be "
                "redeemed "
                "({low:count} to {high:count})."
            )
        ]
        if programme.point_value is not None:
            words.append(
                _("That is {money:money} {currency} still owed ({money_low:money} to {money_high:money}).")
            )
            money = {"money": "expected", "money_low": "low", "money_high": "high"}
            facts |= {name: getattr(redemption, part) * programme.point_value for name, part in money.items()}
    soon = members["expiring_90d"].fillna(0)
    if (soon > 0).sum() >= at_least:
        words.append(_("In the next 90 days {soon:count} points of {of:count} members expire."))
        facts |= {"soon": soon.sum(), "of": int((soon > 0).sum())}
    text = " ".join(fill(each, **facts) for each in words)
    if len(comparison.measures):
        text += " " + fill(write_difference(comparison), **comparison.measures.iloc[0].to_dict())
    return takeaway(text)
