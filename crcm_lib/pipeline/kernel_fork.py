"""The process that kernels are forked from: it has imported what notebooks need and has run none of them.

A kernel that imports by itself is busy for one and a half to two seconds, eleven times a run. A fork begins
with the imports done, and shares nothing else: no notebook's name, setting or file is there to be found.

Python's own `multiprocessing.forkserver` would do the forking; its children import the caller's main module
again, which may be anybody's script, and its environment is the caller's.
"""

import ast
import contextlib
import gc
import importlib
import inspect
import json
import os
import pkgutil
import select
import signal
import socket
import sys
from types import ModuleType

import crcm_lib
from crcm_lib.pipeline.kernel_server import ANSWER

NOT_AHEAD = {"lifetimes"}  # its import changes pandas options and warning filters; our adapter undoes that
LONGEST_REQUEST = 2**16  # bytes


def main() -> None:
    """Import, then fork a kernel for every request that comes through standard input, until that closes."""
    requests = socket.socket(fileno=os.dup(0))
    os.environ["JPY_PARENT_PID"] = str(os.getpid())  # a kernel ends by itself where this process is killed
    gc.disable()
    import_ahead()
    gc.freeze()  # a collection in a kernel would touch, and so copy, every page that it shares with us
    if request := _serve(requests):
        gc.enable()
        _become_kernel(**request)


def import_ahead() -> None:
    """Import the modules that notebooks use, and what their functions import when called.

    Nothing is listed by hand: the rooms of `crcm_lib` are walked and their import statements read.
    """
    from ipykernel import kernelapp  # noqa: F401

    for name in sorted({*crcm_lib.FACADE.values(), *crcm_lib.ROOMS.values()}):
        module = importlib.import_module(name)
        for each in pkgutil.walk_packages(getattr(module, "__path__", ()), f"{name}."):
            importlib.import_module(each.name)
    ours = [module for name, module in sys.modules.items() if name.split(".")[0] == crcm_lib.__name__]
    for module, names in sorted({each for one in ours for each in _read_imports(one)}):
        if module.split(".")[0] not in NOT_AHEAD:
            with contextlib.suppress(ImportError):  # the cell that needs it says so
                __import__(module, fromlist=names)


def _read_imports(module: ModuleType) -> set[tuple[str, tuple[str, ...]]]:
    """The module's absolute imports, inside functions too: name of a module, names taken from it."""
    nodes = [*ast.walk(ast.parse(inspect.getsource(module)))]
    plain = {(alias.name, ("*",)) for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {
        (node.module, tuple(alias.name for alias in node.names))
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module
    }


def _serve(requests: socket.socket) -> dict | None:
    """Fork a kernel for every request; answer with its number, then with its exit code. All end together.

    Returns
    -------
    In a forked kernel its request, in this process None.
    """
    woken, waker = socket.socketpair()
    waker.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker.fileno())
    kernels: dict[int, socket.socket] = {}
    while True:
        if woken in select.select([requests, woken], [], [])[0]:
            woken.recv(LONGEST_REQUEST)
            _report_ends(kernels)
            continue
        request, handles, _flags, _address = socket.recv_fds(requests, LONGEST_REQUEST, 1)
        if not request:
            break
        answers = socket.socket(fileno=handles[0])
        if not (number := os.fork()):
            os.setpgid(0, 0)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for each in (requests, woken, waker, answers, *kernels.values()):
                each.close()
            return json.loads(request)
        with contextlib.suppress(OSError):  # the kernel does it too; whoever comes first, it leads its group
            os.setpgid(number, number)
        kernels[number] = answers
        answers.send(b"%*d" % (ANSWER, number))
    for number in kernels:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(number, signal.SIGKILL)
    return None


def _report_ends(kernels: dict[int, socket.socket]) -> None:
    """Answer with the exit codes of kernels that have ended, and forget them."""
    for number in list(kernels):
        ended, status = os.waitpid(number, os.WNOHANG)
        if ended:
            with contextlib.suppress(BrokenPipeError), kernels.pop(number) as answers:
                answers.send(b"%*d" % (ANSWER, os.waitstatus_to_exitcode(status)))


def _become_kernel(arguments: list[str], cwd: str, variables: dict[str, str]) -> None:
    """Be an IPython kernel until it ends, with nothing to read."""
    from ipykernel.kernelapp import IPKernelApp

    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(cwd)
    os.environ.update(variables)
    IPKernelApp.launch_instance(arguments)


if __name__ == "__main__":
    main()
