"""What is unknown gives score and tier a range: by hand, and never narrower than what could be true."""

import numpy as np
import pandas as pd
import pytest

from crcm_lib.config.policy import read_policy
from crcm_lib.decisions import score_range, scorecard, tiers
from crcm_lib.decisions.scorecard import Cutoff, Scale, ScorecardModel
from crcm_lib.reporting.text.score_ranges import describe_ranges

GIVEN = read_policy("policy.yaml")
SHARES = {"spend in a year": 0.75, "predicted value": 0.25, "purchase days in a year": 1.0}
LINE = Scale(raw=(0.0, 100.0), points=(0.0, 100.0))


def keep(number: int, names: list[str]):
    """One of the policy's criteria with these indicators, raw numbers being points, and SHARES as weights."""
    criterion = GIVEN.criteria[number]
    indicators = [each for each in criterion.indicators if each.name in names]
    weighed = [each.model_copy(update={"weight": SHARES[each.name]}) for each in indicators]
    return criterion.model_copy(update={"weight": (0.6, 0.4)[number], "indicators": tuple(weighed)})


CRITERIA = (keep(0, ["spend in a year", "predicted value"]), keep(1, ["purchase days in a year"]))
POLICY = GIVEN.model_copy(update={"criteria": CRITERIA})
WEIGHTS = {"contribution": 0.6, "loyalty": 0.4}


def model_of(**asked: dict[str, Cutoff]) -> ScorecardModel:
    """What was learned: points are the raw numbers, and these cutoffs of tiers; nobody reaches the others."""
    nobody = {"score": Cutoff(at_least=None)}
    cutoffs = {tier.name: asked.get(tier.name, nobody if tier.when else {}) for tier in POLICY.tiers}
    scales = dict.fromkeys(SHARES, LINE)
    return ScorecardModel(
        policy_version=1, learned_on="", customers=3, scales=scales, weights=(WEIGHTS,), cutoffs=(cutoffs,)
    )


MODEL = model_of(strategic={"score": Cutoff(at_least=80)}, key={"score": Cutoff(at_least=50)})
RAW = pd.DataFrame(
    {
        "spend in a year": [80.0, 80.0, np.nan, np.nan],
        "predicted value": [40.0, np.nan, np.nan, 100.0],
        "purchase days in a year": [50.0, 50.0, 50.0, np.nan],
    },
    index=pd.Index(["all known", "one unknown", "a criterion unknown", "much unknown"], name="customer_id"),
)


def bounds(raw: pd.DataFrame = RAW, model: ScorecardModel = MODEL) -> pd.DataFrame:
    card = scorecard.score(raw, POLICY, model)
    parts = [card[["score"]], score_range.bound_scores(card, POLICY, model)]
    parts.append(score_range.bound_tiers(card, POLICY, model))
    return pd.concat(parts, axis=1).assign(tier=tiers.name_tiers(card, POLICY, model))


def test_scores_and_tiers_by_hand():
    """0.6 × (0.75 spend + 0.25 value) + 0.4 × days, with 0 and with 100 for what is unknown."""
    found = bounds()
    assert found["score"].to_list() == [62, 68, 50, 100]
    assert found["score_low"].to_list() == [62, 56, 20, 15]
    assert found["score_high"].to_list() == [62, 71, 80, 100]
    assert found["tier_low"].to_list() == ["key", "key", "watch", "watch"]
    assert found["tier_high"].to_list() == ["key", "key", "strategic", "strategic"]


def test_a_customer_of_whom_nothing_is_known_could_have_any_score_and_any_tier():
    nothing = bounds(RAW.iloc[:1] * np.nan).iloc[0]
    assert (nothing["score_low"], nothing["score_high"]) == (0, 100)
    assert (nothing["tier_low"], nothing["tier_high"]) == ("watch", "strategic")


def test_a_condition_on_one_criterion_with_an_upper_limit():
    """`growth` asks for loyalty from 40 to below 60: known loyalty decides, an unknown one may or may not."""
    model = model_of(growth={"loyalty": Cutoff(at_least=40, below=60)})
    found = bounds(model=model)
    assert found["tier_low"].to_list() == ["growth", "growth", "growth", "watch"]
    assert found["tier_high"].to_list() == ["growth"] * 4


@pytest.mark.parametrize("seed", range(5))
def test_whatever_is_filled_in_lies_within_the_range(seed):
    random = np.random.default_rng(seed)
    raw = pd.DataFrame(random.uniform(0, 100, (300, 3)), columns=list(SHARES))
    hidden = raw.mask(random.random(raw.shape) < 0.4)
    cutoffs = {"strategic": {"score": Cutoff(at_least=60), "loyalty": Cutoff(at_least=20, below=70)}}
    model = model_of(**cutoffs, key={"contribution": Cutoff(at_least=50)})
    found = bounds(hidden, model)
    place = {tier.name: n for n, tier in enumerate(POLICY.tiers)}
    for _draw in range(20):
        filled = hidden.fillna(pd.DataFrame(random.uniform(0, 100, raw.shape), columns=list(SHARES)))
        true = scorecard.score(filled, POLICY, model)
        assert (true["score"].round(5).between(found["score_low"] - 1e-4, found["score_high"] + 1e-4)).all()
        tier = tiers.name_tiers(true, POLICY, model).map(place)
        assert tier.between(found["tier_high"].map(place), found["tier_low"].map(place)).all()
    assert found["score"].between(found["score_low"] - 1e-4, found["score_high"] + 1e-4).all()


def test_what_the_data_do_not_have_at_all_widens_no_range():
    raw, names = RAW[["spend in a year"]], ["spend in a year"]
    model = MODEL.model_copy(
        update={"scales": dict.fromkeys(names, LINE), "weights": ({"contribution": 1.0},)}
    )
    found = bounds(raw, model)
    assert found.loc["all known", ["score_low", "score_high"]].to_list() == [80, 80]
    assert found.loc["much unknown", ["score_low", "score_high"]].to_list() == [0, 100]


def test_ranges_per_tier_are_counted_in_the_policys_order():
    found = bounds().rename(columns={"tier": "tier_proposed"})
    table = score_range.summarise_ranges(found, POLICY).set_index("tier")
    assert table.index.to_list() == ["strategic", "key"]
    assert table.loc["key"].to_list() == [3, pytest.approx(2 / 3), pytest.approx(1 / 3), pytest.approx(1 / 3)]
    assert table.loc["strategic"].to_list() == [1, 0, 0, 1]


def test_the_sentence_counts_those_whose_tier_no_unknown_can_change():
    found = bounds()
    said = describe_ranges(found, found)
    assert said.startswith("Of 75.0% of 4 customers something is unknown")
    assert "half of their scores have a range of 60.0 points or more" in said  # of 15, 60 and 85
    assert "50.0% of all would be proposed the same tier" in said
    known = found.iloc[:1]
    assert describe_ranges(known, known).startswith("Everything that these data measure is known")
