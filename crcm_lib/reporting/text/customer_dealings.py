"""Words of a customer's card: what is planned, done, agreed to and unknown; how a tier is found."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.i18n import _
from crcm_lib.reporting.text.customer_sections import Facts, Rows, RunFacts
from crcm_lib.reporting.text.numbers import fill, write


@dataclass(frozen=True)
class Consents:
    """A customer's latest word on each purpose, and whether it bars marketing to them."""

    granted: list[str]
    refused: list[str]
    bar_marketing: bool


def read_consents(consents: Rows, subject_type: str) -> Consents:
    """Persons have to have agreed to marketing; companies not to have refused it.

    >>> read_consents([], "company").bar_marketing, read_consents([], "person").bar_marketing
    (False, True)
    """
    said = {
        status: [row["purpose"] for row in consents if row["status"] == status]
        for status in ("granted", "refused")
    }
    refused = {"marketing", "profiling"} & {*said["refused"]}
    barred = bool(refused) or (subject_type != "company" and "marketing" not in said["granted"])
    return Consents(**said, bar_marketing=barred)


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


def write_occasions(care: Rows, calendar: Rows, run: RunFacts) -> list[str]:
    """What is planned for days of the customer's own, a line each with its working day; none: no lines.

    The day of a birthday is not told: the policy protects it.

    Parameters
    ----------
    care, calendar
        The customer's rows of both tables.
    """
    words = {
        "birthday": _("{name} ({channel}, {owner_role}), {when:day}."),
        "holiday": _("{name} ({channel}, {owner_role}), {when:day}."),
        "anniversary": _(
            "Their sign-up comes round on {own:day}: {name} ({channel}, {owner_role}), {when:day}."
        ),
        "contract_end": _("A contract ends on {own:day}: {name} ({channel}, {owner_role}), {when:day}."),
        "complaint": _(
            "A complaint was resolved on {own:day}: {name} ({channel}, {owner_role}), {when:day}."
        ),
        "points_expiry": _(
            "{points:count} points expire in a month, the first after {own:day}: {name} ({channel}, "
            "{owner_role}), {when:day}."
        ),
        "survey": _("{name} ({channel}, {owner_role}), {when:day}."),
        "event": _("A seat is kept for them on {own:day}: {name} ({channel}, {owner_role}), {when:day}."),
        "unanswered_complaint": _(
            "Nobody has approached them since they complained: {name} ({channel}, {owner_role}), {when:day}."
        ),
        "overdue": _(
            "They owe {owed:money} {currency} that is overdue, the oldest by {days_overdue:days} days: "
            "{name} ({channel}, {owner_role}), {when:day}."
        ),
        "second_order": _(
            "Most who order again have done it by {own:day}, and this customer has not: {name} ({channel}, "
            "{owner_role}), {when:day}."
        ),
        "silence": _(
            "No contact, either way, for more than {silent_days} days: {name} ({channel}, {owner_role}), "
            "{when:day}."
        ),
    }
    entries = {entry.name: entry for entry in run.policy.care}
    lines = []
    for row in sorted(care, key=lambda row: row["day"]):
        entry = entries[row["action"]]
        own = row["day"] + pd.Timedelta(days=entry.days_before - entry.days_after)
        when = [each["day"] for each in calendar if each["action"] == row["action"]] or [row["day"]]
        facts = row | {"name": run.name(row["action"]), "own": own, "when": when}
        facts |= {"silent_days": run.policy.contact.silent_days, "currency": run.about.currency}
        lines.append(fill(words[row["occasion"]], **facts))
    return lines


def write_offers(offers: Rows, upgrade: str, consents: Consents, run: RunFacts) -> list[str]:
    """What the customer has not bought and could be offered, the best first; no offer where it is refused.

    Parameters
    ----------
    offers
        The customer's rows of `next_offers`.
    upgrade
        From `offers.write_upgrades`; "" where there is none.
    consents
        What they have said.
    """
    if (offers or upgrade) and "consents" in run.recorded and consents.bar_marketing:
        return [_("Nothing: it would be marketing.")]
    words = _(
        "{item:text}: of those who bought {because_of:text} as they did, {also_bought_share:share} have it."
    )
    lines = [fill(words, **row) for row in sorted(offers, key=lambda row: row["rank"])]
    return [*lines, upgrade] if upgrade else lines


def write_points(points: Facts, run: RunFacts) -> list[str]:
    """The account of a member of the loyalty programme; none: no lines.

    Parameters
    ----------
    points
        The customer's row of the table `points`.
    """
    if points is None:
        return []
    level = _(", level {level}") if points["level"] else ""
    words = _("Member since {member_since:day}") + level + _(": {balance:count} points left.")
    year = _("In the last year {earned_365d:count} earned and {redeemed_365d:count} redeemed.")
    soon = _("{expiring_90d:count} of them expire in the next 90 days unless they are used.")
    lines = [words, year, soon] if (points["expiring_90d"] or 0) > 0 else [words, year]
    return [fill(" ".join(lines), **points)]


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


def write_interaction(latest: Rows, balance: Facts) -> list[str]:
    """The last contacts with what came of them, and who began those of a year; none known: no lines.

    Parameters
    ----------
    latest
        The customer's rows of `interaction_counts.list_latest_contacts`.
    balance
        Of `interaction_counts.summarise_interaction`.
    """
    parts = []
    for row in latest:
        known = [row[name] for name in ("channel", "direction", "outcome") if not pd.isna(row[name])]
        parts.append(fill("{time:day} {known}", time=row["time"], known=known))
    lines = [fill(_("Last contacts: {parts}."), parts="; ".join(parts))] if parts else []
    if not latest or balance is None or "outbound_365d" not in balance:
        return lines
    words = _(
        "In 365 days {inbound_365d:count} contacts begun by the customer and {outbound_365d:count} by us"
    )
    if not pd.isna(balance.get("answered_share")):
        words += _("; of these with a known outcome {answered_share:share} answered")
    return [*lines, fill(f"{words}.", **balance)]


def write_consents(consents: Consents, run: RunFacts) -> list[str]:
    """The latest word on each purpose, and what follows for marketing."""
    if "consents" not in run.recorded:
        return [_("Not known: the data have no consents. Check before any contact.")]
    lines = []
    if consents.granted:
        lines.append(fill(_("Agreed to: {purposes}."), purposes=consents.granted))
    if consents.refused:
        lines.append(fill(_("Refused: {purposes}."), purposes=consents.refused))
    if not lines:
        lines.append(_("No word on record."))
    if consents.bar_marketing:
        lines.append(_("So the standard offer only, and no marketing."))
    return lines


def write_unknown(raw: Mapping, points: Mapping, tier: Mapping, run: RunFacts) -> list[str]:
    """Which indicators are unknown of the customer, and which of everybody; what that does to score and tier.

    Parameters
    ----------
    raw
        The customer's indicators.
    points, tier
        Their rows of `scorecard` (`weight_known`, `score_low`, `score_high`) and `tiers` (`tier_low`,
        `tier_high`).
    """
    shares = run.policy.weights
    weights = {
        each.name: shares[criterion.name] * each.weight
        for criterion in run.policy.criteria
        for each in criterion.indicators
    }
    indicators = sorted(weights, key=lambda name: -weights[name])
    here = [run.name(name) for name in indicators if name in run.scored and pd.isna(raw.get(name))]
    nowhere = [run.name(name) for name in indicators if name not in run.scored]
    lines = []
    if here:
        words = _(
            "Not known of this customer, and left out of the score, what weighs most first: {names}. Of the "
            "weight {known:share} is known."
        )
        lines += [fill(words, names=here, known=points["weight_known"]), *_write_range(points, tier)]
    if nowhere:
        lines.append(fill(_("Not known of anybody in these data: {names}."), names=nowhere))
    return lines or [_("Everything that the policy scores is known.")]


def _write_range(points: Mapping, tier: Mapping) -> list[str]:
    """Where the score and the tier proposed would lie, were all known; nothing of a run that has no range."""
    if pd.isna(points.get("score_low")) or pd.isna(tier.get("tier_low")):
        return []
    words = _(
        "Whatever it is, {tier_low} would be proposed: with it the score lies from {score_low:points} to "
        "{score_high:points}."
    )
    if tier["tier_low"] != tier["tier_high"]:
        words = _(
            "Were it known, the score would lie from {score_low:points} to {score_high:points}, and anything "
            "from {tier_low} to {tier_high} could be proposed."
        )
    return [fill(words, **points, **{name: tier[name] for name in ("tier_low", "tier_high")})]


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
        fill("{name} {weight:share}", name=run.name(name), weight=weight)
        for name, weight in policy.weights.items()
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
        fill(
            _(
                "A tier in force changes only where the points lie {margin:number} beyond its borders, or "
                "the score has moved as far since, in two runs in a row. A move up then counts at once; a "
                "move down waits for a named person, or follows a rule of the policy."
            ),
            margin=policy.approvals.margin,
        ),
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
