"""Words of the classification notebook: indicators, scores, tiers and the reasons for them, fairness."""

from collections.abc import Mapping
from functools import cache

import numpy as np
import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.decisions.fairness import FOUR_FIFTHS
from crcm_lib.decisions.next_tier import find_changes
from crcm_lib.decisions.scorecard import Cutoff, ScorecardModel
from crcm_lib.i18n import _
from crcm_lib.reporting.takeaway import Takeaway, takeaway
from crcm_lib.reporting.text.numbers import (
    YEAR,
    fill,
    fill_cells,
    fill_rows,
    name_year_spend,
    write,
    write_rows,
)
from crcm_lib.reporting.text.profile import name_groups
from crcm_lib.schema.results import RESULTS
from crcm_lib.stats import LEVEL

MAX_CHANGES = 3  # ways to the next tier that are named


def write_weights(weights: pd.DataFrame, *, history_days: int) -> pd.DataFrame:
    """`explain_weights` with a `remark` on what is not available, or of a year that is not known in full."""
    words = {
        "": "",
        "no_table": _("not available: no `{table}`"),
        "no_column": _("not available: no `{column}` in `{table}`"),
        "near": _("not available: no `{column}` in `{table}`; it has `{nearest}`"),
        "no_value": _("not available: `{column}` is empty"),
        "words": _("not available: `{column}` holds words, and the policy gives no `levels`"),
    }
    is_near = (weights["absence"] == "no_column") & (weights["nearest"] != "")
    weights = weights.assign(absence=weights["absence"].mask(is_near, "near"))
    if history_days < YEAR:
        words["short_year"] = fill(_("{days} days are known"), days=history_days)
        of_a_year = (weights["absence"] == "") & weights["column"].str.endswith(f"_{YEAR}d")
        weights = weights.assign(absence=weights["absence"].mask(of_a_year, "short_year"))
    remarks = write_rows(weights, lambda row: fill(words[row["absence"]], **row), "remark")
    return weights.drop(columns=["absence", "table", "column", "nearest"]).join(remarks)


def score_borders(model: ScorecardModel) -> dict[str, float]:
    """The lowest score of each tier that asks for the score alone and can be reached."""
    asked = {tier: cuts["score"] for tier, cuts in model.cutoffs[0].items() if list(cuts) == ["score"]}
    return {tier: cutoff.at_least for tier, cutoff in asked.items() if cutoff.at_least is not None}


def describe_scores(counts: pd.DataFrame, borders: Mapping[str, float], *, at_least: int) -> str:
    """What the columns of scores show; `counts` of fewer than `at_least` customers are 0."""
    named = ", ".join(f"{name} {write(border, 'number')}" for name, border in borders.items()) or _("none")
    words = _(
        "Columns of customers by score, coloured by tier; most of them from {start} points. Lowest scores of "
        "tiers: {borders}. Columns of fewer than {least} customers are not drawn."
    )
    return fill(words, start=counts.sum(axis=1).idxmax(), borders=named, least=at_least)


def name_shares(history_days: int) -> dict[str, str]:
    """Headings of the shares of `summarise_tiers`."""
    return {
        "customers_share": _("of customers"),
        "spend_share": fill(_("of {spend}"), spend=name_year_spend(history_days)),
        "value_share": _("of predicted value"),
    }


def describe_tiers(shown: pd.DataFrame, *, history_days: int) -> str:
    """What the bars of each tier's shares show; small tiers are missing."""
    names = name_shares(history_days)
    shares = shown.set_index("tier").filter(names).rename(columns=names)
    rows = fill_cells("{value:share} {column}", shares, missing=_("hidden"))
    return fill(_("Bars per tier. {rows}."), rows=rows)


def describe_parts(parts: pd.DataFrame) -> str:
    """What the bars of examples show: `customer` (a pseudonym and the tier) and the sum of `adds`."""
    scores = parts.groupby("customer", sort=False)[["adds"]].sum()
    rows = fill_rows("{customer} {adds:number}", scores).replace("\n", ", ")
    return fill(_("Bars, the scores of example customers added up: {rows}."), rows=rows)


def write_reasons(
    placed: pd.DataFrame, card: pd.DataFrame, raw: pd.DataFrame, policy: Policy, model: ScorecardModel
) -> pd.DataFrame:
    """Why each of these customers has their tier, and what would change it.

    Parameters
    ----------
    placed
        Rows of the table `tiers`; give those that are shown.
    card, raw
        The table `scorecard`, and the indicators it was made from.
    policy, model
        Say what each tier asks for, and what was learned for it.

    Returns
    -------
    `because`: why another tier is in force than the one proposed, where it is; the policy's words for the
    one proposed, the score against its and all better tiers' conditions, and the parts that add up to the
    score, so that anyone can check the rule by hand. `next_needs`: what would bring the customer to
    `next_tier`, each alone.
    """
    names = [tier.name for tier in policy.tiers]
    against = {name: _write_conditions(policy, model.cutoffs[0], names.index(name)) for name in names}
    words = {tier.name: tier.because for tier in policy.tiers}
    template = _("{state}{because}; score {score:number} ({conditions}) = {parts}")
    parts = write_rows(card.loc[placed.index], lambda points: _write_parts(model.weights[0], points))
    proposed = placed["tier_proposed"]
    facts = {"because": proposed.map(words), "conditions": proposed.map(against), "parts": parts}
    facts["state"] = write_rows(placed, lambda row: _write_state(row, policy))
    because = write_rows(placed[["score"]].assign(**facts), lambda row: fill(template, **row))
    changes: dict[str, list[dict]] = {}
    for change in find_changes(raw, placed, policy, model).to_dict("records"):
        changes.setdefault(change["customer_id"], []).append(change)
    needs = [_write_changes(changes.get(id_, []), wanted) for id_, wanted in placed["next_tier"].items()]
    return because.to_frame().assign(next_needs=needs)


def write_short_reasons(placed: pd.DataFrame, policy: Policy) -> pd.Series:
    """Why each of these customers has their tier, without the numbers: what `write_reasons` begins with.

    Parameters
    ----------
    placed
        Rows of the table `tiers`.
    policy
        Says why for each tier.
    """
    words = {tier.name: tier.because for tier in policy.tiers}
    return write_rows(placed, lambda row: _write_state(row, policy) + words[row["tier_proposed"]])


def _write_state(row: Mapping, policy: Policy) -> str:
    """Why the tier in force is not the one proposed; empty where it is."""
    words = {
        "margin": _("{tier_in_force} stays in force, {tier_proposed} is within {margin:number} points of it"),
        "once": _("{tier_in_force} stays in force, {tier_proposed} must be as clear in the next run too"),
        "only_terms": _(
            "{tier_in_force} stays in force, only {names} speaks for {tier_proposed}: that takes terms away, "
            "not attention"
        ),
        "waits": _(
            "{tier_in_force} stays in force, {tier_proposed} waits for a named person until {state_until:day}"
        ),
        "lapsed": _(
            "{tier_in_force} stays in force: nobody decided on {tier_proposed}, which waits anew after "
            "{state_until:day}"
        ),
        "kept": _("{tier_in_force} was kept by {signed_by} until {state_until:day}, against {tier_proposed}"),
        "set": _("{tier_in_force} was set by {signed_by} until {state_until:day}, whatever the score"),
    }
    if row["state"] not in words:
        return ""
    names = [each.name for each in policy.criteria if each.terms_from is not None]
    said = fill(words[row["state"]], **row, names=names, margin=policy.approvals.margin)
    return fill(_("{said:text}. Proposed is {tier_proposed}: "), said=said, **row)


def write_waiting(waiting: pd.DataFrame, changes: pd.DataFrame, model: ScorecardModel) -> pd.Series:
    """Why a move down waits, in one line: the score, what the tier in force asks, and what has changed.

    Parameters
    ----------
    waiting
        From `approvals.list_waiting`.
    changes
        From `tier_moves.name_changes`: since the earlier run.
    model
        What was learned for each tier.
    """
    asks = {
        tier: [_write_cutoff(*each) for each in cutoffs.items()] for tier, cutoffs in model.cutoffs[0].items()
    }
    facts = waiting.assign(asks=waiting["tier_in_force"].map(asks)).join(changes)
    return write_rows(facts, _write_waiting)


def _write_waiting(row: Mapping) -> str:
    changed = [(row[f"criterion_{number}"], row[f"change_{number}"]) for number in (1, 2, 3)]
    named = [f"{name} {write(change, 'points_change')}" for name, change in changed if pd.notna(name)]
    words = _("score {score:number}; {tier_in_force} asks {asks}")
    if named:
        words = _("score {score:number}; {tier_in_force} asks {asks}; since the last run {named}")
    return fill(words, named=named, **row)


def caption_waiting(waiting: pd.DataFrame, policy: Policy, *, first: bool) -> str:
    """How many moves down wait, who ends that, and what happens if nobody does.

    `first` says that there is no earlier run.
    """
    days = policy.approvals.undecided_days
    if first:
        return _("No move waits: there is no earlier run, so every tier proposed is in force at once.")
    if not len(waiting):
        return _("No move down waits for a named person.")
    words = _(
        "Moves down that wait for a named person (`approvals`: approve, keep or set): {n:count}. If nobody "
        "decides by the day, the move lapses: the tier in force stays, and the move waits anew after "
        "{days:count} days."
    )
    return fill(words, n=len(waiting), days=days)


def caption_set(by_hand: pd.DataFrame) -> str:
    """How many tiers stand by a person's decision against the score."""
    if not len(by_hand):
        return _("No tier was set or kept against the score.")
    return fill(_("Tiers set or kept by a named person, until the day named: {n:count}."), n=len(by_hand))


def _write_changes(changes: list[dict], wanted: str | float) -> str:
    """The smallest changes that reach the tier wanted, each alone."""
    if pd.isna(wanted):
        return ""
    if not changes:
        return fill(_("{tier}: no single change of what the customer does suffices"), tier=wanted)
    parts = [
        fill(
            _("{indicator} {needed} instead of {now}"),
            indicator=change["indicator"],
            needed=_write_beyond(change["needed"], change["now"], name_number_form(change["column"])),
            now=write(change["now"], name_number_form(change["column"])),
        )
        for change in changes[:MAX_CHANGES]
    ]
    return fill(_("{tier}, by one of these alone: {parts}"), tier=wanted, parts="; ".join(parts))


def _write_beyond(needed: float, now: float, form: str) -> str:
    """A number that is needed, rounded away from the present one, so that it suffices as it is written."""
    step = {"share": 0.001, "number": 0.01, "money": 1.0 if abs(needed) >= 100 else 0.01}.get(form, 1.0)
    to_step = np.ceil if needed > now else np.floor
    return write(to_step(round(needed / step, 6)) * step, form)


@cache
def name_number_form(column: str) -> str:
    """The form (see `numbers.write`) of an indicator's numbers, from its column's kind and unit."""
    columns = (table.columns for table in RESULTS.values())
    known = next((each[column] for each in columns if column in each), None)
    if column.endswith("_share") or (known is not None and known.unit == "0…1"):
        return "share"
    if known is None:
        return "number"
    return {"money": "money", "integer": "count"}.get(
        known.kind, "days" if known.unit == "days" else "number"
    )


def _write_conditions(policy: Policy, cutoffs: Mapping[str, Mapping[str, Cutoff]], number: int) -> str:
    """The tier's own conditions and those of the better tiers."""
    conditions = []
    for tier in policy.tiers[number::-1]:
        asked = " & ".join(_write_cutoff(*each) for each in cutoffs[tier.name].items())
        conditions.append(fill(_("{tier}: {asked}"), tier=tier.name, asked=asked or _("everyone else")))
    return "; ".join(conditions)


def _write_cutoff(column: str, cutoff: Cutoff) -> str:
    if cutoff.at_least is None:
        return fill(_("{name} out of reach"), name=column)
    upper = "" if cutoff.below is None else f" < {write(cutoff.below, 'number')}"
    return f"{column} ≥ {write(cutoff.at_least, 'number')}{upper}"


def _write_parts(weights: Mapping[str, float], points: Mapping) -> str:
    known = [name for name in weights if pd.notna(points[name])]
    total = sum(weights[name] for name in known)
    parts = [
        f"{name} {write(points[name], 'number')} × {write(weights[name] / total, 'share')}" for name in known
    ]
    unknown = [name for name in weights if name not in known]
    tail = fill(_("; not known: {names}"), names=unknown) if unknown else ""
    return (" + ".join(parts) or _("nothing known")) + tail


def describe_sensitivity(changes: pd.DataFrame) -> str:
    """What the bars of changed tiers show; `changes` is from `compare_weights`."""
    rows = fill_rows("{criterion} ({weight:share}) {changed_up:share} / {changed_down:share}", changes)
    return fill(_("Bars, tiers changed by 10 % more / less weight: {rows}."), rows=rows)


def write_audit(audit: pd.DataFrame) -> pd.DataFrame:
    """`audit_tiers` with words for groups that are ids, a `label` of attribute and group, and a `remark`.

    The `ratio`, and whether it is below four fifths, are those of the shares that are shown.
    """
    ratio = (audit["share"] / audit["others_share"].where(audit["others_share"] > 0)).round(9)
    below = np.where(ratio < FOUR_FIFTHS, "below_four_fifths", "alike")
    by_ratio = audit["finding"].isin(["below_four_fifths", "alike"])
    audit = audit.assign(ratio=ratio, finding=audit["finding"].mask(by_ratio, below))
    group = name_groups(audit["group"]).astype("str")
    beside = audit["finding"].isin(["alike", "too_small"]) & (audit["p"] <= LEVEL)
    remark = (
        audit["finding"].replace(_findings()).mask(beside, _("within chance once all groups are counted"))
    )
    return audit.assign(group=group, label=audit["attribute"] + ": " + group, remark=remark)


def list_audit(audit: pd.DataFrame) -> pd.DataFrame:
    """`write_audit` as a table for people."""
    columns = ["group", "customers", "share", "others_share", "ratio", "p_adjusted", "remark"]
    p = write_rows(audit, lambda row: write(row["p_adjusted"], "p"))
    return audit.assign(group=audit["label"], p_adjusted=p)[columns]


def caption_audit() -> str:
    """What the table of groups holds, and how chance was counted."""
    return _(
        "Share in the two best tiers, beside everyone else's; p adjusted counts all groups at once (Holm), "
        "and up to 0.05 is more than chance"
    )


def describe_audit(audit: pd.DataFrame) -> str:
    """What the points with intervals show; `audit` is from `write_audit`."""
    if audit.empty:
        return _("The data have none of the policy's audit attributes.")
    row = _("{attribute} {group}, {share:share} against {others_share:share} ({ratio:number} times)")
    fewer, more, low = (
        fill_rows(row, audit[audit["finding"] == name]) or _("none")
        for name in ("fewer", "more", "below_four_fifths")
    )
    words = _(
        "Points with intervals for {groups:count} groups. Beyond chance, fewer in the two best tiers than "
        "everyone else: {fewer}. More: {more}. Below four fifths of everyone else's share, yet within "
        "chance: {low}. Too small to tell: {small:count} groups."
    )
    small = (audit["finding"] == "too_small").sum()
    return fill(words, groups=len(audit), fewer=fewer, more=more, low=low, small=small)


def _findings() -> dict[str, str]:
    return {
        "fewer": _("fewer, beyond chance"),
        "more": _("more, beyond chance"),
        "below_four_fifths": _("below four fifths, yet within chance"),
        "alike": _("within chance"),
        "too_small": _("too small to tell"),
    }


def write_rules(rules: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """`compare_rules` with tiers, rules, outcomes and verdicts in words."""
    names = [tier.name for tier in policy.tiers]
    picks = {"spend_365d": _("spend, at most a year's"), "value": _("predicted value"), "rfm": _("RFM score")}
    outcomes = {
        "spend": _("share of later spend"),
        "margin": _("share of later margin"),
        "bought_again": _("bought again"),
    }
    verdicts = {
        "better": _("the criteria choose better"),
        "worse": _("the number alone chooses better"),
        "cannot_tell": _("chance may explain it"),
    }
    sets = {count: _(" and ").join(names[:count]) for count in (1, 2)}
    maps = {"tiers": sets, "rule": picks, "outcome": outcomes, "verdict": verdicts}
    return rules.assign(**{column: rules[column].map(words) for column, words in maps.items()})


def describe_rules(rules: pd.DataFrame, policy: Policy) -> str:
    """Whether the best tier would have brought as much as as many customers by their spend alone."""
    best = rules[(rules["tiers"] == 1) & (rules["rule"] == "spend_365d")].set_index("outcome")
    if best.empty or not best.loc["spend", "days"]:
        return _("No window of the past shows whether the criteria choose better than spend alone.")
    words = {
        "better": _("the criteria choose better"),
        "worse": _("the criteria cost {cost:share} of it"),
        "cannot_tell": _("chance may explain the difference"),
    }
    spend, gains = best.loc["spend"], best.drop(index="spend").query("verdict == 'better'")
    kinds = {
        "margin": _("they hold {ours:share} of later margin, not {theirs:share}"),
        "bought_again": _("{ours:share} of them bought again, not {theirs:share}"),
    }
    gained = [fill(kinds[name], **row) for name, row in gains.iterrows()]
    if spend["verdict"] == "worse" and not gained:
        gained = [_("and bring nothing in return that was measured")]
    findings = "; ".join([fill(words[spend["verdict"]], cost=-spend["difference"]), *gained])
    template = _(
        "At {days} earlier days {tier} would have held {ours:share} of the spend that followed, as many "
        "customers by their spend alone {theirs:share}: {findings}."
    )
    said = fill(template, tier=policy.tiers[0].name, findings=findings, **spend[["days", "ours", "theirs"]])
    return " ".join(filter(None, [said, _describe_cost(rules, policy)]))


def _describe_cost(rules: pd.DataFrame, policy: Policy) -> str:
    """Where another pick by one number would have held more beyond chance: the largest difference, or ""."""
    above = (rules["tiers"] == 1) & (rules["rule"] == "spend_365d")
    lost = rules[~above & (rules["outcome"] == "spend") & (rules["verdict"] == "worse")]
    if lost.empty:
        return ""
    row = write_rules(lost.nsmallest(1, "difference"), policy).iloc[0]
    words = _(
        "As many customers as in {tiers} by their {rule} alone would have held {theirs:share}, not "
        "{ours:share}: there the criteria cost {cost:share} of it."
    )
    return fill(words, cost=-row["difference"], **row[["tiers", "rule", "ours", "theirs"]])


def describe_growth(growth: pd.DataFrame) -> str:
    """Whether tiers that ask for a criterion such as potential later grew; empty without any."""
    words = {
        "grows": _(
            "At earlier days customers in {tier} then spent {ratio:number} times as much as others of like "
            "spend ({low:number} to {high:number})"
        ),
        "not_shown": _(
            "Past days do not show that customers in {tier} go on to spend more than others of like spend: "
            "nobody is called {tier}"
        ),
    }
    parts = [fill(words[row["verdict"]], **row) + "." for row in growth.to_dict("records")]
    return " ".join(parts)


def describe_classification(
    shown: pd.DataFrame,
    placed: pd.DataFrame,
    rules: pd.DataFrame,
    growth: pd.DataFrame,
    policy: Policy,
    *,
    history_days: int,
) -> Takeaway:
    """How large the best two tiers are, what they bring, how firm all tiers are, and whether they were right.

    Parameters
    ----------
    shown
        From `summarise_tiers`, small tiers hidden.
    placed
        The table `tiers`.
    rules, growth
        From `compare_rules` and `follow_growth`.
    history_days
        Days from the first to the last one in the data; fewer than a year's are named.
    """
    top = shown.head(2)
    hidden = top[["customers_share", "spend_share"]].isna().any(axis=None)
    words = _("**{names}** are {people:share} of {n:count} customers and {spend:share} of {year}. ")
    if hidden:
        words = _("{n:count} customers have a tier and a reason; **{names}** are too few to be shown. ")
    return takeaway(
        words
        + _("{firm:share} keep the tier proposed under every 10 % change of the weights. {rules} {growth}"),
        names=_(" and ").join(top["tier"]),
        n=len(placed),
        people=top["customers_share"].sum(),
        spend=top["spend_share"].sum(),
        year=name_year_spend(history_days),
        firm=(placed["firmness"] == 1).mean() if len(placed) else 0,
        rules=describe_rules(rules, policy),
        growth=describe_growth(growth),
    )
