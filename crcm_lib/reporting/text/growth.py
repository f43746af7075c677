"""Growth in words: what sales grew by, what became of each tier, what came again, what is planned returns."""

import pandas as pd

from crcm_lib.decisions.experiments import expect_gain
from crcm_lib.decisions.tier_development import Development
from crcm_lib.i18n import _
from crcm_lib.models.sales_growth import EVERY, FELL, GREW, NET
from crcm_lib.reporting.takeaway import Takeaway, takeaway
from crcm_lib.reporting.text.numbers import YEAR, fill, fill_rows, write, write_rows

NO_TIER = "none"


def part_names() -> dict[str, str]:
    """The name of each bar of the waterfall of sales."""
    return {
        "year_before": _("the year before"),
        "came": _("came for the first time"),
        "came_back": _("came back"),
        "frequency": _("stayed: how often"),
        "amount": _("stayed: how much each time"),
        "left": _("bought no more"),
        "returned": _("returns alone"),
        "not_profiled": _("customers not profiled"),
        "hidden": _("parts too small to show"),
        "last_year": _("the last year"),
    }


def _claim_names() -> dict[str, str]:
    return {
        "all": _("sales of all customers"),
        NET: _("who came, less who left"),
        "frequency": _("how often those who stayed buy"),
        "amount": _("how much each time those who stayed spend"),
        f"{EVERY}customers": _("the number of customers who buy"),
        f"{EVERY}frequency": _("purchases per customer"),
        f"{EVERY}amount": _("spend per purchase"),
    }


def _verdicts() -> dict[str, str]:
    return {
        GREW: _("grew, beyond chance"),
        FELL: _("fell, beyond chance"),
        "rises": _("more, beyond chance"),
        "falls": _("less, beyond chance"),
        "cannot_tell": _("cannot tell"),
        "too_few": _("too few customers"),
    }


def explain_no_bridge(history_days: int) -> str:
    """Why one year cannot be set beside another; "" where it can."""
    if history_days >= 2 * YEAR:
        return ""
    words = _(
        "Not available: to set a year beside the one before takes {needed} days of data, and these have "
        "{days:count}. Shorter stretches are not compared: the season would look like growth."
    )
    return fill(words, needed=2 * YEAR, days=history_days)


def describe_bridge(bars: pd.DataFrame, currency: str, why: str) -> str:
    """What the waterfall of sales shows, or why there is none."""
    if bars.empty:
        return why or _("No picture: too few customers, or one dominates them.")
    parts = fill_rows("{part} {amount:money}", bars.replace({"part": part_names()}))
    words = _("Bars, sales from the year before to the last year, in {currency}: {parts}.")
    return fill(words, currency=currency, parts=parts)


def write_bridge(bridge: pd.DataFrame) -> pd.DataFrame:
    """`bridge_sales` in words."""
    return bridge.assign(part=bridge["part"].map(part_names()))


def caption_bridge(claims: pd.DataFrame, currency: str) -> str:
    """What the parts of the bridge are, and what of them is beyond chance."""
    words = _(
        "Who stayed bought in both years; a return counts on the day of its sale. Changes in {currency}, "
        "each with its own 95 % interval"
    )
    return fill(words, currency=currency) + ". " + _list_claims(claims)


def _list_claims(claims: pd.DataFrame) -> str:
    """What of the change is beyond chance; ends without a full stop."""
    named = claims.assign(what=claims["part"].map(_claim_names()))
    parts = []
    for verdict, words in ((GREW, _("{what} grew")), (FELL, _("{what} fell"))):
        parts += [fill(words, what=what) for what in named.loc[named["verdict"] == verdict, "what"]]
    if not parts:
        return _("With all parts counted (Holm) no change of a part is beyond chance")
    return fill(_("Beyond chance, with all parts counted (Holm): {parts}"), parts=parts)


def write_factors(factors: pd.DataFrame, claims: pd.DataFrame) -> pd.DataFrame:
    """`split_factors` in words, with the verdict of `judge_change`."""
    names = {
        "customers": _("customers who bought"),
        "frequency": _("purchases per customer"),
        "amount": _("spend per purchase"),
    }
    verdicts = claims.set_index("part")["verdict"]
    said = (EVERY + factors["factor"]).map(verdicts).map(_verdicts())
    kinds = {"customers": "count", "frequency": "number", "amount": "money"}
    written = {
        year: write_rows(factors, lambda row, year=year: write(row[year], kinds[row["factor"]]), year)
        for year in ("before", "now")
    }
    table = factors.assign(**written, factor=factors["factor"].map(names), verdict=said)
    return table.drop(columns="p").rename(columns={"before": "year_before", "now": "last_year"})


def caption_factors(currency: str) -> str:
    """What the factors are, and by which method they add up."""
    words = _(
        "Customers × purchases per customer × spend per purchase; the changes in {currency} add up to that "
        "of all sales (logarithmic mean Divisia index, Ang 2005)"
    )
    return fill(words, currency=currency)


def write_places(places: pd.DataFrame) -> pd.DataFrame:
    """`choose_places` in words."""
    kinds = {"category": _("product category"), "region": _("region"), "channel": _("channel")}
    table = places.assign(
        by=places["by"].map(kinds),
        place=places["place"].replace("", _("not named")),
        verdict=places["verdict"].map(_verdicts()),
    )
    return table.rename(columns={"spend_before": "year_before", "spend": "last_year"})


def caption_places(every: pd.DataFrame, currency: str) -> str:
    """How many products, regions and channels were compared, and how many changed beyond chance."""
    beyond = int((every["verdict"] != "cannot_tell").sum())
    words = _("The largest changes of {n:count}, in {currency}; ")
    said = fill(words, n=len(every), currency=currency)
    if not beyond:
        return said + _("with all counted (Holm) none is beyond chance")
    words = _("1 of all is beyond chance") if beyond == 1 else _("{n:count} of all are beyond chance")
    return said + fill(words, n=beyond)


def explain_no_places(why: str) -> str:
    """Why no product, region or channel is compared."""
    return why or _("The transactions name no category, region or channel, or only one of each.")


# Tiers


def measure_names() -> dict[str, str]:
    """The name of each measure of a tier."""
    return {
        "bought": _("share who bought"),
        "frequency": _("purchases per customer"),
        "amount": _("spend per purchase"),
        "spend": _("spend per customer"),
        "contribution": _("contribution per customer"),
        "satisfaction": _("satisfaction, 1 to 5"),
    }


def explain_no_development(development: Development, history_days: int) -> str:
    """Why no tier's periods are compared; "" where they are."""
    if development.known:
        return ""
    words = _(
        "Cannot tell: no tier is known at the start of the same days a year before. That takes two years of "
        "data, and these have {days:count} days. Tiers of today, chosen by what was bought lately, would "
        "seem to have grown."
    )
    return fill(words, days=history_days)


def write_development(table: pd.DataFrame) -> pd.DataFrame:
    """`compare_periods` in words; amounts as money, who bought as a share."""
    kinds = {"bought": "share", "frequency": "number", "satisfaction": "number"}
    numbers = ["before", "now", "difference", "low", "high"]
    written = {
        name: write_rows(table, lambda row, name=name: write(row[name], kinds.get(row["measure"], "money")))
        for name in numbers
    }
    names, verdicts = measure_names(), _verdicts()
    return table.assign(
        **written, measure=table["measure"].map(names), verdict=table["verdict"].map(verdicts)
    )


def caption_development(development: Development, table: pd.DataFrame, currency: str) -> str:
    """What is compared with what, and how much of it is beyond chance."""
    if development.now is None or development.before is None:
        return ""
    words = _(
        "Who had the tier on {start:day}, in the {days:count} days after it, beside who had it on "
        "{before:day}; {currency}. Each interval holds by itself in 95 % of cases; p counts all rows (Holm). "
        "{beyond:count} of {rows:count} are beyond chance"
    )
    facts = {"start": development.now.start, "before": development.before.start, "days": development.days}
    beyond = int(table["verdict"].isin(["rises", "falls"]).sum())
    return fill(words, **facts, currency=currency, beyond=beyond, rows=len(table))


def describe_development(rows: pd.DataFrame, currency: str, why: str) -> str:
    """What the picture of tiers in both periods shows, or why there is none."""
    if rows.empty:
        return why or _("No picture: too few customers in every tier.")
    words = _("Points per tier, spend per customer a year before and now, in {currency}. {parts}.")
    named = rows.assign(verdict=rows["verdict"].map(_verdicts()))
    parts = fill_rows("{tier}: {before:money}, {now:money}, {verdict}", named)
    return fill(words, currency=currency, parts=parts)


def write_profit(table: pd.DataFrame) -> pd.DataFrame:
    """`summarise_profit` in words, without what is unknown of all."""
    table = table.drop(columns="year_share", errors="ignore")
    known = table.loc[:, table.notna().any() | (table.columns == "tier")]
    return known.assign(tier=known["tier"].replace(NO_TIER, _("without a tier")))


def caption_profit(table: pd.DataFrame, currency: str) -> str:
    """What the columns of profit by tier are."""
    if table["contribution"].isna().all():
        words = _("Cost is not known, so that only what was paid can be shown; in {currency}")
        return fill(words, currency=currency)
    words = _(
        "Tiers in force, to date as in 11 and of the last 365 days, in {currency}; top share: what the best "
        "tenth of a tier's customers bring of its contribution. A tier's last year is not set beside its "
        "year before: today's tiers follow from the last year"
    )
    return fill(words, currency=currency)


def describe_profit(table: pd.DataFrame, why: str) -> str:
    """What the bars of profit by tier show, or why there are none."""
    shown = table.dropna(subset=["contribution_share", "customers_share"])
    if shown.empty:
        return why
    words = _("{tier}: {customers_share:share} of customers, {contribution_share:share} of contribution")
    return fill(_("Bars per tier. {parts}."), parts=fill_rows(words, write_profit(shown)))


def name_shares(table: pd.DataFrame) -> pd.DataFrame:
    """The shares of `summarise_profit` under names for people, of those that are known."""
    names = {
        "customers_share": _("customers"),
        "contribution_share": _("contribution to date"),
    }
    known = [name for name in names if len(table) and table[name].notna().any()]
    return write_profit(table[["tier", *known]]).rename(columns=names)


def explain_no_profit() -> str:
    """Why there are no bars of contribution."""
    return _("No picture: cost is not known, or no tier can be shown.")


def write_runs(table: pd.DataFrame) -> pd.DataFrame:
    """`follow_days` in words: a share or a number with its range in brackets."""
    shares = ("repeat_share", "repeat_low", "repeat_high"), ("bought_share", "bought_low", "bought_high")
    days = ("tenure_days", "tenure_low", "tenure_high")
    money = ("contribution_mean", "contribution_low", "contribution_high")
    columns = [(*shares[0], "share"), (*days, "days"), (*shares[1], "share"), (*money, "money")]
    names = ["bought_repeatedly", "days_with_us", "bought_by_then", "contribution_each"]
    written = {
        name: write_rows(table, lambda row, of=of: _write_range(*(row[each] for each in of[:3]), of[3]))
        for name, of in zip(names, columns, strict=True)
    }
    return table[["day", "until", "tier", "customers"]].assign(**written)


def _write_range(value: float, low: float, high: float, kind: str) -> str:
    if pd.isna(value):
        return write(value)
    ends = fill(_(" ({low} to {high})"), low=write(low, kind), high=write(high, kind))
    return write(value, kind) + ("" if pd.isna(low) else ends)


def caption_runs(table: pd.DataFrame) -> str:
    """How the tiers of each day are known, and what is not to be read into the rows."""
    how = _("Tiers in force in each run")
    if (table["source"] == "measured").any():
        how = _("Tiers that purchases alone give on the earlier days, and those in force today")
    elif table["day"].nunique() < 2:
        how = _("Tiers in force today; the next run is set beside them")
    rest = _(
        "; 95 % intervals in brackets. Who was chosen for buying lately comes back to the usual: a tier is "
        "compared with itself on another day, not with what its customers did before"
    )
    return how + rest


# What comes again


def kind_names() -> dict[str, str]:
    """The name of each kind of sales."""
    return {
        "contract": _("under contract"),
        "again": _("from who bought the year before too"),
        "other": _("from who had not bought the year before"),
        "unknown": _("the rest: the year before is not known"),
    }


def write_recurring(table: pd.DataFrame) -> pd.DataFrame:
    """`share_recurring` in words."""
    return table.assign(kind=table["kind"].map(kind_names()))


def caption_recurring(table: pd.DataFrame, currency: str) -> str:
    """How recurring revenue is defined here."""
    if (table["kind"] == "unknown").any():
        words = _(
            "Recurring revenue (经常性收入) is what was bought on days under contract; who had bought in the "
            "year before is not known; sales of the last 365 days, in {currency}"
        )
        return fill(words, currency=currency)
    if (table["kind"] == "contract").any():
        words = _(
            "Recurring revenue (经常性收入) is what was bought on days under contract, and else what came "
            "from customers who had bought in the year before; sales of the last 365 days, in {currency}"
        )
        return fill(words, currency=currency)
    words = _(
        "No contract is known: recurring revenue (经常性收入) is what came from customers who had "
        "bought in the year before too; sales of the last 365 days, in {currency}"
    )
    return fill(words, currency=currency)


def explain_no_recurring(why: str) -> str:
    """Why nothing is known of what came again."""
    return why or _("Nothing was sold in the last year.")


# What actions return


def write_returns(by_lever: pd.DataFrame, by_tier: pd.DataFrame) -> pd.DataFrame:
    """`sum_returns` per lever, then per tier, in words."""
    words = {
        "assumed": _("assumed by the policy"),
        "measured": _("measured beside controls"),
        "measured_and_assumed": _("partly measured, partly assumed"),
        "unknown": _("not known"),
    }
    parts = [
        table.rename(columns={kind: "of"}).assign(of=fill_names(name, table[kind]))
        for kind, name, table in (
            ("lever", _("lever {name}"), by_lever),
            ("tier", _("tier {name}"), by_tier),
        )
    ]
    both = pd.concat(parts, ignore_index=True)
    return both.assign(resting_on=both["resting_on"].map(words))


def fill_names(template: str, names: pd.Series) -> list[str]:
    """The template filled with each name."""
    return [fill(template, name=name) for name in names]


def caption_returns(actions: pd.DataFrame, experiments: pd.DataFrame, currency: str) -> str:
    """What the plan costs and gains in all, with its range: the sums of 09."""
    words = _(
        "Planned by 09, in {currency}: {cost:money} in all for an expected gain of {gain:money} after its "
        "cost ({low:money} to {high:money}). Gain per cost is the return on investment (投资回报率); low and "
        "high: 95 % range of the effects"
    )
    expected = expect_gain(actions, experiments)._asdict()
    if not expected["actions"]:
        words = _("Planned by 09, in {currency}: {cost:money} in all; what it gains is not known")
    return fill(words, currency=currency, cost=actions["cost"].sum(), **expected)


def write_measured(table: pd.DataFrame) -> pd.DataFrame:
    """`join_measured` in words."""
    verdicts = {"higher": _("higher, beyond chance"), "lower": _("lower, beyond chance")}
    other = {"too_few": _("too few to compare")}
    said = {**_verdicts(), **other, **verdicts}
    return table.assign(verdict=[said.get(each, _("cannot tell")) for each in table["verdict"]])


def caption_measured(currency: str) -> str:
    """What the measured differences are."""
    words = _(
        "Measured by 10 beside control groups drawn at random: spend per treated customer, and of all "
        "treated, in {currency}; before the cost of goods"
    )
    return fill(words, currency=currency)


def explain_unmeasured() -> str:
    """What stands where no action was measured."""
    return _("Nothing was measured: no earlier action has a control group that could be compared.")


# Price


def caption_discounts(prices: dict[str, int], *, known: bool) -> str:
    """Why the share bought at a discount is no price elasticity, and what it would take.

    Parameters
    ----------
    prices
        From `features.period_sums.count_prices`.
    known
        Whether any discount is known.
    """
    none = _("The transactions of the year name no discount: price sensitivity cannot be told. ")
    words = _(
        "This is no price sensitivity: discounts were given to some and not to others for reasons of ours, "
        "so that what was bought with them does not say what would have been bought without (confounding). "
    )
    said = words if known else none
    if prices.get("item_days"):
        share = prices["varied"] / prices["item_days"]
        more = _(
            "In {share:share} of {days:count} cases in which several customers bought one item on one day "
            "they paid different prices; nothing says that chance set them. "
        )
        said += fill(more, share=share, days=prices["item_days"])
    return said + _(
        "An elasticity takes prices or discounts drawn at random, for the same item at the same time: a test "
        "as in 09. What customers could spend, and spend elsewhere, is not in these data: that takes their "
        "answers or outside figures."
    )


# Takeaway


def describe_growth(
    sums: tuple[float, float], claims: pd.DataFrame, tiers: pd.DataFrame, recurring: pd.DataFrame, first: str
) -> Takeaway:
    """What sales grew by, whether beyond chance, what became of the tiers, what comes again, what to do.

    Parameters
    ----------
    sums
        Sales of the year before and of the last year (currency), with the customers not profiled.
    claims
        From `judge_change`; no rows where the data do not reach back.
    tiers
        From `compare_periods`.
    recurring
        From `share_recurring`, small cells hidden; no rows where the data do not reach back.
    first
        From `advise_first`.
    """
    said = [_describe_sales(*sums, claims)]
    said += [_describe_tiers(tiers)] if len(tiers) else []
    known = recurring.loc[~recurring["kind"].isin(["other", "unknown"]), "share"]
    if len(known) and known.notna().all():
        said.append(fill(_("{share:share} of the last year's sales came again."), share=known.sum()))
    return takeaway("{said}", said=" ".join([*said, first]))


def _describe_sales(before: float, now: float, claims: pd.DataFrame) -> str:
    if claims.empty:
        return _("What sales grew by cannot be told: the data do not reach back two years.")
    words = _("Sales of the last year were {change:change} against the year before")
    said = fill(words, change=now / before - 1 if before > 0 else float("nan"))
    whole = claims.set_index("part")["verdict"]["all"]
    how = _(", which chance explains. ") if whole == "cannot_tell" else _(", beyond chance. ")
    return said + how + _list_claims(claims[claims["part"] != "all"]) + "."


def _describe_tiers(tiers: pd.DataFrame) -> str:
    beyond = tiers[tiers["verdict"].isin(["rises", "falls"])]
    if beyond.empty:
        return _("Of no tier can it be said that its customers do more or less than a year before.")
    up = _("in {tier} more {measure} than a year before")
    down = _("in {tier} less {measure} than a year before")
    named = beyond.assign(measure=beyond["measure"].map(measure_names()))
    parts = [fill(up if row["verdict"] == "rises" else down, **row) for row in named.to_dict("records")]
    return fill(_("Beyond chance: {parts}."), parts=parts)


def advise_first(claims: pd.DataFrame, tiers: pd.DataFrame, by_lever: pd.DataFrame) -> str:
    """The first thing to do: look into what fell beyond chance, else the lever with the highest return.

    Parameters
    ----------
    claims
        From `judge_change`.
    tiers
        From `compare_periods`.
    by_lever
        From `sum_returns`.
    """
    fell = claims[(claims["verdict"] == FELL) & (claims["part"] != "all")]
    if len(fell):
        largest = fell.loc[fell["change"].idxmin()]
        words = _("First to do: ask why {what} fell; 05 lists who is leaving now.")
        return fill(words, what=_claim_names()[largest["part"]])
    falls = tiers[tiers["verdict"] == "falls"]
    if len(falls):
        row = falls.iloc[0]
        words = _("First to do: ask customers in {tier} why it is less; 05 lists who is leaving now.")
        return fill(words, tier=row["tier"])
    known = by_lever.dropna(subset=["gain_per_cost"])
    known = known[known["gain_per_cost"] > 0]
    if known.empty:
        return _("First to do: nothing that these data show.")
    best = known.loc[known["gain_per_cost"].idxmax()]
    words = _(
        "First to do: the actions of lever {lever}, which are expected to gain most for their cost{how}."
    )
    assumed = _(", by effects that the policy assumes")
    partly = _(", by effects of which some are assumed")
    how = {"measured": "", "assumed": assumed}.get(best["resting_on"], partly)
    unsure = _(" The range of that gain holds zero: test it.") if not best["low"] > 0 else ""
    return fill(words, lever=best["lever"], how=how) + unsure
