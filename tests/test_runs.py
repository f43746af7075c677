"""What a run promises (guarantees 7 to 10 and 12), tried with small fake notebooks that fail in every way."""

import json
import os
import signal
import stat
import time

import nbformat
import pytest
from filelock import FileLock
from fixtures.kernels import use_stubs
from fixtures.processes import is_running
from fixtures.shop import LINES, read_statuses, write_notebook

from crcm_lib.errors import CrcmError, DataError, GateError, LockedError, PolicyError, RunError, UsageError
from crcm_lib.ingest.cleaning import clean
from crcm_lib.pipeline import checked_inputs, checks, leak_check
from crcm_lib.pipeline.plan import plan_run
from crcm_lib.reporting.documents import DOCUMENTS

WAIT = "import time; time.sleep(60)"


def reused(shop, **changes):
    """Run with --resume; say of each notebook whether it was reused."""
    events = []
    shop.run(events.append, resume=True, **changes)
    return [event["status"] == "reused" for event in events if event["event"] == "notebook"]


def wait_for_the_second_notebook(process):
    for line in process.stdout:
        if json.loads(line)["event"] == "cell" and "02_copy" in line:
            return
    raise AssertionError(process.stderr.read())


def test_a_run_publishes_everything_under_a_name_that_follows_from_its_content(shop):
    published = shop.run()
    assert published.name.startswith("corner_shop-2024-03-31-")
    assert (shop.out / "latest").resolve() == published
    pages = {"index.html", "01_about.html", "01_about.ipynb", "02_copy.html", "02_copy.ipynb"}
    files = {"about.json", "run.json", "clean/seed.json", "tables/copy.json", "private/policy.yaml"}
    written = {f"{stem}{suffix}" for stem in DOCUMENTS for suffix in (".html", "_zh.html")}
    written.add("private/documents/reviews_01_Head_of_customer_management.ics")
    assert set(shop.contents()) == pages | files | written
    assert {path.name for path in shop.out.iterdir()} == {".checked", ".lock", "latest", published.name}
    assert checks.verify(published) == []
    record = json.loads((published / "run.json").read_text())
    assert [entry["status"] for entry in record["notebooks"]] == ["completed", "completed"]
    assert {"parameters", "source", "inputs", "policy", "code", "lock"} <= record["evidence"].keys()
    assert record["schema_version"] == 1
    assert str(shop.out / ".staging") not in (published / "02_copy.ipynb").read_text()


def test_the_same_run_again_leaves_the_report_as_it_is(shop):
    shop.run()
    before = shop.contents()
    shop.run()
    assert shop.contents() == before


def test_the_same_run_somewhere_clean_gives_the_same_bytes(shop):
    published = shop.run()
    before = shop.results()
    published.rename(shop.folder / "away")
    assert shop.run() == published
    assert shop.results() == before


def test_another_seed_is_another_run_and_both_stay(shop):
    first, second = shop.run(), shop.run(seed=1)
    assert first != second
    assert (shop.out / "latest").resolve() == second
    assert checks.verify(first) == []


FAILURES = {
    "1 / 0": r"02_copy\.ipynb, cell \[3\]: ZeroDivisionError",
    "import sys; sys.exit(0)": r"cell \[3\]: SystemExit: the notebook left before its end",
    "import os; os._exit(0)": r"02_copy\.ipynb, cell \[3\]: the kernel died \(exit 0",
    "import os; os.kill(os.getpid(), 9)": r"cell \[3\]: the kernel died \(exit -9",
    WAIT: r"02_copy\.ipynb, cell \[3\]: longer than 1 s",
}


@pytest.mark.parametrize("cell", FAILURES)
def test_a_failed_notebook_keeps_the_earlier_report_and_its_own_remains(shop, cell):
    fails_and_keeps_the_earlier_report(shop, cell)


@pytest.mark.parametrize(
    "cell",
    [
        pytest.param("import sys; sys.exit(0)", marks=pytest.mark.slow),
        "import os; os.kill(os.getpid(), 9)",
        pytest.param(WAIT, marks=pytest.mark.slow),
    ],
)
def test_so_does_one_that_fails_in_a_real_kernel(real_shop, cell):
    fails_and_keeps_the_earlier_report(real_shop, cell)


def publish_first(shop):
    """A report that was there before, made by stubs of kernels: it is not what the test is about."""
    with pytest.MonkeyPatch.context() as patch:
        use_stubs(patch.setattr)
        shop.run()


def fails_and_keeps_the_earlier_report(shop, cell):
    publish_first(shop)
    before = shop.contents()
    shop.replace_second(cell, COPY_LATER)
    with pytest.raises(RunError, match=FAILURES[cell]) as failure:
        shop.run(cell_timeout=1)
    (kept,) = (shop.out / "failed").iterdir()
    assert str(kept) in str(failure.value)
    assert read_statuses(kept / "02_copy.ipynb") == ["completed"] * 3 + ["failed", "pending"]
    assert read_statuses(kept / "01_about.ipynb") == ["completed"] * 4
    assert stat.S_IMODE((shop.out / "failed").stat().st_mode) == 0o700
    assert shop.contents() == before
    assert shop.kernels() == set()


COPY_LATER = "print('never')"


def test_a_cell_whose_thread_failed_is_not_complete(real_shop):
    real_shop.replace_second(
        "import threading\nt = threading.Thread(target=lambda: 1 / 0)\nt.start(); t.join()"
    )
    with pytest.raises(GateError, match=r"02_copy\.ipynb, cell \[3\]: something failed beside the cell"):
        real_shop.run()


def test_errors_do_not_repeat_data(shop):
    shop.replace_second("raise KeyError('Jane Doe', 'K0001', 'jane@example.org')")
    with pytest.raises(RunError) as failure:
        shop.run()
    assert not {"Jane", "K0001", "example.org"} & set(str(failure.value).replace("'", " ").split())
    assert "KeyError" in str(failure.value)


@pytest.mark.parametrize(
    ("notebook", "raised", "expected"),
    [
        ("first", "DataError", DataError),  # reads the raw input
        ("second", "DataError", RunError),  # reads what a notebook wrote
        ("second", "PolicyError", PolicyError),
    ],
)
def test_our_own_errors_keep_their_exit_code(shop, notebook, raised, expected):
    cell = f"from crcm_lib.errors import {raised}\nraise {raised}('tickets: 3 late')"
    if notebook == "first":
        write_notebook(shop.first, "01", 'source = ""\noutput_dir = "data/scratch"', cell)
    else:
        shop.replace_second(cell)
    with pytest.raises(CrcmError, match="tickets: 3 late") as failure:
        shop.run()
    assert type(failure.value) is expected


def test_every_problem_is_reported_at_once_and_before_any_kernel(shop, monkeypatch):
    monkeypatch.setattr("crcm_lib.pipeline.stages.Kernel", None)
    shop.policy.write_text(shop.policy.read_text().replace("horizon_days", "horizn_days"))
    shop.source.write_text(shop.source.read_text().replace("currency", "curency"))
    write_notebook(shop.second, "02", 'output_dirr = "data/scratch"', "!rm nothing")
    with pytest.raises(CrcmError) as failure:
        shop.run(as_of="31.12.2017", seed=-1)
    words = str(failure.value)
    assert failure.value.exit_code == 2
    parts = ["--as-of '31.12.2017'", "--seed -1", "policy.yaml", "horizn_days", "shop.yaml", "curency"]
    parts += ["02_copy.ipynb: unknown parameter 'output_dirr'. Did you mean 'output_dir'?", "'!rm nothing'"]
    for part in parts:
        assert part in words, part
    assert not shop.out.exists()


def test_a_missing_source_and_a_missing_file_are_the_inputs_fault(shop):
    with pytest.raises(DataError, match=r"nowhere\.yaml"):
        shop.run(source=str(shop.folder / "nowhere.yaml"))
    (shop.folder / "shop.csv").unlink()
    with pytest.raises(DataError, match=r"shop\.csv"):
        shop.run()


def test_a_folder_named_latest_is_not_ours_to_replace(shop):
    (shop.out / "latest").mkdir(parents=True)
    with pytest.raises(UsageError, match="latest"):
        shop.run()


def test_a_second_run_at_once_is_refused_and_a_dead_ones_lock_is_not(shop):
    shop.out.mkdir()
    with FileLock(shop.out / ".lock"), pytest.raises(LockedError, match="another run is at work"):
        shop.run()
    assert {path.name for path in shop.out.iterdir()} <= {".checked", ".lock"}
    shop.run()


@pytest.mark.slow
def test_kill_9_half_way_then_run_again_gives_the_same_result(real_shop):
    shop = real_shop
    shop.run()
    undisturbed, report = shop.results(), shop.contents()
    shop.run(seed=1)
    expected = shop.results()
    (shop.out / "latest").resolve().rename(shop.folder / "away")
    (shop.out / "latest").unlink()
    os.symlink(next(shop.out.glob("corner_shop*")).name, shop.out / "latest")
    source = shop.second.read_bytes()
    process = shop.start(seed=1)
    wait_for_the_second_notebook(process)
    process.kill()
    process.wait()
    assert shop.contents() == report
    assert list(shop.out.glob(".staging-*"))
    deadline = time.monotonic() + 30
    while shop.kernels() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert shop.kernels() == set()
    assert shop.second.read_bytes() == source
    assert reused(shop, seed=1) == [True, False]  # from what the killed run had completed
    assert shop.results() == expected
    assert expected != undisturbed
    assert not list(shop.out.glob(".staging-*"))


def test_sigterm_ends_the_run_and_its_kernels_within_seconds(real_shop):
    shop = real_shop
    publish_first(shop)
    before = shop.contents()
    shop.replace_second(WAIT)
    process = shop.start()
    wait_for_the_second_notebook(process)
    assert shop.kernels()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 143
    assert process.stderr.read() == ""
    assert shop.kernels() == set()
    assert shop.contents() == before
    (kept,) = (shop.out / "failed").iterdir()
    assert "completed" not in read_statuses(kept / "02_copy.ipynb")[3:]


def test_resume_reuses_what_nothing_changed(shop):
    shop.replace_second("1 / 0")
    with pytest.raises(RunError):
        shop.run()
    shop.replace_second(*COPY_AND_PRINT)
    assert reused(shop) == [True, False]  # from the failed run
    assert not (shop.out / "failed").exists()
    assert reused(shop) == [True, True]  # from the published one
    shop.replace_second(*COPY_AND_PRINT, "print('more')")
    assert reused(shop) == [True, False]
    (shop.folder / "shop.csv").write_text((shop.folder / "shop.csv").read_text() + "\nK0001,2024-03-30,5.00")
    assert reused(shop) == [False, False]
    assert reused(shop, seed=1) == [False, False]
    shop.policy.write_text(shop.policy.read_text() + "\n# signed\n")
    assert reused(shop) == [False, False]


TABLES = "from pathlib import Path\nPath(output_dir, 'tables').mkdir()\n"
COPY_AND_PRINT = (f"{TABLES}Path(output_dir, 'tables', 'x.json').write_text('{{}}')", "print('done')")


def test_resume_does_not_trust_a_damaged_stage(shop):
    published = shop.run()
    (published / "clean" / "seed.json").write_text("[]")
    assert reused(shop) == [False, True]
    assert checks.verify(published) == []


def test_a_notebook_may_not_change_what_an_earlier_one_wrote(shop):
    shop.replace_second("from pathlib import Path\nPath(output_dir, 'clean', 'seed.json').write_text('0')")
    with pytest.raises(RunError, match=r"changed clean/seed\.json, which an earlier notebook wrote"):
        shop.run()


def test_the_same_run_with_another_result_is_refused(shop):
    shop.replace_second(
        f"import os\n{TABLES}Path(output_dir, 'tables', 'x.json').write_text(os.urandom(8).hex())"
    )
    shop.run()
    before = shop.contents()
    with pytest.raises(GateError, match=r"tables/x\.json: other content than before"):
        shop.run()
    assert shop.contents() == before


def test_a_published_run_that_somebody_changed_is_replaced_by_the_same_run(shop):
    published = shop.run()
    (published / "about.json").write_text("{}")
    assert checks.verify(published)
    assert shop.run() == published
    assert checks.verify(published) == []
    assert {path.name for path in shop.out.iterdir()} == {".checked", ".lock", "latest", published.name}


def test_input_that_changes_during_the_run_is_noticed(shop):
    line = "\\nK0001,2024-03-31,1.00"
    shop.replace_second(
        f"with open({str(shop.folder / 'shop.csv')!r}, 'a') as file:\n    file.write('{line}')"
    )
    with pytest.raises(RunError, match="changed while the run was at work: inputs"):
        shop.run()


def test_verify_says_what_changed(shop):
    published = shop.run()
    page = published / "02_copy.html"
    page.write_bytes(page.read_bytes() + b" ")
    assert checks.verify(published) == ["02_copy.html: changed since it was published"]
    page.unlink()
    (published / "extra.txt").write_text("x")
    assert set(checks.verify(published)) == {"02_copy.html: missing", "extra.txt: not part of the run"}
    notebook = nbformat.read(published / "01_about.ipynb", as_version=4)
    notebook.cells[-1].execution_count = None
    nbformat.write(notebook, published / "01_about.ipynb")
    assert any("01_about.ipynb, cell [3]: not executed" in problem for problem in checks.verify(published))
    record = json.loads((published / "run.json").read_text("utf-8"))
    (published / "run.json").write_text(json.dumps(record | {"schema_version": 2}))
    assert checks.verify(published) == [
        "run.json has schema_version 2; this crcm reads 1. Use the crcm that wrote it."
    ]
    (published / "run.json").unlink()
    assert checks.verify(published) == ["run.json is missing: not a published run"]


def test_tables_that_a_notebook_owes_are_missed(tmp_path):
    problems = checks.find_bad_tables(tmp_path, "03_rfm")
    assert len(problems) == 1
    assert "rfm.parquet: not there" in problems[0]


def test_rows_with_ids_are_private_and_pages_are_not(shop):
    mask = os.umask(0o022)
    try:
        published = shop.run()
    finally:
        os.umask(mask)
    modes = {
        path.relative_to(published).as_posix(): stat.S_IMODE(path.stat().st_mode)
        for path in published.rglob("*")
    }
    assert modes["clean"] == modes["tables"] == modes[".stages"] == 0o700
    assert modes["clean/seed.json"] == modes["tables/copy.json"] == 0o600
    assert modes["index.html"] == modes["02_copy.ipynb"] == modes["run.json"] == 0o644
    assert stat.S_IMODE(published.stat().st_mode) == 0o755


IDS = """\
import pandas as pd
from pathlib import Path
ids = pd.DataFrame({"customer_id": ["K0001", "77"]}).set_index("customer_id").assign(spend=1)
ids.reset_index().to_parquet(Path(output_dir, "clean", "transactions.parquet"))"""


@pytest.mark.parametrize(
    "cell",
    [
        "print('best customer: K0001')",
        "print('write to jane.doe@example.org')",
        "print('customer_id: 77')",
        "ids",
    ],
)
def test_a_report_that_shows_somebody_is_refused_without_repeating_whom(shop, cell):
    shop.replace_second(IDS, cell)
    with pytest.raises(GateError, match=r"02_copy") as failure:
        shop.run()
    assert "K0001" not in str(failure.value)
    assert "jane" not in str(failure.value)
    assert not (shop.out / "latest").exists()


def test_ordinary_numbers_are_no_leaks(tmp_path):
    page = "<style>#00123</style><p>In 2017, 77 customers spent 12,346.50 (0.00123) on K-9 food; C-00123AB"
    (tmp_path / "02_copy.html").write_text(page)
    assert leak_check.find_leaks(tmp_path, {"77", "2017", "00123", "12346", "food", "K-9", "50"}) == []
    (tmp_path / "02_copy.html").write_text("<p>and 00123")
    assert len(leak_check.find_leaks(tmp_path, {"00123"})) == 1


def test_the_words_of_an_svg_picture_are_searched_too(tmp_path):
    svg = "<svg><!-- K1042 --><path d='M 0 0'/></svg>"
    output = nbformat.v4.new_output("display_data", {"image/svg+xml": svg, "image/png": "SzEwNDI="})
    cell = nbformat.v4.new_code_cell("ax", outputs=[output])
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "02_copy.ipynb")
    assert len(leak_check.find_leaks(tmp_path, {"K1042"})) == 1
    assert leak_check.find_leaks(tmp_path, {"K1043"}) == []


def test_the_machine_does_not_leak_into_the_kernel(real_shop, monkeypatch):
    shop = real_shop
    startup = shop.folder / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("stowaway = 1")
    monkeypatch.setenv("IPYTHONDIR", str(shop.folder))
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    names = "TZ", "LC_ALL", "PYTHONHASHSEED", "OMP_NUM_THREADS"
    shop.replace_second(f"import os\nprint([os.environ[name] for name in {names}], 'stowaway' in globals())")
    notebook = nbformat.read(shop.run() / "02_copy.ipynb", as_version=4)
    assert notebook.cells[-1].outputs[0].text == "['UTC', 'C.UTF-8', '0', '1'] False\n"


def test_processes_that_ended_do_not_count_as_running():
    assert is_running(os.getpid())
    assert not is_running(2**22 + 1)


def test_a_run_does_not_read_again_what_the_check_has_read(shop, monkeypatch):
    plan = plan_run(shop.settings())
    kept = {path.name: path.stat().st_mtime_ns for path in (plan.checked / "clean").iterdir()}
    assert oct(plan.checked.stat().st_mode)[-3:] == "700"
    monkeypatch.setattr(checked_inputs, "check", None)  # nobody cleans from here on
    assert plan_run(shop.settings()).checked == plan.checked
    assert {path.name: path.stat().st_mtime_ns for path in (plan.checked / "clean").iterdir()} == kept
    working = shop.folder / "working"
    working.mkdir()
    checked_inputs.offer(plan.checked, working)
    (shop.folder / "shop.csv").unlink()  # what the check has read is all that is needed
    assert clean(plan.source, working).tables == {"transactions": 36}
    assert {path.name for path in working.iterdir()} == {"about.json", "clean", "tables"}


@pytest.mark.parametrize("change", ["file", "description", "day"])
def test_what_was_checked_before_a_change_is_of_no_use(shop, change):
    def count():
        return json.loads((plan_run(shop.settings(as_of=day)).checked / "check.json").read_text())[0]["kept"]

    day = ""
    assert count() == 36
    if change == "file":
        (shop.folder / "shop.csv").write_text(LINES + "\nK0001,2024-03-14,5.00")
        assert count() == 37
    elif change == "description":
        text = shop.source.read_text("utf-8").replace(
            "time_format", "exclude: [{when: paid > 20, reason: dear}]\n    time_format"
        )
        shop.source.write_text(text)
        assert count() == 27
    else:
        day = "2024-02-29"
        assert count() == 24
