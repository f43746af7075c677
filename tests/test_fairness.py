"""Are the tiers spread alike? Which differences are called so, which are not, which groups are hidden."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import fisher_exact

from crcm_lib.config.policy import read_policy
from crcm_lib.decisions import fairness
from crcm_lib.reporting.text import classification as text
from crcm_lib.schema.tables import ROOT

POLICY = read_policy(ROOT / "policy.yaml")
BETTER, REST = POLICY.tiers[1].name, POLICY.tiers[-1].name


def audit_groups(**attributes: dict[str, tuple[int, int]]) -> pd.DataFrame:
    """The audit of customers of whom each attribute gives (in the better tiers, in all) by group.

    A group named "" is one of customers of whom nothing is known.
    """
    columns = {}
    for attribute, groups in attributes.items():
        cells = [
            (group, tier)
            for group, (hits, count) in groups.items()
            for tier in [BETTER] * hits + [REST] * (count - hits)
        ]
        ordered = pd.DataFrame(cells, columns=[attribute, "tier"]).sort_values("tier", kind="stable")
        columns |= {
            attribute: ordered[attribute].replace("", None).to_numpy(),
            "tier": ordered["tier"].to_numpy(),
        }
    customers = pd.DataFrame(columns)
    audit = fairness.audit_tiers(
        customers[["tier"]].add_suffix("_in_force"),
        customers.drop(columns="tier"),
        POLICY,
        as_of="2025-12-31",
    )
    return audit.set_index(["attribute", "group"])


def test_a_planted_difference_is_found_with_its_direction_and_ratio():
    regions = audit_groups(region={"north": (80, 200), "south": (20, 200), "east": (50, 200)}).loc["region"]
    assert regions["finding"].to_dict() == {"north": "more", "south": "fewer", "east": "alike"}
    assert regions.loc["south", "ratio"] == pytest.approx(0.1 / (130 / 400))
    assert (regions["p_adjusted"] >= regions["p"]).all()


def test_p_is_that_of_fishers_exact_test_one_sided_and_twice():
    south = audit_groups(region={"north": (60, 150), "south": (15, 70)}).loc[("region", "south")]
    one_sided = fisher_exact([[15, 55], [60, 90]], alternative="less").pvalue
    assert south["p"] == pytest.approx(2 * one_sided)


def test_a_difference_of_one_group_is_chance_where_many_are_counted():
    """Of the shares of two groups, p is 0.03; beside 20 groups of another attribute that is nothing."""
    two = {"north": (40, 100), "south": (25, 100)}
    alone = audit_groups(region=two).loc[("region", "south")]
    twenty = {f"n{n:02}": (3 if n % 4 else 4, 10) for n in range(20)}
    beside = audit_groups(region=two, industry=twenty).loc[("region", "south")]
    assert beside["p"] == alone["p"] <= 0.05
    assert alone["finding"] == "fewer"
    assert beside["finding"] == "below_four_fifths"
    assert beside["p_adjusted"] > 0.05


@pytest.mark.parametrize(
    ("south", "finding"),
    [
        ((32, 100), "alike"),  # 0.8 of everyone else's
        ((31, 100), "below_four_fifths"),
        ((20, 100), "fewer"),
        ((3, 10), "too_small"),
        ((5, 10), "too_small"),
        ((0, 60), "fewer"),  # what is beyond chance is said however small the group is
    ],
)
def test_four_fifths_are_named_only_in_groups_large_enough(south, finding):
    regions = audit_groups(region={"north": (800, 2000), "south": south}).loc["region"]
    assert regions.loc["south", "finding"] == finding


def test_tiers_that_nobody_reached_or_everybody_are_not_different():
    for hits in (0, 100):
        found = audit_groups(region={"north": (hits, 100), "south": (hits, 100)})
        assert found["p_adjusted"].isna().all()
        assert not found["finding"].isin(["fewer", "more"]).any()


@pytest.mark.parametrize(
    ("region", "shown"),
    [
        (
            {"north": (40, 100), "south": (30, 90), "east": (1, 3), "west": (2, 3)},
            {"north", "south", "small_groups"},
        ),
        ({"north": (40, 100), "south": (30, 90), "east": (1, 3)}, {"north", "small_groups"}),
        ({"north": (40, 100), "south": (30, 90), "": (1, 3)}, {"north", "small_groups"}),
        ({"north": (40, 100), "south": (30, 90), "": (10, 50)}, {"north", "south"}),
        ({"north": (40, 100), "east": (1, 3)}, set()),
        ({"north": (40, 100)}, set()),
    ],
)
def test_no_small_group_is_shown_or_follows_from_those_that_are(region, shown):
    """What is left of all customers when every group shown is taken off are at least `min_cell`, or none."""
    audit = audit_groups(region=region)
    assert set(audit.index.get_level_values("group")) == shown
    rest = sum(count for _hits, count in region.values()) - audit["customers"].sum()
    assert rest == 0 or rest >= POLICY.privacy.min_cell
    assert (audit["customers"] >= POLICY.privacy.min_cell).all()


def test_of_two_groups_both_are_one_comparison():
    two = audit_groups(region={"north": (40, 100), "south": (25, 100)})
    assert two["p_adjusted"].tolist() == pytest.approx(two["p"].tolist())


def test_age_is_audited_from_the_birthday():
    customers = pd.DataFrame({"birthday": [pd.Timestamp("1990-01-01")] * 3})
    assert set(fairness.group_attribute(customers, "age", as_of="2025-12-31")) == {"30_to_44"}
    assert fairness.group_attribute(customers, "gender", as_of="2025-12-31") is None


def test_many_numbers_are_compared_in_four_equal_parts():
    sizes = pd.DataFrame({"household_size": np.arange(40)})
    groups = fairness.group_attribute(sizes, "household_size", as_of="2025-12-31")
    assert groups.value_counts().tolist() == [10] * 4


# In words


@pytest.fixture
def written():
    audit = audit_groups(
        region={"north": (80, 200), "south": (20, 200), "east": (50, 200)},
        age={"30_to_44": (110, 400), "60_and_over": (35, 180), "under_30": (5, 20)},
    )
    return text.write_audit(audit.reset_index())


def test_every_finding_has_its_words_and_age_groups_theirs(written):
    words = written.set_index("label")["remark"]
    assert words["region: south"] == "fewer, beyond chance"
    assert words["region: north"] == "more, beyond chance"
    assert words["region: east"] == "within chance"
    assert words["age: 60 and over"] == "below four fifths, yet within chance"
    assert words["age: under 30"] == "too small to tell"


def test_the_picture_says_direction_and_ratio_of_what_is_beyond_chance(written):
    words = text.describe_audit(written)
    assert (
        "fewer in the two best tiers than everyone else: region south, 10.0% against 32.5% (0.31 times)."
        in words
    )
    assert "More: region north, 40.0% against 17.5% (2.29 times)." in words
    assert "yet within chance: age 60 and over, 19.4% against 27.4% (0.71 times)." in words
    assert words.endswith("Too small to tell: 1 groups.")


def test_four_fifths_are_of_the_shares_that_are_shown(written):
    age = written[written["label"] == "age: 60 and over"]
    shown = text.write_audit(age.assign(share=0.25, others_share=0.3))
    assert shown["ratio"].round(2).item() == 0.83
    assert shown["remark"].item().startswith("within chance")
    shown = text.write_audit(age.assign(share=0.2, others_share=0.3, finding="alike", p=0.5))
    assert shown["remark"].item() == "below four fifths, yet within chance"


def test_without_any_difference_none_is_named(written):
    words = text.describe_audit(written.assign(finding="alike"))
    assert "everyone else: none. More: none. Below four fifths" in words
    assert "chance: none. Too small to tell: 0 groups." in words


@pytest.mark.parametrize("finding", ["alike", "too_small"])
def test_a_p_that_counting_makes_chance_is_called_so(written, finding):
    east = written.assign(finding=finding, p=0.03, share=0.3, others_share=0.3)
    assert set(text.write_audit(east)["remark"]) == {"within chance once all groups are counted"}
    assert "within chance once all groups are counted" not in set(
        text.write_audit(east.assign(p=0.06))["remark"]
    )


def test_without_the_attributes_this_is_said(written):
    assert "none of the policy's audit attributes" in text.describe_audit(written.head(0))


def test_the_table_has_the_adjusted_p_as_people_write_it(written):
    assert "counts all groups at once" in text.caption_audit()
    listed = text.list_audit(written).set_index("group")
    assert listed.loc["region: south", "p_adjusted"] == "< 0.001"
