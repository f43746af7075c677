import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score, silhouette_score
from threadpoolctl import threadpool_limits
from worlds.groups import draw_cloud, draw_groups

from crcm_lib.errors import DataError
from crcm_lib.models.clustering import GroupModel, choose_features, find_clusters, find_traits, profile
from crcm_lib.models.clustering.group_model import SCALES
from crcm_lib.models.clustering.null_reference import (
    adjusted_rand,
    cross,
    fit_latent_normal,
    fit_mixture,
    permute_columns,
    silhouette,
    single_component_reference,
)
from crcm_lib.reporting.text.clustering import describe_absence, name_group, name_groups, write_features
from crcm_lib.schema import tables


def find(customers, **options):
    return find_clusters(customers, most=4, **options)


@pytest.fixture(scope="module")
def three():
    customers, truth = draw_groups(1)
    return customers, truth, find(customers)


@pytest.mark.parametrize("seed", [1, 2])
def test_planted_groups_are_found_and_recovered(seed):
    customers, truth = draw_groups(seed)
    findings = find(customers)
    assert len(findings.model.traits) == 3
    assert findings.criteria["votes"].idxmax() == 3
    assert adjusted_rand_score(truth, findings.model.assign(customers)["group"]) > 0.9
    assert findings.jaccard.min() > 0.9


@pytest.mark.parametrize("related", [0.0, 0.7])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_one_cloud_however_long_has_no_natural_groups(seed, related):
    customers = draw_cloud(seed, related)
    findings = find(customers)
    groups = findings.model.assign(customers)
    assert not findings.found
    assert set(groups["group"]) == {0}
    assert set(groups["traits"]) == {"no_groups"}
    assert set(name_groups(groups["traits"])) == {"no natural groups"}


def test_a_long_cloud_beats_permuted_columns_so_the_second_reference_is_needed():
    criteria = find(draw_cloud(1, 0.7)).criteria.loc[2]
    assert criteria["stability"] > 0.85
    assert criteria["silhouette"] > criteria["silhouette permuted high"] + 0.1
    assert not criteria["passes"]


def test_neither_row_order_nor_thread_count_changes_a_label(three):
    customers, _truth, findings = three
    with threadpool_limits(2):
        shuffled = find(customers.sample(frac=1, random_state=3))
    assert shuffled.model.to_json() == findings.model.to_json()


def test_row_order_does_not_change_who_is_sampled(three, monkeypatch):
    from crcm_lib.models.clustering import search

    monkeypatch.setattr(search, "SAMPLE", 150)
    customers = three[0]
    found = [find_clusters(c, most=3) for c in (customers, customers.sample(frac=1, random_state=3))]
    pd.testing.assert_frame_equal(found[0].criteria, found[1].criteria)


def test_groups_are_numbered_by_falling_median_spend(three):
    customers, _truth, findings = three
    spend = customers["spend_total"].groupby(findings.model.assign(customers)["group"]).median()
    assert spend.is_monotonic_decreasing
    assert list(spend.index) == [1, 2, 3]


def test_another_seed_finds_the_same_groups_with_the_same_names(three):
    customers, _truth, findings = three
    other = find(customers, seed=7).model
    assert set(other.traits) == set(findings.model.traits)
    assert (
        adjusted_rand_score(other.assign(customers)["group"], findings.model.assign(customers)["group"])
        > 0.97
    )


def test_one_customer_alone_gets_the_group_of_the_batch_from_what_was_kept(three):
    customers, _truth, findings = three
    kept = GroupModel.from_json(findings.model.to_json())
    batch = findings.model.assign(customers)
    for customer in customers.index[:25]:
        pd.testing.assert_frame_equal(kept.assign(customers.loc[[customer]]), batch.loc[[customer]])


def test_the_model_assigns_as_the_mixture_that_it_was_made_from():
    from crcm_lib.models.clustering.search import _by_mixture

    points = draw_groups(4)[0][["spend_mean", "days_since_last"]].apply(np.log).to_numpy()
    model = _by_mixture(GroupModel({}), points, 3, np.random.default_rng(0))
    theirs = fit_mixture(points, 3, np.random.default_rng(0), 2).predict(points)
    assert adjusted_rand_score(model.label(points), theirs) > 0.999


def test_the_result_keeps_its_contract_and_prospects_are_not_clustered(three):
    customers, _truth, findings = three
    prospect = customers.iloc[[0]].assign(purchases=0, spend_mean=np.nan, days_since_last=np.nan)
    everyone = pd.concat([customers, prospect.rename(index={"c0000": "p1"})])
    groups = tables.check(find(everyone).model.assign(everyone), "groups")
    assert groups.loc["p1"].to_list() == [0, "no_purchase"]
    assert name_group("no_purchase") == "not clustered: no purchase"
    pd.testing.assert_frame_equal(groups.drop(index="p1"), findings.model.assign(customers))


def test_protected_columns_are_never_used(three):
    customers, _truth, _findings = three
    findings = find(customers, protected=("spend_mean", "region"))
    assert "spend_mean" not in findings.model.scales
    assert findings.features.set_index("column")["reason"]["spend_mean"] == "protected"
    because = write_features(findings.features).set_index("column")["because"]
    assert because["spend_mean"] == "protected by the policy"


def test_columns_that_repeat_vary_little_or_are_unknown_are_left_out():
    customers = draw_groups(1)[0]
    changed = customers.assign(
        categories=customers["purchases"] * 2,
        discount_share=0.1,
        days_since_last=customers["days_since_last"].where(np.arange(len(customers)) % 10 > 0),
    )
    because = write_features(choose_features(changed)).set_index("column")["because"]
    assert because["categories"] == "says the same as purchases"
    assert because["discount_share"] == "the same for more than 95% of buyers"
    assert because["days_since_last"] == "unknown for 10.0% of buyers"
    assert because["returns_share"] == "not available"
    assert because["purchases"] == "used"


@pytest.mark.parametrize(
    "make",
    [
        lambda c: c.iloc[:3],
        lambda c: c.iloc[:0],
        lambda c: c.assign(purchases=0),
        lambda c: pd.concat([c.iloc[[0]]] * 80).set_axis(c.index[:80]),
        lambda c: pd.concat([c.iloc[:4]] * 20).set_axis(c.index[:80]),
        lambda c: c[["purchases", "spend_total"]],
    ],
    ids=["three", "none", "prospects only", "all equal", "four kinds", "one feature"],
)
def test_too_little_to_tell_is_said_not_raised(make):
    customers = make(draw_groups(1)[0])
    findings = find(customers)
    groups = tables.check(findings.model.assign(customers), "groups")
    assert findings.reason.rule == "too_few"
    assert "too little" in describe_absence(findings.reason)
    assert (groups["group"] == 0).all()
    assert len(profile(customers, groups, findings.model.scales)) >= 1


def test_customers_without_a_needed_column_are_refused(three):
    customers, _truth, findings = three
    with pytest.raises(DataError, match="customers: 1 problem.*\n  spend_mean: missing"):
        findings.model.assign(customers.drop(columns="spend_mean"))


def test_groups_that_only_one_sample_shows_are_not_believed(monkeypatch):
    from crcm_lib.models.clustering import search

    mixed = pd.concat([draw_groups(1)[0], draw_cloud(1, 0.0)]).set_axis(
        [f"c{i:04}" for i in range(600)], axis=0
    )
    halves = lambda points, _rng: [points[:300], points[300:]]  # noqa: E731
    monkeypatch.setattr(search, "_disjoint_samples", halves)
    reason = find(mixed).reason
    assert reason.rule == "not_reproduced"
    assert describe_absence(reason) == "the groups found do not all reappear in another sample"
    assert find(pd.concat([draw_groups(1)[0], draw_groups(2)[0]]).set_axis(mixed.index)).found


def test_further_samples_share_no_customer():
    from crcm_lib.models.clustering.search import _disjoint_samples

    samples = _disjoint_samples(np.arange(3500.0).reshape(-1, 1), np.random.default_rng(0))
    assert [len(sample) for sample in samples] == [1000] * 3
    assert len(np.unique(np.concatenate(samples))) == 3000


def test_the_input_is_left_alone(three):
    customers, _truth, _findings = three
    pd.testing.assert_frame_equal(customers, draw_groups(1)[0])


def test_names_come_from_what_stands_out_and_differ():
    centres = np.array([[2.0, 0.1, 0.7], [2.0, 0.3, 0.7], [0.1, 0.1, -0.2], [0.1, 0.1, -0.2]])
    traits = find_traits(centres, ["purchases", "categories", "discount_share"])
    assert traits[0] == "purchases:high discount_share:high categories:high #1"
    names = name_groups(pd.Series(traits))
    assert names[0] == "frequent, discount-driven, broad (1)"
    assert names.nunique() == 4


@pytest.mark.parametrize(("traits", "name"), [("", "like most"), ("#2", "like most (2)")])
def test_a_group_in_which_nothing_stands_out_is_like_most(traits, name):
    assert name_group(traits) == name


def test_every_feature_has_words_for_both_sides():
    for column in SCALES:
        assert name_group(f"{column}:high") != name_group(f"{column}:low")


def test_another_releases_groups_are_refused(three):
    text = three[2].model.to_json().replace('"schema_version": 1', '"schema_version": 99')
    with pytest.raises(DataError, match="groups: schema_version is 99"):
        GroupModel.from_json(text)


def test_a_profile_adds_up_to_all_buyers(three):
    customers, _truth, findings = three
    table = profile(customers, findings.model.assign(customers), ["purchases"])
    assert table["customers"].iloc[:-1].sum() == table["customers"].iloc[-1] == len(customers)
    assert table["spend_share"].iloc[:-1].sum() == pytest.approx(1)
    assert table["purchases"].iloc[-1] == customers["purchases"].median()


def test_references_keep_every_column_and_one_cloud_keeps_the_correlations():
    rng = np.random.default_rng(0)
    points = rng.standard_normal((2000, 3)) @ np.linalg.cholesky(np.full((3, 3), 0.8) + 0.2 * np.eye(3)).T
    points[:, 2] = np.maximum(points[:, 2], 0.5)  # most customers have the same value
    cloud = single_component_reference(points, rng, fit_latent_normal(points, rng))
    permuted = permute_columns(points, rng)
    for reference in (cloud, permuted):
        np.testing.assert_array_equal(np.sort(reference, axis=0), np.sort(points, axis=0))
    assert np.corrcoef(cloud, rowvar=False) == pytest.approx(np.corrcoef(points, rowvar=False), abs=0.05)
    assert np.corrcoef(permuted, rowvar=False) == pytest.approx(np.eye(3), abs=0.08)


def test_quick_measures_equal_scikit_learns():
    rng = np.random.default_rng(0)
    points, labels, other = (
        rng.standard_normal((200, 3)),
        rng.integers(4, size=200),
        rng.integers(4, size=200),
    )
    other[:120] = labels[:120]
    apart = np.linalg.norm(points[:, None] - points, axis=2)
    assert silhouette(apart, labels, 4) == pytest.approx(silhouette_score(points, labels))
    assert adjusted_rand(cross(labels, other, 4)) == pytest.approx(adjusted_rand_score(labels, other))
