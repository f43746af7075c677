"""Faults of the machine: in words, with the documented exit code, nothing left in the temporary folder."""

import errno
import os
import resource
import subprocess
import sys
import tempfile
import time

import duckdb
import nbformat
import pytest
from filelock import FileLock

from crcm_lib.errors import LockedError, RunError, UsageError
from crcm_lib.pipeline import checked_inputs, checks, faults, kernel, temporary


@pytest.fixture
def temporary_folder(tmp_path, monkeypatch):
    """A temporary folder of the test's own, for this process and those it starts."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG, errno.EROFS, errno.EACCES])
def test_no_room_and_no_right_are_said_with_the_place(number):
    error = faults.explain(OSError(number, os.strerror(number), "/srv/tmp/x"))
    assert isinstance(error, RunError)
    assert str(error).startswith(f"/srv/tmp/x: {os.strerror(number)}. Make room")
    for kind in (duckdb.IOException, duckdb.TransactionException):
        engines = kind(f'Could not write file "/srv/tmp/x": {os.strerror(number)}')
        assert str(faults.explain(engines)) == str(error)


def test_what_is_no_fault_of_the_machine_keeps_its_traceback():
    for error in (KeyError("x"), OSError(errno.ENOENT, "x"), duckdb.IOException("IO Error: No files found")):
        assert faults.explain(error) is None
        with pytest.raises(type(error)), faults.in_words():
            raise error


def test_a_path_that_is_too_long_is_a_wrong_parameter(shop):
    with pytest.raises(UsageError, match="too long"):
        shop.run(out="x" * 5000)


def test_a_limit_on_the_size_of_files_stops_a_check_in_words(shop, temporary_folder):
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))  # noqa: E731
    code = "import sys; from crcm_lib.cli import main; sys.argv[0] = 'crcm'; main()"
    command = [sys.executable, "-B", "-c", code, "check", "--source", str(shop.source)]
    command += ["--out", str(shop.out)]
    ended = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit)
    assert (ended.returncode, ended.stdout) == (4, "")
    assert "File too large" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert list(temporary_folder.iterdir()) == []


def test_without_any_temporary_folder_a_run_says_so(shop, monkeypatch):
    def fail():
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", fail)
    with pytest.raises(RunError, match="TMPDIR"):
        shop.run()


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_a_lock_that_is_no_file_is_not_ours(shop, kind):
    shop.out.mkdir()
    target = shop.folder / "precious"
    target.write_text("mine")
    if kind == "folder":
        (shop.out / ".lock").mkdir()
    else:
        (shop.out / ".lock").symlink_to(target)
    with pytest.raises(UsageError, match=r"`\.lock`"):
        shop.run()
    assert target.read_text() == "mine"


def test_the_lock_is_tried_before_the_inputs_are_hashed(shop, monkeypatch):
    def fail(*_arguments):
        raise AssertionError("hashed")

    monkeypatch.setattr(checked_inputs, "hash_inputs", fail)
    shop.out.mkdir()
    with FileLock(shop.out / ".lock"), pytest.raises(LockedError):
        shop.run()


def test_a_tag_does_not_let_a_cell_fail(real_shop):
    real_shop.replace_second("1 / 0")
    notebook = nbformat.read(real_shop.second, as_version=4)
    notebook.cells[-1].metadata.tags = ["raises-exception"]
    nbformat.write(notebook, real_shop.second)
    with pytest.raises(RunError, match=r"cell \[3\]: ZeroDivisionError"):
        real_shop.run()


def test_too_much_output_is_stopped_and_named(real_shop, monkeypatch):
    monkeypatch.setattr(kernel, "MAX_OUTPUT", 100_000)
    real_shop.replace_second("while True:\n    print('x' * 1000)")
    with pytest.raises(RunError, match=r"cell \[3\]: more than .* characters of output"):
        real_shop.run()
    assert real_shop.kernels() == set()


@pytest.mark.parametrize(
    ("line", "is_silent"),
    [
        ("get_ipython().system('false')", True),
        ("shell.getoutput('false')", True),
        ("os.system('false')", True),
        ("get_ipython().run_line_magic('sx', 'false')", True),
        ("files = !false", True),
        ("platform.system()", False),
        ("systems = ws.read('systems')", False),
        ("a != b", False),
        ("subprocess.run(['false'], check=True)", False),
    ],
)
def test_a_call_of_a_shell_whose_failure_nobody_notices_is_refused(line, is_silent):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(line)])
    assert bool(checks.find_shell_lines(notebook, "02")) is is_silent


def test_a_run_leaves_nothing_in_the_temporary_folder(shop, temporary_folder):
    shop.run()
    shop.replace_second("1 / 0")
    with pytest.raises(RunError):
        shop.run()
    assert list(temporary_folder.iterdir()) == []


def test_what_a_killed_run_left_there_is_removed_by_the_next(shop, temporary_folder):
    shop.replace_second("import time; time.sleep(60)")
    process = shop.start("stub")
    for line in process.stdout:
        if '"cell"' in line and "02_copy" in line:
            break
    (folder,) = temporary_folder.glob("crcm-*")
    os.utime(folder, (0, 0))
    temporary.remove_stale(temporary_folder)
    assert folder.exists()  # it is at work
    process.kill()
    process.wait()
    process.stdout.close()
    os.utime(folder, (0, 0))
    shop.replace_second("print('done')")
    shop.run()
    assert list(temporary_folder.iterdir()) == []


def test_only_old_folders_that_nobody_owns_are_removed(tmp_path):
    young, old, foreign, linked = (tmp_path / name for name in ("crcm-a", "crcm-b", "other", "crcm-link"))
    for folder in (young, old, foreign):
        folder.mkdir()
        (folder / temporary.OWNER).touch()
    linked.symlink_to(foreign)
    before = time.time() - 2 * temporary.YOUNG
    os.utime(old, (before, before))
    os.utime(linked, (before, before), follow_symlinks=False)
    temporary.remove_stale(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"crcm-a", "other", "crcm-link"}
