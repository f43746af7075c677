"""Words of the risk register: what is owed and how old, what will be lost, which signs have warned."""

import pandas as pd

from crcm_lib.config.credit_policy import Receivables
from crcm_lib.i18n import _
from crcm_lib.models.credit_loss import LossRates
from crcm_lib.models.receivables import ALL, NO_TIER
from crcm_lib.models.value_risk import NOT_KNOWN
from crcm_lib.privacy import hide_small
from crcm_lib.reporting.takeaway import Takeaway, takeaway
from crcm_lib.reporting.text.numbers import fill, fill_rows

MONEY = ("owed", "overdue", "exposure")


def explain_lacking(lacking: list[str]) -> str:
    """Why nobody knows what is owed; "" where somebody does."""
    if not lacking:
        return ""
    if lacking == ["invoices"]:
        return _("Not available: no `invoices` table.")
    words = _("Not available: without {columns} nobody knows what is still owed.")
    return fill(words, columns=", ".join(f"`{name}`" for name in lacking))


def _name_buckets() -> dict[str, str]:
    words = {"not_due": _("not yet due"), "over_90": _("over 90"), ALL: _("in all")}
    return words | {"1_30": "1–30", "31_60": "31–60", "61_90": "61–90"}


def _name_signs() -> dict[str, str]:
    return {
        "late_now": _("late now"),
        "beyond_habit": _("late beyond own habit"),
        "rising_exposure": _("owes half as much again"),
        "default_year": _("default within a year"),
        "long_away": _("longest away (last fifth)"),
        "buys_less": _("buys less"),
        "unanswered_complaint": _("complaint unanswered"),
        "contract_ends": _("contract ends"),
        "cooperation_ended": _("contract not renewed"),
    }


def _name_levels() -> dict[str, str]:
    return {
        "gone_silent": _("silent"),
        "likely": _("likely to leave"),
        "less_likely": _("less likely"),
        "terms_withheld": _("terms withheld"),
        "overdue": _("overdue"),
        "in_order": _("in order"),
        NOT_KNOWN: _("not known"),
    }


def _name_tier(tiers: pd.Series) -> pd.Series:
    return tiers.replace({ALL: _("in all"), NO_TIER: _("(no tier)")})


def write_register(risks: pd.DataFrame, rules: Receivables) -> pd.DataFrame:
    """`gather_risks` in words."""
    words = {
        "top_tenth": _("concentration: the tenth of buyers who spend most, and their part of all spend"),
        "leaving": _("leaving: bought within the horizon, and the value at risk with them"),
        "silent": _("leaving: silent for longer than the horizon, and what they spent so far"),
        "terms_withheld": _("credit: terms withheld, and their part of all predicted value"),
        "owed": _("credit: owe something"),
        "overdue": _("credit: overdue, and its part of what is owed"),
        "called": _("credit: overdue by more than {n} days, and its part of what is owed"),
        "largest": _("credit: the largest debtors together, and their part of all exposure"),
    }
    named = risks["risk"].map({name: fill(each, n=rules.call_after_days) for name, each in words.items()})
    return risks.assign(risk=named)


def write_ages(shown: pd.DataFrame) -> pd.DataFrame:
    """`receivables.hide_ages` with names of tiers and ages."""
    return shown.assign(tier=_name_tier(shown["tier"])).rename(columns=_name_buckets())


def write_tiers(groups: pd.DataFrame) -> pd.DataFrame:
    """A frame of a row per tier, with a word for those in none."""
    return groups.assign(tier=_name_tier(groups["tier"]))


def caption_exposure(concentration: dict[str, float], currency: str) -> str:
    """How much of all exposure hangs on how few."""
    if pd.isna(concentration["herfindahl"]):
        return fill(_("Exposure in {currency}; too few owe to measure how it is spread"), currency=currency)
    words = _(
        "Exposure (owed, and sold but not yet invoiced where that is known) in {currency}. The largest "
        "{largest:count} together are {largest_share:share} of it; Herfindahl index {herfindahl:number}, as "
        "if {equal_customers:count} equal customers owed it all"
    )
    return fill(words, currency=currency, **concentration)


def explain_no_rates(rates: LossRates) -> str:
    """Why no loss is expected in figures; "" where one is."""
    words = {
        "short_history": _(
            "Cannot tell: the invoices do not reach back far enough to see what became of them."
        ),
        "few_customers": _("Cannot tell: too few customers were invoiced to learn what is lost."),
        "few_losses": _("Cannot tell: too few customers have lost us anything to learn what is lost."),
    }
    return words[rates.problem] if rates.problem else ""


def write_rates(rates: pd.DataFrame) -> pd.DataFrame:
    """The table of `LossRates` with words for the ages."""
    return rates.assign(bucket=rates["bucket"].map(_name_buckets())).rename(columns={"bucket": "age"})


def caption_rates(rates: LossRates, days: int) -> str:
    """What was followed, and what counts as lost."""
    words = _(
        "Open invoices as seen on {seen:count} earlier days: the share of the amount that was given up or "
        "not paid within {days:days} days. Raw as seen; the rate with thin ages drawn towards a line over all"
    )
    return fill(words, seen=rates.days, days=days)


def describe_rates(shown: pd.DataFrame, constant: float, why: str) -> str:
    """What the dots of the loss rates show, or why there are none."""
    if shown.empty:
        return why or _("Too few customers of any age to show.")
    parts = fill_rows(_("{age} {rate:share} ({low:share} to {high:share})"), shown)
    words = _(
        "Dots with 95 % intervals, share lost in the end by days overdue: {parts}. All ages: {all:share}."
    )
    return fill(words, parts=parts, all=constant)


def hide_losses(losses: pd.DataFrame, *, at_least: int) -> pd.DataFrame:
    """`expect_loss` without the ages of few customers, and without the sum where it would reveal one.

    Customers owe at several ages, so that ages do not add up to all customers; money does.
    """
    money = ["owed", "rate", "expected", "low", "high"]
    parts = hide_small(losses.iloc[:-1], money=money, at_least=at_least)
    whole = losses.iloc[[-1]]
    small = whole["customers"].item() < at_least
    return pd.concat([parts, whole.iloc[:0] if small else whole], ignore_index=True)


def explain_none_owed() -> str:
    """What stands in place of the ageing where nobody owes anything."""
    return _("Nobody owes anything.")


def explain_no_answers() -> str:
    """What stands in place of what the playbook does in each cell."""
    return _("No action or occasion reaches enough customers of a cell to show.")


def write_losses(losses: pd.DataFrame) -> pd.DataFrame:
    """`expect_loss` with words for the ages."""
    return losses.assign(bucket=losses["bucket"].map(_name_buckets())).rename(columns={"bucket": "age"})


def caption_checks(checks: pd.DataFrame, days: int) -> str:
    """Whether the matrix was right on earlier days, and nearer than one rate for all."""
    if checks.empty:
        return _("No earlier day shows whether it would have been right.")
    inside = int(((checks["happened"] >= checks["low"]) & (checks["happened"] <= checks["high"])).sum())
    words = _(
        "On {inside} of {n} earlier days what was lost in the {days:days} days after fell into the "
        "range. {nearer}"
    )
    return fill(words, inside=inside, n=len(checks), days=days, nearer=_compare_errors(checks))


def _compare_errors(checks: pd.DataFrame) -> str:
    """By the latest day: whether rates by age come nearer to who is lost than one rate for all."""
    latest = checks.iloc[0]
    if latest["error_high"] < 0:
        return _("On the latest the rates by age came nearer than one rate for all, beyond chance")
    if latest["error_low"] > 0:
        return _("On the latest one rate for all came nearer than the rates by age, beyond chance")
    return _("On the latest neither they nor one rate for all came nearer beyond chance")


def write_checks(checks: pd.DataFrame) -> pd.DataFrame:
    """`check_loss_rates` without the errors, which the caption compares."""
    return checks.drop(columns=["error", "constant_error", "error_low", "error_high"])


def write_cells(cells: pd.DataFrame) -> pd.DataFrame:
    """`value_risk.hide_cells` in words; a level that nobody is in is left out."""
    counts = cells.groupby(["risk", "level"])["customers"].transform(lambda each: each.fillna(1).sum())
    return cells[counts > 0].assign(level=cells["level"].map(_name_levels()))


def name_risks(currency: str) -> dict[str, str]:
    """What each panel of the matrix shows."""
    return {
        "leaving": fill(_("Leaving: customers; below, value in thousand {currency}"), currency=currency),
        "credit": fill(_("Credit: customers; below, value in thousand {currency}"), currency=currency),
    }


def describe_matrix(cells: pd.DataFrame) -> str:
    """What the matrix of value and risk shows, without the hidden cells."""
    shown = cells.dropna(subset="customers")
    shown = shown[shown["customers"] > 0]
    if shown.empty:
        return _("Too few customers in any cell to show.")
    parts = fill_rows(_("{tier}, {level}: {customers:count}"), shown)
    return fill(_("Map of tiers by risk, customers in each cell: {parts}."), parts=parts)


def write_answers(answers: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """What the customers of each cell get most: a row per tier and kind, a column per level.

    Parameters
    ----------
    answers
        From `value_risk.list_answers`.
    cells
        `value_risk.hide_cells`: of hidden cells nothing is said.
    """
    shown = cells.loc[cells["customers"].notna(), ["risk", "tier", "level"]]
    named = answers.merge(shown, on=["risk", "tier", "level"])
    if named.empty:
        return pd.DataFrame(columns=["risk", "tier", "level", "action"])
    kinds = {"leaving": _("leaving"), "credit": _("credit")}
    joined = named.groupby(["risk", "tier", "level"], sort=False)["action"].agg(", ".join).reset_index()
    order = {name: n for n, name in enumerate(cells["tier"].unique())}
    levels = {name: n for n, name in enumerate(_name_levels())}
    joined = joined.assign(place=joined["tier"].map(order), then=joined["level"].map(levels))
    joined = joined.sort_values(["risk", "place", "then"], ascending=[False, True, True])
    joined = joined.assign(risk=joined["risk"].map(kinds), level=joined["level"].map(_name_levels()))
    return joined[["risk", "tier", "level", "action"]].reset_index(drop=True)


def hide_grades(grades: pd.DataFrame, *, at_least: int) -> pd.DataFrame:
    """`grade_warnings` without the shares of signs that few had, or that nearly all had."""
    small = grades["customers"].lt(at_least) | grades["others"].lt(at_least)
    shares = grades.columns[grades.columns.get_loc("came") : grades.columns.get_loc("p")]
    shown = grades.copy()
    shown[shares] = grades[shares].astype("float64").mask(small)
    shown["customers"] = grades["customers"].astype("Int64").mask(small & grades["customers"].gt(0))
    return shown


def write_grades(grades: pd.DataFrame, days: int) -> pd.DataFrame:
    """`hide_grades` in words, without what only tests read; `days` overdue count as late."""
    verdicts = {
        "warns": _("warns"),
        "as_rule": _("no more than the simple rule"),
        "cannot_tell": _("cannot tell"),
        "too_few": _("too few"),
    }
    late = fill(_("over {n} days late, or given up"), n=days)
    kinds = {"credit": late, "leaving": _("bought nothing")}
    rule = grades["is_rule"].map({True: _(" (simple rule)"), False: ""})
    named = grades["warning"].map(_name_signs()) + rule
    columns = ["of", "warning", "customers", "came", "low", "high", "others_came", "alike_came", "verdict"]
    shown = grades.assign(of=grades["of"].map(kinds), warning=named)
    return shown.assign(verdict=grades["verdict"].map(verdicts))[columns]


def caption_grades(grades: pd.DataFrame, days: int) -> str:
    """What the table of warnings compares."""
    if grades.empty:
        return _("No earlier day is long enough ago to see what came of a sign.")
    words = _(
        "Signs on {n} earlier days, and to which share of the customers with and without them it came in the "
        "{days:days} days after. Alike: without the sign, and alike by the simple rule"
    )
    return fill(words, n=int(grades["days"].max()), days=days)


def describe_grades(shown: pd.DataFrame) -> str:
    """What the dots of the warnings show, or that there are none."""
    if shown.empty:
        return _("Too few customers had any sign on earlier days to show.")
    parts = fill_rows(_("{warning} {came:share}, without it {others_came:share}"), shown)
    return fill(_("Dots with 95 % intervals beside a mark for those without the sign: {parts}."), parts=parts)


def write_warned(counts: pd.DataFrame, order: list[str]) -> pd.DataFrame:
    """Customers by sign and tier, crossed and hidden by `Workspace.counts`, in words."""
    words = _name_signs()
    table = counts.reindex(columns=[tier for tier in order if tier in counts.columns])
    table.index = pd.Index([words[name] for name in table.index], name="warning")
    return table.rename_axis(columns=None).reset_index()


def explain_no_warnings() -> str:
    """What stands in place of the signs of today where none has warned before, or nobody has one."""
    return _("Nobody has a sign today that has warned before, beyond chance and beyond the simple rule.")


def caption_called(rules: Receivables, currency: str) -> str:
    """Whom the policy calls about what they owe."""
    words = _("Owe something for longer than {n} days after it was due, in {currency}")
    if rules.call_from:
        words = _("Owe {from:money} {currency} or more for longer than {n} days after it was due")
    return fill(words, **{"from": float(rules.call_from), "currency": currency, "n": rules.call_after_days})


def explain_nobody_called(lacking: str) -> str:
    """What stands in place of the list where nobody is called."""
    return lacking or _(
        "Nobody owes enough for long enough to be called, or the policy has no such occasion."
    )


def caption_withheld() -> str:
    """Whose terms are withheld."""
    return _("No price or credit terms, as their points of credit are below the policy's `terms_from`")


def explain_none_withheld() -> str:
    """What stands in place of the table where nobody's terms are withheld."""
    return _("Nobody's terms are withheld for credit.")


def write_development(watch: pd.DataFrame, tiers: pd.Series) -> pd.DataFrame:
    """Each customer of `watch_growth` with tier and development in words, to be counted."""
    words = {"grows": _("grows"), "declines": _("declines"), "within_chance": _("within chance")}
    named = watch["development"].map(words)
    return pd.DataFrame({"tier": tiers.reindex(watch.index), "development": named}).dropna()


def caption_development(watch: pd.DataFrame, *, at_least: int) -> str:
    """How many grow or decline beyond chance."""
    if watch.empty:
        return _("Cannot tell who grows: too few customers have bought for two years.")
    kinds = watch["development"].value_counts().reindex(["grows", "declines"]).fillna(0).astype(int)
    if not kinds.sum():
        words = _("Of {n:count} customers of two years nobody's purchase days changed beyond chance")
        return fill(words, n=len(watch))
    if kinds[kinds > 0].min() < at_least:
        words = _("Of {n:count} customers of two years few changed beyond chance; who is in the table `risk`")
        return fill(words, n=len(watch))
    words = _(
        "Of {n:count} customers of two years {grows:count} grow and {declines:count} decline beyond chance"
    )
    return fill(words, n=len(watch), **kinds.to_dict())


def describe_risks(
    risks: pd.DataFrame,
    losses: pd.DataFrame,
    grades: pd.DataFrame,
    currency: str,
    *,
    why: str = "",
    at_least: int = 5,
) -> Takeaway:
    """What is owed and overdue, what of it will be lost, on how few customers spend hangs, which signs warn.

    Parameters
    ----------
    risks
        From `gather_risks`.
    losses
        From `expect_loss`.
    grades
        From `grade_warnings`.
    why
        From `explain_lacking`.
    at_least
        Of fewer customers nothing is said.
    """
    rows = risks[risks["customers"] >= at_least].set_index("risk")
    parts: list[str] = []
    if "owed" in rows.index:
        words = _("{customers:count} customers owe **{amount:money} {currency}**")
        words = fill(words, currency=currency, **rows.loc["owed"])
        late = _("; {share:share} of it is overdue") if "overdue" in rows.index else ""
        parts.append(words + (fill(late, **rows.loc["overdue"]) if late else "") + ".")
    elif why:
        parts.append(why)
    whole = losses.set_index("bucket").loc["all"] if len(losses) else None
    if whole is not None and pd.notna(whole["expected"]) and whole["customers"] >= at_least:
        words = _("Of what is owed {expected:money} is expected to be lost ({low:money} to {high:money}).")
        parts.append(fill(words, **whole))
    if "top_tenth" in rows.index and pd.notna(rows.loc["top_tenth", "share"]):
        parts.append(fill(_("The top tenth brings {share:share} of spend."), **rows.loc["top_tenth"]))
    parts.append(_say_warnings(grades))
    return takeaway(" ".join(part.replace("{", "{{").replace("}", "}}") for part in parts))


def _say_warnings(grades: pd.DataFrame) -> str:
    """Which signs have warned before."""
    warning = grades.loc[grades["verdict"] == "warns", "warning"].map(_name_signs())
    if warning.empty:
        return _("No sign has warned before, beyond chance.")
    return fill(_("Signs that have warned before, beyond chance: {names}."), names=", ".join(warning))
