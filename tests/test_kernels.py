"""Kernels: forked from a process that has imported all that is slow, nothing that changes results."""

import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import pytest
from fixtures.processes import is_running
from fixtures.shop import COPY, TAKEAWAY, write_notebook
from nbclient import NotebookClient

from crcm_lib.errors import RunError
from crcm_lib.pipeline import kernel_server
from crcm_lib.pipeline.kernel import Kernel
from crcm_lib.pipeline.kernel_fork import NOT_AHEAD
from crcm_lib.pipeline.kernel_server import KernelServer, pin_environment

AHEAD = "from crcm_lib.pipeline.kernel_fork import import_ahead\nimport_ahead()\n"
STATE = """
import json, warnings, matplotlib, numpy, pandas
def state():
    broad = [entry for entry in warnings.filters if entry[1] is None and entry[2].__module__ == "builtins"]
    options = pandas._config.config.get_option
    display = {name: options(name) for name in pandas._config.config._registered_options}
    return list(map(repr, (broad, display, numpy.get_printoptions(), dict(matplotlib.rcParams))))
before = state()
"""


def python(program):
    """Run a program where kernels are forked, and return what it prints as JSON."""
    command = [sys.executable, "-P", "-c", program]
    done = subprocess.run(command, env=pin_environment(), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def printed(path):
    return nbformat.read(path, as_version=4).cells[-2].outputs[0].text


@contextlib.contextmanager
def kernel(server, cwd):
    at_work = Kernel(server, cwd)
    try:
        yield at_work
    finally:
        at_work.stop()


def execute(at_work, source):
    """The first output of a cell in this kernel."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    NotebookClient(notebook, km=at_work.manager).execute()
    return notebook.cells[0].outputs[0]


def wait_for(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


@pytest.fixture(scope="module")
def ahead():
    """Where all is imported ahead: whether state is as before, which modules there are, how many threads."""
    tell = "print(json.dumps([before == state(), list(sys.modules), len(os.listdir('/proc/self/task'))]))"
    return python(f"import os, sys\n{STATE}{AHEAD}{tell}")


@pytest.fixture(scope="module")
def server():
    """A server that several tests ask for kernels, on a machine that prefers pictures as PDF."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MPLBACKEND", "pdf")
        with KernelServer() as started:
            yield started


def test_importing_ahead_changes_no_option_and_hides_no_warning(ahead):
    assert ahead[0]


@pytest.mark.parametrize("package", sorted(NOT_AHEAD))
def test_what_is_never_imported_ahead_would_change_something(package):
    assert not python(STATE + f"import {package}\nprint(json.dumps(before == state()))")


def test_all_that_notebooks_import_is_there_and_no_thread_that_a_fork_would_lose(ahead):
    _same, modules, threads = ahead
    slow = {"duckdb", "matplotlib.pyplot", "pandas", "scipy.stats", "seaborn", "sklearn.ensemble"}
    assert slow | {"crcm_lib.models.clv.model_selection", "crcm_lib.reporting.text.clv"} <= set(modules)
    assert not {"papermill", "nbconvert", "typer"} & set(modules)
    assert threads == 1


CHANGE = """\
import builtins, os, sys, warnings
import matplotlib, pandas
def see():
    found = getattr(builtins, "left", 0), matplotlib.rcParams["font.size"], pandas.options.display.max_rows
    return *found, len(warnings.filters), os.environ.get("LEFT"), "stowaway" in sys.modules, os.getcwd()
print(see())
builtins.left, os.environ["LEFT"], sys.modules["stowaway"] = 1, "1", sys
matplotlib.rcParams["font.size"], pandas.options.display.max_rows = 40, 7
warnings.simplefilter("ignore")
changed = see()
os.chdir("/")"""


@pytest.mark.parametrize("forks", [True, False])
def test_a_notebook_finds_nothing_of_the_one_before_it(real_shop, monkeypatch, forks):
    """Wherever kernels cannot be forked (`forks` is false), they are started one by one."""
    monkeypatch.setattr(kernel_server, "FORKS", forks)
    shop, same = real_shop, "assert see()[:-1] == changed[:-1]"
    shop.replace_second(COPY, CHANGE, TAKEAWAY)
    write_notebook(shop.notebooks / "03_look.ipynb", "03", 'input_dir = ""', CHANGE, same)
    published = shop.run()
    clean = printed(published / "02_copy.ipynb")
    assert clean.startswith("(0, 10.0, 60, ")
    assert clean.endswith(f"None, False, '{shop.notebooks}')\n")
    assert printed(published / "03_look.ipynb") == clean


def test_an_import_that_a_notebook_forgot_still_fails(real_shop):
    real_shop.replace_second("pandas.DataFrame()")
    with pytest.raises(RunError, match=r"cell \[3\]: NameError"):
        real_shop.run()


def test_what_a_kernel_writes_is_private_and_its_input_is_empty(server, tmp_path):
    with kernel(server, tmp_path) as at_work:
        read = execute(at_work, "import os\nopen('new', 'w').close()\nprint(os.read(0, 9))").text
    assert read == "b''\n"
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o600


def test_a_picture_drawn_by_hand_is_shown_whatever_the_machine_prefers(server, tmp_path):
    with kernel(server, tmp_path) as at_work:
        shown = execute(at_work, "from matplotlib import pyplot\npyplot.plot([1, 2]);")
    assert "image/png" in shown.data


def test_a_kernel_that_ended_tells_how_as_often_as_it_is_asked(server, tmp_path):
    with kernel(server, tmp_path) as first, kernel(server, tmp_path) as second:
        assert first.process.poll() is None
        os.kill(first.process.pid, signal.SIGTERM)
        assert [first.process.wait(), first.process.poll(), first.process.wait()] == [-signal.SIGTERM] * 3
        assert second.process.poll() is None
        first.process.send_signal(signal.SIGTERM)  # of no use, and no harm


def test_without_a_server_no_kernel_starts_and_those_at_work_end(tmp_path, monkeypatch):
    own = Path(tempfile.mkdtemp(prefix="k-", dir="/tmp"))  # others may start kernels at the same time
    monkeypatch.setattr(tempfile, "tempdir", str(own))
    with KernelServer() as server, kernel(server, tmp_path) as at_work:
        server.process.kill()
        assert wait_for(lambda: not is_running(at_work.process.pid))
        assert at_work.process.poll() == -signal.SIGKILL
        with pytest.raises(RunError, match="no kernel can start"):
            Kernel(server, tmp_path)
    own.rmdir()  # is empty


def test_a_killed_runner_leaves_no_process():
    program = """if True:
        import os
        from pathlib import Path
        from crcm_lib.pipeline.kernel import Kernel
        from crcm_lib.pipeline.kernel_server import KernelServer
        server = KernelServer()
        kernel = Kernel(server, Path("."))
        print(server.process.pid, kernel.process.pid, kernel.home, flush=True)
        os.kill(os.getpid(), 9)"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    *pids, home = done.stdout.split()
    assert done.returncode == -signal.SIGKILL
    assert wait_for(lambda: not any(is_running(int(pid)) for pid in pids))
    subprocess.run(["rm", "-r", home], check=True)
