"""The committed notebooks, executed again in place, with golden tables that are always in step with them."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from crcm_lib.errors import RunError
from crcm_lib.i18n import _
from crcm_lib.pipeline.files import save_atomically
from crcm_lib.pipeline.kernel import START_TIMEOUT, Kernel
from crcm_lib.pipeline.kernel_server import KernelServer
from crcm_lib.pipeline.plan import list_notebooks
from crcm_lib.pipeline.stages import hash_outputs
from crcm_lib.schema.tables import ROOT

NOTEBOOKS, GOLDEN = ROOT / "notebooks", ROOT / "data" / "sample" / "golden"
CELL_TIMEOUT = 600  # seconds; the sample is small


def refresh_notebooks(notify: Callable[[str], None]) -> None:
    """Execute every committed notebook with its default parameters, as an analyst would by hand.

    Each reads `data/sample/golden` and an empty scratch folder of its own, which takes the place of
    `data/scratch`; what it wrote becomes golden before the next one begins. A golden file that no notebook
    writes any more is removed. `notify` is called with the name of each notebook that is done.
    """
    written: set[str] = set()
    with KernelServer() as server:
        for path in list_notebooks(NOTEBOOKS):
            with tempfile.TemporaryDirectory() as scratch:
                execute_in_place(path, Path(scratch), server)
                for name in sorted(hash_outputs(Path(scratch)).keys() - written):
                    (GOLDEN / name).parent.mkdir(parents=True, exist_ok=True)
                    save_atomically((Path(scratch) / name).read_bytes(), GOLDEN / name)
                    written.add(name)
            notify(path.name)
        for name in hash_outputs(GOLDEN).keys() - written:
            (GOLDEN / name).unlink()
        for path in _list_examples():
            with tempfile.TemporaryDirectory() as scratch:
                execute_in_place(path, Path(scratch), server)
            notify(path.name)


def _list_examples() -> list[Path]:
    """The committed notebooks beside the numbered ones; 00 only where it opens the sample and no real run."""
    published = (ROOT / "reports" / "latest").exists()
    return [
        *([] if published else [NOTEBOOKS / "00_start.ipynb"]),
        NOTEBOOKS / "explore" / "what_if_weights.ipynb",
    ]


def execute_in_place(path: Path, scratch: Path, server: KernelServer) -> None:
    """Execute a notebook in its own folder and save its outputs, but no times and no kernel's details."""
    notebook = nbformat.read(path, as_version=4)
    metadata = dict(notebook.metadata)
    kernel = Kernel(server, path.parent, {"CRCM_SCRATCH": str(scratch)})
    client = NotebookClient(notebook, km=kernel.manager, timeout=CELL_TIMEOUT, startup_timeout=START_TIMEOUT)
    try:
        client.execute()
    except CellExecutionError as error:
        message = _("{name}: {kind}: {reason}. It is unchanged.")
        raise RunError(message.format(name=path.name, kind=error.ename, reason=error.evalue)) from None
    finally:
        kernel.stop()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    notebook.metadata = nbformat.from_dict(metadata)
    save_atomically(nbformat.writes(notebook) + "\n", path)
