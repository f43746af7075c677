"""Words of a customer's card: one customer's facts, section by section, a few lines each."""

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
    named = [*policy.tiers, *policy.criteria, *policy.rfm.segments, *policy.playbook]
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


def write_tier(because: str, tier: Mapping, history: Rows, run: RunFacts) -> list[str]:
    """The tier, the policy's reason and the sum behind it, how firm it is, and the tiers of earlier runs.

    `because` is from `classification.write_reasons`.
    """
    lines = [f"{run.name(tier['tier'])}: {because}"]
    if tier["reason"] == "nothing_known":
        lines.append(_("Nothing is known that could be scored; so it is the last tier, until something is."))
    else:
        words = _(
            "It stays the same in {firmness:share} of the cases in which the weights of the criteria are "
            "moved by a tenth."
        )
        lines.append(fill(words, firmness=tier["firmness"]))
    if len(history) > 1:
        past = [f"{write(row['day'])} {row['tier']}" for row in history]
        lines.append(fill(_("Tiers from run to run: {past}."), past=past))
    return lines


def write_way_up(needs: str, tier: Mapping, run: RunFacts) -> list[str]:
    """The nearest better tier in what the customer can do; `needs` is from `classification.write_reasons`."""
    if needs:
        return [needs]
    if tier["tier"] == run.policy.tiers[0].name:
        return [_("This is the best tier.")]
    return [
        _("No better tier can be reached by more points: what they ask for is not known, or out of reach.")
    ]


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
        told = ("–", "–", "–")
        if part:
            told = (
                write(part["points"], "points"),
                write(part["weight"], "share"),
                write(part["adds"], "points"),
            )
        rows.append((run.name(criterion.name), "", *told))
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


def write_planned(actions: Rows, arms: Rows, calendar: Rows, run: RunFacts) -> list[str]:
    """What is planned for the customer, when and by whom, and what by chance is not given for comparison.

    Parameters
    ----------
    actions, arms, calendar
        The customer's rows of `actions`, `planned_assignments` and `calendar`.
    """
    because = {action.name: action.because for action in run.policy.playbook}
    lines = []
    for action in actions:
        when = [write(entry["day"]) for entry in calendar if entry["action"] == action["action"]]
        words = (
            _("{name} ({channel}, {owner_role}), {when}: {because}")
            if when
            else _("{name} ({channel}, {owner_role}): {because}")
        )
        named = {"name": run.name(action["action"]), "because": because.get(action["action"], "")}
        lines.append(fill(words, **action | named | {"when": when}))
    for arm in arms:
        if arm["arm"] == "control":
            words = _(
                "Not given until {end:day}, drawn by chance so that the effect on others can be seen: {name}."
            )
            lines.append(fill(words, **arm | {"name": run.name(arm["action"])}))
    return lines or [_("Nothing is planned.")]


def write_past(arms: Rows, contact: Facts, run: RunFacts) -> list[str]:
    """Earlier actions with their dates, and the contacts.

    Parameters
    ----------
    arms
        The customer's rows of `decision_inputs.find_arms`.
    contact
        Of `relationship_signs.find_last_contacts`.
    """
    kinds = {
        "treatment": _("{name}, {start:day} to {end:day}."),
        "control": _("Left out of {name} by chance, {start:day} to {end:day}."),
    }
    lines = [fill(kinds[arm["arm"]], **arm | {"name": run.name(arm["action"])}) for arm in arms]
    if contact is not None:
        words = _("Contacts: {contacts:count}, the last on {last:day} by {channel}.")
        lines.append(fill(words, **contact))
    elif "contacts" in run.recorded:
        lines.append(_("Contacts: none on record."))
    else:
        lines.append(_("Contacts: not known, the data have none."))
    if not arms:
        lines.append(_("Earlier actions: none on record."))
    return lines


def write_consents(consents: Rows, subject_type: str, run: RunFacts) -> list[str]:
    """The latest word on each purpose, and what follows for marketing."""
    if "consents" not in run.recorded:
        return [_("Not known: the data have no consents. Check before any contact.")]
    said = {
        status: [row["purpose"] for row in consents if row["status"] == status]
        for status in ("granted", "refused")
    }
    lines = []
    if said["granted"]:
        lines.append(fill(_("Agreed to: {purposes}."), purposes=said["granted"]))
    if said["refused"]:
        lines.append(fill(_("Refused: {purposes}."), purposes=said["refused"]))
    if not consents:
        lines.append(_("No word on record."))
    refused = {"marketing", "profiling"} & {*said["refused"]}
    if refused or (subject_type != "company" and "marketing" not in said["granted"]):
        lines.append(_("So the standard offer only, and no marketing."))
    return lines


def write_unknown(raw: Mapping, weight_known: float, run: RunFacts) -> list[str]:
    """Which indicators are unknown of the customer, and which of everybody; what that does to the score."""
    indicators = [indicator for criterion in run.policy.criteria for indicator in criterion.indicators]
    here = [
        run.name(each.name) for each in indicators if each.name in run.scored and pd.isna(raw.get(each.name))
    ]
    nowhere = [run.name(each.name) for each in indicators if each.name not in run.scored]
    lines = []
    if here:
        words = _(
            "Not known of this customer, and left out of the score: {names}. Of the weight {known:share} is "
            "known."
        )
        lines.append(fill(words, names=here, known=weight_known))
    if nowhere:
        lines.append(fill(_("Not known of anybody in these data: {names}."), names=nowhere))
    return lines or [_("Everything that the policy scores is known.")]


def write_attributes(attributes: Facts, run: RunFacts) -> list[str]:
    """What the table of customers says; what the policy protects is named without its value."""
    if attributes is None:
        return []
    protected = {*run.policy.fairness.protected}
    held = {name: value for name, value in attributes.items() if pd.notna(value)}
    shown = [
        f"{name.replace('_', ' ')} {write(value)}" for name, value in held.items() if name not in protected
    ]
    unused = [name.replace("_", " ") for name in held if name in protected]
    lines = [fill("{facts}", facts=shown)] if shown else []
    if unused:
        lines.append(
            fill(_("Held too, but protected, so neither scored nor shown here: {names}."), names=unused)
        )
    return lines


def write_method(run: RunFacts) -> list[str]:
    """How a tier is found, from what, what it decides, and whom to ask; the same for every customer."""
    policy = run.policy
    weights = [
        fill("{name} {weight:share}", name=run.name(each.name), weight=each.weight)
        for each in policy.criteria
    ]
    lines = [
        fill(
            _(
                "A score from 0 to 100 is added up from criteria ({weights}), each from the numbers listed. "
                "The first tier, from the best, whose condition holds is the customer's. What is unknown is "
                "left out, not taken for zero. Numbers became points as learned from {customers:count} "
                "customers on {day}, the same for all."
            ),
            weights=weights,
            customers=run.learned_from,
            day=run.learned_on,
        ),
        fill(_("Goal of the policy, version {version}: {goal}."), version=policy.version, goal=policy.goal),
        fill(_("Read for this, up to {day}: {tables}."), day=run.about.as_of, tables=[*run.about.tables]),
        *_write_protected(policy),
        _write_terms(policy, run.about.day),
        fill(
            _(
                "Whom to ask, to correct something or to have a person decide: {owner}, who owns the policy. "
                "Whoever objects to profiling is in no score from the next run on."
            ),
            owner=policy.owner,
        ),
    ]
    return lines


def _write_protected(policy: Policy) -> list[str]:
    """What the policy forbids to score."""
    names = [each.replace("_", " ") for each in policy.fairness.protected]
    return [fill(_("Never scored: {names}."), names=names)] if names else []


def _write_terms(policy: Policy, day: pd.Timestamp) -> str:
    """Whether the tier decides prices and other terms of natural persons."""
    open_ = [
        action.name
        for action in policy.playbook
        if action.terms
        and action.for_persons
        and action.for_persons.start <= day.date() <= action.for_persons.end
    ]
    words = _(
        "The tier decides who is called, visited and written to. Prices, discounts, fees and credit of "
        "natural persons do not follow from it."
    )
    if open_:
        words = _(
            "The tier decides who is called, visited and written to. Of prices, discounts, fees and credit "
            "of natural persons it decides, by a published rule, these alone: {names}."
        )
    return fill(words, names=open_)
