"""Words of a customer's card: the tier and why, the score, stage, RFM, value and chance of leaving."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.i18n import _
from crcm_lib.models.churn.alerts import NOT_RAISED, SILENT, WITHIN
from crcm_lib.reporting.text.classification import name_number_form
from crcm_lib.reporting.text.numbers import fill, write
from crcm_lib.schema.tables import About

Facts = Mapping | None  # a customer's row of a table; None: the table has none
Rows = list[dict]


@dataclass(frozen=True)
class RunFacts:
    """What the cards of a run have in common.

    Attributes
    ----------
    about, policy
        Of the run.
    basis
        What predicted value counts: "margin" or "spend".
    alert_days
        Days ahead for which the chance of leaving is told; None: nobody's is.
    scored
        The indicators that the run's data have.
    learned_on, learned_from
        Day, and how many customers the scales and borders were learned from.
    recorded
        The input tables that the run has.
    names
        The names of tiers, criteria, indicators, segments and actions, with the Chinese term.
    """

    about: About
    policy: Policy
    basis: str
    alert_days: float | None
    scored: frozenset[str]
    learned_on: str
    learned_from: int
    recorded: frozenset[str]
    names: Mapping[str, str] = field(default_factory=dict)

    def name(self, term: str) -> str:
        """A name of the policy with its Chinese term."""
        return self.names.get(term, term)


def name_terms(policy: Policy) -> dict[str, str]:
    """The policy's names with the Chinese term where it has one: {"key": "key 重要客户"}."""
    named = [*policy.tiers, *policy.criteria, *policy.rfm.segments, *policy.playbook, *policy.care]
    named += [indicator for criterion in policy.criteria for indicator in criterion.indicators]
    return {each.name: " ".join(filter(None, [each.name, each.zh])) for each in named}


def write_summary(tier: str, stage: Facts, value: Facts, run: RunFacts) -> str:
    """One line: tier, stage, value."""
    parts = [run.name(tier)]
    if stage is not None:
        parts.append(stage["stage"])
    if value is not None and pd.notna(value["value"]):
        words = _("predicted value {value:money} {currency}")
        parts.append(fill(words, value=value["value"], currency=run.about.currency))
    return " · ".join(parts)


def write_tier(because: str, tier: Mapping, points: Mapping, history: Rows, run: RunFacts) -> list[str]:
    """The tier in force, why and since when, how firm it is, and the tiers of earlier runs.

    Parameters
    ----------
    because
        From `classification.write_reasons`.
    tier, points
        The customer's rows of `tiers` and `scorecard`.
    history
        Their rows of `tier_history`.
    """
    lines = [f"{run.name(tier['tier_in_force'])}: {because}", _write_coming(tier)]
    if tier["reason"] == "nothing_known":
        words = _("Nothing is known that could be scored; so the last tier is proposed, until something is.")
        lines.append(words)
    else:
        without = tier.get("tier_without_objective", tier["tier_proposed"])
        if without != tier["tier_proposed"]:
            words = _("Proposed because of the objective {objective}; without it: {without}.")
            lines.append(fill(words, objective=str(run.policy.objective), without=run.name(without)))
        words = _(
            "The same is proposed in {firmness:share} of the cases in which the weights of the criteria are "
            "moved by a tenth."
        )
        lines.append(fill(words, firmness=tier["firmness"]))
    if tier["terms_withheld"]:
        few = [
            run.name(each.name)
            for each in run.policy.criteria
            if each.terms_from is not None and points.get(each.name, each.terms_from) < each.terms_from
        ]
        words = _("No special prices, discounts or credit for now: too few points in {names}.")
        lines.append(fill(words, names=few))
    if len(history) > 1:
        past = [f"{write(row['day'])} {row['tier_in_force']}" for row in history]
        lines.append(fill(_("In force from run to run: {past}."), past=past))
    return lines


def _write_coming(tier: Mapping) -> str:
    """Since when the tier is in force, how it came to be, and who signed it."""
    ways = {
        "first": _("the first one, as proposed"),
        "rose": _("a move up, by itself"),
        "approved": _("a move down, approved"),
        "rule": _("by a rule of the policy"),
        "set": _("set by a person"),
        "set_ended": _("as proposed, when what a person had set ended"),
    }
    words = _("In force since {in_force_since:day}: {way}.")
    if pd.notna(tier["signed_by"]):
        words = _("In force since {in_force_since:day}: {way}. Signed by {signed_by}: {signed_reason}.")
    return fill(words, **tier, way=ways[tier["came_by"]])


def write_way_up(needs: str, tier: Mapping, run: RunFacts) -> list[str]:
    """The nearest better tier in what the customer can do, and when it would come into force.

    `needs` is from `classification.write_reasons`.
    """
    if tier["tier_proposed"] == run.policy.tiers[0].name:
        return [_("The best tier is proposed already.")]
    if not needs:
        words = _(
            "No better tier can be reached by more points: what they ask for is not known, or withheld."
        )
        return [words]
    words = _(
        "Then it is proposed, where {tier_proposed} is now. It comes into force by itself {margin:number} "
        "points beyond the border, or where the score has risen by as many since {in_force_since:day}, in "
        "two runs in a row; before that only if a named person sets it."
    )
    return [needs, fill(words, **tier, margin=run.policy.approvals.margin)]


def tabulate_score(parts: Rows, raw: Mapping, points: Mapping, run: RunFacts) -> list[tuple[str, ...]]:
    """The score added up: a row per criterion and, below it, per indicator with its raw number.

    Parameters
    ----------
    parts
        Rows of `decisions.tiers.explain_scores` of the customer.
    raw, points
        The customer's indicators, and row of the table `scorecard`.

    Returns
    -------
    Rows of text, the head first: what, number, points, weight, adds. What is unknown has no points.
    """
    rows = [(_("what"), _("number"), _("points"), _("weight"), _("adds"))]
    known = {part["criterion"]: part for part in parts}
    for criterion in run.policy.criteria:
        here = [indicator for indicator in criterion.indicators if indicator.name in run.scored]
        if not here:
            continue
        part = known.get(criterion.name)
        shown = ("–", "–", "–")
        if part:
            shown = (
                write(part["points"], "points"),
                write(part["weight"], "share"),
                write(part["adds"], "points"),
            )
        rows.append((run.name(criterion.name), "", *shown))
        for indicator in here:
            number = write(raw.get(indicator.name), name_number_form(indicator.column))
            mark = write(points.get(f"points_{indicator.name}"), "points")
            rows.append((f"· {run.name(indicator.name)}", number, mark, "", ""))
    rows.append((_("score"), "", "", "", write(points["score"], "points")))
    return rows


def write_stage(stage: Facts, why: str, features: Mapping, run: RunFacts) -> list[str]:
    """The lifecycle stage, since when and why; first and last purchase.

    `why` is from `profile.write_stage_reasons`.
    """
    lines = []
    if stage is not None:
        words = _("{stage} since {day:day}: {why}.") if pd.notna(stage["entered"]) else _("{stage}: {why}.")
        lines.append(fill(words, stage=stage["stage"], day=stage["entered"], why=why))
    if features["purchases"] > 0:
        words = _(
            "First purchase {first_day:day}, last {last_day:day}; {spend_total:money} {currency} in all."
        )
        lines.append(fill(words, currency=run.about.currency, **features))
    return lines


def write_rfm(rfm: Facts, run: RunFacts) -> list[str]:
    """The scores, the segment with the policy's words, and the segment on the comparison day."""
    if rfm is None:
        return [_("No scores: they have bought nothing that was kept.")]
    because = {segment.name: segment.because for segment in run.policy.rfm.segments}
    words = _(
        "Recency {recency_score}, frequency {frequency_score}, monetary value {monetary_score}; {bins} is "
        "best."
    )
    lines = [fill(words, bins=run.policy.rfm.bins, **rfm)]
    lines.append(f"{run.name(rfm['segment'])}: {because.get(rfm['segment'], '')}")
    if pd.notna(rfm["segment_before"]):
        before = run.about.day - pd.Timedelta(days=run.policy.rfm.compare_days)
        lines.append(fill(_("On {day:day}: {segment}."), day=before, segment=run.name(rfm["segment_before"])))
    return lines


def write_value(value: Facts, newcomer: Facts, because: str, run: RunFacts) -> list[str]:
    """Expected spend with its range, the predicted value, and of a newcomer the class.

    `because` is from `newcomers.write_reasons`.
    """
    facts = {"days": run.policy.horizon_days, "currency": run.about.currency}
    lines = []
    if value is None or pd.isna(value["value"]):
        lines.append(_("No value can be predicted: too little is known of them."))
    else:
        words = _(
            "Spend expected within {days:days} days: {spend_expected:money} {currency}; in four of five such "
            "cases it lies between {spend_low:money} and {spend_high:money}."
        )
        if pd.isna(value["spend_low"]):
            words = _("Spend expected within {days:days} days: {spend_expected:money} {currency}.")
        lines.append(fill(words, **facts, **value))
        basis = {"margin": _("margin"), "spend": _("spend")}[run.basis]
        words = _(
            "Predicted value: {value:money} {currency} of {basis}, later money counted less (model: {model})."
        )
        lines.append(
            fill(words, **value | facts | {"basis": basis, "model": value["model"].replace("_", " ")})
        )
    if newcomer is not None:
        kinds = {"newcomer": _("Bought on one day so far"), "prospect": _("Has signed up and not bought")}
        words = _(
            "{kind}; beside others so new, the early spend expected is {class_}; what changes it most: "
            "{because}."
        )
        known = {
            "kind": kinds[newcomer["kind"]],
            "class_": _name_class(newcomer["class"]),
            "because": because,
        }
        lines.append(fill(words, **known))
    return lines


def _name_class(name: str) -> str:
    words = {
        "promising": _("promising"),
        "ordinary": _("ordinary"),
        "modest": _("modest"),
        "cannot_tell": _("cannot be told"),
    }
    return words[name]


def write_leaving(churn: Facts, why: str, run: RunFacts) -> list[str]:
    """Whether there is an alert and why, the chance not to buy, and what is at risk.

    `why` is from `churn_warning.write_reasons`.
    """
    if churn is None or run.alert_days is None:
        return [_("Nothing can be said of leaving: nothing was bought that could stop.")]
    without = {
        WITHIN: _("No alert: away no longer than usual."),
        SILENT: _("No alert: silent for longer than {days:days} days, so nothing is left at risk."),
        NOT_RAISED: _(
            "No alert: away for unusually long, but on earlier days alerts did not find enough to be raised."
        ),
    }
    alerts = {"watch": _("watch"), "warning": _("warning"), "urgent": _("urgent")}
    words = without.get(churn["reason"], _("Alert: {alert}."))
    lines = [fill(words, days=run.alert_days, alert=alerts.get(churn["alert"], ""))]
    lines.append(fill(_("{why}, within {days:days} days."), days=run.alert_days, why=why))
    if churn["value_at_risk"] > 0:
        words = _("At risk by that: {value_at_risk:money} {currency} of {basis}.")
        basis = {"margin": _("margin"), "spend": _("spend")}[run.basis]
        lines.append(fill(words, **churn | {"basis": basis, "currency": run.about.currency}))
    return lines
