"""The committed table of simulated worlds holds, is complete, and is what this code measures."""

import pandas as pd
import pytest
from scipy.stats import binomtest
from worlds import KEY, World, at_most_5_percent, read_table, run_seed, summarise
from worlds.catalogue import WORLDS


@pytest.fixture(scope="module")
def table():
    return read_table()


def test_what_is_said_in_all_worlds_is_as_often_right_as_it_must_be(table):
    summary = summarise(table, WORLDS)
    assert summary["holds"].all(), summary.to_string()


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_the_table_has_every_seed_and_measure_of_a_world(table, world):
    measured = table.xs(world.name, level="world").reset_index().pivot_table("value", "seed", "measure")
    assert list(measured.index) == list(range(world.seeds))
    assert set(measured) == set(world.limits)
    assert measured.notna().all(axis=None)


def test_the_table_has_no_other_world(table):
    assert set(table.index.get_level_values("world")) == {world.name for world in WORLDS}


@pytest.mark.parametrize(
    ("world", "up", "down"),
    [
        ("no_effect", "higher", "lower"),
        ("no_tier_order", "kept", "reversed"),
        ("shuffled_tiers", "more", "fewer"),
    ],
)
def test_what_is_falsely_claimed_is_so_in_either_direction_alike(table, world, up, down):
    claims = [int(table["value"].xs((world, name), level=("world", "measure")).sum()) for name in (up, down)]
    assert not sum(claims) or binomtest(claims[0], sum(claims)).pvalue > 0.01


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_a_tenth_of_the_worlds_measured_again_gives_the_committed_numbers(table, world):
    """Up to what another processor's last bits may turn: a hundredth of the mean, a seed in forty."""
    again = pd.DataFrame([row for seed in world.tenth for row in run_seed(world, seed)]).set_index(KEY)
    assert len(again) >= 10
    differences = (again - table.reindex(again.index))["value"].abs()
    assert differences.groupby("measure").mean().max() <= 1 / 40, differences[differences > 0].to_string()


def test_a_mean_outside_its_limits_does_not_hold():
    world = World("w", 2, lambda seed: {"claimed": seed}, {"claimed": (0, 0.4)})
    rows = pd.DataFrame([row for seed in range(2) for row in run_seed(world, seed)]).set_index(KEY)
    assert summarise(rows, (world,))["holds"].tolist() == [False]
    assert summarise(rows, (World("w", 2, world.measure, {"claimed": (0, 0.5)}),))["holds"].all()


def test_at_most_5_percent_is_the_99_percent_point_of_the_binomial():
    assert round(at_most_5_percent(400) * 400) == 31
    assert round(at_most_5_percent(1000) * 1000) == 67
