"""The committed notebooks, executed again in place, with golden tables that are always in step with them."""

import shutil
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from crcm_lib.errors import RunError
from crcm_lib.i18n import _
from crcm_lib.pipeline import cache
from crcm_lib.pipeline.kernel import START_TIMEOUT, Kernel
from crcm_lib.pipeline.plan import list_notebooks
from crcm_lib.schema.tables import ROOT

NOTEBOOKS, SCRATCH, GOLDEN = (
    ROOT / "notebooks",
    ROOT / "data" / "scratch",
    ROOT / "data" / "sample" / "golden",
)
CELL_TIMEOUT = 600  # seconds; the sample is small


def refresh_notebooks(tell: Callable[[str], None]) -> None:
    """Execute every committed notebook with its default parameters, as an analyst would by hand.

    Each reads `data/sample/golden` and writes `data/scratch`; what it wrote becomes golden before the next
    one begins. A golden file that nobody writes any more is removed.
    """
    for name in (*cache.DATA, "about.json"):
        _remove(SCRATCH / name)
    written: set[str] = set()
    for path in list_notebooks(NOTEBOOKS):
        execute_in_place(path)
        for name in sorted(cache.hash_outputs(SCRATCH).keys() - written):
            (GOLDEN / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(SCRATCH / name, GOLDEN / name)
            written.add(name)
        tell(path.name)
    for name in cache.hash_outputs(GOLDEN).keys() - written:
        (GOLDEN / name).unlink()


def execute_in_place(path: Path) -> None:
    """Execute a notebook in its own folder and keep outputs, but no times and no kernel's details."""
    notebook = nbformat.read(path, as_version=4)
    metadata = dict(notebook.metadata)
    kernel = Kernel(path.parent)
    client = NotebookClient(notebook, km=kernel.manager, timeout=CELL_TIMEOUT, startup_timeout=START_TIMEOUT)
    try:
        client.execute()
    except CellExecutionError as error:
        raise RunError(
            _("{name}: {kind}: {what}. It is unchanged.").format(
                name=path.name, kind=error.ename, what=error.evalue
            )
        ) from None
    finally:
        kernel.stop()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    notebook.metadata = nbformat.from_dict(metadata)
    cache.save_atomically(nbformat.writes(notebook) + "\n", path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
