"""Subscriptions in words: what was left out, why nothing can be said, what renewals are worth."""

import pandas as pd

from crcm_lib.features.contract_periods import Subscriptions
from crcm_lib.i18n import _
from crcm_lib.models.subscriptions.renewal_backtest import MIN_DECISIONS, RenewalBacktest
from crcm_lib.models.subscriptions.renewals import Renewals
from crcm_lib.models.subscriptions.sbg import MIN_PER_OUTCOME, MIN_SUBSCRIPTIONS, Retention
from crcm_lib.reporting.text import numbers


def list_remarks(retention: Retention, subscriptions: Subscriptions) -> pd.DataFrame:
    """Why retention is not known, what was left out of the contracts, what was assumed; a `remark` a row."""
    remarks = [*_describe_retention(retention), *_describe_contracts(subscriptions)]
    return pd.DataFrame({"remark": remarks}, dtype="str")


def _describe_retention(retention: Retention) -> list[str]:
    facts = retention.facts
    values = {
        "n": numbers.count(facts.get("subscriptions", 0)),
        "decisions": numbers.count(facts.get("stayed", 0) + facts.get("left", 0)),
        "stayed": numbers.count(facts.get("stayed", 0)),
        "left": numbers.count(facts.get("left", 0)),
        "fewest": MIN_SUBSCRIPTIONS,
        "fewest_each": MIN_PER_OUTCOME,
    }
    sentences = _retention_sentences()
    failed = _("The model does not fit these contracts ({reason}).")
    return [sentences.get(reason, failed).format(reason=reason, **values) for reason in retention.reasons]


def _retention_sentences() -> dict[str, str]:
    at_bound = _("The fit ends at a limit: customers leave equally easily, or either at once or never.")
    if_known = {"alpha_at_bound": at_bound, "beta_at_bound": at_bound}
    return if_known | {
        "no_contracts_table": _("There is no table `contracts`."),
        "no_contract_begun": _("No contract has begun."),
        "too_few_subscriptions": _("There are {n} subscriptions, and retention needs {fewest}."),
        "no_decision_yet": _("No contract has come up for renewal yet."),
        "too_few_per_outcome": _(
            "Of {decisions} contracts that came up for renewal {stayed} were renewed and {left} were not, "
            "and retention needs {fewest_each} of each."
        ),
        "nobody_decided_twice": _(
            "Nobody's contract has come up for renewal twice, so whether retention changes is unknown."
        ),
        "nobody_decided_three_times": _(
            "No contract has come up for renewal a third time: beyond the second, only the model's form "
            "counts."
        ),
        "one_cohort": _("All began within one contract's length: those who begin later may differ."),
    }


def _describe_contracts(subscriptions: Subscriptions) -> list[str]:
    counts = subscriptions.counts
    others = counts["contracts"] - counts["of_usual_length"]
    sentences = [
        (
            others,
            _("{n} of {all} contracts do not last about {days} days; what becomes of them is not counted."),
        ),
        (counts["side_by_side"], _("{n} customers hold contracts side by side and are left out.")),
        (counts["silent"], _("{n} contracts are taken as not renewed, because nothing followed.")),
        (
            counts["contradicted"],
            _("{n} contracts are marked as not renewed, but another followed: they count as renewed."),
        ),
        (counts["value_unknown"], _("The value of {n} subscriptions is unknown; the median stands in.")),
    ]
    values = {"all": numbers.count(counts["contracts"]), "days": numbers.days(subscriptions.period_days)}
    return [sentence.format(n=numbers.count(n), **values) for n, sentence in sentences if n]


def describe_renewals(renewals: Renewals, summary: pd.DataFrame, currency: str, min_cell: int) -> str:
    """What is running and the present value of its renewals.

    Parameters
    ----------
    summary
        From `renewals.summarise`, small cells hidden.
    min_cell
        The fewest subscriptions of which anything is said.
    """
    if summary.empty:
        return _("No subscription is running.")
    row = summary.iloc[0]
    if pd.isna(row["subscriptions"]):
        return _("Fewer than {n} subscriptions are running.").format(n=min_cell)
    template = _("{n} subscriptions are running; the next renewal's chance is {p} on average.")
    running = template.format(n=numbers.count(row["subscriptions"]), p=numbers.share(row["p_renewal"]))
    if "renewal_value" not in renewals.rows:
        return running + " " + _("The value of no contract is known.")
    if pd.isna(row["renewal_value"]):
        return running + " " + _("One of them dominates the value of renewals, which is hidden.")
    template = _(
        "Renewals within {days} days are worth {total} {currency}, discounted to today "
        "({low} to {high} in four of five futures)."
    )
    columns = {"total": "renewal_value", "low": "value_low", "high": "value_high"}
    amounts = {name: numbers.money(row[column]) for name, column in columns.items()}
    return (
        running
        + " "
        + template.format(days=numbers.days(renewals.horizon.days), currency=currency, **amounts)
    )


def describe_survival(survival: pd.DataFrame) -> str:
    """The lines of actual and projected survival, or that there are none.

    Parameters
    ----------
    survival
        From `models.subscriptions.sbg.compare_survival`, small cells hidden.
    """
    if survival["actual_share"].dropna().empty:
        return _("No picture: too few contracts have come up for renewal to show how they last.")
    parts = [_describe_renewal(row) for row in survival.iloc[1:].to_dict("records")]
    template = _("Lines, share of customers by renewals, actual and by the model. {parts}.")
    return template.format(parts="; ".join(parts))


def _describe_renewal(row: dict) -> str:
    actual = numbers.share(row["actual_share"])
    if pd.isna(row["actual_share"]):
        actual = _("hidden") if row["customers"] else _("not seen yet")
    model = (
        _(", model {share}").format(share=numbers.share(row["expected_share"]))
        if "expected_share" in row
        else ""
    )
    return f"{row['renewals']:.0f}: {actual}{model}"


def caption_backtest(backtest: RenewalBacktest) -> str:
    """Which days were held out and whether the model's chances were closer, or why that is unknown."""
    comparisons = {
        "closer": _("closer than one rate for all"),
        "as_close": _("about as close as one rate for all, within what chance alone does"),
        "less_close": _("less close than one rate for all"),
    }
    if backtest.comparison == "no_contracts":
        return _("There are no contracts to look back on.")
    if backtest.comparison == "no_fit":
        fit = _describe_retention(backtest.retention)
        return " ".join([_("Held out: nothing could be fitted before."), *fit])
    if backtest.comparison == "too_few_decisions":
        template = _("Held out: {n} contracts came up for renewal, and a comparison needs {fewest}.")
        return template.format(n=numbers.count(len(backtest.decisions)), fewest=MIN_DECISIONS)
    template = _("Held out: the {days} days after {start}; the model's chances are {comparison}.")
    return template.format(
        days=numbers.days((backtest.end - backtest.start).days),
        start=numbers.day(backtest.start),
        comparison=comparisons[backtest.comparison],
    )
