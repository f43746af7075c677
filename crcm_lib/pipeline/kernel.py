"""A cold kernel of its own for every notebook, started ahead of its turn and shut off from the machine.

A shared warm kernel would let globals and plot settings of one notebook into the next. papermill starts its
kernel when a notebook's turn comes and then waits for its imports; ours has done both by then.
"""

import contextlib
import logging
import os
import shutil
import signal
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_core.utils import run_sync
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NotebookExecutionManager

from crcm_lib.pipeline import kernel_startup

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
UNWANTED = (
    "PYTHONSTARTUP",
    "PYTHONINSPECT",
    "PYTHONWARNINGS",
    "MPLBACKEND",
    "MPLRC",
    "MATPLOTLIBRC",
    "CRCM_PICTURES",
)


class Client(PapermillNotebookClient):
    """Executes cells until one fails in any way, and marks the cell that was running then as failed."""

    def papermill_execute_cells(self):
        """Execute every cell in its order and raise what the first failing one raises."""
        for number, cell in enumerate(self.nb.cells):
            self.nb_man.cell_start(cell, number)
            try:
                self.execute_cell(cell, number)
            except BaseException:
                self.nb_man.cell_exception(cell, number)
                raise
            self.nb_man.cell_complete(cell, number)


class Kernel:
    """A fresh Python process, started ahead of its turn, talking over private sockets instead of TCP.

    Its home is a temporary folder that nobody else may read: connection file, sockets and an empty
    IPython profile, so that no analyst's start-up script runs in a scheduled report.

    Parameters
    ----------
    cwd
        The folder of the notebook.
    modules
        What to import ahead, as `preload.list_imports` names it.
    variables
        Environment variables for this kernel, beside the pinned ones.
    """

    def __init__(self, cwd: Path, modules: Sequence[str] = (), variables: Mapping[str, str] | None = None):
        base = tempfile.gettempdir()
        self.home = Path(tempfile.mkdtemp(prefix="crcm-", dir=base if len(base) < 60 else "/tmp"))
        self.manager = AsyncKernelManager(
            kernel_name=KERNEL,
            transport="ipc",
            connection_file=str(self.home / "kernel.json"),
            # No folders: this environment's own Python, whatever "python3" means in the user's Jupyter.
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),
        )
        own = {"IPYTHONDIR": str(self.home), kernel_startup.VARIABLE: " ".join(modules)}
        with open(os.devnull, "wb") as nowhere:
            run_sync(self.manager.start_kernel)(
                extra_arguments=[
                    "--HistoryManager.hist_file=:memory:",
                    f"--IPKernelApp.extra_extensions={kernel_startup.__name__}",
                ],
                cwd=str(cwd),
                env=pin_environment() | own | dict(variables or {}),
                stdout=nowhere,
                stderr=nowhere,
            )
        self.process = self.manager.provisioner.process
        self.stopped = False

    def connect(self, record: NotebookExecutionManager, cell_timeout: int) -> Client:
        """Return a client that executes the record's notebook here, a cell within `cell_timeout` seconds."""
        return Client(
            record,
            km=self.manager,
            timeout=cell_timeout,
            startup_timeout=START_TIMEOUT,
            kernel_name=KERNEL,
            record_timing=False,
            log=_silent_log(),
        )

    def stop(self) -> None:
        """End the process and everything it started, once; a kernel has no work of its own to finish."""
        if self.stopped:
            return  # the number of its process group may be another's by now
        self.stopped = True
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)  # a kernel leads its own process group
        self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)


def pin_environment() -> dict[str, str]:
    """Return this process's environment without what would change results from machine to machine."""
    return {name: value for name, value in os.environ.items() if name not in UNWANTED} | PINNED


def _silent_log() -> logging.Logger:
    """A log that goes nowhere: events and errors say what matters, without customers' data."""
    log = logging.Logger("crcm")
    log.addHandler(logging.NullHandler())
    return log
