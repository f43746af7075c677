"""The weights that each of the policy's objectives gives, and who has another tier because of one."""

import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.decisions.scorecard import ScorecardModel, refit_cutoffs, weigh
from crcm_lib.decisions.tiers import place

WITHOUT = "no objective"


def list_weights(policy: Policy, criteria: list[str]) -> dict[str, dict[str, float]]:
    """The weights of these criteria under each objective that the policy declares and that is not in force.

    Parameters
    ----------
    policy
        Its `objectives`, and `objective`, which is in force.
    criteria
        Those that the data have; their weights are shares of their sum.

    Returns
    -------
    By objective; `WITHOUT` where one is in force. Empty for a policy that declares none.
    """
    others = [name for name in policy.objectives if name != policy.objective]
    found = {str(name): policy.weigh(name) for name in others}
    if policy.objective is not None:
        found[WITHOUT] = policy.weigh(None)
    return {
        name: {each: weights[each] / sum(weights[other] for other in criteria) for each in criteria}
        for name, weights in found.items()
    }


def place_without(
    card: pd.DataFrame, buyers: pd.Index, policy: Policy, model: ScorecardModel
) -> pd.DataFrame:
    """The tier that each customer would be proposed without the objective in force, cutoffs learned anew.

    Parameters
    ----------
    card
        The scorecard.
    buyers
        The customers from whom cutoffs are learned.
    policy, model
        Of today; a tier that the model gives to nobody stays so.

    Returns
    -------
    By `customer_id`: `tier_without_objective`; no column where no objective is in force.
    """
    others = list_weights(policy, list(model.weights[0]))
    if WITHOUT not in others:
        return pd.DataFrame(index=card.index)
    withheld = model.list_withheld()
    under = refit_cutoffs(card.loc[buyers], policy, model, others[WITHOUT]).withhold(withheld)
    placed = place(card.assign(score=weigh(card, others[WITHOUT])), policy, under)
    names = pd.Series([tier.name for tier in policy.tiers])
    return pd.DataFrame({"tier_without_objective": names.to_numpy()[placed]}, index=card.index).astype("str")


def count_changed(tiers: pd.DataFrame, policy: Policy) -> dict[str, int]:
    """How many customers the objective proposes a better tier, `up`, and a worse one, `down`.

    Parameters
    ----------
    tiers
        The table `tiers`; without `tier_without_objective` nobody is.
    """
    if "tier_without_objective" not in tiers:
        return {"up": 0, "down": 0}
    places = {tier.name: number for number, tier in enumerate(policy.tiers)}
    step = tiers["tier_proposed"].map(places) - tiers["tier_without_objective"].map(places)
    return {"up": int((step < 0).sum()), "down": int((step > 0).sum())}
