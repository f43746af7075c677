"""What was learned about not buying, as JSON; it scores one customer alone as with all others."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from crcm_lib.models.churn.absence import absence_probability, share_as_unusual, thin
from crcm_lib.models.churn.candidates import (
    NEAR,
    REASONS,
    SIGNS,
    Candidate,
    PurchaseFit,
    describe_signs,
    fit_candidate,
)
from crcm_lib.models.churn.origins import Origin
from crcm_lib.schema import learned_state

SCHEMA_VERSION = 1  # of the JSON of a ChurnModel
AGAIN, ONCE = "bought_again", "bought_once"


@dataclass(frozen=True)
class ChurnModel:
    """P(no purchase within the horizon), and how unusual an absence is.

    Attributes
    ----------
    horizon_days
        The days ahead.
    candidate
        The selected candidate, learned on all origins.
    purchase_fit, usual_gap_days, standard
        As in `Origin`, of the customers scored: of the day on which the model was learned. `standard` maps a
        sign to its mean and standard deviation.
    came_back
        For repeat and for one-time buyers of earlier origins who bought again since: how probable their
        absence was, in rising order.
    alerts_hold
        Whether past alerts found more than chance and recency did, so that alerts are raised.
    """

    horizon_days: int
    candidate: Candidate
    purchase_fit: PurchaseFit
    usual_gap_days: float
    standard: dict[str, list[float]]
    came_back: dict[str, tuple[float, ...]]
    alerts_hold: bool = False

    def to_json(self) -> str:
        """The learned state as JSON."""
        return learned_state.to_json(asdict(self), SCHEMA_VERSION)

    @classmethod
    def from_json(cls, text: str) -> "ChurnModel":
        """The learned state that `to_json` wrote; DataError if another release did."""
        state = learned_state.from_json(
            text, SCHEMA_VERSION, model="churn model", notebook="05_churn_warning"
        )
        parts = {
            "candidate": Candidate(**state["candidate"]),
            "purchase_fit": PurchaseFit(**state["purchase_fit"]),
        }
        return cls(**(state | parts))

    def predict(self, customers: pd.DataFrame, more: pd.DataFrame) -> pd.DataFrame:
        """What the model says of buyers, alone or with others.

        Parameters
        ----------
        customers
            Rows of `customer_features` with a purchase.
        more
            From `features.relationship_signs`, of the same day.

        Returns
        -------
        `p_no_purchase`; `p_if_active`, the same of a customer with the own rate who is certainly still there;
        `as_unusual_share`, of those who were away and came back, who had been away as improbably long; and
        for each of `REASONS` its part of log odds(p_no_purchase) - log odds(p_if_active): they add up to it.
        """
        purchases, usual = self.purchase_fit, self.usual_gap_days
        signs = describe_signs(customers, purchases, self.horizon_days, more, usual)
        standard = pd.DataFrame.from_dict(self.standard, orient="index", columns=["centre", "spread"])
        return describe_predictions(self.candidate, self.came_back, customers, signs, standard)

    def measure_absence(self, customers: pd.DataFrame) -> pd.Series:
        """`as_unusual_share` of buyers, which needs nothing but their purchases."""
        x, t_x, T = (
            customers[name].to_numpy(float) for name in ("purchases", "days_first_to_last", "days_observed")
        )
        chance = absence_probability(self.purchase_fit.name, self.purchase_fit.params, x - 1, t_x, T)
        kinds = [share_as_unusual(chance, self.came_back[kind]) for kind in (AGAIN, ONCE)]
        return pd.Series(np.where(x > 1, *kinds), customers.index)


def learn_churn_model(origins: Sequence[Origin], horizon: int, name: str) -> ChurnModel:
    """Learn a candidate on all origins but the last, for the customers of the last."""
    *earlier, today = origins
    standard = today.standard[["centre", "spread"]].T.to_dict("list")
    fit, usual, came_back = today.purchase_fit, today.usual_gap_days, absences_that_ended(earlier, today)
    return ChurnModel(horizon, learn(name, earlier), fit, usual, standard, came_back)


def learn(name: str, origins: Sequence[Origin]) -> Candidate:
    """A candidate learned on these origins."""
    signs, standards = [each.signs for each in origins], [each.standard for each in origins]
    missed = [each.missed for each in origins if each.missed is not None]
    return fit_candidate(name, signs, missed, standards)


def absences_that_ended(origins: Sequence[Origin], until: Origin) -> dict[str, tuple[float, ...]]:
    """How probable the absences at these origins were of customers who bought again until another one."""
    found: dict[str, list] = {AGAIN: [], ONCE: []}
    for origin in origins:
        before = origin.customers["purchases"]
        back = until.customers["purchases"].reindex(before.index).fillna(0) > before
        for kind, rows in ((AGAIN, back & (before > 1)), (ONCE, back & (before == 1))):
            found[kind] += origin.signs.loc[rows, "chance"].tolist()
    return {kind: thin(chances) for kind, chances in found.items()}


def describe_predictions(
    candidate: Candidate,
    came_back: dict[str, tuple[float, ...]],
    customers: pd.DataFrame,
    signs: pd.DataFrame,
    standard: pd.DataFrame,
) -> pd.DataFrame:
    """The columns of `ChurnModel.predict`, of customers whose signs are described."""
    log_odds, own = candidate.log_odds(signs, standard), signs["own"]
    parts = candidate.parts(signs, standard)
    again, chance = customers["purchases"] > 1, signs["chance"].to_numpy()
    kinds = [share_as_unusual(chance, came_back[kind]) for kind in (AGAIN, ONCE)]
    found = pd.DataFrame(
        {
            "p_no_purchase": (1 / (1 + np.exp(-log_odds))).clip(NEAR, 1 - NEAR),
            "p_if_active": 1 / (1 + np.exp(-own)),
            "as_unusual_share": np.where(again, *kinds),
        },
        index=customers.index,
    )
    by_reason = {
        reason: parts[[sign for sign in parts if SIGNS[sign] == reason]].sum(axis=1) for reason in REASONS
    }
    others = sum(part for reason, part in by_reason.items() if reason != "overdue")
    return found.assign(**by_reason | {"overdue": log_odds - own - others})
