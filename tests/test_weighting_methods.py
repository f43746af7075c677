"""Weights by the methods of the literature: the published examples, and the limits worked on paper."""

import numpy as np
import pandas as pd
import pytest

from crcm_lib.decisions.weighting_methods import (
    complete,
    weigh_by_comparisons,
    weigh_by_critic,
    weigh_by_entropy,
)


def test_critic_gives_the_weights_of_the_eight_firms_of_its_paper():
    """Firms of Diakoulaki et al. (1995); the weights are those that scikit-criteria holds for them."""
    firms = pd.DataFrame(
        {
            "profitability": [61, 20.7, 16.3, 9, 5.4, 4, -6.1, -34.6],
            "market share": [1.08, 0.26, 1.98, 3.29, 2.77, 4.12, 3.52, 3.31],
            "productivity": [4.33, 4.34, 2.53, 1.65, 2.33, 1.21, 2.10, 0.98],
        }
    )
    found = weigh_by_critic(firms)
    assert list(found.values()) == pytest.approx([0.20222554, 0.48090173, 0.31687273])


def test_entropy_gives_the_published_weights_of_the_fighter_aircraft():
    """Hwang & Yoon (1981): four aircraft by six attributes."""
    aircraft = pd.DataFrame(
        [
            [2.0, 1500, 20000, 5.5, 5, 9],
            [2.5, 2700, 18000, 6.5, 3, 5],
            [1.8, 2000, 21000, 4.5, 7, 7],
            [2.2, 1800, 20000, 5.0, 5, 5],
        ],
        columns=list("abcdef"),
    )
    found = weigh_by_entropy(aircraft)
    assert list(found.values()) == pytest.approx([0.0649, 0.2055, 0.0133, 0.0829, 0.3570, 0.2764], abs=2e-3)


HOUSE = {  # Saaty (1990), European Journal of Operational Research 48, 9-26: buying a house, table 2
    "size": {"bus": 5, "area": 3, "age": 7, "yard": 6, "modern": 6, "state": 1 / 3, "money": 1 / 4},
    "bus": {"area": 1 / 3, "age": 5, "yard": 3, "modern": 3, "state": 1 / 5, "money": 1 / 7},
    "area": {"age": 6, "yard": 3, "modern": 4, "state": 6, "money": 1 / 5},
    "age": {"yard": 1 / 3, "modern": 1 / 4, "state": 1 / 7, "money": 1 / 8},
    "yard": {"modern": 1 / 2, "state": 1 / 5, "money": 1 / 6},
    "modern": {"state": 1 / 5, "money": 1 / 6},
    "state": {"money": 1 / 2},
}
CRITERIA = [*HOUSE, "money"]


def test_comparisons_give_saatys_published_priorities_and_consistency_ratio():
    found = weigh_by_comparisons(complete(HOUSE, CRITERIA))
    published = [0.173, 0.054, 0.188, 0.018, 0.031, 0.036, 0.167, 0.333]
    assert list(found.weights.values()) == pytest.approx(published, abs=1e-3)
    assert found.consistency_ratio == pytest.approx(0.169, abs=1e-3)
    assert not found.is_consistent


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_comparisons_that_follow_from_weights_give_them_back_and_agree(count):
    weights = np.random.default_rng(count).dirichlet(np.ones(count) * 5)
    names = [f"c{n}" for n in range(count)]
    given = {
        a: {b: weights[i] / weights[j] for j, b in enumerate(names) if j > i} for i, a in enumerate(names)
    }
    found = weigh_by_comparisons(complete(given, names))
    assert list(found.weights.values()) == pytest.approx(weights.tolist())
    assert found.consistency_ratio == pytest.approx(0, abs=1e-9)


def test_a_criterion_that_the_data_do_not_have_leaves_the_others_as_they_compare():
    given = {"a": {"b": 2.0, "c": 4.0}, "b": {"c": 2.0}}
    found = weigh_by_comparisons(complete(given, ["c", "a"]))
    assert found.weights == pytest.approx({"c": 0.2, "a": 0.8})


def test_critic_by_hand_two_that_say_the_same_share_what_one_would_have():
    """Deviations are equal; each of the pair has conflict 0 + 2 with the third, the third 2 + 2."""
    points = pd.DataFrame({"a": [0.0, 100.0], "same": [0.0, 50.0], "other": [100.0, 0.0]})
    assert weigh_by_critic(points) == pytest.approx({"a": 0.25, "same": 0.25, "other": 0.5})


def test_entropy_by_hand():
    """Shares ¾ and ¼: entropy 0.8113 bits of 1; beside an even criterion all the weight is here."""
    points = pd.DataFrame({"a": [75.0, 25.0], "even": [10.0, 10.0], "b": [0.0, 40.0]})
    found = weigh_by_entropy(points)
    spread = 1 - 0.8112781244591328
    assert found == pytest.approx({"a": spread / (spread + 1), "even": 0, "b": 1 / (spread + 1)})


@pytest.mark.parametrize("method", [weigh_by_entropy, weigh_by_critic])
@pytest.mark.parametrize(
    "points",
    [
        pd.DataFrame({"a": [5.0, 5.0, 5.0], "b": [1.0, 1.0, 1.0]}),
        pd.DataFrame({"a": [0.0, 0.0], "b": [0.0, 0.0]}),
        pd.DataFrame({"a": [np.nan, np.nan], "b": [np.nan, np.nan]}),
        pd.DataFrame({"a": [3.0], "b": [4.0]}),
    ],
    ids=["constant", "zero", "unknown", "one customer"],
)
def test_where_nothing_differs_weights_are_equal(method, points):
    assert method(points) == {"a": 0.5, "b": 0.5}


@pytest.mark.parametrize("method", [weigh_by_entropy, weigh_by_critic])
def test_weights_add_up_whatever_is_unknown_and_in_any_order(method):
    random = np.random.default_rng(3)
    points = pd.DataFrame(100 * random.beta(1, 3, (200, 4)), columns=list("abcd"))
    points = points.mask(random.random(points.shape) < 0.3)
    found = method(points)
    assert sum(found.values()) == pytest.approx(1)
    assert min(found.values()) > 0
    assert method(points.sample(frac=1, random_state=1)) == pytest.approx(found)
