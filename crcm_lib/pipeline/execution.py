"""One notebook executed in one cold kernel: a papermill engine with honest statuses and atomic saves."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from papermill.engines import Engine, NotebookExecutionManager, papermill_engines
from papermill.execute import execute_notebook

from crcm_lib import errors
from crcm_lib.i18n import _
from crcm_lib.pipeline.files import save_atomically
from crcm_lib.pipeline.kernel import KERNEL, MAX_OUTPUT, Kernel, OutputError

Listener = Callable[[dict], None]


@dataclass(frozen=True)
class Job:
    """What to execute, with which parameters, and where to keep the executed notebook."""

    name: str
    notebook: nbformat.NotebookNode
    parameters: dict[str, str | int]
    save_to: Path
    cell_timeout: int  # seconds
    listener: Listener


class _Record(NotebookExecutionManager):
    """Keeps each cell's status in the notebook, without times of day: equal runs are equal files.

    papermill's own record marks cells that never ran as completed after a timeout or a dead kernel.
    """

    def __init__(self, notebook: nbformat.NotebookNode, job: Job):
        super().__init__(notebook, progress_bar=False, autosave_cell_every=0)
        self.job = job
        self.code_cells: list[str] = []
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
        self._report(cell)

    def cell_complete(self, cell, cell_index=None, **_ignored):
        cell.metadata.papermill = {"status": self.COMPLETED, "exception": False}
        self._report(cell)

    def notebook_complete(self, **_ignored):
        """Keep the notebook as it is: cells that never ran stay pending."""
        if self.nb.metadata.papermill["exception"] is None:
            everything = all(cell.metadata.papermill["status"] == self.COMPLETED for cell in self.nb.cells)
            self.nb.metadata.papermill["exception"] = not everything
        self.save()

    def _report(self, cell):
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


class ColdKernelEngine(Engine):
    """A papermill engine that uses a kernel started ahead and records what really ran."""

    @classmethod
    def execute_notebook(cls, nb, kernel_name, job=None, kernel=None, **_ignored):
        """Execute `nb` in `kernel` and save it to `job.save_to`, whether or not a cell fails."""
        record = _Record(nb, job)
        record.notebook_start()
        client = kernel.connect(record, job.cell_timeout)
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
    except OutputError:
        message = _("more than {size:,} characters of output, stopped. Print less; write a table instead.")
        raise errors.RunError(_where(job, message.format(size=MAX_OUTPUT))) from None
    except CellTimeoutError:
        message = _("longer than {seconds} s, stopped. Raise --cell-timeout, or give it less data.")
        raise errors.RunError(_where(job, message.format(seconds=job.cell_timeout))) from None
    except RuntimeError as error:  # a dead kernel, before or after it was ready
        if (code := kernel.process.poll()) is None and not isinstance(error, DeadKernelError):
            raise
        message = _("the kernel died (exit {code}; -9 is mostly a lack of memory).").format(code=code)
        raise errors.RunError(_where(job, message)) from None
    finally:
        kernel.stop()


def _where(job: Job, what: str) -> str:
    """Put the notebook and the cell that stopped before a message."""
    try:
        saved = json.loads(job.save_to.read_text("utf-8"))
        cells = [cell for cell in saved["cells"] if cell["cell_type"] == "code"]
    except OSError:
        cells = []
    failed = [n for n, cell in enumerate(cells, 1) if cell["metadata"]["papermill"]["status"] == "failed"]
    cell = _(", cell [{number}]").format(number=failed[0]) if failed else ""
    return f"{job.name}.ipynb{cell}: {what}"


def _safe(error: CellExecutionError) -> str:
    """Return our own errors in full; of others' messages nothing that could be a customer's data.

    The kept notebook, which only the analyst may read, has the whole traceback.
    """
    if hasattr(errors, error.ename):
        return error.evalue
    if error.ename == "SystemExit":
        return _("the notebook left before its end")
    return re.sub(r"""'[^']*'|"[^"]*"|\S*[\d@]\S*""", "…", error.evalue)[:300]
