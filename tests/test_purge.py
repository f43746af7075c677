"""Old runs go by `crcm purge` and in no other way; it says what it removed and leaves no half of a run."""

import json
import shutil

import pytest
from filelock import FileLock

from crcm_lib.errors import LockedError, UsageError
from crcm_lib.pipeline.purge import purge

DAYS = ("2023-01-31", "2024-01-31", "2025-01-31")


@pytest.fixture
def out(tmp_path):
    """A reports folder with three runs of one source, one of another, a failed and a killed one."""
    folder = tmp_path / "reports"
    runs = [(f"shop-{day}-0", "shop", day) for day in DAYS] + [("old-2020-01-31-0", "old", "2020-01-31")]
    for name, source, day in runs:
        (folder / name / "tables").mkdir(parents=True)
        (folder / name / "run.json").write_text(json.dumps({"source": source, "as_of": day}))
        (folder / name / "tables/rfm.parquet").write_text("K1")
    (folder / "latest").symlink_to("shop-2025-01-31-0")
    for name in ("failed/shop-2025-02-28-1", ".staging-0-x", "mine"):
        (folder / name).mkdir(parents=True)
        (folder / name / "x").write_text("K1")
    return folder


def names(out):
    return {path.name for path in out.iterdir()} - {".lock"}


def test_runs_older_than_the_newest_of_their_source_by_so_many_days_are_removed(out):
    removed = purge(out, 366)
    assert names(out) == {"shop-2024-01-31-0", "shop-2025-01-31-0", "old-2020-01-31-0", "latest", "mine"}
    assert {each.name for each in removed} == {
        "shop-2023-01-31-0",
        "failed/shop-2025-02-28-1",
        ".staging-0-x",
    }
    assert removed[0].files == 2


def test_the_newest_of_a_source_and_the_one_that_latest_names_stay(out):
    (out / "latest").unlink()
    (out / "latest").symlink_to("shop-2023-01-31-0")
    purge(out, 0)
    assert names(out) == {"shop-2023-01-31-0", "shop-2025-01-31-0", "old-2020-01-31-0", "latest", "mine"}


def test_a_kill_half_way_leaves_no_half_of_a_run_and_the_next_call_finishes(out, monkeypatch):
    def fail(_path):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", fail)
        with pytest.raises(KeyboardInterrupt):
            purge(out, 366)
    assert not (out / "shop-2023-01-31-0").exists()
    purge(out, 366)
    assert names(out) == {"shop-2024-01-31-0", "shop-2025-01-31-0", "old-2020-01-31-0", "latest", "mine"}


def test_not_while_a_run_is_at_work_and_not_in_a_folder_that_is_not_there(out):
    with FileLock(out / ".lock"), pytest.raises(LockedError):
        purge(out, 0)
    with pytest.raises(UsageError):
        purge(out / "nowhere", 0)


def test_a_link_to_a_folder_elsewhere_is_left_alone(out, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(out / "shop-2023-01-31-0", elsewhere)
    (out / "linked").symlink_to(elsewhere)
    purge(out, 0)
    assert (elsewhere / "run.json").exists()
