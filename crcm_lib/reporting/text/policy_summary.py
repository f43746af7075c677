"""A policy in words for a terminal, and what a change of it would do."""

from math import isinf

from crcm_lib.config.bands import Band
from crcm_lib.config.policy import Action, Condition, Policy, Tier
from crcm_lib.decisions.scorecard import Cutoff, ScorecardModel
from crcm_lib.decisions.tier_preview import TierPreview, count_moves
from crcm_lib.i18n import _
from crcm_lib.reporting.text.numbers import fill, write
from crcm_lib.reporting.text.objective import write_emphasis


def describe_policy(policy: Policy, model: ScorecardModel | None, borders: str) -> list[str]:
    """The lines that `crcm policy show` prints.

    Parameters
    ----------
    policy
        The policy.
    model
        What the 08 of a run learned by it; None: no border is known.
    borders
        Of which run the borders are, or why none is known.
    """
    head = _("version {version}, owner {owner}, to be reviewed by {day}; horizon {horizon} days")
    facts = {"version": policy.version, "owner": policy.owner, "horizon": policy.horizon_days}
    lines = [policy.goal, fill(head, day=str(policy.review_by), **facts)]
    if policy.objective is not None:
        words = _("objective {objective}: {changes}")
        lines.append(fill(words, objective=policy.objective, changes=write_emphasis(policy)))
    lines += ["", _("Criteria and their share of the score")]
    for criterion in policy.criteria:
        weight = policy.weights[criterion.name]
        lines.append(f"  {_write_share(weight):>6}  {criterion.name} {criterion.zh}")
        lines += [
            f"          {_write_share(weight * each.weight):>6}  {each.name} {each.zh}  "
            f"[{each.table}.{each.column}]"
            for each in criterion.indicators
        ]
        if criterion.terms_from is not None:
            words = _("with fewer than {points:points} points no price or credit terms")
            lines.append("          " + fill(words, points=criterion.terms_from))
    lines += ["", fill(_("Tiers, best first ({borders})"), borders=borders)]
    lines += [_describe_tier(tier, model) for tier in policy.tiers]
    margin = _(
        "  a tier in force changes only {margin:number} points beyond a border, or where the score has moved "
        "as far, in two runs in a row; down by a named person"
    )
    lines += [fill(margin, margin=policy.approvals.margin)]
    lines += ["", _("Actions")]
    return [*lines, *(line for action in policy.playbook for line in _describe_action(action))]


def _describe_tier(tier: Tier, model: ScorecardModel | None) -> str:
    cutoffs = model.cutoffs[0].get(tier.name, {}) if model else {}
    asked = [_describe_condition(name, each, cutoffs.get(name)) for name, each in tier.when.items()]
    conditions = _(" and ").join(asked) or _("everyone else")
    return f"  {tier.name} {tier.zh}: {conditions}; {tier.because}"


def _describe_condition(name: str, asked: Condition, cutoff: Cutoff | None) -> str:
    parts = []
    if asked.top_share is not None:
        parts.append(fill(_("{name} among the best {share:share}"), name=name, share=asked.top_share))
        if cutoff is not None:
            known = cutoff.at_least is not None
            words = _("from {points:points} points") if known else _("at present nobody reaches it")
            parts.append(fill(words, points=cutoff.at_least))
    if asked.at_least is not None:
        parts.append(fill(_("{name} from {points:points} points"), name=name, points=asked.at_least))
    if asked.below is not None:
        parts.append(fill(_("{name} below {points:points} points"), name=name, points=asked.below))
    return ", ".join(parts)


def _describe_action(action: Action) -> list[str]:
    profile = [*action.industries, *action.sizes, *action.regions]
    who = ", ".join([*action.tiers, *action.stages, *action.alerts, *profile])
    if action.company_age is not None:
        who += ", " + _write_age(action.company_age)
    first = f"  {action.name} {action.zh} ({action.lever}, {action.channel}, {action.owner_role})"
    words = _(
        "costs {cost:money}, {occasions:count} time(s) in {days:count} days; assumed {effect:share} of {of}"
    )
    facts = {"cost": action.cost, "occasions": action.occasions, "days": action.days, "of": action.of}
    terms = [fill(words, effect=action.effect, **facts)]
    if action.capacity is not None:
        terms.append(fill(_("for {capacity:count} at most"), capacity=action.capacity))
    if action.terms:
        terms.append(
            _("terms: companies only") if action.for_persons is None else _("terms by a published rule")
        )
    return [first, f"      {who}", f"      {'; '.join(terms)}"]


def _write_age(age: Band) -> str:
    words = _("company founded {low:count} to {high:count} years ago")
    if isinf(age.below):
        words = _("company founded {low:count} years ago or more")
    return fill(words, low=max(age.at_least, 0), high=age.below)


def _write_share(share: float) -> str:
    return write(share, "share")


def describe_change(file: str, changes: dict[str, str]) -> str:
    """What `crcm policy set` has written."""
    values = [f"{path} = {value}" for path, value in changes.items()]
    return fill(_("{file}: {values}; `version` and `review_by` are yours to renew"), file=file, values=values)


def describe_preview(preview: TierPreview, before: Policy, after: Policy, run: str) -> list[str]:
    """The lines that `crcm policy set --preview` prints: who would change tier, and what it cannot show."""
    proposed = count_moves(preview.proposed, before, after)
    words = _("{moved:count} customers would change tier: {up:count} up, {down:count} down")
    lines = [fill(words, **proposed) + fill(_(" (tier proposed, on the tables of {run})"), run=run)]
    if proposed["moved"]:
        moved = preview.proposed[preview.proposed["before"] != preview.proposed["after"]]
        counts = moved.value_counts(["before", "after"], sort=False)
        order = [tier.name for tier in before.tiers]
        ranked = sorted(counts.items(), key=lambda item: (order.index(item[0][0]), str(item[0][1])))
        row = _("  {before} → {after}: {n:count}")
        lines += [fill(row, before=was, after=then, n=count) for (was, then), count in ranked]
        in_force = count_moves(preview.in_force, before, after)
        waits = int(
            (preview.in_force["waits"] & (preview.proposed["before"] != preview.proposed["after"])).sum()
        )
        words = _("in force at the next run: {up:count} up, {down:count} down; {waits:count} would wait")
        lines.append(fill(words, waits=waits, **in_force))
    if preview.unseen:
        words = _("not seen here, as only a run shows it: {names}")
        lines.append(fill(words, names=list(preview.unseen)))
    return lines
