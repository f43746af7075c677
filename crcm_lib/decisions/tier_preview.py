"""What another policy would change in the tiers, told from the tables of a run without running it again."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.decisions.approvals import put_in_force
from crcm_lib.decisions.scorecard import Cutoff, ScorecardModel, fit_scorecard, gather_indicators, score
from crcm_lib.decisions.tiers import assign_tiers

SEEN = (
    "criteria",
    "objective",
    "objectives",
    "tiers",
    "approvals",
)  # parts of the policy that tiers follow from, given the run's tables
UNUSED = (  # parts that change no number
    *("version", "goal", "goal_zh", "owner", "review_by"),
    *("benchmarks", "markets", "region_notes", "account_ownership"),
)


@dataclass(frozen=True)
class TierPreview:
    """Tiers by one policy and by another, on the tables of one run.

    Attributes
    ----------
    proposed
        By `customer_id` the tier proposed `before` and `after`.
    in_force
        The same of the tier in force, after two runs of what is known now; `waits` where a move down would.
    unseen
        Parts of the policy that differ and that this cannot show: they act on other tables, or on what is
        done for a tier.
    """

    proposed: pd.DataFrame
    in_force: pd.DataFrame
    unseen: list[str]


def preview_tiers(
    before: Policy,
    after: Policy,
    known: Mapping[str, pd.DataFrame],
    model: ScorecardModel,
    decisions: pd.DataFrame,
    *,
    as_of: str,
) -> TierPreview:
    """Tiers by a policy and by a changed one, each with scales and borders learned anew as 08 does.

    Parameters
    ----------
    before, after
        The policy as it is, and changed.
    known
        Tables of a run by name: those of `indicator_rules.SCORABLE`, `tiers`, and those of
        `decision_inputs.derive`.
    model
        What the run's 08 learned; a tier that it withheld stays withheld.
    decisions
        From `decision_inputs.find_approvals`.
    as_of
        The run's last day.
    """
    withheld = [tier for tier, asked in model.cutoffs[0].items() if _is_withheld(asked)]
    proposed = {
        name: _propose(policy, known, withheld, as_of)
        for name, policy in (("before", before), ("after", after))
    }
    tiers = known["tiers"]
    names = {tier.name for tier in after.tiers}
    carried = tiers[tiers["tier_in_force"].isin(names) & tiers["tier_proposed"].isin(names)]
    once = put_in_force(proposed["after"], carried, decisions, after, as_of=as_of)
    then = put_in_force(proposed["after"], once, decisions, after, as_of=as_of)  # clear in two runs
    in_force = pd.DataFrame({"before": tiers["tier_in_force"], "after": then["tier_in_force"]})
    return TierPreview(
        pd.DataFrame({name: frame["tier_proposed"] for name, frame in proposed.items()}),
        in_force.assign(waits=then["state"] == "waits"),
        [
            name
            for name in Policy.model_fields
            if name not in (*SEEN, *UNUSED) and getattr(before, name) != getattr(after, name)
        ],
    )


def count_moves(moves: pd.DataFrame, before: Policy, after: Policy) -> dict[str, int]:
    """How many customers change tier: `moved`, of these `up` and `down`, and those whose `tier_gone` is.

    Parameters
    ----------
    moves
        `TierPreview.proposed` or `in_force`.
    before, after
        Both policies. Of a tier that only one has, up and down is told by its place from the last.
    """
    places = [
        {tier.name: len(policy.tiers) - n for n, tier in enumerate(policy.tiers)}
        for policy in (before, after)
    ]
    step = moves["after"].map(places[1]) - moves["before"].map(places[0])
    changed = moves["before"] != moves["after"]
    return {
        "moved": int(changed.sum()),
        "up": int((changed & (step > 0)).sum()),
        "down": int((changed & (step < 0)).sum()),
        "tier_gone": int((~moves["before"].isin(places[1])).sum()),
    }


def _is_withheld(asked: Mapping[str, Cutoff]) -> bool:
    return bool(asked) and all(cutoff.at_least is None and cutoff.below is None for cutoff in asked.values())


def _propose(
    policy: Policy, known: Mapping[str, pd.DataFrame], withheld: list[str], as_of: str
) -> pd.DataFrame:
    raw = gather_indicators(policy, **known)
    buyers = raw[known["customer_features"]["purchases"] > 0]
    model = fit_scorecard(buyers, policy, learned_on=as_of).withhold(withheld)
    return assign_tiers(score(raw, policy, model), policy, model)
