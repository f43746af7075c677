"""Subscriptions in words: what was left out, why nothing can be said, what renewals are worth."""

import pandas as pd

from crcm_lib.features.contract_periods import Subscriptions
from crcm_lib.i18n import _
from crcm_lib.models.subscriptions.renewal_backtest import MIN_DECISIONS, RenewalBacktest
from crcm_lib.models.subscriptions.renewals import Renewals
from crcm_lib.models.subscriptions.sbg import MIN_PER_OUTCOME, MIN_SUBSCRIPTIONS, Retention
from crcm_lib.reporting.text.no_rows import explain_no_rows
from crcm_lib.reporting.text.numbers import fill, write_rows


def list_remarks(retention: Retention, subscriptions: Subscriptions) -> pd.DataFrame:
    """Why retention is not known, what was left out of the contracts, what was assumed; a `remark` a row."""
    remarks = [*_describe_retention(retention), *_describe_contracts(subscriptions)]
    return pd.DataFrame({"remark": remarks}, dtype="str")


def _describe_retention(retention: Retention) -> list[str]:
    at_bound = _("The fit ends at a limit: customers leave equally easily, or either at once or never.")
    sentences = {
        "alpha_at_bound": at_bound,
        "beta_at_bound": at_bound,
        "no_contracts_table": _("There is no table `contracts`."),
        "no_contract_begun": _("No contract has begun."),
        "too_few_subscriptions": _(
            "There are {subscriptions:count} subscriptions, and retention needs {fewest}."
        ),
        "no_decision_yet": _("No contract has come up for renewal yet."),
        "too_few_per_outcome": _(
            "Of {decisions:count} contracts that came up for renewal {stayed:count} were renewed and "
            "{left:count} were not, and retention needs {fewest_each} of each."
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
    facts = {"fewest": MIN_SUBSCRIPTIONS, "fewest_each": MIN_PER_OUTCOME} | retention.facts
    decisions = facts.get("stayed", 0) + facts.get("left", 0)
    failed = _("The model does not fit these contracts ({reason}).")
    return [
        fill(sentences.get(reason, failed), reason=reason, decisions=decisions, **facts)
        for reason in retention.reasons
    ]


def _describe_contracts(subscriptions: Subscriptions) -> list[str]:
    sentences = {
        "others": _(
            "{n:count} of {contracts:count} contracts do not last about {days:days} days; what becomes of "
            "them is not counted."
        ),
        "side_by_side": _("{n:count} customers hold contracts side by side and are left out."),
        "silent": _("{n:count} contracts are taken as not renewed, because nothing followed."),
        "contradicted": _(
            "{n:count} contracts are marked as not renewed, but another followed: they count as renewed."
        ),
        "value_unknown": _("The value of {n:count} subscriptions is unknown; the median stands in."),
    }
    counts = dict(subscriptions.counts)
    counts["others"] = counts["contracts"] - counts["of_usual_length"]
    values = {"contracts": counts["contracts"], "days": subscriptions.period_days}
    return [fill(words, n=counts[name], **values) for name, words in sentences.items() if counts[name]]


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
        return explain_no_rows("subscriptions")
    row = summary.iloc[0]
    if pd.isna(row["subscriptions"]):
        return fill(_("Fewer than {n} subscriptions are running."), n=min_cell)
    if "renewal_value" not in renewals.rows:
        value = _("The value of no contract is known.")
    elif pd.isna(row["renewal_value"]):
        value = _("One of them dominates the value of renewals, which is hidden.")
    else:
        value = _(
            "Renewals within {days:days} days are worth {renewal_value:money} {currency}, discounted to "
            "today ({value_low:money} to {value_high:money} in four of five futures)."
        )
    running = _(
        "{subscriptions:count} subscriptions are running; the next renewal's chance is {p_renewal:share} on "
        "average."
    )
    return fill(f"{running} {value}", days=renewals.horizon.days, currency=currency, **row)


def describe_survival(survival: pd.DataFrame) -> str:
    """The lines of actual and projected survival, or that there are none.

    `survival` is from `models.subscriptions.sbg.compare_survival`, small cells hidden.
    """
    if survival["actual_share"].dropna().empty:
        return _("No picture: too few contracts have come up for renewal to show how they last.")
    parts = write_rows(survival.iloc[1:], _describe_renewal)
    words = _("Lines, share of customers by renewals, actual and by the model. {parts}.")
    return fill(words, parts="; ".join(parts))


def _describe_renewal(row: dict) -> str:
    words = "{renewals:.0f}: {actual_share:share}"
    if "expected_share" in row:
        words += _(", model {expected_share:share}")
    return fill(words, missing=_("hidden") if row["customers"] else _("not seen yet"), **row)


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
        words = _("Held out: {n:count} contracts came up for renewal, and a comparison needs {fewest}.")
        return fill(words, n=len(backtest.decisions), fewest=MIN_DECISIONS)
    return fill(
        _("Held out: the {days:days} days after {start:day}; the model's chances are {comparison}."),
        days=(backtest.end - backtest.start).days,
        start=backtest.start,
        comparison=comparisons[backtest.comparison],
    )
