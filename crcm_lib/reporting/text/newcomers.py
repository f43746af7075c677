"""Newcomers in words: how the model did on later ones, and why each is in a class."""

import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.models.metrics import MIN_BUYERS
from crcm_lib.models.newcomers.classes import NEWCOMER, PROSPECT, LeftCensoring, Newcomers
from crcm_lib.models.newcomers.conversion import Conversion
from crcm_lib.models.newcomers.holdout import BEATS, MIN_EARLIER_NEWCOMERS, NO_BETTER, UNKNOWN, HoldoutResult
from crcm_lib.reporting.text.numbers import fill, write_rows


def name_grade(grade: str) -> str:
    """The grade of a `HoldoutResult`."""
    names = {
        BEATS: _("beats the mean"),
        NO_BETTER: _("no better than the mean"),
        UNKNOWN: _("cannot tell"),
    }
    return names[grade]


def tabulate_grades(learned: Newcomers) -> pd.DataFrame:
    """Whether the models of newcomers and of prospects beat the mean, and why that is known or not."""
    results = {NEWCOMER: learned.newcomers, PROSPECT: learned.prospects}
    rows = [(kind, name_grade(one.grade), describe_holdout(one)) for kind, one in results.items()]
    return pd.DataFrame(rows, columns=["kind", "grade", "because"])


def describe_holdout(result: HoldoutResult) -> str:
    """How the model did on later newcomers, or why that is unknown; without a full stop."""
    sentences = {
        "short_history": _("{history_days:days} days of history are too few for early days to end in"),
        "too_few_earlier": _(
            "{earlier:count} earlier newcomers' early days were over before later ones came, and a fit needs "
            "{fewest}"
        ),
        "few_earlier_spent": _(
            "{spent:count} of the earlier newcomers spent anything in the early days, and a comparison needs "
            "{buyers}"
        ),
        "few_later_spent": _(
            "{spent:count} of the later newcomers spent anything in the early days, and a comparison needs "
            "{buyers}"
        ),
        "no_attribute": _("no attribute has two groups of enough earlier newcomers, or all spent the same"),
        "compared": _(
            "learned from {earlier:count} earlier newcomers, tried on {later:count} later ones: what each "
            "was expected to spend missed by {error_change} than the mean of all does, and {surely}; what "
            "they spent together was missed by {bias:share}, by the mean by {mean_bias:share}"
        ),
    }
    needed = {"fewest": MIN_EARLIER_NEWCOMERS, "buyers": MIN_BUYERS}
    words = _write_comparison(result.facts) if result.reason == "compared" else {}
    return fill(sentences[result.reason], **needed | result.facts | words)


def _write_comparison(facts: dict[str, float]) -> dict[str, str | float]:
    """How much smaller the error was, and whether chance explains the fit, in words; sizes without sign."""
    smaller = facts["rmse_change"] < 0
    size = abs(facts["rmse_change"])
    surely = _("chance could explain the difference in fit")
    if facts["loss_high"] < 0:
        surely = _("the better fit is more than chance explains")
    if facts["loss_low"] > 0:
        surely = _("the worse fit is more than chance explains")
    if facts["loss_high"] < 0 and not smaller:
        surely = _("shares of the total fit better: the two measures do not agree")
    words = _("{size:share} less") if smaller else _("{size:share} more")
    return {
        "error_change": fill(words, size=size),
        "surely": surely,
        "bias": abs(facts["bias"]),
        "mean_bias": abs(facts["mean_bias"]),
    }


def describe_chance(conversion: Conversion | None, days: int, currency: str) -> str:
    """What the totals of the classes mean for prospects, and how the chance that they buy held before."""
    words = _("Expected spend in the first {days:days} days, {currency}")
    if conversion is None:
        words += _("; of prospects if they buy: how many do is not known, so no total is given")
        return fill(words, days=days, currency=currency)
    words += _(
        "; of prospects the mean if they buy, and the total by each one's chance to do so within {days:days} "
        "days, by how long {prospects:count} earlier ones took, of whom {bought:count} bought"
    )
    if conversion.check:
        words += _(
            ". Tried on the {known:count} prospects of {day}: {expected:count} were expected to buy within "
            "as many days ({low:count} to {high:count} by chance), {came:count} did"
        )
    sizes = {"prospects": conversion.prospects, "bought": conversion.bought}
    facts = {("known" if name == "prospects" else name): fact for name, fact in conversion.check.items()}
    return fill(words, **sizes | facts | {"days": days, "currency": currency})


def describe_censoring(censoring: LeftCensoring | None) -> str:
    """How customers who may have bought before the record began are treated; empty where there are none."""
    if censoring is None:
        return ""
    template = _(
        "{customers:count} whose first recorded purchase is by {until} are left out: they may have bought "
        "before."
    )
    if not censoring.are_left_out:
        template = _(
            "{customers:count} whose first recorded purchase is by {until} may have bought before; without "
            "them too few remain, so they count."
        )
    return fill(template, customers=censoring.customers, until=censoring.until)


def write_reasons(newcomers: pd.DataFrame) -> pd.Series:
    """The attributes that change each customer's expected spend most, by rows of the table `newcomers`."""
    return write_rows(newcomers, _write_reason)


def _write_reason(row: dict) -> str:
    if row["reason"] != "attributes":
        sentences = {
            "close_to_mean": _("close to the mean in all that is known"),
            "mean_of_all": _("the mean of older customers"),
            "no_earlier_customers": _("no older customers yet"),
        }
        return sentences[row["reason"]]
    named = [place for place in (1, 2) if pd.notna(row[f"attribute_{place}"])]
    return "; ".join(
        fill(
            _("{attribute} {level} (× {factor:number})"),
            attribute=row[f"attribute_{place}"].removeprefix("first_").replace("_", " "),
            level=_name_level(row[f"attribute_{place}"], row[f"level_{place}"]),
            factor=row[f"factor_{place}"],
        )
        for place in named
    )


def _name_level(attribute: str, level: str) -> str:
    if attribute == "first_weekday" and level.isdigit():
        days = _("Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday")
        return days.split(", ")[int(level) - 1]
    return level or _("unknown")
