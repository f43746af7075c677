"""Customers of another day measured with what a run has learned: scores, stage, points, tier proposed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.decisions import scorecard, tiers
from crcm_lib.features import decision_inputs
from crcm_lib.features.customers import list_sales
from crcm_lib.models import lifecycle, need_shift
from crcm_lib.models.churn import ChurnModel, measure_decline, measure_rhythm
from crcm_lib.models.clv import ValueModel
from crcm_lib.models.rfm import RFMScorer, name_segments
from crcm_lib.schema.engine import Engine


@dataclass(frozen=True)
class LearnedState:
    """What a run has learned, and the policy that it followed."""

    policy: Policy
    windows: lifecycle.Windows
    rfm: RFMScorer
    churn: ChurnModel
    value: ValueModel
    scorecard: scorecard.ScorecardModel

    @classmethod
    def read(cls, policy: Policy, read_model: Callable[[str], str]) -> "LearnedState":
        """From a run's `models/`; `read_model` gives the JSON of a name."""
        return cls(
            policy,
            lifecycle.Windows.from_json(read_model("lifecycle")),
            RFMScorer.from_json(read_model("rfm")),
            ChurnModel.from_json(read_model("churn")),
            ValueModel.from_json(read_model("value")),
            _leave_variations(scorecard.ScorecardModel.from_json(read_model("tiers"))),
        )


def _leave_variations(model: scorecard.ScorecardModel) -> scorecard.ScorecardModel:
    """The model without most weight variations: they only say how firm a tier is, and cost half the time."""
    return model.model_copy(update={"weights": model.weights[:2], "cutoffs": model.cutoffs[:2]})


def score_customers(
    learned: LearnedState,
    engine: Engine,
    customers: pd.DataFrame,
    kept: Mapping[str, pd.DataFrame],
    *,
    as_of: str,
) -> pd.DataFrame:
    """Each customer of an engine as of a day, by what a run has learned.

    Parameters
    ----------
    learned
        Of the run.
    engine
        Clean tables of the customers to score, `transactions` among them.
    customers
        Their `customer_features` of the day.
    kept
        Tables of the run that purchases do not change: `satisfaction`, where it is there.
    as_of
        The day.

    Returns
    -------
    By `customer_id`: the columns of `rfm` but for `segment_before`, `stage`, `days_since_last`, `purchases`,
    `score` and `weight_known` (share of the weight that is known), `tier_proposed`, `next_tier` and
    `to_next_tier`. Of who has not bought, what follows from purchases is missing.
    """
    buyers = customers[customers["purchases"] > 0]
    stages = lifecycle.assign_stages(customers, learned.windows)
    rfm = learned.rfm.transform(buyers)
    absence = lifecycle.grade_absence(buyers, stages.loc[buyers.index])
    rfm = rfm.assign(segment=name_segments(rfm.join(absence), learned.policy.rfm.segments))
    usual = learned.churn.usual_gap_days
    rhythm = measure_rhythm(buyers, usual).join(measure_decline(buyers, usual))
    terms = learned.policy.model_dump(include={"horizon_days", "annual_discount_rate", "margin_rate"})
    seen = {"customer_features": customers, "rfm": rfm, "churn": rhythm}
    seen |= {"value": learned.value.predict(buyers, **terms)} | dict(kept)
    raw = scorecard.gather_indicators(learned.policy, **seen, **decision_inputs.derive(engine, as_of=as_of))
    card = scorecard.score(raw, learned.policy, learned.scorecard)
    placed = tiers.assign_tiers(card, learned.policy, learned.scorecard)
    return (
        customers[["purchases", "days_since_last"]]
        .join(stages[["stage"]])
        .join(rfm)
        .join(card[["score", "weight_known"]])
        .join(placed[["tier_proposed", "next_tier", "to_next_tier"]])
    )


def find_need_shifts(
    learned: LearnedState, engine: Engine, customers: pd.DataFrame, *, as_of: str, seed: int = 0
) -> pd.DataFrame:
    """The table of `need_shift.find_shifts` of customers; parameters as of `score_customers`."""
    buyers = customers[customers["purchases"] > 0]
    habits = need_shift.list_habits(list_sales(engine, as_of=as_of))
    return need_shift.find_shifts(habits, learned.churn.measure_absence(buyers), as_of=as_of, seed=seed)
