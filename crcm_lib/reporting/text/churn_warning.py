"""Churn in words: what foretells it, whether past alerts were right, why each customer is alerted."""

import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.models.churn import ChurnBacktest
from crcm_lib.models.churn.alerts import PRESSING, SILENT
from crcm_lib.models.churn.past_alerts import (
    ALERTED,
    BY_ABSENCE,
    BY_ALERT,
    BY_DAYS,
    BY_NOTHING,
    BY_RECENCY,
    EVERYBODY,
)
from crcm_lib.reporting.takeaway import Takeaway, takeaway
from crcm_lib.reporting.text.numbers import fill, fill_rows, write_rows

TREND_DAYS = 90  # days of the purchases that a reason tells


def name_candidates(backtest: ChurnBacktest) -> pd.DataFrame:
    """The table of losses with the candidates' names; a purchase model at an edge is named as such."""
    at_edge, origins = backtest.edges
    model = backtest.model.purchase_fit.name
    edge = _("; at an edge on {n} of {origins} days, where its P(alive) is not used")
    edge = fill(edge, n=at_edge, origins=origins) if at_edge else ""
    names = {
        "base_rate": _("naive: the share of earlier days, for everybody"),
        "recency": _("naive: days since the last purchase"),
        "purchase_model": fill(_("purchase model {model}{edge}"), model=model, edge=edge),
        "recalibrated": _("purchase model, recalibrated on earlier days"),
        "learned": _("purchase model and the customer's own signs"),
        "pooled": _("the mean of these: days since the last purchase, recalibrated model, own signs"),
    }
    if backtest.losses.empty:
        return pd.DataFrame({"candidate": [names["purchase_model"]]})
    return backtest.losses.assign(candidate=backtest.losses["candidate"].map(names))


def describe_comparison(backtest: ChurnBacktest) -> str:
    """The caption of the losses: what was compared, and how sure the selected candidate's lead is."""
    facts = backtest.reason.facts
    if backtest.losses.empty:
        return fill(
            _("Too little history to hold out: nothing could be compared over {days:days} days."), **facts
        )
    words = _(
        "Log loss of no purchase within {days:days} days on {origins:count} earlier days; smaller is better."
    )
    rows = backtest.losses.set_index("candidate")
    best = rows.loc[backtest.model.candidate.name]
    if best["high"] < 0:
        lead = _("Selected: {name}; better than days since the last purchase by more than chance.")
    elif backtest.model.candidate.name == "recency":
        lead = _("Selected: {name}; nothing is better.")
    else:
        lead = _("Selected: {name}; whether it is better than days since the last purchase cannot be told.")
    name = name_candidates(backtest).set_axis(backtest.losses["candidate"])["candidate"][best.name]
    return fill(_("{words} {lead}"), words=fill(words, **facts), lead=fill(lead, name=name))


def describe_calibration(calibration: pd.DataFrame, days: int) -> str:
    """The picture of predicted and observed shares; small groups hidden."""
    part = _("said {predicted:share}, seen {observed:share} ({low:share} – {high:share})")
    parts = fill_rows(part, calibration.dropna())
    if not parts:
        return _("No picture: there is too little history to look back on.")
    words = _("Points by tenth of the probability of no purchase within {days:days} days. {parts}.")
    return fill(words, days=days, parts=parts)


def describe_kinds(kinds: pd.DataFrame) -> str:
    """The caption of one-time and repeat buyers: for whom what was said lies outside what was seen.

    `kinds` are their rows of `ChurnBacktest.calibration`, small cells hidden.
    """
    known = kinds.dropna(subset="predicted")
    if known.empty:
        return _("Too little history to hold out, or too few customers of either kind.")
    off = known[(known["predicted"] < known["low"]) | (known["predicted"] > known["high"])]
    if off.empty:
        return _("Said and seen on the days held out: what was said lies within the 95 % interval.")
    part = _("of those who {group} {predicted:share} were said not to buy, {observed:share} did not")
    words = _("Said and seen on the days held out, with 95 % intervals. Beyond chance it was off: {parts}.")
    return fill(words, parts=fill_rows(part, off.assign(group=name_groups(off["group"]))))


def name_groups(groups: pd.Series) -> pd.Series:
    """The names of one-time and repeat buyers."""
    return groups.replace({"bought_once": _("bought once"), "bought_again": _("bought again")})


def name_sets(alerts: pd.DataFrame) -> pd.DataFrame:
    """The table of past alerts with names instead of ids."""
    names = {
        ALERTED: _("away for unusually long (alerts)"),
        "by_probability": _("as many with the highest probability of no purchase"),
        BY_RECENCY: _("as many with the most days since the last purchase"),
        EVERYBODY: _("everybody who had bought within the horizon"),
    }
    return alerts.assign(chosen=alerts["chosen"].map(names))


def name_states(states: pd.DataFrame) -> pd.DataFrame:
    """The table of states with a name for those who have been silent for longer than the horizon."""
    return states.assign(state=states["state"].replace(SILENT, _("silent for longer than the horizon")))


def write_reasons(churn: pd.DataFrame, customers: pd.DataFrame, more: pd.DataFrame) -> pd.Series:
    """Why each customer has the alert, with the customer's own numbers, by rows of the table `churn`.

    Parameters
    ----------
    churn
        The rows that are shown.
    customers, more
        `customer_features`, and the signs of `features.relationship_signs`.
    """
    rows = churn.join(customers[["purchases", "days_observed"]]).join(more)
    trend = [f"purchases_{TREND_DAYS}d", f"spend_{TREND_DAYS}d", "spend_total"]
    rows = rows.join(customers.reindex(columns=trend).set_axis(["lately", "spend_lately", "spend"], axis=1))
    share = (rows["days_observed"] + 1).clip(upper=TREND_DAYS) / (rows["days_observed"] + 1)
    rows = rows.assign(usual=rows["purchases"] * share, spend_usual=rows["spend"].astype(float) * share)
    return write_rows(rows.assign(away=rows["overdue_ratio"] * rows["gap_days"]), _write_reason)


def _write_reason(row: dict) -> str:
    words = {
        "bought_once": _("bought once, {away:ago}; those who come back do so after about {gap_days:lasting}"),
        "overdue": _("last purchase {away:ago}, {overdue_ratio:number} times the usual {gap_days:lasting}"),
        "comes_less": _(
            "{lately:count} purchase days in the last {trend:days}, {usual:points} by the own average"
        ),
        "spends_less": _(
            "spent {spend_lately:money} in the last {trend:days} days, {spend_usual:money} by the own average"
        ),
        "complaints": _("complaints in half a year: {complaints:count}"),
        "contacts": _("contacts in half a year: {contacts:count}"),
        "answer": _("would recommend: {nps:count} of 10"),
        "late_payment": _("pays {days_late:days} days late on average"),
        "contract_end": _("days until the contract ends: {contract_days_left:days}"),
    }
    chance = _("{p_no_purchase:share} likely not to buy, {p_if_active:share} by the own rate")
    if row["p_if_active"] < 0.01:
        chance = _("{p_no_purchase:share} likely not to buy, under 1% by the own rate")
    parts = [words[reason] for reason in row["reason"].split("+") if reason in words]
    return "; ".join(fill(part, trend=TREND_DAYS, **row) for part in [*parts, chance])


def describe_past(backtest: ChurnBacktest, alerts: pd.DataFrame) -> str:
    """How many of 100 past alerts were right, against as many by recency; or why there is nothing to say.

    Parameters
    ----------
    backtest
        From `models.churn.backtest_churn`.
    alerts
        Its table of past alerts, small cells hidden.
    """
    rows = alerts.dropna(subset="missed").set_index("chosen") if len(alerts) else alerts
    if not {ALERTED, BY_RECENCY} <= set(rows.index):
        return _(
            "Too few customers were away for unusually long on earlier days to say how often that is right."
        )
    one, other = (100 * rows.loc[name, ["missed", "own_rate"]] for name in (ALERTED, BY_RECENCY))
    words = _(
        "Of 100 alerts on earlier days {one:count} bought nothing in the {days:days} days after, where their "
        "own rate gives {one_own:count}; of as many with the longest absence {other:count}, where it gives "
        "{other_own:count}. {lead}"
    )
    return fill(
        words,
        one=one["missed"],
        one_own=one["own_rate"],
        other=other["missed"],
        other_own=other["own_rate"],
        days=backtest.model.horizon_days,
        lead=_compare_excess(rows.loc[BY_RECENCY]),
    )


def _compare_excess(row: pd.Series) -> str:
    """Whether alerts found more beyond the own rates than recency did: only where the interval says so."""
    if row["more_low"] > 0:
        words = _("Beyond the own rates alerts found {more:count} more of 100 ({low:count} to {high:count}).")
    elif row["more_high"] < 0:
        words = _(
            "Beyond the own rates alerts found {fewer:count} fewer of 100 ({few:count} to {many:count})."
        )
    else:
        return _("Which of the two found more beyond the own rates cannot be told.")
    more, low, high = 100 * row[["beyond_more", "more_low", "more_high"]]
    return fill(words, more=more, low=low, high=high, fewer=-more, few=-high, many=-low)


def describe_silence(backtest: ChurnBacktest) -> str:
    """Why no alert is raised; "" where alerts are."""
    reasons = {
        "alerts_hold": "",
        "too_few_origins": _(
            "No alerts are raised: the history is too short to hold out {days:days} days more than once."
        ),
        "few_past_alerts": _(
            "No alerts are raised: on earlier days too few customers were away for unusually long to judge "
            "alerts by."
        ),
        "not_beyond_chance": _(
            "No alerts are raised: on earlier days they did not find clearly more than chance does."
        ),
        "not_beyond_recency": _(
            "No alerts are raised: on earlier days they did not find clearly more, beyond the own rates, "
            "than as many by days since the last purchase."
        ),
    }
    return fill(reasons[backtest.reason.rule], **backtest.reason.facts)


def describe_calls(backtest: ChurnBacktest, alerts: pd.DataFrame) -> str:
    """By what the list of calls is made and how well that did before; or why there is none.

    `alerts` is the table of past alerts, small cells hidden.
    """
    rows, by = alerts.dropna(subset="missed").set_index("chosen"), backtest.reason.facts["calls_by"]
    lists = {
        BY_ALERT: _("Alerts that pay a call, the most value at risk first"),
        BY_DAYS: _(
            "{silence} So the list is by that simple rule, the longest away first, of those for whom a call "
            "pays: of 100 chosen so on earlier days {chosen:count} bought nothing in the {days:days} days "
            "after, of 100 of all {all:count}."
        ),
        BY_ABSENCE: _(
            "{silence} They did find more than chance, so the list has the unusual absences for which a call "
            "pays: of 100 of them on earlier days {chosen:count} bought nothing in the {days:days} days "
            "after, of 100 of all {all:count}."
        ),
    }
    chosen = {BY_DAYS: BY_RECENCY, BY_ABSENCE: ALERTED}.get(by, EVERYBODY)
    if by not in lists or (by != BY_ALERT and not {chosen, EVERYBODY} <= set(rows.index)):
        return describe_silence(backtest)
    missed, days = 100 * rows["missed"], backtest.model.horizon_days
    known = {"chosen": missed.get(chosen), "all": missed.get(EVERYBODY), "days": days}
    return fill(lists[by], silence=describe_silence(backtest), **known)


def describe_no_calls(backtest: ChurnBacktest) -> str:
    """What stands in place of the list of calls where nobody is on it."""
    silence = describe_silence(backtest)
    if backtest.reason.facts["calls_by"] == BY_NOTHING:
        return silence
    return fill(
        _("{silence} Nobody's absence puts so much at risk that a call pays."), silence=silence
    ).strip()


def caption_states(backtest: ChurnBacktest, currency: str) -> str:
    """The caption of the states; probabilities that could not be held out are said to be so."""
    if backtest.losses.empty:
        words = _(
            "Money in {currency}. The probability is the purchase model's, which nothing has tested here"
        )
    else:
        words = _("Money in {currency}")
    return fill(words, currency=currency)


def describe_declines(declines: pd.DataFrame, at_least: float, *, min_cell: int) -> str:
    """How many are away no longer than usual but spend less, and that this raises no alert."""
    if len(declines) < min_cell:
        words = _("Fewer than {n} customers are away no longer than usual and spend so much less.")
        return fill(words, n=min_cell)
    words = _(
        "{n:count} customers are away no longer than usual but spent at least {share:share} less per day "
        "than before: a decline of spend, which raises no alert."
    )
    return fill(words, n=len(declines), share=at_least)


def name_unit(basis: str, currency: str) -> str:
    """What money at risk is: of `basis` "margin" or "spend"."""
    return fill(
        {"margin": _("{currency} of margin"), "spend": _("{currency} of spend")}[basis], currency=currency
    )


def describe_churn(
    states: pd.DataFrame, backtest: ChurnBacktest, alerts: pd.DataFrame, cost: pd.DataFrame, unit: str
) -> Takeaway:
    """Who is worth a call, what is at risk with them, whether that was right before, and what has stopped.

    Parameters
    ----------
    states
        From `models.churn.summarise_states`, small cells hidden. A sum over a hidden state would give it
        away, so that only the states that are shown are added up.
    backtest
        From `models.churn.backtest_churn`.
    alerts
        Its table of past alerts, small cells hidden.
    cost
        From `models.churn.vary_cost`, small cells hidden; the middle row is the policy's cost.
    unit
        From `name_unit`.
    """
    shown = states.dropna(subset="customers").set_index("state")
    silent = _(
        "{n:count} customers have bought nothing for longer than {days:days} days: nothing of theirs is "
        "counted as at risk."
    )
    days, count = backtest.model.horizon_days, shown["customers"].get(SILENT, 0)
    gone = fill(silent, n=count, days=days) if count > 0 else ""
    past = describe_past(backtest, alerts)
    if not backtest.model.alerts_hold:
        past = past if backtest.reason.rule.startswith("not_beyond") else ""
        called = _describe_profitable(
            cost.iloc[len(cost) // 2], backtest.reason.facts["calls_by"], unit, days
        )
        words = _("{why} {called} {past} {gone}")
        return takeaway(words, why=describe_silence(backtest), called=called, past=past, gone=gone)
    pressing = shown[shown.index.isin(PRESSING) & (shown["customers"] > 0)]
    if pressing.empty:
        return takeaway(
            _("Too few customers have an urgent alert or a warning to show. {past} {gone}"),
            past=past,
            gone=gone,
        )
    words = _(
        "**{n:count}** customers are worth a call ({alerts}), with **{risk:money}** {unit} at risk within "
        "{days:days} days. {past} {gone}"
    )
    return takeaway(
        words,
        n=pressing["customers"].sum(),
        alerts=_(" or ").join(pressing.index),
        risk=pressing["value_at_risk"].sum(),
        unit=unit,
        days=days,
        past=past,
        gone=gone,
    )


def _describe_profitable(row: pd.Series, calls_by: str, unit: str, days: int) -> str:
    """How many are worth a call though nobody is alerted; "" where they are few or none."""
    if pd.isna(row["customers"]) or not row["customers"]:
        return ""
    words = {
        BY_DAYS: _(
            "By that simple rule {n:count} customers are worth a call, with {risk:money} {unit} at risk "
            "within {days:days} days."
        ),
        BY_ABSENCE: _(
            "Unusual absences, which found more than chance, make {n:count} customers worth a call, with "
            "{risk:money} {unit} at risk within {days:days} days."
        ),
    }
    return fill(words[calls_by], n=row["customers"], risk=row["value_at_risk"], unit=unit, days=days)
