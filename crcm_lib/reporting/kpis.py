"""A run's tables -> the few numbers of its executive page."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from crcm_lib.features.customer_sql import SPEND_DAY, date, days_between
from crcm_lib.i18n import _
from crcm_lib.ingest.cleaning.summaries import STATES_KEPT
from crcm_lib.ingest.sources.description import ANONYMOUS
from crcm_lib.privacy import LARGEST_SHARE, hide_small
from crcm_lib.reporting.text.data_quality import list_limits
from crcm_lib.reporting.text.numbers import YEAR, fill, write
from crcm_lib.reporting.text.profile import describe_returns
from crcm_lib.schema import tables
from crcm_lib.schema.engine import has, open_engine

ACTIVE = ("new", "one order", "growing", "loyal", "won back")
ALARMS = ("warning", "urgent")
AT_LEAST = 5  # customers a published number must stand for, where the policy does not say


@dataclass(frozen=True)
class Card:
    """One number, what it is, and what to hold against it.

    `name` and `number` are for comparison with the cards of earlier runs: `NaN` where there is nothing to
    compare, for a number that is hidden or of fewer days of history.
    """

    label: str
    value: str
    note: str = ""
    unit: str = ""
    tone: str = ""  # good, bad or nothing
    name: str = ""
    number: float = float("nan")


class TierBars(NamedTuple):
    """The tiers as shares of customers and of money, best first; `what` names the money.

    Each row has `name`, `customers`, `customers_share`, `customers_percent`, `money_share`, `money_percent`.
    """

    what: str
    rows: list[tuple]


def has_few(folder: Path, run: dict) -> bool:
    """Whether so few customers have bought that every number of them would be somebody's own."""
    buyers = tables.count_buyers(folder)
    return buyers is not None and buyers < _at_least(run)


def cards(folder: Path, run: dict) -> list[Card]:
    """Return the cards that this run's tables can fill."""
    if not tables.exists(folder, "customer_features"):
        return []
    customers = tables.read(folder, "customer_features")
    buyers = customers[customers["purchases"] > 0]
    if len(buyers) < (least := _at_least(run)):
        words = fill(_("Fewer than {n}: every other number would be somebody's own."), n=least)
        return [Card(_("Customers"), fill(_("fewer than {n}"), n=least), words)]
    prospects = len(customers) - len(buyers)
    words = _("and {prospects:count} prospects") if prospects else _("who have bought")
    words = _("and fewer than {least} prospects") if 0 < prospects < least else words
    repeat = _publish(buyers["purchases"] > 1, [True, False], least)[True]
    found = [
        Card(
            _("Customers"),
            write(len(buyers)),
            fill(words, prospects=prospects, least=least),
            name="customers",
            number=len(buyers),
        ),
        _active(folder, buyers, least),
        _spend(folder, run),
        Card(
            _("Repeat customers"),
            _share(repeat / len(buyers)),
            _("of customers bought on more than one day"),
            name="repeat_share",
            number=repeat / len(buyers),
        ),
        _value(folder, run),
        _at_risk(folder, run),
    ]
    return [card for card in found if card]


def _active(folder: Path, buyers: pd.DataFrame, least: int) -> Card | None:
    if not tables.exists(folder, "stages"):
        return None
    stages = tables.read(folder, "stages")["stage"].reindex(buyers.index)
    kinds = stages.mask(stages.isin(ACTIVE), "active")
    active, risk, lost = _publish(kinds, ["active", "at risk", "lost"], least)
    note = _("{share} of customers; at risk: {risk:count}, lost: {lost:count}")
    if lost == 0:
        note = _("{share} of customers; at risk: {risk:count}; nobody is called lost")
    note = fill(note, share=_share(active / len(buyers)), risk=risk, lost=lost, missing=_("hidden"))
    if tables.exists(folder, "stage_returns"):
        returns = tables.read(folder, "stage_returns").set_index("stage")
        if came_back := describe_returns(returns, ["at risk", "lost"], at_least=least):
            note = f"{note}. {came_back}"
    return Card(_("Active customers"), write(active, "count"), note, name="active", number=active)


def _publish(kinds: pd.Series, names: list, least: int) -> pd.Series:
    """How many customers are of each kind; missing where that, or a difference, tells of a few."""
    counts = kinds.value_counts().reindex(names, fill_value=0).to_frame("customers")
    return hide_small(counts, at_least=least)["customers"].astype("float64")


def _spend(folder: Path, run: dict) -> Card | None:
    now, before, history = _spend_by_year(folder)
    if now is None:
        return None
    tone, note = "", _("the year before is not in the data")
    if history < YEAR:
        note = _("all the history there is")
    elif history >= 2 * YEAR and before:
        change = now / before - 1
        arrow, tone = ("▲", "good") if change >= 0 else ("▼", "bad")
        words = _("{arrow} {change} against the year before")
        note = fill(words, arrow=arrow, change=_share(abs(change)))
    label = fill(_("Spend in {days} days") if history > 1 else _("Spend on one day"), days=min(history, YEAR))
    comparable = now if history >= YEAR else float("nan")
    currency = run.get("currency", "")
    return Card(label, shorten(now), note, currency, tone, name="spend_year", number=comparable)


def _spend_by_year(folder: Path) -> tuple[float | None, float | None, int]:
    """Money of the last year's and the year before's sales, less returns, and the days of history."""
    engine = open_engine(folder)
    if not has(engine, "transactions"):
        return None, None, 0
    end = tables.read_about(folder).day
    not_profiled = ""
    if has(engine, "daily_not_profiled"):  # their money is revenue all the same
        not_profiled = " union all select amount, day, day, day from daily_not_profiled"
    year_ago, two_years_ago = (date(end - pd.Timedelta(days=years * YEAR)) for years in (1, 2))
    return engine.execute(f"""
        with lines as (
            select amount, day, purchase_day, cast(day as date) as first from transactions{not_profiled}
        )
        select
            cast(sum(case when {SPEND_DAY} > {year_ago} then amount end) as double),
            cast(sum(case when {SPEND_DAY} <= {year_ago} and {SPEND_DAY} > {two_years_ago} then amount end)
                as double),
            {days_between("min(first)", date(end))} + 1
        from lines
        where day <= {date(end)}
    """).fetchone()


def _value(folder: Path, run: dict) -> Card | None:
    if not tables.exists(folder, "value"):
        return None
    value = tables.read(folder, "value")["value"].dropna()
    if value.empty:
        return None
    policy = run.get("policy") or {}
    words = _("spend expected over the next {days} days, discounted")
    if _counts_margin(folder, run):
        words = _("margin expected over the next {days} days, discounted")
    note = fill(words, days=policy.get("horizon_days", "…"))
    currency, total = run.get("currency", ""), float(value.sum())
    name = "margin_expected" if _counts_margin(folder, run) else "spend_expected"
    return Card(_("Predicted value"), shorten(total), note, currency, name=name, number=total)


def name_measure(folder: Path, run: dict) -> str:
    """What value, and so the gain of actions, is counted in."""
    return _("margin") if _counts_margin(folder, run) else _("spend")


def _counts_margin(folder: Path, run: dict) -> bool:
    """Whether value is margin, so that money at risk is told in the same measure."""
    declared = (run.get("policy") or {}).get("margin_rate")
    return declared is not None or "margin_total" in tables.read(folder, "customer_features")


def _at_risk(folder: Path, run: dict) -> Card | None:
    if not tables.exists(folder, "churn"):
        return None
    churn = tables.read(folder, "churn")
    alerted = churn[churn["alert"].isin(ALARMS)]
    label = _("Margin at risk") if _counts_margin(folder, run) else _("Spend at risk")
    if alerted.empty:
        others = (churn["reason"] == "alerts_not_raised").any()
        words = _("no alert is raised; whom a call may pay for all the same, 05 says")
        return Card(label, "–", words if others else _("no alert is raised"), name="at_risk")
    if len(alerted) < (least := _at_least(run)):
        few = fill(_("fewer than {n} customers under a warning"), n=least)
        return Card(label, "–", few, name="at_risk")
    note = fill(_("with {n:count} customers under a warning or an urgent alert"), n=len(alerted))
    currency, total = run.get("currency", ""), float(alerted["value_at_risk"].sum())
    return Card(label, shorten(total), note, currency, name="at_risk", number=total)


def tiers(folder: Path, run: dict) -> TierBars | None:
    """Return each tier in force's share of customers and of predicted value, or of spend where there is none.

    In the order of the policy, the best tier first.
    """
    if not tables.exists(folder, "tiers") or not tables.exists(folder, "customer_features"):
        return None
    scored = tables.read(folder, "tiers")
    source, column, what = ("value", "value", _("predicted value"))
    if not tables.exists(folder, "value") or tables.read(folder, "value")["value"].isna().all():
        source, column, what = ("customer_features", "spend_total", _("spend"))
    money = tables.read(folder, source)[column].reindex(scored.index).fillna(0)
    by_tier = scored.assign(money=money).groupby("tier_in_force")
    known = run.get("policy", {}).get("tiers", [])
    order = [*filter(by_tier.groups.__contains__, known), *sorted(set(by_tier.groups) - set(known))]
    found = by_tier["money"].agg(customers="size", money="sum", largest="max").loc[order]
    total = found["money"].sum()
    found["money_share"] = found["money"] / total if total > 0 else 0.0
    found["customers_share"] = found["customers"] / found["customers"].sum()
    found[LARGEST_SHARE] = found.pop("largest") / found["money"]
    shown = hide_small(found, money=["money", "money_share"], at_least=_at_least(run))
    bars = pd.DataFrame({"name": shown.index, "customers": shown["customers"].map(write)})
    for part in ("customers", "money"):
        bars[f"{part}_share"] = shown[f"{part}_share"].map(_share)
        bars[f"{part}_percent"] = shown[f"{part}_share"].map(_width)
    return TierBars(what, list(bars.itertuples(index=False)))


def missing(folder: Path, run: dict) -> list[dict[str, str]]:
    """Return what the data carry in part or not at all, and why: the verdict, or else the absent tables."""
    if tables.exists(folder, "verdict"):
        limits = list_limits(tables.read(folder, "verdict"), at_least=_at_least(run))
        return limits.rename(columns={"capability": "part", "verdict": "available"}).to_dict("records")
    return [{"part": table, "available": "no", "because": ""} for table in run.get("not_available", [])]


def reading(run: dict) -> list[str]:
    """Return the sentences that say how the numbers are meant."""
    return [
        fill(
            _("Spend is money received, with returns taken off, up to {day}; nothing after that day counts."),
            day=run.get("as_of") or _("the last day in the data"),
        ),
        _(
            "Value is predicted: what customers are expected to bring from now on, discounted to today. "
            "It is an expectation over many customers, not a promise about one; the page on value says how "
            "well such predictions have held before."
        ),
        _(
            "A tier says how much attention a customer deserves and why. It is not a judgement of a person, "
            "and no reason to offer anybody worse terms."
        ),
    ]


def anonymous_sales(folder: Path, run: dict) -> list[str]:
    """Return a sentence for each declared kind of sales that belong to no known customer."""
    if not tables.exists(folder, "money_account"):
        return []
    account = tables.read(folder, "money_account").query("currency == @currency", local_dict=run)
    known = account.loc[account["state"].isin(STATES_KEPT), "amount"].sum()
    sentence = _(
        "{amount} {currency} more, {share} of all sales, belong to nobody: {reason}. They are revenue, and "
        "in no customer's numbers and no tier's."
    )
    return [
        fill(
            sentence,
            amount=shorten(row.amount),
            currency=row.currency,
            share=_share(row.amount / (known + row.amount)),
            reason=row.state.removeprefix(ANONYMOUS),
        )
        for row in account.itertuples()
        if row.state.startswith(ANONYMOUS) and row.records >= _at_least(run) and row.amount > 0
    ]


def facts(run: dict) -> list[tuple[str, str]]:
    """Return what the run was made of, name by name."""
    policy = run.get("policy") or {}
    parameters = [f"{name} = {value}" for name, value in (run.get("parameters") or {}).items() if value != ""]
    named = [
        (_("run"), run.get("run")),
        (_("source"), run.get("source")),
        (_("as of"), run.get("as_of")),
        (_("currency"), run.get("currency")),
        (_("policy"), policy.get("file")),
        (_("policy's goal"), policy.get("goal")),
        (_("policy's version"), policy.get("version")),
        (_("policy to be reviewed by"), policy.get("review_by")),
        (_("not profiled"), run.get("not_profiled")),
        (_("parameters"), ", ".join(parameters)),
        (_("evidence"), _("run.json, beside this page, has the hashes of inputs, policy, code and results.")),
    ]
    return [(name, str(value)) for name, value in named if value not in (None, "")]


def shorten(amount: float) -> str:
    """An amount to three digits, as a card has room for.

    >>> [shorten(amount) for amount in (4_593_211.4, -81_250, 999_600, 1_234.5)]
    ['4.59 M', '-81.2 k', '1.00 M', '1,234']
    """
    sizes = ((1e9, _("{n} bn")), (1e6, _("{n} M")), (1e3, _("{n} k")), (1, "{n}"))
    size, words = next((s, w) for s, w in sizes if abs(amount) >= max(s, 1e4) * 0.9995 or s == 1)
    whole = len(f"{abs(amount) / size:.0f}")
    return words.format(n=f"{amount / size:,.{max(0, 3 - whole) if size > 1 else 0}f}")


def _share(share: float) -> str:
    return "–" if pd.isna(share) else f"{share:.1%}" if share < 0.1 else f"{share:.0%}"


def _width(share: float) -> str:
    return "0" if pd.isna(share) else f"{100 * min(max(share, 0), 1):.1f}"


def _at_least(run: dict) -> int:
    return (run.get("policy") or {}).get("min_cell", AT_LEAST)
