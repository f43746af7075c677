"""Benchmarks still run: each can be read, and the choice of actions is made at a small size."""

import importlib

import pytest

from crcm_lib.config.policy import read_policy
from crcm_lib.decisions.action_choice import choose_actions
from crcm_lib.decisions.strategy import list_candidates
from crcm_lib.schema.tables import ROOT


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks").glob("bench_*.py")), ids=lambda path: path.stem)
def test_a_benchmark_can_be_read(path):
    importlib.import_module(f"benchmarks.{path.stem}")


def test_the_benchmark_of_the_choice_of_actions_makes_one():
    from benchmarks import bench_allocation

    policy = bench_allocation.make_policy(500, read_policy("policy.yaml"))
    situation = bench_allocation.make_situation(500, policy)
    candidates = list_candidates(situation, policy, as_of="2025-12-31")
    chosen = choose_actions(candidates, situation, policy, seed=0)
    assert (chosen.rows["state"] == "chosen").sum() > 100
    assert 0 <= chosen.allocation.gap < 0.1
