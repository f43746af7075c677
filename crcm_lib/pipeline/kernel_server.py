"""How a kernel becomes a process: in which environment, and by a fork of one that has done the imports."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping

from crcm_lib.errors import RunError
from crcm_lib.i18n import _

# Elsewhere every kernel is a new Python: Apple's frameworks, numpy's linear algebra too, may not be forked.
FORKS = sys.platform == "linux"

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
    "JE_ARROW_MALLOC_CONF": "background_thread:false",  # a fork takes no thread but the one that asks for it
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",  # matplotlib reads it when it is imported
}
UNWANTED = (
    "PYTHONSTARTUP",
    "PYTHONINSPECT",
    "PYTHONWARNINGS",
    "MPLRC",
    "MATPLOTLIBRC",
    "CRCM_PICTURES",
)
ANSWER = 12  # bytes: the number of a process, then its exit code


class KernelServer:
    """The process that kernels are forked from (`kernel_fork`); it imports while its caller goes on.

    Parameters
    ----------
    variables
        Environment variables for its kernels, beside the pinned ones.
    """

    def __init__(self, variables: Mapping[str, str] | None = None):
        self.environment = pin_environment() | dict(variables or {})
        self.requests, theirs = socket.socketpair()
        self.process = None
        with theirs:
            if FORKS:
                self.process = self._start("crcm_lib.pipeline.kernel_fork", [], theirs, env=self.environment)

    def __enter__(self) -> "KernelServer":
        return self

    def __exit__(self, *_error) -> None:
        self.requests.close()
        if self.process:
            self.process.kill()  # kernels still at work notice
            self.process.wait()

    def start_kernel(
        self, arguments: list[str], cwd: str, variables: Mapping[str, str]
    ) -> "ForkedProcess | subprocess.Popen":
        """Start a process that is a kernel with these arguments, as soon as the imports are done.

        Raises
        ------
        RunError
            If the server has ended.
        """
        if self.process is None:
            options = {"cwd": cwd, "env": self.environment | variables}
            return self._start("ipykernel_launcher", arguments, subprocess.DEVNULL, **options)
        ours, theirs = socket.socketpair()
        request = {"arguments": arguments, "cwd": cwd, "variables": dict(variables)}
        with theirs, contextlib.suppress(BrokenPipeError):
            socket.send_fds(self.requests, [json.dumps(request).encode()], [theirs.fileno()])
        if not (number := ours.recv(ANSWER)):
            ours.close()
            raise RunError(_("no kernel can start: the process that imports for them has ended."))
        return ForkedProcess(int(number), ours)

    def _start(self, module: str, arguments: list[str], stdin, **options) -> subprocess.Popen:
        """Start a Python whose files nobody else may read, in a session that no terminal's Ctrl-C reaches."""
        return subprocess.Popen(
            [sys.executable, "-P", "-m", module, *arguments],
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            umask=0o077,
            **options,
        )


class ForkedProcess:
    """A forked kernel, in the form of a `subprocess.Popen`, which is what Jupyter asks for."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int, answers: socket.socket):
        self.pid = pid
        self.answers = answers

    def poll(self) -> int | None:
        """Return the exit code, or None while it is at work."""
        with contextlib.suppress(BlockingIOError):
            return self._read_exit_code(socket.MSG_DONTWAIT)
        return None

    def wait(self) -> int:
        """Return the exit code as soon as there is one."""
        return self._read_exit_code(0)

    def _read_exit_code(self, how: int) -> int:
        """Look at the server's answer and leave it there: two threads may ask, more than once."""
        return int(self.answers.recv(ANSWER, socket.MSG_PEEK | how) or -signal.SIGKILL)

    def send_signal(self, number: int) -> None:
        """Send a signal to the process alone, if it is there."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)


def pin_environment() -> dict[str, str]:
    """Return this process's environment without what would change results from machine to machine."""
    return {name: value for name, value in os.environ.items() if name not in UNWANTED} | PINNED
