"""A cold kernel of its own for every notebook, shut off from the machine.

A shared warm kernel would let globals and plot settings of one notebook into the next. papermill starts a
Python for every notebook, which then imports for two seconds; ours are forked from one that has done so.
"""

import contextlib
import logging
import os
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path

from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.provisioning import LocalProvisioner
from jupyter_core.utils import run_sync
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NotebookExecutionManager

from crcm_lib.pipeline.kernel_server import KernelServer
from crcm_lib.pipeline.temporary import OwnedFolder

KERNEL = "python3"
LONGEST_BASE = 60  # characters; the path of a socket has 107 at most
OUTPUT_TIMEOUT = 60  # seconds from the end of a cell until the last of its output is here
MAX_OUTPUT = 5_000_000  # characters of a cell's output: no page could show more
START_TIMEOUT = 120  # seconds; a kernel starts in 0.2, a loaded machine takes longer


class OutputError(Exception):
    """A cell wrote more than `MAX_OUTPUT` characters."""


class Client(PapermillNotebookClient):
    """Executes cells until one fails in any way, and marks the cell that was running then as failed."""

    output_size = 0

    def process_message(self, msg, cell, cell_index):
        """Take an output of the running cell, unless there is too much of it."""
        content = msg["content"]
        self.output_size += len(content.get("text") or "")
        self.output_size += sum(
            len(value) for value in content.get("data", {}).values() if isinstance(value, str)
        )
        if self.output_size > MAX_OUTPUT:
            self.task_poll_for_reply.cancel()  # it waits for the end of the cell, which may never come
            return None
        return super().process_message(msg, cell, cell_index)

    def papermill_execute_cells(self):
        """Execute every cell in its order and raise what the first failing one raises."""
        for number, cell in enumerate(self.nb.cells):
            self.nb_man.cell_start(cell, number)
            self.output_size = 0
            try:
                self.execute_cell(cell, number)
            except BaseException:
                self.nb_man.cell_exception(cell, number)
                if self.output_size > MAX_OUTPUT:
                    raise OutputError from None
                raise
            self.nb_man.cell_complete(cell, number)


class Provisioner(LocalProvisioner):
    """Jupyter's way to a kernel's process, here through a `KernelServer`."""

    def __init__(self, server: KernelServer, **options):
        super().__init__(**options)
        self.server = server

    async def launch_kernel(self, cmd, **options):
        """Start it with the arguments of the command that Jupyter would use."""
        arguments = cmd[cmd.index("-f") :]
        self.process = self.server.start_kernel(arguments, options["cwd"], options["env"])
        self.pid = self.pgid = self.process.pid
        return self.connection_info


class Kernel:
    """A fresh Python process that talks over private sockets instead of TCP.

    Its home is a temporary folder that nobody else may read: connection file, sockets and an empty
    IPython profile, so that no analyst's start-up script runs in a scheduled report.
    """

    def __init__(self, server: KernelServer, cwd: Path, variables: Mapping[str, str] | None = None):
        base = tempfile.gettempdir()
        self.folder = OwnedFolder(Path(base if len(base) < LONGEST_BASE else "/tmp"))
        self.home = self.folder.path
        self.manager = AsyncKernelManager(
            kernel_name=KERNEL,
            transport="ipc",
            connection_file=str(self.home / "kernel.json"),
            # No folders: this environment's own Python, whatever "python3" means in the user's Jupyter.
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),
        )
        self.manager.provisioner = Provisioner(
            server, parent=self.manager, kernel_spec=self.manager.kernel_spec
        )
        try:
            run_sync(self.manager.start_kernel)(
                extra_arguments=["--HistoryManager.hist_file=:memory:"],
                cwd=str(cwd),
                env={"IPYTHONDIR": str(self.home)} | dict(variables or {}),
            )
        except BaseException:
            self.folder.remove()
            raise
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
            iopub_timeout=OUTPUT_TIMEOUT,
            force_raise_errors=True,  # whatever a tag says
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
        self.folder.remove()


def _silent_log() -> logging.Logger:
    """A log that goes nowhere: events and errors say what matters, without customers' data."""
    log = logging.Logger("crcm")
    log.addHandler(logging.NullHandler())
    return log
