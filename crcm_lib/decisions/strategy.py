"""Tiers -> what may be done for whom; and what was chosen, as lists of actions and of assignments."""

import numpy as np
import pandas as pd

from crcm_lib.config.bands import all_hold, any_holds
from crcm_lib.config.policy import Action, Policy
from crcm_lib.decisions.limits import list_choices
from crcm_lib.decisions.profiles import meets_profile
from crcm_lib.privacy.consent_words import read_purpose

AMOUNTS = ("value", "spend_expected", "value_at_risk", "spend_total")
NUMBERS = ("p_no_purchase", "nps", "csat", "open_questions", "community_365d")
SITUATION = {  # what is taken from which table
    "stages": ("stage",),
    "churn": ("alert", "p_no_purchase", "value_at_risk"),
    "value": ("value", "spend_expected"),
    "customer_features": (
        "subject_type",
        "spend_total",
        "industry",
        "size",
        "region",
        "region_main",
        "founded",
    ),
    "newcomers": ("class",),
    "satisfaction": ("nps", "csat"),
    "attributes": ("owner",),
    "members": ("member_since",),
    "needs": ("need",),
    "engagement": ("open_questions", "is_advocate", "community_365d"),
}
COMPUTED = ("attributes", "members", "needs", "engagement")  # no table that an earlier notebook writes
READS = ("scorecard", *(table for table in SITUATION if table not in COMPUTED))
POINTS = "points of "  # before the name of a criterion
Day = str | pd.Timestamp


def describe_situation(tiers: pd.DataFrame, **frames: pd.DataFrame | None) -> pd.DataFrame:
    """What an action may ask of a customer, and the amounts at stake.

    Parameters
    ----------
    tiers
        The table `tiers`.
    frames
        `customer_features`, `stages`, `value`, `churn`, `newcomers`, `satisfaction`, `scorecard`,
        `attributes` from `decision_inputs.find_attributes`, `members` of `points_accounts`, `needs` of
        `models.needs` and `engagement` from `engagement.summarise_engagement`, by `customer_id`, where there
        are any. What is absent is unknown: an unknown subject type counts as a person.

    Returns
    -------
    By `customer_id`: `tier`, the one in force, `terms_withheld` for credit, `stage`, `alert`,
    `p_no_purchase`, `subject_type`, `class` of newcomers, `nps` and `csat`, `owner`, `member_since` (of the
    loyalty programme), `need`, `open_questions`, `is_advocate`, `community_365d`; `industry`, `size`,
    `region`, `region_main` and `founded` of the profile; the points of each criterion after `POINTS`; `value`
    and `value_at_risk` in one kind of money, as 04 and 05 have them (margin where that is known);
    `spend_expected`; `spend_total` so far.
    """
    situation = tiers[["tier_in_force"]].rename(columns={"tier_in_force": "tier"})
    situation["terms_withheld"] = tiers.get("terms_withheld", False)
    for table, columns in SITUATION.items():
        frame = frames.get(table)
        for column in columns:
            known = frame[column] if frame is not None and column in frame else None
            situation[column] = None if known is None else known.reindex(tiers.index)
    card = frames.get("scorecard")
    if card is not None:
        criteria = card.columns[~card.columns.str.startswith("points_")]
        situation = situation.join(card[criteria].add_prefix(POINTS))
    situation["subject_type"] = situation["subject_type"].fillna("person")
    return situation.astype(dict.fromkeys([*AMOUNTS, *NUMBERS], "float64"))


def list_candidates(
    situation: pd.DataFrame,
    policy: Policy,
    *,
    as_of: Day,
    consents: pd.DataFrame | None = None,
    running: pd.DataFrame | None = None,
    held_out: pd.Index | None = None,
    owing: set[str] | None = None,
) -> pd.DataFrame:
    """Every action that the playbook has for a customer, and why it may not be taken.

    Parameters
    ----------
    situation
        From `describe_situation`.
    policy
        Its playbook.
    as_of
        Day that the terms' dates and running assignments are compared with.
    consents
        From `decision_inputs.find_consents`; None where there is no such table.
    running
        From `assignment_history.gather_assignments`, or `decision_inputs.find_arms`: earlier assignments. Of
        those not over on `as_of`, what was reported as done is not interrupted; who was drawn by an earlier
        run, of whom nothing is reported, keeps their arm (`kept_arm`), and a control is not treated.
    held_out
        Customers who stay out of every action but service, from `programme_holdout.draw_holdout`.
    owing
        Customers who are called about what they owe, from `care.find_owing`: until it is paid nothing is sold
        to them.

    Returns
    -------
    One row per (customer, action) but the standard offer: `customer_id`, `action`, `gain` (expected, of this
    action alone: the policy's assumed effect times the amount at stake, less the cost; missing where that
    amount is unknown), `cost` of all its occasions, `standing` (1 is the best: tier, then spend so far; only
    where the gain is missing), `granted`: whether these are published terms, which everybody in the action's
    tiers gets; `kept_arm`, empty where there is none; and `barred`: empty, or why not, the gravest first:
    `objection` (refused, or never consented), `channel_refused`, `held_out`, `terms_for_companies`,
    `terms_withheld` (for credit), `owes_overdue`, `running`, `gain_unknown` (of others the amount is known)
    or `not_worth_its_cost`. Granted terms, which nobody is approached with, are barred only where they are
    `running`.
    """
    objectors = find_objectors(situation, consents)
    standing = _rank_standing(situation, policy)
    running, kept = _split_running(running, as_of)
    rows = []
    for action in list_choices(policy):
        group = situation[_applies(situation, action, as_of)]
        cost = float(action.cost * action.occasions)
        gain = (action.effect * group[action.of] - cost).round(6)
        facts = {"gain": gain, "cost": cost, "standing": standing[group.index].where(gain.isna())}
        published = is_published(action, as_of)
        reasons = {"running": _find(group, _still_running(running, action, published))}
        if not published:
            known = bool(situation[action.of].notna().any())
            reasons = {
                "not_worth_its_cost": (gain <= 0).to_numpy(),
                "gain_unknown": (gain.isna() & known).to_numpy(),
                **reasons,
                "owes_overdue": _find(group, owing or set()) & action.sells,
                "terms_withheld": group["terms_withheld"].to_numpy(bool) & action.terms,
                "terms_for_companies": (group["subject_type"] != "company").to_numpy() & action.terms,
                "held_out": group.index.isin(held_out if held_out is not None else [])
                & (action.lever != "service"),
                "channel_refused": _find(group, find_refusing(consents, action.channel)),
                "objection": _find(group, objectors),
            }
        barred = np.full(len(group), "", dtype=object)
        for reason, where in reasons.items():
            barred[where] = reason
        arm = (
            kept[kept["action"] == action.name]
            .set_index("customer_id")["arm"]
            .reindex(group.index)
            .fillna("")
        )
        facts |= {"granted": published, "kept_arm": "" if published else arm.astype(object)}
        part = pd.DataFrame({"action": action.name, **facts, "barred": barred})
        rows.append(part.rename_axis("customer_id").reset_index())
    columns = ["customer_id", "action", "gain", "cost", "standing", "granted", "kept_arm", "barred"]
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=columns)


def find_objectors(situation: pd.DataFrame, consents: pd.DataFrame | None) -> set[str]:
    """Who gets the standard offer and nothing else.

    Whoever refused profiling or marketing; and, where consents are recorded at all, natural persons without
    a granted marketing consent. Companies may be approached until they object.
    """
    if consents is None:
        return set()
    refused = consents[
        consents["purpose"].isin(("profiling", "marketing")) & (consents["status"] == "refused")
    ]
    granted = consents[(consents["purpose"] == "marketing") & (consents["status"] == "granted")]
    persons = situation.index[situation["subject_type"] != "company"]
    return set(refused["customer_id"]) | (set(persons) - set(granted["customer_id"]))


def list_actions(chosen: pd.DataFrame, situation: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """The table `actions`: what to do for whom; whoever gets nothing else gets the standard offer.

    Controls are not on it. Equal expected gains share a `priority`, and so does equal standing where no gain
    can be told; the standard offers come last and have no `gain`. Where `chosen` has a column `goes_by`, from
    `effects_by_tier.order_by_effect`, the priority follows that in place of the gain.
    """
    by = "goes_by" if "goes_by" in chosen else "gain"
    treated = chosen[chosen["arm"] == "treatment"].sort_values(
        [by, "standing", "customer_id", "action"], ascending=[False, True, True, True]
    )
    place = treated.groupby([by, "standing"], dropna=False, sort=False).ngroup()
    priority = place.rank(method="min").astype("int64")
    standard = next(action for action in policy.playbook if action.standard)
    others = situation.index.difference(pd.Index(treated["customer_id"]))
    listed = pd.concat(
        [
            treated[["customer_id", "action", "gain"]].assign(priority=priority),
            pd.DataFrame({"customer_id": others, "action": standard.name, "priority": len(treated) + 1}),
        ],
        ignore_index=True,
    )
    by_name = {action.name: action for action in policy.playbook}
    facts = [by_name[name] for name in listed["action"]]
    tier, stage = (situation[column].reindex(listed["customer_id"]) for column in ("tier", "stage"))
    return listed.assign(
        lever=[action.lever for action in facts],
        channel=[action.channel for action in facts],
        owner_role=[action.owner_role for action in facts],
        cost=[float(action.cost * action.occasions) for action in facts],
        tier=tier.to_numpy(),
        stage=stage.astype("str").to_numpy(),
    )


def list_assignments(
    chosen: pd.DataFrame, policy: Policy, *, as_of: Day, running: pd.DataFrame | None = None
) -> pd.DataFrame:
    """The table `planned_assignments`: who is treated and who is left as a control, from when until when.

    Who keeps the arm of an earlier run, one of `running`, keeps its days too.
    """
    drawn = chosen[chosen["arm"].notna()]
    days = {action.name: action.days for action in policy.playbook}
    start = pd.Timestamp(as_of).normalize() + pd.Timedelta(days=1)
    lasting = pd.to_timedelta(drawn["action"].map(days).astype("float64") - 1, unit="D")
    assignments = drawn[["customer_id", "action", "arm"]].assign(
        start=start,
        end=(start + lasting).astype("datetime64[us]"),
        cost=drawn["cost"].where(drawn["arm"] == "treatment", 0.0).astype("float64"),
    )
    kept = _split_running(running, as_of)[1].drop_duplicates(["customer_id", "action"])
    keys = pd.MultiIndex.from_frame(assignments[["customer_id", "action"]])
    earlier = kept.set_index(["customer_id", "action"])[["start", "end"]].reindex(keys)
    for end in ("start", "end"):
        known = pd.Series(earlier[end].to_numpy(), assignments.index).astype("datetime64[us]")
        assignments[end] = known.fillna(assignments[end])
    return assignments.astype({"arm": "str", "start": "datetime64[us]", "end": "datetime64[us]"})


def _rank_standing(situation: pd.DataFrame, policy: Policy) -> pd.Series:
    """1 for the best: by tier, then by spend so far; equals share a rank."""
    order = {tier.name: place for place, tier in enumerate(policy.tiers)}
    spend = situation["spend_total"].fillna(0.0)
    within = spend.rank(method="min", ascending=False) / (len(spend) + 1)
    return (situation["tier"].map(order).astype("float64") + within).rank(method="min")


def _applies(situation: pd.DataFrame, action: Action, as_of: Day) -> pd.Series:
    """Whom the action is for; what is not known meets no condition."""
    applies = situation["tier"].isin(action.tiers) & meets_profile(situation, action, as_of=as_of)
    for column, words in (
        ("stage", action.stages),
        ("alert", action.alerts),
        ("class", action.classes),
        ("need", action.needs),
    ):
        if words:
            applies &= situation[column].isin(words)
    if action.leaving is not None:
        applies &= action.leaving.holds(situation["p_no_purchase"])
    if action.points:
        asked = {POINTS + name: band for name, band in action.points.items()}
        applies &= all_hold(asked, situation.reindex(columns=list(asked)))
    if action.answers:
        applies &= any_holds({str(name): band for name, band in action.answers.items()}, situation)
    if action.asks_for_help is not None:
        applies &= situation["open_questions"] >= action.asks_for_help
    if action.advocates:
        applies &= situation["is_advocate"].eq(True)
    if action.new_to_community:
        applies &= ~(situation["community_365d"] > 0)
    if action.new_members:
        applies &= situation["member_since"].isna()
    return applies & situation["owner"].fillna("").ne("") if action.owned else applies


def is_published(action: Action, as_of: Day) -> bool:
    """Whether the action is terms that hold for everybody in its tiers on that day."""
    rule = action.for_persons
    return rule is not None and rule.start <= pd.Timestamp(as_of).date() <= rule.end


def find_refusing(consents: pd.DataFrame | None, purpose: str) -> set[str]:
    """Who refuses a channel, which the policy may write in any of its names."""
    if consents is None:
        return set()
    known = read_purpose(purpose) or purpose
    refused = (consents["purpose"] == known) & (consents["status"] == "refused")
    return set(consents.loc[refused, "customer_id"])


def list_refusing(consents: pd.DataFrame | None, policy: Policy) -> dict[str, set[str]]:
    """Who refuses each channel that the policy's actions and occasions use."""
    channels = {entry.channel for entry in policy.care} | {action.channel for action in policy.playbook}
    return {channel: find_refusing(consents, channel) for channel in sorted(channels)}


def _find(group: pd.DataFrame, customers: set[str]) -> np.ndarray:
    """Which rows are of these customers."""
    return group.index.isin(customers) if customers else np.zeros(len(group), dtype=bool)


def _split_running(running: pd.DataFrame | None, as_of: Day) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Of the assignments that are not over: those reported as done, and those that a run has drawn only."""
    columns = ["customer_id", "action", "arm", "start", "end"]
    if running is None or running.empty:
        return pd.DataFrame(columns=columns), pd.DataFrame(columns=columns)
    now = running[running["end"] >= pd.Timestamp(as_of)]
    reported = now["reported"].astype(bool) if "reported" in now else pd.Series(True, now.index)
    return now[reported], now[~reported]


def _still_running(running: pd.DataFrame, action: Action, treated_only: bool) -> set[str]:
    """For whom the action is not over; who was left out of published terms has them to come."""
    now = running["action"] == action.name
    if treated_only:
        now &= running["arm"] == "treatment"
    return set(running.loc[now, "customer_id"])
