"""One notebook in one cold kernel: a papermill engine with honest statuses and atomic saves."""

import contextlib
import json
import logging
import os
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_core.utils import run_sync
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, NotebookExecutionManager, papermill_engines
from papermill.execute import execute_notebook

from crcm_lib import errors
from crcm_lib.i18n import _
from crcm_lib.pipeline.cache import save_atomically

KERNEL = "python3"
START_TIMEOUT = 120  # seconds; a kernel starts in 2 when byte-compiled, a loaded machine takes longer

# What would otherwise leak from the machine into the results.
PINNED = {
    "TZ": "UTC",  # a day begins at the same moment everywhere
    "LC_ALL": "C.UTF-8",  # sorting, decimal marks and encodings do not follow the machine's locale
    "PYTHONHASHSEED": "0",  # the order of sets of text is the same in every process
    "PYTHONUTF8": "1",
    # Sums of floats depend on how threads share them out: k-means centres differ in the last bits.
    # DuckDB keeps its threads, because money is added up as decimals there.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "LOKY_MAX_CPU_COUNT": "1",
}
UNWANTED = ("PYTHONSTARTUP", "PYTHONINSPECT", "PYTHONWARNINGS", "MPLBACKEND", "MPLRC", "MATPLOTLIBRC")

# Imported while the notebook before is still at work; importing them leaves nothing that results could see.
PRELOADED = ("matplotlib.pyplot", "crcm_lib.config.policy", "crcm_lib.reporting.charts")

Listener = Callable[[dict], None]


@dataclass(frozen=True)
class Job:
    """One notebook's turn: what to execute, with which parameters, where to keep it."""

    name: str
    notebook: nbformat.NotebookNode
    parameters: dict[str, str | int]
    save_to: Path
    cell_timeout: int  # seconds
    listener: Listener


class Kernel:
    """A fresh Python process, started ahead of its turn, talking over private sockets instead of TCP.

    Its home is a temporary folder that nobody else may read: connection file, sockets and an empty
    IPython profile, so that no analyst's start-up script runs in a scheduled report.

    Parameters
    ----------
    cwd
        The folder of the notebook.
    modules
        What to import before the notebook's turn, beside AHEAD.
    """

    def __init__(self, cwd: Path, modules: Sequence[str] = ()):
        base = tempfile.gettempdir()
        self.home = Path(tempfile.mkdtemp(prefix="crcm-", dir=base if len(base) < 60 else "/tmp"))
        self.manager = AsyncKernelManager(
            kernel_name=KERNEL,
            transport="ipc",
            connection_file=str(self.home / "kernel.json"),
            # No folders: this environment's own Python, whatever "python3" means in the user's Jupyter.
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),
        )
        environment = {name: value for name, value in os.environ.items() if name not in UNWANTED}
        environment |= PINNED | {"IPYTHONDIR": str(self.home)}
        # `and None`, because a line with a value would leave it in `_`.
        wanted = dict.fromkeys([*PRELOADED, *modules])
        ahead = [f"--IPKernelApp.exec_lines=__import__({module!r}) and None" for module in wanted]
        with open(os.devnull, "wb") as nowhere:
            run_sync(self.manager.start_kernel)(
                extra_arguments=["--HistoryManager.hist_file=:memory:", *ahead],
                cwd=str(cwd),
                env=environment,
                stdout=nowhere,
                stderr=nowhere,
            )
        self.process = self.manager.provisioner.process
        self.stopped = False

    def stop(self) -> None:
        """End the process and everything it started, once; a cold kernel has nothing left to say."""
        if self.stopped:
            return  # the number of its process group may be another's by now
        self.stopped = True
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)  # a kernel leads its own process group
        self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)


class _Record(NotebookExecutionManager):
    """Keeps what happened to each cell in the notebook, without the clock: equal runs are equal files."""

    def __init__(self, notebook: nbformat.NotebookNode, job: Job):
        super().__init__(notebook, progress_bar=False, autosave_cell_every=0)
        self.job = job
        self.code_cells = [cell.id for cell in notebook.cells if cell.cell_type == "code"]
        self.started = time.perf_counter()

    def save(self, **_ignored):
        save_atomically(nbformat.writes(self.nb) + "\n", self.job.save_to)

    def notebook_start(self, **_ignored):
        self.nb.metadata.papermill = {
            "parameters": dict(self.job.parameters),
            "input_path": f"{self.job.name}.ipynb",
            "exception": None,
        }
        for number, cell in enumerate(self.nb.cells):
            cell.metadata.pop("execution", None)
            cell.metadata.papermill = {"status": self.PENDING, "exception": None}
            if "injected-parameters" in cell.metadata.get("tags", []):
                cell.id = f"parameters-{number}"  # papermill draws a random one
            if cell.cell_type == "code":
                cell.execution_count, cell.outputs = None, []
        self.code_cells = [cell.id for cell in self.nb.cells if cell.cell_type == "code"]

    def cell_start(self, cell, cell_index=None, **_ignored):
        self.started = time.perf_counter()
        cell.metadata.papermill = {"status": self.RUNNING, "exception": None}

    def cell_exception(self, cell, cell_index=None, **_ignored):
        cell.metadata.papermill = {"status": self.FAILED, "exception": True}
        self.nb.metadata.papermill["exception"] = True
        self._tell(cell)

    def cell_complete(self, cell, cell_index=None, **_ignored):
        cell.metadata.papermill = {"status": self.COMPLETED, "exception": False}
        self._tell(cell)

    def notebook_complete(self, **_ignored):
        """Keep the notebook as it is: cells that never ran stay pending."""
        if self.nb.metadata.papermill["exception"] is None:
            everything = all(cell.metadata.papermill["status"] == self.COMPLETED for cell in self.nb.cells)
            self.nb.metadata.papermill["exception"] = not everything
        self.save()

    def _tell(self, cell):
        if cell.cell_type == "code":
            self.job.listener(
                {
                    "event": "cell",
                    "notebook": self.job.name,
                    "cell": self.code_cells.index(cell.id) + 1,
                    "of": len(self.code_cells),
                    "status": cell.metadata.papermill["status"],
                    "seconds": round(time.perf_counter() - self.started, 3),
                }
            )


class _Client(PapermillNotebookClient):
    """Stops at the first trouble of any kind, and marks the cell that was running as failed."""

    def papermill_execute_cells(self):
        for number, cell in enumerate(self.nb.cells):
            self.nb_man.cell_start(cell, number)
            try:
                self.execute_cell(cell, number)
            except BaseException:
                self.nb_man.cell_exception(cell, number)
                raise
            self.nb_man.cell_complete(cell, number)


class ColdKernelEngine(Engine):
    """A papermill engine that uses a kernel started ahead and records the truth."""

    @classmethod
    def execute_notebook(cls, nb, kernel_name, job=None, kernel=None, **_ignored):
        """Execute `nb` in `kernel`, keep it at `job.save_to` whatever happens, and raise what happened."""
        record = _Record(nb, job)
        record.notebook_start()
        client = _Client(
            record,
            km=kernel.manager,
            timeout=job.cell_timeout,
            startup_timeout=START_TIMEOUT,
            kernel_name=kernel_name,
            record_timing=False,
            log=_quiet(),
        )
        try:
            client.execute()
        finally:
            if client.kc is not None:
                client.kc.stop_channels()
            record.notebook_complete()
        return record.nb


def execute(job: Job, kernel: Kernel) -> nbformat.NotebookNode:
    """Execute one notebook in a cold kernel and return it, executed; the kernel is gone afterwards.

    Raises
    ------
    RunError
        If a cell failed, ran too long, left by `sys.exit`, or the kernel died. Everything up to that
        cell is kept at `job.save_to`. A `DataError` about the raw input, a `PolicyError` and a
        `GateError` keep their own class.
    """
    papermill_engines.register("crcm", ColdKernelEngine)
    try:
        return execute_notebook(
            job.notebook,
            None,
            parameters=job.parameters,
            engine_name="crcm",
            kernel_name=KERNEL,
            language="python",
            request_save_on_cell_execute=False,
            progress_bar=False,
            job=job,
            kernel=kernel,
        )
    except CellExecutionError as error:
        kind = getattr(errors, error.ename, errors.RunError)
        if kind is errors.DataError and "source" not in job.parameters:
            kind = errors.RunError  # not the raw input's fault: a notebook before wrote a bad table
        raise kind(_where(job, f"{error.ename}: {_safe(error)}")) from None
    except CellTimeoutError:
        words = _("longer than {seconds} s, stopped. Raise --cell-timeout, or give it less data.")
        raise errors.RunError(_where(job, words.format(seconds=job.cell_timeout))) from None
    except RuntimeError as error:  # a dead kernel, before or after it was ready
        if (code := kernel.process.poll()) is None and not isinstance(error, DeadKernelError):
            raise
        words = _("the kernel died (exit {code}; -9 is mostly a lack of memory).").format(code=code)
        raise errors.RunError(_where(job, words)) from None
    finally:
        kernel.stop()


def _where(job: Job, what: str) -> str:
    """Name the notebook and the cell that stopped."""
    try:
        kept = json.loads(job.save_to.read_text("utf-8"))
        cells = [cell for cell in kept["cells"] if cell["cell_type"] == "code"]
    except OSError:
        cells = []
    failed = [n for n, cell in enumerate(cells, 1) if cell["metadata"]["papermill"]["status"] == "failed"]
    cell = _(", cell [{number}]").format(number=failed[0]) if failed else ""
    return f"{job.name}.ipynb{cell}: {what}"


def _safe(error: CellExecutionError) -> str:
    """What a message may say: our own errors in full; of others nothing that could be a customer's data.

    The kept notebook, which only the analyst may read, has the whole traceback.
    """
    if hasattr(errors, error.ename):
        return error.evalue
    if error.ename == "SystemExit":
        return _("the notebook left before its end")
    return re.sub(r"""'[^']*'|"[^"]*"|\S*[\d@]\S*""", "…", error.evalue)[:300]


def _quiet() -> logging.Logger:
    """A log that goes nowhere: what matters is told by events and errors, without customers' data."""
    log = logging.Logger("crcm")
    log.addHandler(logging.NullHandler())
    return log
