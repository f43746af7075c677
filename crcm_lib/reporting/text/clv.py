"""Customer lifetime value in words: the model selected and why, what it learned, and the takeaway."""

import numpy as np
import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.models.clv.model_selection import ModelSelection
from crcm_lib.models.clv.purchase_models import PARETO
from crcm_lib.models.clv.value_model import YEAR, ValueModel
from crcm_lib.models.metrics import Grade
from crcm_lib.models.reasons import Reason
from crcm_lib.reporting.takeaway import Takeaway, takeaway
from crcm_lib.reporting.text import numbers
from crcm_lib.reporting.workspace import Workspace

LONG_LIFETIME_DAYS = 100 * YEAR  # beyond which the data say nothing of a lifetime


def label_model(model: str) -> str:
    """A model's id in words; the papers' names stay.

    >>> label_model("same_rate"), label_model("BG/NBD + shrunken_mean")
    ('same rate as before', 'BG/NBD + shrunken mean')
    """
    words = {
        "same_rate": _("same rate as before"),
        "last_period": _("last period × ratio"),
        "constant_rate": _("constant rate"),
        "shrunken_mean": _("shrunken mean"),
        "corrected": _("corrected"),
    }
    for part, name in words.items():
        model = model.replace(part, name)
    return model


def label_basis(basis: str) -> str:
    """What `value` counts, in words."""
    return {"spend": _("spend"), "margin": _("margin")}[basis]


def describe_selection(selection: ModelSelection) -> str:
    """Which model was selected, and why, in a sentence."""
    return _("Selected: {model}; {why}").format(
        model=label_model(selection.champion), why=_describe_rule(selection.reason)
    )


def _describe_rule(reason: Reason) -> str:
    words = {
        "smallest_loss": _(
            "the smallest loss, and no simpler model within one standard error (windows of {days} days held "
            "out: {windows})"
        ),
        "within_one_standard_error": _(
            "the simplest within one standard error of the smallest loss, {best}'s (windows of {days} days "
            "held out: {windows})"
        ),
        "history_too_short": _("{history_days} days of history are too few to hold some out"),
        "too_few_buyers": _(
            "{buyers} customers bought in a window held out, and a comparison needs {needed}"
        ),
    }
    return fill(words, reason.rule, reason.facts)


def describe_grade(selection: ModelSelection) -> str:
    """How accurate the selected model was against the best naive baseline, or why that is unknown."""
    grade = selection.grade
    if np.isnan(grade.rmse_change):
        return _describe_rule(selection.reason)
    return _(
        "against the best naive baseline its error (RMSE) is {rmse} and its ranking (Gini) {gini} points; "
        "its total was off by {bias}"
    ).format(
        rmse=numbers.change(grade.rmse_change),
        gini=f"{100 * grade.gini_change:+.1f}",
        bias=numbers.change(grade.bias),
    )


def label_grade(grade: Grade) -> str:
    """The grade in a word or two."""
    words = {"good": _("good"), "fair": _("fair"), "weak": _("weak"), "cannot_tell": _("cannot tell")}
    return words[grade.grade]


def describe_reason(reason: Reason) -> str:
    """Why a model was not used, or a remark on a fit, in a clause."""
    words = {
        "too_few_customers": _("{customers} customers, and {model} needs {needed}"),
        "too_few_repeaters": _("{repeaters} bought more than once, and {model} needs {needed}"),
        "too_few_history_days": _("{history_days} days of history, and {model} needs {needed}"),
        "too_few_spends": _(
            "the spend of {repeaters} repeat buyers is known, and Gamma-Gamma needs {needed}"
        ),
        "model_does_not_fit": _("{model} does not fit: {problems}"),
        "parameters_at_bound": _(
            "{model} at its edge ({parameters}): dropout is hardly seen, or equally likely for all"
        ),
        "spends_too_different": _(
            "Gamma-Gamma does not suit: spends differ so much that it expects {population_mean} of a new "
            "customer where the mean is {observed_mean}"
        ),
        "spend_depends_on_frequency": _(
            "spend depends on frequency (rank correlation {correlation}), which Gamma-Gamma excludes"
        ),
        "recalibrated": _(
            "totals are recalibrated by {change}: in earlier windows they were off by {biases}, the latest "
            "first"
        ),
    }
    return fill(words, reason.rule, reason.facts)


def describe_model(model: ValueModel) -> pd.DataFrame:
    """What was learned, one row each: `what` and `learned`, in words."""
    facts, params, spend = model.facts, model.params, model.spend_params
    rate = 30 * params["r"] / params["alpha"] / model.purchase_process.k
    rows = [
        (_("model"), label_model(model.name)),
        (
            _("learned from"),
            _("{customers} customers, {repeaters} of them repeat buyers, {days} days").format(
                customers=numbers.count(facts["customers"]),
                repeaters=numbers.count(facts["repeaters"]),
                days=numbers.days(facts["history_days"]),
            ),
        ),
        (
            _("purchase rate"),
            _("{rate} purchase days in 30 days, averaged over customers while they are active").format(
                rate=numbers.number(rate)
            ),
        ),
        (_("dropout"), _describe_dropout(model)),
        (
            _("spend"),
            _(
                "{mean} per purchase day is expected of a new customer, and weighs as much as {weight} own "
                "purchases"
            ).format(
                mean=numbers.money(spend["population_mean"]), weight=numbers.number(spend["prior_weight"])
            ),
        ),
        (
            _("margin"),
            _("cost is unknown: value is revenue")
            if model.margin is None
            else _("{margin} of spend, from known cost").format(margin=numbers.share(model.margin)),
        ),
        *((_("remark"), describe_reason(reason)) for reason in model.reasons),
    ]
    return pd.DataFrame(rows, columns=["what", "learned"])


def _describe_dropout(model: ValueModel) -> str:
    params = model.params
    if "a" in params:
        share = params["a"] / (params["a"] + params["b"])
        return _("{share} drop out after a purchase, on average").format(share=numbers.share(share))
    if model.purchase_model != PARETO:
        return _("not modelled: the constant rate takes everybody to stay")
    median = params["beta"] * np.expm1(np.log(2) / params["s"]) if params["s"] > 0.02 else np.inf
    if median > LONG_LIFETIME_DAYS:
        return _("half of all customers stay for longer than the data can tell")
    return _("half of all customers drop out within {days} days of their first purchase").format(
        days=numbers.days(median)
    )


def label_scenarios(scenarios: pd.DataFrame) -> pd.DataFrame:
    """The frame of `compare_scenarios` with each scenario in words."""
    words = {
        "base": _("as the policy says"),
        "half_horizon": _("half the horizon"),
        "twice_horizon": _("twice the horizon"),
        "no_discount": _("no discount"),
        "twice_discount": _("twice the discount rate"),
        "constant_rate": _("a constant rate of purchases, nobody drops out"),
        "shrunken_mean": _("a plain shrunken mean of spend"),
    }
    return scenarios.assign(scenario=scenarios["scenario"].map(words))


def _describe_problem(problem: str) -> str:
    words = {
        "not_finite": _("the likelihood is not a number"),
        "no_maximum": _("no maximum was found"),
        "mean_not_finite": _("mean spend has no finite expectation (q is 1 or below)"),
    }
    parameter = problem.removesuffix("_at_bound")
    return words.get(problem, _("{name} ran to its limit").format(name=parameter))


def _signed(value: float) -> str:
    return f"{value:+.2f}"


FORMS = {
    **dict.fromkeys(("best", "model"), label_model),
    **dict.fromkeys(("problems", "parameters"), _describe_problem),
    **dict.fromkeys(("population_mean", "observed_mean"), numbers.money),
    **dict.fromkeys(("misplaced_share", "actual_to_expected"), numbers.share),
    **dict.fromkeys(("change", "change_low", "change_high", "biases", "best_month_excess"), numbers.change),
    **dict.fromkeys(("correlation", "spend_correlation"), _signed),
    **dict.fromkeys(("spend_correlation_low", "spend_correlation_high"), _signed),
    **dict.fromkeys(("limit", "erlang_shape"), numbers.number),
}


def fill(words: dict[str, str], rule: str, facts: dict) -> str:
    """The sentence of a rule with its facts, each in the form of its kind; counts are the rest."""
    written = {
        name: ", ".join(map(FORMS.get(name, numbers.count), fact if isinstance(fact, list) else [fact]))
        for name, fact in facts.items()
    }
    return words[rule].format(**written)


def describe_value(
    value: pd.DataFrame,
    totals: pd.DataFrame,
    tenths: pd.DataFrame,
    model: ValueModel,
    selection: ModelSelection,
    workspace: Workspace,
) -> Takeaway:
    """What customers are expected to spend and to be worth, who carries it, and how right that was before.

    Parameters
    ----------
    value
        The table `value`.
    totals
        `PredictionIntervals.totals`, whose last row is that of all customers.
    tenths
        From `sum_tenths`, small cells hidden; the top fifth is not said where one of its tenths is hidden.
    model, selection
        The model that predicts, and how it was selected.
    workspace
        For the policy and the currency.
    """
    everybody, policy = totals.iloc[-1], workspace.policy
    return takeaway(
        _(
            "The **{n}** customers who have bought are expected to spend **{spend} {currency}** in {days} "
            "days ({low} to {high} in four of five futures), worth {value} as {basis} today; the top fifth "
            "carries **{top}**. Held out: **{grade}** — {why}."
        ),
        n=numbers.count(len(value)),
        spend=numbers.money(everybody["spend_expected"]),
        currency=workspace.currency,
        days=numbers.days(policy.horizon_days),
        low=numbers.money(everybody["spend_low"]),
        high=numbers.money(everybody["spend_high"]),
        value=numbers.money(value["value"].sum()),
        basis=label_basis(model.basis(policy.margin_rate)),
        top=numbers.write(tenths["value_share"].head(2).sum(min_count=2), "share"),
        grade=label_grade(selection.grade),
        why=describe_grade(selection),
    )
