"""Customer lifetime value in words: the model selected and why, what it learned, pictures, the takeaway."""

import numpy as np
import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.models.clv.calibration import MAX_REACH
from crcm_lib.models.clv.model_selection import ModelSelection
from crcm_lib.models.clv.purchase_models import PARETO
from crcm_lib.models.clv.value_model import ValueModel
from crcm_lib.models.reasons import Reason
from crcm_lib.reporting.takeaway import Takeaway, takeaway
from crcm_lib.reporting.text.numbers import fill, fill_rows
from crcm_lib.reporting.workspace import Workspace

LONG_LIFETIME = 3  # times the history, beyond which the data say nothing of a lifetime


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
        "own_mean": _("own mean"),
        "corrected": _("corrected"),
    }
    for part, name in words.items():
        model = model.replace(part, name)
    return model


def label_standings(selection: ModelSelection) -> pd.DataFrame:
    """The standings with each model under the name of what was fitted; equal ones once."""
    names = [label_model(selection.fitted_name(model)) for model in selection.standings["model"]]
    return selection.standings.assign(model=names).drop_duplicates("model", ignore_index=True)


def describe_selection(selection: ModelSelection) -> str:
    """Which model was selected, and why, in a sentence."""
    words, name = _("Selected: {model}; {why}"), label_model(selection.fitted_name(selection.champion))
    reason = selection.reason
    if reason.rule != "smallest_loss":
        return fill(words, model=name, why=_describe_rule(reason))
    tied = {label_model(selection.fitted_name(model)) for model in reason.facts["tied"]} - {name}
    why = _("the smallest loss ({windows} windows of {days:days} days held out); {near}")
    near = _("no other is within chance of it")
    if tied:
        near = fill(_("within chance of it: {names}"), names=sorted(tied))
    return fill(words, model=name, why=fill(why, near=near, **reason.facts))


def _describe_rule(reason: Reason) -> str:
    words = {
        "history_too_short": _("{history_days:days} days of history are too few to hold some out"),
        "too_few_buyers": _(
            "{buyers:count} customers bought in a window held out, and a comparison needs {needed:count}"
        ),
    }
    return _fill_rule(words, reason)


def describe_grade(selection: ModelSelection) -> str:
    """How accurate the selected model was against the best simple rule, or why that is unknown."""
    grade, facts = selection.grade, selection.reason.facts
    if np.isnan(grade.change):
        return _describe_rule(selection.reason)
    words = {
        "good": _(
            "its error was {smaller:share} smaller than that of the best simple rule, {baseline} "
            "({least:share} to {most:share}; {windows} windows of {days:days} days)"
        ),
        "fair": _(
            "its error was {smaller:share} smaller than that of the best simple rule, {baseline} "
            "({least:share} to {most:share}; {windows} windows of {days:days} days), but its totals were off "
            "by {bias:change}"
        ),
        "tie": _(
            "against the simple rule {baseline} its error was {change:change} ({low:change} to "
            "{high:change}), which chance may explain ({windows} windows of {days:days} days)"
        ),
        "weak": _(
            "its error was {change:share} larger than that of the simple rule {baseline} ({low:share} to "
            "{high:share}; {windows} windows of {days:days} days)"
        ),
    }
    if grade.baseline == selection.champion:
        words["tie"] = _("the simple rule did best ({windows} windows of {days:days} days)")
    numbers = {"change": grade.change, "low": grade.low, "high": grade.high, "bias": grade.bias}
    sizes = {"smaller": -grade.change, "least": -grade.high, "most": -grade.low}
    name = label_model(grade.baseline)
    return fill(words[grade.grade], baseline=name, **numbers, **sizes, **facts)


def describe_range(selection: ModelSelection, total: pd.Series, horizon_days: float) -> str:
    """How far the total may be off, or why no range of it can be given, in a clause.

    `total` is the last row of `PredictionIntervals.totals`.
    """
    if not np.isnan(total["spend_low"]):
        words = _(
            "{spend_low:money} to {spend_high:money} in four of five cases, if it is off as the last four "
            "windows of {days:days} days were"
        )
        limits = total[["spend_low", "spend_high"]]
        return fill(words, days=selection.windows[0].holdout.days, **limits)
    if selection.latest is None:
        return _("no range: nothing could be held out")
    days = selection.windows[0].holdout.days
    if horizon_days > MAX_REACH * days:
        words = _(
            "no range: the history is too short to have tested {horizon:days} days, only windows of "
            "{days:days}"
        )
        return fill(words, horizon=horizon_days, days=days)
    return _("no range: fewer than four windows of the past could be held out")


def describe_reason(reason: Reason) -> str:
    """Why a model was not used, or a remark on a fit, in a clause."""
    words = {
        "too_few_customers": _("{customers:count} customers, and {model} needs {needed:count}"),
        "too_few_repeaters": _("{repeaters:count} bought more than once, and {model} needs {needed:count}"),
        "too_few_history_days": _("{history_days:days} days of history, and {model} needs {needed:count}"),
        "too_few_spends": _(
            "the spend of {repeaters:count} repeat buyers is known, and Gamma-Gamma needs {needed:count}"
        ),
        "model_does_not_fit": _("{model} does not fit: {problems}"),
        "parameters_at_bound": _(
            "{model} at its edge ({parameters}): dropout is hardly seen, or equally likely for all"
        ),
        "spends_too_different": _(
            "Gamma-Gamma does not suit: spends differ so much that it expects {population_mean:money} of "
            "a new customer where the mean is {observed_mean:money}"
        ),
        "spend_depends_on_frequency": _(
            "spend depends on frequency (rank correlation {correlation:+.2f}), which Gamma-Gamma excludes"
        ),
        "recalibrated": _(
            "totals are recalibrated by {change:change}: in earlier windows they were off by "
            "{biases:change}, the latest first"
        ),
    }
    return _fill_rule(words, reason)


def _fill_rule(words: dict[str, str], reason: Reason) -> str:
    names = {"best": label_model, "model": label_model, "problems": _problems, "parameters": _problems}
    facts = {name: names[name](fact) if name in names else fact for name, fact in reason.facts.items()}
    return fill(words[reason.rule], **facts)


def _problems(problems: list[str]) -> list[str]:
    words = {
        "not_finite": _("the likelihood is not a number"),
        "no_maximum": _("no maximum was found"),
        "mean_not_finite": _("mean spend has no finite expectation (q is 1 or below)"),
    }
    at_limit = _("{name} ran to its limit")
    return [words.get(each) or fill(at_limit, name=each.removesuffix("_at_bound")) for each in problems]


def describe_model(model: ValueModel) -> pd.DataFrame:
    """What was learned, one row each: `what` and `learned`, in words."""
    rate = 30 * model.params["r"] / model.params["alpha"] / model.purchase_process.k
    margin = _("{margin:share} of spend, from known cost")
    if model.margin is None:
        margin = _("cost is unknown: value is revenue")
    sentences = {
        _("model"): label_model(model.name),
        _("learned from"): _(
            "{customers:count} customers, {repeaters:count} of them repeat buyers, {history_days:days} days"
        ),
        _("purchase rate"): _(
            "{rate:number} purchase days in 30 days, averaged over customers while they are active"
        ),
        _("dropout"): _describe_dropout(model),
        _("spend"): _(
            "{population_mean:money} per purchase day is expected of a new customer, and weighs as much as "
            "{prior_weight:number} own purchases"
        ),
        _("margin"): margin,
    }
    values = {**model.facts, **model.spend_params, "rate": rate, "margin": model.margin}
    learned = [(what, fill(words, **values)) for what, words in sentences.items()]
    remarks = [(_("remark"), describe_reason(reason)) for reason in model.reasons]
    return pd.DataFrame(learned + remarks, columns=["what", "learned"])


def _describe_dropout(model: ValueModel) -> str:
    params = model.params
    if "a" in params:
        share = params["a"] / (params["a"] + params["b"])
        return fill(_("{share:share} drop out after a purchase, on average"), share=share)
    if model.purchase_model != PARETO:
        return _("not modelled: the constant rate takes everybody to stay")
    median = params["beta"] * np.expm1(np.log(2) / params["s"]) if params["s"] > 0.02 else np.inf
    if median > LONG_LIFETIME * model.facts["history_days"]:
        words = _(
            "dropout is hardly seen: half of all customers stay for longer than {days:days} days can tell"
        )
        return fill(words, days=model.facts["history_days"])
    return fill(
        _("half of all customers drop out within {days:days} days of their first purchase"), days=median
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
    return scenarios.replace({"scenario": words})


def describe_deciles(deciles: pd.DataFrame, currency: str) -> str:
    """Mean spend predicted and actual by decile, small cells hidden."""
    shown = deciles.dropna()
    if shown.empty:
        return _("No picture: there is too little to compare.")
    parts = fill_rows(_("{decile}: {predicted:money}, {actual:money}"), shown)
    words = _("Bars, mean {currency} per customer by tenth, predicted and actual. {parts}.")
    return fill(words, currency=currency, parts=parts)


def describe_tenths(tenths: pd.DataFrame, currency: str) -> str:
    """Share of the predicted value by tenth, small cells hidden."""
    if tenths["value_share"].isna().all():
        return _("No picture: there are too few customers to show who carries the value.")
    words = _("Bars, share of the predicted value ({currency}) by tenth of customers: {shares:share}.")
    return fill(words, currency=currency, shares=list(tenths["value_share"]), missing=_("hidden"))


def describe_totals(totals: pd.DataFrame, currency: str, why: str) -> str:
    """Expected spend and its interval by group, from `relative_totals`; `why` from `describe_range`."""
    if totals.empty:
        words = _("No picture: there are too few customers, or nothing is expected of them, or {why}.")
        return fill(words, why=why)
    part = _("{group}: {spend_expected:money} ({spend_low:money} – {spend_high:money})")
    named = totals.assign(group=totals["group"].replace("", _("all")))
    words = _("80 % prediction intervals around what is expected, {currency} per group. {parts}.")
    return fill(words, currency=currency, parts=fill_rows(part, named))


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
    if value.empty:
        return takeaway(_("No value is predicted: the data cannot carry it, as 01 says."))
    policy = workspace.policy
    bases = {"spend": _("spend"), "margin": _("margin")}
    grades = {
        "good": _("Good"),
        "fair": _("Fair"),
        "tie": _("As good as a simple rule"),
        "weak": _("Worse than a simple rule"),
        "cannot_tell": _("Cannot tell"),
    }
    return takeaway(
        _(
            "The **{n:count}** customers who have bought are expected to spend **{spend_expected:money} "
            "{currency}** in {days:days} days ({range}). Counting later money less, that is worth "
            "{value:money} {currency} of {basis} today; the top fifth of customers carries **{top:share}**. "
            "Would we have been right before? **{grade}** — {why}."
        ),
        n=len(value),
        currency=workspace.currency,
        days=policy.horizon_days,
        value=value["value"].sum(),
        basis=bases[model.basis(policy.margin_rate)],
        top=tenths["value_share"].head(2).sum(min_count=2),
        grade=grades[selection.grade.grade],
        why=describe_grade(selection),
        spend_expected=totals.iloc[-1]["spend_expected"],
        range=describe_range(selection, totals.iloc[-1], policy.horizon_days),
    )
