"""A folder for each notebook at work: links to what it may read, and what it writes until it is done.

So a notebook reads what it depends on and nothing else, whether other notebooks are quicker or slower today,
and the files that it wrote are those that are no links.
"""

import os
import shutil
from pathlib import Path

from crcm_lib.pipeline import files

SANDBOXES = ".sandboxes"


def sandbox_path(staging: Path, name: str) -> Path:
    """Return the sandbox of a notebook."""
    return staging / SANDBOXES / name


def create_sandbox(staging: Path, name: str, readable: dict[str, str]) -> Path:
    """Create a notebook's sandbox with links to the files that it may read, and return it."""
    folder = sandbox_path(staging, name)
    folder.mkdir(parents=True)
    for path in readable:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).symlink_to(staging / path)
    return folder


def collect_outputs(staging: Path, name: str) -> list[str]:
    """Move what a notebook wrote into the run and remove its sandbox; return paths already taken."""
    folder, taken = sandbox_path(staging, name), []
    for path, file in files.list_artefacts(folder).items():
        if (staging / path).exists():
            taken += [] if file.is_symlink() else [path]
        else:
            (staging / path).parent.mkdir(parents=True, exist_ok=True)
            os.replace(file, staging / path)
    shutil.rmtree(folder)
    if not any(folder.parent.iterdir()):
        folder.parent.rmdir()
    return taken


def collect_all(staging: Path) -> None:
    """Collect the outputs of every notebook that a failure interrupted."""
    for folder in sorted((staging / SANDBOXES).glob("*")):
        collect_outputs(staging, folder.name)
