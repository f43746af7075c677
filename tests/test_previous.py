"""The run that a run remembers: which it is, what refuses it, and what follows from it."""

import json
from dataclasses import replace

import nbformat
import pandas as pd
import papermill
import pytest
from fixtures.shop import DEFAULTS, write_notebook
from worlds.year_in_runs import copy_deciding

from crcm_lib import open_earlier_run, open_workspace
from crcm_lib.errors import UsageError
from crcm_lib.pipeline import checks
from crcm_lib.pipeline.files import hash_file
from crcm_lib.pipeline.run import run
from crcm_lib.pipeline.settings import RunSettings
from crcm_lib.schema import tables
from crcm_lib.schema.tables import ROOT

GOLDEN = ROOT / "data" / "sample" / "golden"
REMEMBER = """\
from pathlib import Path
seen = Path(previous).name
Path(output_dir, "tables").mkdir()
Path(output_dir, "tables", "copy.json").write_text(seen)"""
FEBRUARY, LATER = "2024-02-29", "2024-03-20"


@pytest.fixture
def shop(shop):
    """A shop whose second notebook writes down which run it was given."""
    write_notebook(shop.second, "02 · Copy", f'{DEFAULTS}\nprevious = ""', REMEMBER, "print(seen)")
    return shop


def remembered(published) -> tuple[str, str]:
    """The earlier run: as run.json says, and as the notebook was told."""
    record = json.loads((published / "run.json").read_text("utf-8"))
    return record["evidence"]["previous"], (published / "tables" / "copy.json").read_text("utf-8")


def test_the_first_run_remembers_none_and_the_next_one_the_newest_of_an_earlier_day(shop):
    january, february = (shop.run(as_of=day) for day in ("2024-01-31", FEBRUARY))
    march = shop.run()  # whose day only its first notebook knows
    assert remembered(january) == ("none", "")
    assert remembered(february) == (january.name, january.name)
    assert remembered(march) == (february.name, february.name)


def test_the_same_run_again_has_the_same_name_and_the_same_memory(shop):
    shop.run(as_of=FEBRUARY)
    before = shop.run()
    assert shop.run() == before
    assert {path.name for path in shop.out.glob("corner_shop-*")} == {
        before.name,
        remembered(before)[0],
    }


def test_another_memory_is_another_run_that_repeats_only_the_notebooks_that_read_it(shop):
    february, march = shop.run(as_of=FEBRUARY), shop.run()
    events = []
    alone = shop.run(events.append, previous="none", resume=True)
    assert remembered(alone) == ("none", "")
    assert alone != march
    assert [event["status"] for event in events if event["event"] == "notebook"] == ["reused", "completed"]
    assert shop.run(previous=str(february)) == march


def test_a_run_that_is_damaged_or_of_the_same_day_is_not_remembered(shop):
    january, february = (shop.run(as_of=day) for day in ("2024-01-31", FEBRUARY))
    (february / "tables" / "copy.json").write_text("changed")
    assert remembered(shop.run(as_of=LATER))[0] == january.name
    again = shop.run(as_of=LATER, seed=1)
    assert remembered(again)[0] == january.name


def test_of_two_runs_of_one_day_the_one_by_the_same_policy_is_remembered(shop):
    overrides = '{"rfm.bins": 4}'
    plain, changed = (shop.run(as_of=FEBRUARY, overrides=each) for each in ("{}", overrides))
    assert remembered(shop.run(as_of=LATER))[0] == plain.name
    assert remembered(shop.run(as_of=LATER, overrides=overrides))[0] == changed.name


def test_a_run_under_another_key_is_refused_by_name_and_passed_over_otherwise(shop, monkeypatch):
    february = shop.run(as_of=FEBRUARY)
    monkeypatch.setattr("crcm_lib.pipeline.previous.find_key", lambda source: "another")
    with pytest.raises(UsageError, match="its pseudonyms have another key"):
        shop.run(previous=str(february))
    assert remembered(shop.run())[0] == "none"


def test_everything_that_speaks_against_an_earlier_run_is_said_at_once_before_any_kernel(shop, monkeypatch):
    march = shop.run()
    monkeypatch.setattr("crcm_lib.pipeline.kernel.Kernel.__init__", None)
    with pytest.raises(UsageError) as refused:
        shop.run(previous=str(march), as_of=FEBRUARY, seed=-1)
    assert refused.value.exit_code == 2
    assert "--seed -1" in str(refused.value)
    assert "is as of 2024-03-31, which is not before 2024-02-29" in str(refused.value)
    shop.source.write_text(shop.source.read_text().replace("name: corner_shop", "name: kiosk"))
    (march / "about.json").write_text("{}")
    with pytest.raises(UsageError) as refused:
        shop.run(previous=str(march))
    assert "about.json: changed since it was published" in str(refused.value)
    assert "is of the source corner_shop, not of kiosk" in str(refused.value)
    with pytest.raises(UsageError, match="there is no folder"):
        shop.run(previous=str(shop.folder / "nowhere"))


def test_a_run_that_turns_out_not_to_be_earlier_is_refused_when_the_day_is_known(shop):
    march = shop.run()
    with pytest.raises(UsageError, match="is as of 2024-03-31, which is not before 2024-03-31"):
        shop.run(previous=str(march), seed=1)
    assert (shop.out / "latest").resolve() == march


def write_run(folder, *, as_of="2025-06-30", source="sample", policy="policy.yaml", overrides="{}") -> str:
    """What 10 reads first of an earlier run."""
    folder.mkdir()
    tables.write_about(replace(tables.read_about(GOLDEN), as_of=as_of, source=source), folder)
    evidence = {"policy": hash_file(ROOT / policy), "parameters": {"overrides": overrides}}
    (folder / "run.json").write_text(json.dumps({"run": f"sample-{as_of}", "evidence": evidence}))
    return str(folder)


@pytest.mark.parametrize(
    ("change", "same_policy"),
    [({}, True), ({"policy": "policies/retail.yaml"}, False), ({"overrides": '{"rfm.bins": 4}'}, False)],
)
def test_by_hand_tiers_count_as_published_only_where_the_policy_is_the_same(tmp_path, change, same_policy):
    ws = open_workspace(str(GOLDEN), str(tmp_path / "scratch"), policy="policy.yaml")
    earlier = open_earlier_run(write_run(tmp_path / "run", **change), ws, policy="policy.yaml")
    assert (earlier.name, earlier.same_policy) == ("sample-2025-06-30", same_policy)
    assert (earlier.published_on is not None) == (earlier.published is not None) == same_policy


@pytest.mark.parametrize("change", [{"as_of": "2025-12-31"}, {"source": "kiosk"}])
def test_by_hand_a_run_of_another_source_or_of_the_same_day_is_refused(tmp_path, change):
    ws = open_workspace(str(GOLDEN), str(tmp_path / "scratch"), policy="policy.yaml")
    with pytest.raises(UsageError, match="it must be of sample, before 2025-12-31"):
        open_earlier_run(write_run(tmp_path / "run", **change), ws, policy="policy.yaml")
    assert open_earlier_run("", ws, policy="policy.yaml").published is None


@pytest.mark.slow
def test_tiers_of_three_runs_make_a_history_and_the_last_two_are_compared(tmp_path):
    sample, out = str(ROOT / "data" / "sources" / "sample.yaml"), str(tmp_path / "reports")
    settings = {"source": sample, "out": out, "resume": True, "notebooks": str(copy_deciding(tmp_path))}
    first = run(RunSettings(**settings, as_of="2025-03-31"))
    second = run(RunSettings(**settings, as_of="2025-06-30"))
    third = run(RunSettings(**settings))
    assert run(RunSettings(**settings)) == third
    assert checks.verify(third) == []
    moves, before = tables.read(third, "moves"), tables.read(second, "tiers")
    assert moves["tier_before"].equals(before["tier_in_force"].reindex(moves.index).rename("tier_before"))
    assert moves["tier_now"].equals(
        tables.read(third, "tiers")["tier_in_force"].reindex(moves.index).rename("tier_now")
    )
    history = tables.read(third, "tier_history")
    assert history.groupby("day")["run"].unique().str[0].to_list() == [first.name, second.name, ""]
    today = tables.read(third, "tiers").index  # whoever has objected to profiling since has no history
    assert history["day"].value_counts().sort_index().to_list() == [
        len(tables.read(each, "tiers").index.intersection(today)) for each in (first, second, third)
    ]
    said = {path: read_page(path / "10_monitoring.ipynb") for path in (first, third)}
    assert "no earlier run to compare with" in said[first]
    assert f"Compared are the tiers in force by the run {second.name}" in said[third]
    effects = tables.read(third, "effects")
    assert (effects["days"] == 1).all()
    by_hand = {"input_dir": str(third), "previous": str(second), "output_dir": str(tmp_path / "scratch")}
    notebook, executed = ROOT / "notebooks" / "10_monitoring.ipynb", tmp_path / "out.ipynb"
    papermill.execute_notebook(
        str(notebook), str(executed), parameters=by_hand, cwd=str(notebook.parent), progress_bar=False
    )
    pd.testing.assert_frame_equal(tables.read(tmp_path / "scratch", "moves"), moves, rtol=1e-6)
    other = run(RunSettings(**settings, overrides='{"rfm.bins": 4}'))
    assert "gave its tiers by another policy" in read_page(other / "10_monitoring.ipynb")
    assert set(tables.read(other, "tier_history")["run"]) == {first.name, second.name, ""}


def read_page(path) -> str:
    """All words of an executed notebook's outputs."""
    outputs = [out for cell in nbformat.read(path, as_version=4).cells for out in cell.get("outputs", [])]
    return "\n".join(str(out.get("data", {}).get("text/html", "")) for out in outputs)
