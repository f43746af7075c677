"""Proposed tiers -> tiers in force: small differences change nothing, moves down wait for a named person."""

import numpy as np
import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.errors import DataError, unknown_name
from crcm_lib.i18n import _

Day = str | pd.Timestamp

# Decisions; `set` is also a way to come into force, and a state.
APPROVE, KEEP, SET = "approve", "keep", "set"
# How a tier came into force: on a customer's first day, by itself (a move up), by a decision, by a rule of
# the policy, or because what a person had set has ended.
FIRST, ROSE, APPROVED, BY_RULE, SET_ENDED = "first", "rose", "approved", "rule", "set_ended"
# Why the tier in force is not the one proposed.
AGREES, WITHIN_MARGIN, ONCE, ONLY_TERMS, WAITS, LAPSED, KEPT = (
    *("agrees", "margin", "once", "only_terms", "waits", "lapsed", "kept"),
)
DECISION = {
    **dict.fromkeys(("decision", "by", "reason", "tier"), "str"),
    **dict.fromkeys(("day", "until"), "datetime64[us]"),
}
CARRIED = {  # what a run reads of the `tiers` of the earlier one
    **dict.fromkeys(
        (
            *("tier_proposed", "tier_lowest", "tier_highest", "tier_spared"),
            *("tier_in_force", "came_by", "state", "signed_by", "signed_reason"),
        ),
        "str",
    ),
    **dict.fromkeys(("in_force_since", "state_since", "state_until"), "datetime64[us]"),
    **dict.fromkeys(("score_spared", "score_then"), "float64"),
}
IN_FORCE = ("tier_in_force", "in_force_since", "came_by", "score_then", "state", "state_since", "state_until")
PLACES = ("lowest", "proposed", "highest", "spared")


def hold_tiers(held: pd.Series, score_then: pd.Series, bounds: pd.DataFrame, policy: Policy) -> pd.Series:
    """The tier that the points have clearly reached: another than `held` only by the margin, see `_rises`.

    `held` is a tier of each customer and `score_then` the `score_spared` that it was given for; `bounds` is
    from `tiers.bound_tiers`.
    """
    facts = _number_places(bounds, policy).assign(
        held=_number(held, policy), risen=bounds["score_spared"] - score_then
    )
    clear = _rises(facts, policy) | _falls(facts, "held", policy)
    return held.mask(clear, bounds["tier_proposed"]).astype("str")


def put_in_force(
    proposed: pd.DataFrame,
    earlier: pd.DataFrame | None,
    decisions: pd.DataFrame,
    policy: Policy,
    *,
    as_of: Day,
) -> pd.DataFrame:
    """Which tier is in force for each customer, since when, by whom, and why it is not the one proposed.

    A tier set by a person comes first. Otherwise a customer's first tier in force is the one proposed. Later
    points by the margin beyond a border, or a score that has moved as far since the tier came into force, in
    this run and the one before, move a customer up by themselves; down only by a decision signed while the
    tiers differed, or by a rule of the policy. An approved move goes as far as both the tier that the earlier
    run proposed and today's; what is left of it waits anew.

    Parameters
    ----------
    proposed
        From `tiers.assign_tiers`, by `customer_id`.
    earlier
        The table `tiers` of the earlier run; None: there is none.
    decisions
        From `decision_inputs.find_approvals`: the latest of each customer, by `customer_id`.
    policy
        Its tiers and `approvals`.
    as_of
        The day of this run.

    Returns
    -------
    The table `tiers`: `proposed` with `tier_in_force`, `in_force_since`, `came_by`, `score_then`, `state`,
    `state_since`, `state_until`, `signed_by` and `signed_reason`, which the schema explains.

    Raises
    ------
    DataError
        If a decision sets a tier that the policy does not have.
    """
    refuse_unknown_tiers(decisions, policy)
    facts = _gather(proposed, earlier, decisions, policy)
    facts["counts"] = _find_what_counts(facts, pd.Timestamp(as_of))
    facts = facts.join(_find_rules(facts, policy, pd.Timestamp(as_of)))
    facts["cause"] = _find_cause(facts, policy)
    facts["place"] = _find_place(facts)
    facts["moved"] = facts["first"] | (facts["place"] != facts["held"])
    today = facts["score_spared"]
    facts["score_then"] = facts["was_score_then"].fillna(today).mask(facts["moved"], today)
    facts["risen"] = today - facts["score_then"]
    idle = ~facts["moved"] & facts["cause"].isin([ROSE, APPROVED, BY_RULE])
    facts["cause"] = facts["cause"].mask(idle, "")
    facts = facts.join(_find_state(facts, policy, pd.Timestamp(as_of)))
    names = np.array([tier.name for tier in policy.tiers], dtype=object)
    facts["tier_in_force"] = names[facts["place"].astype(int)]
    facts["in_force_since"] = facts["was_in_force_since"].mask(facts["moved"], pd.Timestamp(as_of))
    facts["came_by"] = facts["was_came_by"].mask(facts["cause"] != "", facts["cause"])
    by_person = facts["counts"].isin([SET, KEEP]) | (facts["cause"] == APPROVED)
    for name, signed, rule in (("signed_by", "by", "rule_by"), ("signed_reason", "reason", "rule_reason")):
        kept = facts[f"was_{name}"].mask(facts["cause"].isin([FIRST, ROSE]), None)
        facts[name] = kept.mask(facts["cause"] == BY_RULE, facts[rule]).mask(by_person, facts[signed])
    texts = ("tier_in_force", "came_by", "state", "signed_by", "signed_reason")
    return proposed.join(facts[[*IN_FORCE, "signed_by", "signed_reason"]].astype(dict.fromkeys(texts, "str")))


def refuse_unknown_tiers(decisions: pd.DataFrame, policy: Policy) -> None:
    """Raise DataError where a decision sets a tier that the policy does not have."""
    known = [tier.name for tier in policy.tiers]
    unknown = decisions["tier"].dropna()
    unknown = unknown[~unknown.isin(known)]
    if len(unknown):
        problem = _("approvals: {count} decision(s) set a tier that the policy does not have: {name}")
        name = unknown_name(_("tier"), str(unknown.iloc[0]), known)
        raise DataError(problem.format(count=len(unknown), name=name))


def list_waiting(tiers: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """The moves down that wait for a named person, the first to lapse first, then the largest.

    Parameters
    ----------
    tiers
        The table `tiers`.
    policy
        Orders the tiers.

    Returns
    -------
    By `customer_id`: `tier_in_force`, `tier_proposed`, `waits_since`, `decide_by`, `score`.
    """
    waiting = tiers[tiers["state"] == WAITS]
    steps = _number(waiting["tier_proposed"], policy) - _number(waiting["tier_in_force"], policy)
    waiting = waiting.assign(steps=-steps).sort_values(["state_until", "steps", "score"], kind="stable")
    names = {"state_since": "waits_since", "state_until": "decide_by"}
    return waiting.rename(columns=names)[["tier_in_force", "tier_proposed", *names.values(), "score"]]


def _number(tiers: pd.Series, policy: Policy) -> pd.Series:
    """The place of each tier in the policy, 0 for the best; missing where it has none of that name."""
    return tiers.map({tier.name: n for n, tier in enumerate(policy.tiers)}).astype("float64")


def _number_places(bounds: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """The places of the tiers that `tiers.bound_tiers` gives."""
    return pd.DataFrame({name: _number(bounds[f"tier_{name}"], policy) for name in PLACES})


def _gather(
    proposed: pd.DataFrame, earlier: pd.DataFrame | None, decisions: pd.DataFrame, policy: Policy
) -> pd.DataFrame:
    """One row per customer: places of today's tiers, what was (`was_…`), and the latest decision."""
    places = _number_places(proposed, policy).join(proposed["score_spared"])
    was = pd.DataFrame(columns=list(CARRIED)) if earlier is None else earlier[list(CARRIED)]
    was = was.reindex(proposed.index).astype(CARRIED)
    held = _number(was["tier_in_force"], policy)
    was = was.where(held.notna())  # a tier that the policy no longer has
    facts = places.join(was.add_prefix("was_")).join(decisions.reindex(proposed.index).astype(DECISION))
    until = facts["until"].fillna(facts["day"] + pd.Timedelta(days=policy.approvals.decision_days))
    before = _number_places(was, policy).assign(held=held, risen=was["score_spared"] - was["score_then"])
    return facts.assign(
        was_above=_rises(before, policy),
        was_below=_falls(before, "held", policy),
        first=held.isna(),
        held=held.fillna(places["proposed"]),
        target=_number(facts["was_tier_proposed"], policy).fillna(places["proposed"]),
        set_to=_number(facts["tier"], policy),
        until=until,
        risen=(facts["score_spared"] - facts["was_score_then"]).fillna(0.0),
    )


def _find_what_counts(facts: pd.DataFrame, today: pd.Timestamp) -> pd.Series:
    """The decision that counts today: none that has ended, or was signed before the tiers differed."""
    stood = facts["day"] >= facts["was_state_since"]
    lasts = facts["until"] >= today
    differs = facts["proposed"] != facts["held"]
    decided = facts["decision"]
    counts = (
        ((decided == SET) & lasts)
        | ((decided == KEEP) & lasts & stood & differs)
        | ((decided == APPROVE) & stood & differs)
    )
    return decided.where(counts, "").astype("str")


def _find_rules(facts: pd.DataFrame, policy: Policy, today: pd.Timestamp) -> pd.DataFrame:
    """Who released each move from the tier held to the one proposed by a rule of the policy, and why."""
    names = {tier.name: n for n, tier in enumerate(policy.tiers)}
    found = pd.DataFrame({"rule_by": None, "rule_reason": None}, facts.index, dtype="str")
    for rule in policy.approvals.rules:
        if rule.day <= today.date() <= rule.until:
            fits = (facts["held"] == names[rule.before]) & (facts["proposed"] == names[rule.after])
            found.loc[fits, ["rule_by", "rule_reason"]] = rule.by, rule.because
    return found


def _find_cause(facts: pd.DataFrame, policy: Policy) -> pd.Series:
    """What would bring another tier into force today; empty: nothing, the tier held stays."""
    free = facts["counts"] == ""
    causes = {
        SET: facts["counts"] == SET,
        APPROVED: facts["counts"] == APPROVE,
        FIRST: facts["first"],
        SET_ENDED: free & (facts["was_state"] == SET),
        ROSE: free & _rises(facts, policy) & facts["was_above"],
        BY_RULE: free & _falls(facts, "held", policy) & facts["was_below"] & facts["rule_by"].notna(),
    }
    return pd.Series(np.select(list(causes.values()), list(causes), ""), facts.index)


def _rises(facts: pd.DataFrame, policy: Policy) -> pd.Series:
    """Whether the points are clearly above the tier held: by the margin, or they have moved as far."""
    clear = (facts["lowest"] < facts["held"]) | (facts["risen"] >= policy.approvals.margin)
    return (facts["proposed"] < facts["held"]) & clear


def _falls(facts: pd.DataFrame, place: str, policy: Policy) -> pd.Series:
    """Whether they are clearly below a tier, for more than a criterion that takes terms away."""
    clear = (facts["highest"] > facts[place]) | (facts["risen"] <= -policy.approvals.margin)
    return (facts["proposed"] > facts[place]) & (facts["spared"] > facts[place]) & clear


def _find_place(facts: pd.DataFrame) -> pd.Series:
    """The place of the tier in force today."""
    proposed, held, target = (facts[name] for name in ("proposed", "held", "target"))
    down = np.maximum(held, np.minimum(proposed, target))
    up = np.minimum(held, np.maximum(proposed, target))
    approved = pd.Series(np.where(proposed > held, down, up), facts.index)
    place = proposed.where(facts["cause"] != "", held)
    return place.mask(facts["cause"] == APPROVED, approved).mask(facts["cause"] == SET, facts["set_to"])


def _find_state(facts: pd.DataFrame, policy: Policy, today: pd.Timestamp) -> pd.DataFrame:
    """Why the tier in force is not the one proposed, since when, and until when that lasts."""
    days = pd.Timedelta(days=policy.approvals.undecided_days)
    was, signed = facts["was_state"], facts["counts"].isin([SET, KEEP])
    waited = was.isin([WAITS, LAPSED]) & ~facts["moved"]
    over = waited & (facts["was_state_until"] < today)
    clear = _falls(facts, "place", policy)
    turned = was.map({WAITS: LAPSED, LAPSED: WAITS})
    states = [
        (facts["counts"] == SET, SET),
        (facts["place"] == facts["proposed"], AGREES),
        (facts["counts"] == KEEP, KEPT),
        (clear & over, turned),
        (clear & waited, was),
        (clear & facts["was_below"], WAITS),
        (clear | _rises(facts.assign(held=facts["place"]), policy), ONCE),
        ((facts["spared"] <= facts["place"]) & (facts["place"] < facts["proposed"]), ONLY_TERMS),
    ]
    state = pd.Series(WITHIN_MARGIN, facts.index, dtype="str")
    for condition, name in reversed(states):  # last first, so that the first has the last word
        state = state.mask(condition, name)
    goes_on = (state == was) & ~facts["moved"] & ~signed
    since = facts["was_state_since"].where(goes_on, today).mask(signed, facts["day"])
    until = facts["was_state_until"].where(goes_on, today + days).mask(signed, facts["until"])
    return pd.DataFrame(
        {
            "state": state,
            "state_since": since.mask(state == AGREES),
            "state_until": until.where(state.isin([SET, KEPT, WAITS, LAPSED])),
        }
    )
