"""`crcm policy show` and `set`: comments stay, nothing invalid is written, a preview tells who would move."""

import shutil

import pandas as pd
import pytest
from typer.testing import CliRunner

from crcm_lib.cli import build_app
from crcm_lib.config.policy import read_policy
from crcm_lib.config.policy_edit import change_policy
from crcm_lib.decisions.tier_preview import count_moves
from crcm_lib.errors import PolicyError, UsageError
from crcm_lib.pipeline.policy_preview import preview_policy
from crcm_lib.reporting.text.policy_summary import describe_preview
from crcm_lib.schema import tables
from crcm_lib.schema.tables import ROOT

GOLDEN = ROOT / "data" / "sample" / "golden"
POLICIES = [ROOT / "policy.yaml", *sorted((ROOT / "policies").glob("*.yaml"))]
WEIGHTS = {"criteria.contribution.weight": "0.25", "criteria.loyalty.weight": "0.35"}


@pytest.fixture
def policy(tmp_path):
    return shutil.copy(ROOT / "policy.yaml", tmp_path / "policy.yaml")


def crcm(*words):
    return CliRunner().invoke(build_app(), ["policy", *map(str, words)])


def changed_lines(before: str, after: str) -> list[str]:
    lines = before.splitlines(), after.splitlines()
    assert len(lines[0]) == len(lines[1])
    return [new for old, new in zip(*lines, strict=True) if old != new]


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_one_value_changes_one_line_and_every_comment_stays(path):
    before = path.read_text("utf-8")
    after, policy = change_policy(path, {"rfm.bins": "4"})
    assert [line.split("#")[0].split() for line in changed_lines(before, after)] == [["bins:", "4"]]
    assert after.count("#") == before.count("#")
    assert policy.rfm.bins == 4


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ("playbook.executive visit.cost", "175.5", "cost: 175.5"),
        ("tiers.1.when.score.top_share", "0.06", "when: {score: {top_share: 0.06}}"),
        ("playbook.executive visit.stages", "[loyal, won back]", "stages: [loyal, won back]"),
        ("budget.total", "5000", "total: 5000"),
        ("churn.horizon_days", "60", "horizon_days: 60"),
    ],
)
def test_entries_are_reached_by_name_or_number_and_lists_stay_on_their_line(policy, path, value, line):
    after, _policy = change_policy(policy, {path: value})
    (changed,) = changed_lines(policy.read_text("utf-8"), after)
    assert changed.split(" #")[0].strip() == line


def test_an_unknown_path_names_the_nearest_and_a_value_that_misfits_its_line(policy):
    before = policy.read_bytes()
    with pytest.raises(PolicyError, match=r"Did you mean 'criteria\.contribution\.weight'"):
        change_policy(policy, {"criteria.contribution.wieght": "0.4"})
    with pytest.raises(PolicyError, match=r"line 19: rfm\.bins"):
        change_policy(policy, {"rfm.bins": "11"})
    with pytest.raises(UsageError, match="no YAML"):
        change_policy(policy, {"rfm.bins": "[4"})
    assert policy.read_bytes() == before


def test_weights_that_no_longer_add_up_are_refused_and_both_changed_at_once_are_taken(policy):
    before = policy.read_bytes()
    refused = crcm("set", "criteria.contribution.weight", "0.25", "--policy", policy)
    assert refused.exit_code == 2
    assert "add up" in refused.output
    assert policy.read_bytes() == before
    done = crcm("set", *(word for pair in WEIGHTS.items() for word in pair), "--policy", policy)
    assert done.exit_code == 0, done.output
    weights = {each.name: each.weight for each in read_policy(policy).criteria}
    assert (weights["contribution"], weights["loyalty"]) == (0.25, 0.35)
    assert crcm("set", "rfm.bins", "--policy", policy).exit_code == 2


def test_the_same_policy_moves_nobody_and_gives_the_tiers_that_the_run_published():
    policy = read_policy("policy.yaml")
    found = preview_policy(GOLDEN, policy, policy)
    assert count_moves(found.proposed, policy, policy)["moved"] == 0
    assert found.unseen == []
    published = tables.read(GOLDEN, "tiers")
    assert found.proposed["before"].equals(published["tier_proposed"].rename("before"))
    assert "0 customers would change tier: 0 up, 0 down" in describe_preview(found, policy, policy, "run")[0]


def test_a_wider_tier_moves_customers_up_and_a_preview_writes_nothing(policy):
    before = policy.read_bytes()
    words = (
        "set",
        "tiers.key.when.score.top_share",
        "0.25",
        "--policy",
        policy,
        "--preview",
        "--run",
        GOLDEN,
    )
    done = crcm(*words)
    assert done.exit_code == 0, done.output
    assert policy.read_bytes() == before
    tiers = tables.read(GOLDEN, "tiers")
    was, after = read_policy(policy), read_policy(policy, '{"tiers.key.when.score.top_share": 0.25}')
    found = preview_policy(GOLDEN, was, after)
    counts = count_moves(found.proposed, was, after)
    assert counts["up"] > 0
    assert (counts["down"], counts["moved"]) == (0, counts["up"])
    assert set(found.proposed.query("before != after")["after"]) == {"key"}
    assert f"{counts['moved']} customers would change tier: {counts['up']} up, 0 down" in done.output
    assert len(found.proposed) == len(tiers)


def test_a_move_down_would_wait_and_what_only_a_run_shows_is_named():
    was = read_policy("policy.yaml", '{"approvals.margin": 1}')
    changes = '{"approvals.margin": 1, "tiers.strategic.when.score.top_share": 0.01, "rfm.bins": 4}'
    after = read_policy("policy.yaml", changes)
    found = preview_policy(GOLDEN, was, after)
    fallen = found.proposed.query("before != after").index
    assert len(fallen) > 0
    assert (found.in_force.loc[fallen, "after"] == found.in_force.loc[fallen, "before"]).all()
    assert found.in_force.loc[fallen, "waits"].any()
    assert found.unseen == ["rfm"]
    assert "only a run shows it: rfm" in describe_preview(found, was, after, "run")[-1]


def test_up_and_down_are_told_by_the_place_among_the_tiers():
    policy = read_policy("policy.yaml")
    moves = pd.DataFrame(
        {"before": ["key", "key", "watch", "key"], "after": ["watch", "key", "growth", "strategic"]}
    )
    assert count_moves(moves, policy, policy) == {"moved": 3, "up": 2, "down": 1, "tier_gone": 0}


def test_show_prints_weights_tiers_and_actions_and_says_that_borders_need_a_run(tmp_path):
    done = crcm("show", "--policy", ROOT / "policy.yaml", "--run", tmp_path)
    assert done.exit_code == 0, done.output
    assert "35.0%  contribution 贡献度" in done.output
    assert "13.3%  spend in a year" in done.output  # 0.35 × 0.38
    assert "strategic 战略客户: score among the best 5.0%" in done.output
    assert "executive visit 高层互访" in done.output
    assert "no run, so no border is known" in done.output


def test_a_run_that_is_none_is_refused_in_words(policy, tmp_path):
    refused = crcm("set", "rfm.bins", "4", "--policy", policy, "--preview", "--run", tmp_path)
    assert refused.exit_code == 2
    assert "not a published run" in refused.output
