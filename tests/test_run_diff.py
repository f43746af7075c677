"""`crcm diff`: two runs that differ in known ways, and what is said of each."""

import json
import shutil

import pandas as pd
import pytest

from crcm_lib.errors import UsageError
from crcm_lib.pipeline.run_diff import compare_runs
from crcm_lib.reporting.text.run_changes import describe_runs
from crcm_lib.schema import tables
from crcm_lib.schema.tables import ROOT

GOLDEN = ROOT / "data" / "sample" / "golden"
TABLES = ("tiers", "customer_features", "value", "scorecard")
TIERS = ["strategic", "key", "growth", "regular", "watch"]


def publish(folder, **changes):
    """A copy of the golden tables that `compare_runs` takes for a published run."""
    for name in ("tables", "models"):
        (folder / name).mkdir(parents=True)
    for name in TABLES:
        shutil.copy(tables.table_path(GOLDEN, name), tables.table_path(folder, name))
    for path in (GOLDEN / "models").glob("*.json"):
        shutil.copy(path, folder / "models" / path.name)
    shutil.copy(GOLDEN / "about.json", folder)
    evidence = {
        "policy": "p",
        "source": "s",
        "code": "c",
        "lock": "l",
        "python": "3.11",
        "inputs": [{"file": "sales.csv", "sha256": "1"}],
    }
    record = {"run": folder.name, "source": "sample", "policy": {"tiers": TIERS}}
    record |= {"parameters": {"overrides": "{}", "seed": 0}, "evidence": evidence}
    record["history"] = [{"numbers": {"spend": 100.0}}]
    record |= changes
    (folder / "run.json").write_text(json.dumps(record), "utf-8")
    return folder


@pytest.fixture
def before(tmp_path):
    return publish(tmp_path / "sample-1")


@pytest.fixture
def now(tmp_path):
    return publish(tmp_path / "sample-2")


def change_record(folder, change):
    record = json.loads((folder / "run.json").read_text("utf-8"))
    change(record)
    (folder / "run.json").write_text(json.dumps(record), "utf-8")


def rewrite(folder, name, change):
    tables.write(change(tables.read(folder, name)), folder, name)


def said(before, now) -> str:
    return "\n".join(describe_runs(compare_runs(before, now)))


def test_of_two_equal_runs_nothing_differs(before, now):
    diff = compare_runs(before, now)
    counts = diff.customers
    assert (counts["came"], counts["went"], counts["proposed"], counts["reasons"]) == (0, 0, 0, 0)
    assert diff.rules == []
    assert diff.inputs.empty
    assert (diff.rows["before"] == diff.rows["now"]).all()
    assert diff.tiers.to_numpy().trace() == counts["both"] == len(tables.read(GOLDEN, "tiers"))
    assert not diff.models["changed"].any()
    assert not (diff.drift["verdict"] == "drifted").any()
    assert said(before, now).count("none that differ") == 2  # rows, what was learned
    assert "no measure of the customers drifted" in said(before, now)


def test_the_tier_in_force_is_compared_and_a_change_of_the_proposed_one_is_counted_beside_it(before, now):
    tiers = tables.read(now, "tiers")
    regular = tiers.index[(tiers[["tier_in_force", "tier_proposed"]] == "regular").all(axis=1)]

    def move(frame):
        frame.loc[regular[:3], "tier_in_force"] = "key"
        frame.loc[regular[3:8], "tier_proposed"] = "watch"
        return frame

    def propose_only(frame):
        frame.loc[regular[8:10], "tier_proposed"] = "key"
        return frame

    rewrite(before, "tiers", propose_only)
    rewrite(now, "tiers", move)
    diff = compare_runs(before, now)
    assert diff.tiers.loc["regular", "key"] == 3
    assert diff.tiers.loc["regular", "watch"] == 0
    assert diff.tiers.loc["regular"].sum() == (tiers["tier_in_force"] == "regular").sum()
    assert diff.customers["proposed"] == 7
    assert "another tier is proposed of 7" in said(before, now)


def test_the_same_tier_for_another_reason_is_counted(before, now):
    first = tables.read(now, "tiers").query("reason == 'conditions_met'").index[:2]

    def give_other_reason(frame):
        frame.loc[first, "reason"] = "last_tier"
        return frame

    rewrite(now, "tiers", give_other_reason)
    assert compare_runs(before, now).customers["reasons"] == 2


def test_tiers_that_only_one_policy_knows_are_no_lost_customers(before, now):
    rename = {"watch": "dormant"}
    columns = ["tier_in_force", "tier_proposed"]
    rewrite(now, "tiers", lambda frame: frame.assign(**frame[columns].replace(rename)))
    change_record(now, lambda record: record["policy"].update(tiers=[*TIERS[:-1], "dormant"]))
    diff = compare_runs(before, now)
    assert diff.tiers.to_numpy().sum() == diff.customers["both"]
    assert list(diff.tiers.index) == TIERS
    assert list(diff.tiers.columns) == [*TIERS[:-1], "dormant"]


def test_customers_who_came_and_went_are_counted(before, now):
    rewrite(before, "tiers", lambda frame: frame.iloc[2:])
    rewrite(now, "tiers", lambda frame: frame.iloc[:-5])
    counts = compare_runs(before, now).customers
    assert (counts["came"], counts["went"]) == (2, 5)
    assert counts["both"] == len(tables.read(GOLDEN, "tiers")) - 7


def test_a_model_that_learned_other_numbers_or_another_kind_is_named(before, now):
    path = now / "models" / "value.json"
    learned = json.loads(path.read_text("utf-8"))
    assert isinstance(learned["purchase_model"], str)
    name = next(iter(learned["params"]))
    learned["params"][name] *= 2
    learned["purchase_model"] = "another"
    path.write_text(json.dumps(learned), "utf-8")
    (now / "models" / "rfm.json").unlink()
    models = compare_runs(before, now).models.set_index("model")
    assert models.loc["value", "changed"] == 2
    assert models.loc["value", "largest"] == pytest.approx(0.5)
    assert models.loc["rfm", "state"] == "only before"
    assert (models.drop(index=["value", "rfm"])["changed"] == 0).all()
    printed = said(before, now)
    assert "value" in printed
    assert "lifecycle" not in printed  # learned the same


def test_rows_inputs_numbers_rules_and_parameters_are_compared(before, now):
    about = json.loads((now / "about.json").read_text("utf-8"))
    about["tables"]["transactions"] += 10
    about["tables"]["opportunities"] = 4
    (now / "about.json").write_text(json.dumps(about), "utf-8")

    def change(record):
        record["evidence"] |= {"policy": "q", "inputs": [{"file": "more.csv", "sha256": "2"}]}
        record["parameters"] = {"overrides": '{"rfm.bins": 4}'}
        record["history"] = [{"numbers": {"spend": 110.0, "new": 1.0}}]

    change_record(now, change)
    diff = compare_runs(before, now)
    rows = diff.rows.set_index("table")
    assert rows.loc["transactions", "now"] - rows.loc["transactions", "before"] == 10
    assert rows.loc["opportunities"].to_list() == [0, 4]
    assert dict(diff.inputs.to_numpy()) == {"more.csv": "added", "sales.csv": "removed"}
    assert diff.rules == ["policy", "overrides", "seed"]
    assert diff.numbers.set_index("name").loc["spend"].to_list() == [100.0, 110.0]
    assert pd.isna(diff.numbers.set_index("name").loc["new", "before"])


def test_what_drifted_is_named(before, now):
    rewrite(now, "customer_features", lambda frame: frame.assign(spend_mean=frame["spend_mean"] * 2))
    drift = compare_runs(before, now).drift
    assert drift[drift["verdict"] == "drifted"]["column"].to_list() == ["spend_mean"]
    assert "1 of " in said(before, now)


def test_names_from_outside_cannot_command_the_terminal(before, now):
    hostile = "\x1b[2J{run}\u202egnp.csv"
    change_record(now, lambda record: record["evidence"].update(inputs=[{"file": hostile, "sha256": "2"}]))
    change_record(now, lambda record: record.update(title="<img src=x>\x07", run="{now}\r"))
    printed = said(before, now)
    assert all(sign.isprintable() or sign == "\n" for sign in printed)
    assert "{run}" in printed  # a name, not a field to fill


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"run": "x"}'])
def test_what_is_no_run_is_refused_in_words(before, now, content):
    (now / "run.json").write_text(content, "utf-8")
    with pytest.raises(UsageError, match="not a published run"):
        compare_runs(before, now)


def test_runs_of_two_sources_are_not_compared(before, now):
    change_record(now, lambda record: record.update(source="other"))
    with pytest.raises(UsageError, match="only runs of one source"):
        compare_runs(before, now)
