"""Two notebooks at once: who waits for whom, what each one sees, and that results do not depend on it."""

import json
import signal
import time
from concurrent.futures import Future

import nbformat
import pytest
from fixtures.shop import read_statuses, write_notebook

from crcm_lib.errors import RunError, UsageError
from crcm_lib.pipeline import sandbox, schedule
from crcm_lib.pipeline.evidence import hash_notebook

PARAMETERS = 'input_dir = "data/sample/golden"\noutput_dir = "data/scratch"'
WRITE = """\
from pathlib import Path
Path(output_dir, "tables").mkdir(exist_ok=True)
Path(output_dir, "tables", "{name}.json").write_text("[]")"""
LOOK = 'print(sorted(path.name for path in Path(input_dir).rglob("*.json")))'
MEET = """\
import time
from pathlib import Path
Path({folder!r}, "{name}.here").touch()
deadline = time.monotonic() + 40
while not Path({folder!r}, "{other}.here").exists():
    assert time.monotonic() < deadline
    time.sleep(0.05)"""
WAIT = """\
import time
from pathlib import Path
Path({folder!r}, "{name}.here").touch()
time.sleep(60)"""


@pytest.fixture(autouse=True)
def two_places(monkeypatch):
    monkeypatch.setattr(schedule, "count_places", lambda: 2)


def add(shop, name, *cells, after=None):
    """Write one more notebook, which comes after the named ones, by default after all before it."""
    path = shop.notebooks / f"{name}.ipynb"
    write_notebook(path, name, PARAMETERS, *(cells or (WRITE.format(name=name), LOOK)))
    if after is not None:
        notebook = nbformat.read(path, as_version=4)
        notebook.metadata.crcm = {"after": after}
        nbformat.write(notebook, path)


def meet(shop, name, other):
    return MEET.format(folder=str(shop.folder), name=name, other=other)


def wait(shop, name):
    return WAIT.format(folder=str(shop.folder), name=name)


def printed(folder, name):
    return nbformat.read(folder / f"{name}.ipynb", as_version=4).cells[-1].outputs[0].text


def test_notebooks_that_have_nothing_to_do_with_each_other_run_side_by_side(shop):
    add(shop, "02_copy", meet(shop, "02", "03"))
    add(shop, "03_look", meet(shop, "03", "02"), after=["01_about"])
    events = []
    record = json.loads((shop.run(events.append) / "run.json").read_text("utf-8"))
    assert [entry["name"] for entry in record["notebooks"]] == ["01_about", "02_copy", "03_look"]
    cells = [event for event in events if event["event"] == "cell"]
    assert len(cells) == next(event["cells"] for event in events if event["event"] == "run")


def test_a_notebook_sees_what_it_comes_after_and_nothing_else(shop, monkeypatch):
    monkeypatch.setattr(schedule, "count_places", lambda: 1)  # so that 02 and 03 are done before 04
    add(shop, "02_copy")
    add(shop, "03_late")
    add(shop, "04_early", after=["01_about"])
    add(shop, "05_last", after=["03_late"])
    published = shop.run()
    common = ["about.json", "seed.json"]
    assert printed(published, "03_late") == f"{['02_copy.json', '03_late.json', *common]}\n"
    assert printed(published, "04_early") == f"{['04_early.json', *common]}\n"
    assert printed(published, "05_last") == f"{['02_copy.json', '03_late.json', '05_last.json', *common]}\n"
    assert not (published / sandbox.SANDBOXES).exists()


def test_a_notebook_waits_for_those_it_names(shop):
    add(shop, "02_copy", "import time; time.sleep(0.5)")
    add(shop, "03_look", after=["02_copy"])
    events = []
    shop.run(events.append)
    seen = [(event["event"], event["notebook"]) for event in events if "notebook" in event]
    assert seen.index(("notebook", "02_copy")) < seen.index(("cell", "03_look"))


@pytest.mark.parametrize(
    ("crcm", "words"),
    [
        ({"after": ["01_abuot"]}, r"unknown earlier notebook '01_abuot'\. Did you mean '01_about'\?"),
        ({"after": ["02_copy"]}, r"unknown earlier notebook '02_copy'"),
        ({"after": "01_about"}, r"should be like"),
        ({"aftre": []}, r"should be like"),
        ({"after": [], "needs": "loyalty"}, r"should be like"),
        ({"after": [], "needs": ["loyalti"]}, r"unknown input table 'loyalti'\. Did you mean 'loyalty'\?"),
    ],
)
def test_a_wait_that_cannot_be_is_refused_before_any_kernel(shop, monkeypatch, crcm, words):
    monkeypatch.setattr("crcm_lib.pipeline.stages.Kernel", None)
    notebook = nbformat.read(shop.second, as_version=4)
    notebook.metadata.crcm = crcm
    nbformat.write(notebook, shop.second)
    with pytest.raises(UsageError, match=rf"02_copy\.ipynb: .*{words}"):
        shop.run()


@pytest.mark.parametrize(
    ("kernels", "failing", "other"),
    [("shop", "02_copy", "03_look"), ("shop", "03_look", "02_copy"), ("real_shop", "03_look", "02_copy")],
)
def test_a_failure_stops_the_notebook_beside_it(request, kernels, failing, other):
    shop = request.getfixturevalue(kernels)
    add(shop, failing, meet(shop, failing, other), "1 / 0", after=["01_about"])
    add(shop, other, wait(shop, other), "print('never')", after=["01_about"])
    started = time.monotonic()
    with pytest.raises(RunError, match=rf"{failing}\.ipynb, cell \[4\]: ZeroDivisionError"):
        shop.run()
    assert time.monotonic() - started < 45
    assert shop.kernels() == set()
    (kept,) = (shop.out / "failed").iterdir()
    assert read_statuses(kept / f"{other}.ipynb")[-2:] == ["failed", "pending"]
    assert read_statuses(kept / "01_about.ipynb") == ["completed"] * 4
    assert not (kept / sandbox.SANDBOXES).exists()
    assert str(shop.out / ".staging") not in (kept / f"{other}.ipynb").read_text()


def test_of_two_failures_found_together_the_lowest_is_told():
    def begin(name):
        future = Future()
        future.set_exception(RunError(name)) if name > "01" else future.set_result(name)
        return future

    after = schedule.find_ancestors({"01": [], "02": [], "03": []})
    turns = schedule.execute_in_order(after, begin)
    assert next(turns) == ("01", "01")
    with pytest.raises(RunError, match="02"):
        next(turns)


def test_what_a_failed_notebook_wrote_is_kept_for_the_analyst(shop):
    add(shop, "02_copy", WRITE.format(name="half"), "1 / 0")
    with pytest.raises(RunError):
        shop.run()
    (kept,) = (shop.out / "failed").iterdir()
    assert (kept / "tables" / "half.json").read_text() == "[]"
    assert not (kept / "clean" / "seed.json").is_symlink()


@pytest.mark.parametrize(
    ("kernels", "number", "code"),
    [("stub", signal.SIGTERM, 143), ("real", signal.SIGINT, -signal.SIGINT)],
)
def test_a_signal_ends_both_notebooks_at_work(shop, kernels, number, code):
    names = "02_copy", "03_look"
    for name in names:
        add(shop, name, wait(shop, name), after=["01_about"])
    process = shop.start(kernels)
    while not all((shop.folder / f"{name}.here").exists() for name in names):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    started = time.monotonic()
    process.send_signal(number)
    assert process.wait(timeout=30) == code
    assert time.monotonic() - started < 15
    assert shop.kernels() == set()
    (kept,) = (shop.out / "failed").iterdir()
    assert [read_statuses(kept / f"{name}.ipynb")[-1] for name in names] == ["failed", "failed"]


def test_resume_executes_what_changed_and_what_comes_after_it(shop):
    def reused():
        events = []
        shop.run(events.append, resume=True)
        done = [event for event in events if event["event"] == "notebook"]
        return sorted(event["notebook"][:2] for event in done if event["status"] == "reused")

    add(shop, "03_look", after=["01_about"])
    add(shop, "04_last", after=["02_copy"])
    shop.run()
    assert reused() == ["01", "02", "03", "04"]
    add(shop, "02_copy", WRITE.format(name="02_copy"), "print('changed')", after=["01_about"])
    assert reused() == ["01", "03"]
    add(shop, "03_look", "print('changed')", after=["01_about"])
    assert reused() == ["01", "02", "04"]
    add(shop, "03_look", "print('changed')", after=["02_copy"])
    assert reused() == ["01", "02", "04"]


def test_one_at_a_time_gives_the_same_run(shop, monkeypatch):
    def read_record(published):
        record = json.loads((published / "run.json").read_text("utf-8"))
        del record["artefacts"]["index.html"]  # shows seconds, as the records of stages do, which are sealed
        del record["stages"], record["seal"]
        record["notebooks"] = [entry | {"seconds": 0} for entry in record["notebooks"]]
        return record

    add(shop, "02_copy", "import time; time.sleep(0.5)", WRITE.format(name="02_copy"))
    add(shop, "03_look", after=["01_about"])
    add(shop, "04_last", after=["02_copy", "03_look"])
    published = shop.run()
    side_by_side, record = shop.results(), read_record(published)
    published.rename(shop.folder / "away")
    monkeypatch.setattr(schedule, "count_places", lambda: 1)
    assert read_record(shop.run()) == record
    assert shop.results() == side_by_side


def test_a_file_that_two_notebooks_write_is_refused(shop):
    add(shop, "02_copy", WRITE.format(name="same"))
    add(shop, "03_look", WRITE.format(name="same"), after=["01_about"])
    with pytest.raises(RunError, match=r"tables/same\.json: written by more than one notebook"):
        shop.run()


def test_a_file_that_a_reused_notebook_wrote_is_not_written_over(shop):
    add(shop, "03_slow", "print('once')", after=["01_about"])
    add(shop, "04_last", WRITE.format(name="same"), after=["03_slow"])
    shop.run()
    add(shop, "02_copy", WRITE.format(name="same"))
    add(shop, "03_slow", "import time; time.sleep(1)", after=["01_about"])
    with pytest.raises(RunError, match=r"tables/same\.json: written by more than one notebook"):
        shop.run(resume=True)


def test_what_a_notebook_comes_after_is_part_of_what_it_asks():
    plain = nbformat.v4.new_notebook()
    named = nbformat.v4.new_notebook(metadata={"crcm": {"after": []}})
    assert hash_notebook(plain) != hash_notebook(named)
