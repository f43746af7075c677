"""The `crcm` command: exit codes, words, silence."""

import json
import os
import pty
import re
import shutil
import subprocess
import sys
import termios
from dataclasses import replace
from importlib import metadata

import nbformat
import pytest
from fixtures.shop import write_notebook
from typer.testing import CliRunner

from crcm_lib import __version__, errors
from crcm_lib.cli import build_app
from crcm_lib.schema.tables import ROOT


@pytest.fixture
def crcm(shop, monkeypatch):
    """Call the command on the small shop's notebooks."""
    from crcm_lib.pipeline import settings as module

    settings = module.RunSettings

    def make(**values):
        return replace(settings(**values), notebooks=str(shop.notebooks))

    monkeypatch.setattr(module, "RunSettings", make)

    def call(*words):
        return CliRunner().invoke(build_app(), [str(word) for word in words])

    return call


@pytest.fixture
def run(shop, crcm):
    """Call `crcm run` on the small shop."""
    return lambda *words: crcm(
        "run", "--source", shop.source, "--policy", shop.policy, "--out", shop.out, *words
    )


def test_bare_crcm_prints_help_and_loads_nothing_heavy():
    program = """if True:
        import atexit, sys
        heavy = {"pandas", "duckdb", "papermill", "matplotlib"}
        atexit.register(lambda: print("loaded:", sorted(heavy & set(sys.modules))))
        from crcm_lib.cli import main
        main()"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "Usage: crcm" in done.stdout + done.stderr
    assert "loaded: []" in done.stdout
    for command in ("run", "check", "verify", "purge", "sample", "refresh"):
        assert command in done.stdout + done.stderr


def test_version_is_that_of_the_library():
    done = CliRunner().invoke(build_app(), ["--version"])
    assert (done.exit_code, done.output) == (0, f"crcm {__version__}\n")
    assert metadata.version("crcm") == __version__


def test_help_is_in_the_language_of_the_moment_not_of_the_import(monkeypatch):
    monkeypatch.setattr("crcm_lib.cli._", str.upper)
    said = CliRunner().invoke(build_app(), ["run", "--help"]).output
    assert "RUN THE NOTEBOOKS ON A SOURCE" in said
    assert "SOURCE DESCRIPTION, LIKE" in said
    assert "EXIT CODES: 0 PUBLISHED" in CliRunner().invoke(build_app(), []).output


def test_a_successful_run_says_nothing_when_nobody_watches(run, shop):
    done = run()
    assert (done.exit_code, done.output) == (0, "")
    assert (shop.out / "latest" / "index.html").exists()


def test_log_json_is_one_event_per_line(run, shop):
    done = run("--log-json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    two_notebooks = ["cell"] * 3 + ["notebook"] + ["cell"] * 4 + ["notebook"]
    assert [event["event"] for event in events] == ["run", *two_notebooks, "published"]
    assert events[0]["cells"] == 7
    shop.replace_second("1 / 0")
    done = run("--log-json")
    last = json.loads(done.stdout.splitlines()[-1])
    assert (last["event"], last["exit_code"], done.exit_code) == ("failed", 4, 4)


def test_a_log_says_only_which_files_took_long_to_read(crcm, shop, monkeypatch):
    words = ["--source", shop.source, "--policy", shop.policy, "--out", shop.out]
    assert crcm("check", *words).stderr == ""
    shutil.rmtree(shop.out)
    monkeypatch.setattr("crcm_lib.cli.SLOW", -1)
    assert crcm("check", *words).stderr == "shop.csv: 36 records read in 0 s\n"
    shutil.rmtree(shop.out)
    first = json.loads(crcm("run", *words, "--log-json").stdout.splitlines()[0])
    assert first == {"event": "read", "file": "shop.csv", "records": 36, "seconds": 0}


def test_a_terminal_shows_a_bar_and_the_report(shop):
    program = f"""if True:
        import sys
        from dataclasses import replace
        from crcm_lib.pipeline import settings
        from crcm_lib.cli import main
        sys.path.insert(0, {str(ROOT / "tests")!r})
        from fixtures.kernels import use_stubs
        use_stubs()
        original = settings.RunSettings
        notebooks = {str(shop.notebooks)!r}
        settings.RunSettings = lambda **values: replace(original(**values), notebooks=notebooks)
        main()"""
    words = ["run", "--source", str(shop.source), "--policy", str(shop.policy), "--out", str(shop.out)]
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    process = subprocess.Popen([sys.executable, "-c", program, *words], stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    while chunk := _read(ours):
        shown += chunk
    assert process.wait() == 0
    assert "shop.csv: 36" in shown.decode()  # what is read, and how many records of it
    assert "checking transactions" in shown.decode()
    assert "7/7" in shown.decode()
    assert "latest/index.html" in shown.decode()


def _read(terminal):
    try:
        return os.read(terminal, 4096)
    except OSError:  # the other end is closed
        return b""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UsageError, 2),
        (errors.PolicyError, 2),
        (errors.DataError, 3),
        (errors.RunError, 4),
        (errors.LockedError, 5),
        (errors.GateError, 6),
    ],
)
def test_our_errors_are_words_and_an_exit_code(run, monkeypatch, error, code):
    def fail(*_ignored):
        raise error("shop.yaml: 2 problems")

    monkeypatch.setattr("crcm_lib.pipeline.run.run", fail)
    done = run()
    assert (done.exit_code, done.stderr, done.stdout) == (code, "shop.yaml: 2 problems\n", "")


def test_a_bug_keeps_its_traceback(run, monkeypatch):
    def fail(*_ignored):
        raise ZeroDivisionError

    monkeypatch.setattr("crcm_lib.pipeline.run.run", fail)
    assert isinstance(run().exception, ZeroDivisionError)


@pytest.mark.parametrize(
    "words", [["run"], ["run", "--sauce", "x"], ["wander"], ["sample", "--out", "x", "--seed", "-1"]]
)
def test_misspelt_usage_exits_2(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(build_app(), words).exit_code == 2


def test_overrides_reach_the_notebooks_that_take_them_and_the_name_of_the_run(run, shop):
    parameters = 'input_dir = ""\noverrides = "{}"'
    write_notebook(shop.second, "02", parameters, "print(overrides)")
    assert run().exit_code == 0
    plain = (shop.out / "latest").resolve()
    assert run("--overrides", '{"rfm.bins": 4}').exit_code == 0
    other = (shop.out / "latest").resolve()
    notebook = nbformat.read(other / "02_copy.ipynb", as_version=4)
    assert notebook.cells[-1].outputs[0].text == '{"rfm.bins": 4}\n'
    assert plain != other
    record = json.loads((other / "run.json").read_text("utf-8"))
    assert record["evidence"]["parameters"]["overrides"] == '{"rfm.bins": 4}'


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ('{"rfm.binz": 4}', "rfm.bins"),
        ('{"rfm.bins": 400}', "rfm.bins"),
        ("rfm.bins=4", "overrides"),
    ],
)
@pytest.mark.parametrize("command", ["run", "check"])
def test_overrides_that_the_policy_does_not_know_are_refused_before_any_kernel(
    crcm, shop, monkeypatch, command, overrides, words
):
    monkeypatch.setattr("crcm_lib.pipeline.stages.Kernel", None)
    done = crcm(command, "--source", shop.source, "--policy", shop.policy, "--overrides", overrides)
    assert done.exit_code == 2
    assert words in done.stderr


def test_a_misspelt_option_is_answered_with_the_nearest(tmp_path):
    done = CliRunner().invoke(build_app(), ["run", "--source", "x", "--overides", "{}"])
    assert done.exit_code == 2
    assert "--overrides" in done.stderr


def test_check_says_what_it_found_and_runs_nothing(crcm, shop):
    done = crcm("check", "--source", shop.source, "--policy", shop.policy, "--out", shop.out)
    assert done.exit_code == 0
    assert (
        "transactions: shop.csv (36); 36 records kept, 2024-01-02 to 2024-03-13; 12 customers" in done.stdout
    )
    assert "9999-99-99 → 2024-01-02" in done.stdout
    assert "K00" not in done.stdout  # the form of an id, not the id
    assert {path.name for path in shop.out.iterdir()} == {".checked"}
    shop.policy.write_text(shop.policy.read_text().replace("horizon_days", "horizn_days"))
    (shop.folder / "shop.csv").unlink()
    done = crcm("check", "--source", shop.source, "--policy", shop.policy)
    assert done.exit_code == 2
    assert "horizn_days" in done.stderr
    assert "shop.csv" in done.stderr


def test_verify_in_words(run, crcm, shop):
    run()
    done = crcm("verify", shop.out / "latest")
    assert done.exit_code == 0
    assert "complete; 20 files are as they were published" in done.stdout
    (shop.out / "latest" / "about.json").write_text("{}")
    done = crcm("verify", shop.out / "latest")
    assert done.exit_code == 6
    assert "about.json: changed since it was published" in done.stderr
    assert crcm("verify", shop.folder / "nowhere").exit_code == 6


def test_relative_paths_start_where_the_user_stands(crcm, shop, monkeypatch):
    monkeypatch.chdir(shop.folder)
    assert crcm("run", "--source", "shop.yaml", "--out", "here").exit_code == 0  # the policy is the project's
    assert (shop.folder / "here" / "latest" / "index.html").exists()


def test_sample_writes_the_synthetic_company(tmp_path):
    done = CliRunner().invoke(
        build_app(), ["sample", "--out", str(tmp_path), "--customers", "100", "--days", "300"]
    )
    assert (done.exit_code, done.output) == (0, "")
    assert (tmp_path / "transactions.csv").read_text().startswith("customer_id,")


def test_the_makefile_calls_commands_that_exist():
    called = {
        line.split("crcm ")[1].split()[0]
        for line in (ROOT / "Makefile").read_text().splitlines()
        if "/crcm " in line
    }
    known = {command.callback.__name__ for command in build_app().registered_commands}
    assert called <= known


def test_the_lab_opens_at_the_root_of_the_project_for_root_users_too():
    makefile = (ROOT / "Makefile").read_text()
    (line,) = re.findall(r"jupyter lab.*", makefile)
    assert line == "jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root)"
