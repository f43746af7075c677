"""A desk for each notebook at work: links to what it may read, and what it writes until it is done.

So a notebook sees what it comes after and nothing else, whether other notebooks are quicker or slower today,
and what it wrote is plain: all that is no link.
"""

import os
import shutil
from pathlib import Path

from crcm_lib.pipeline import cache

SANDBOXES = ".desks"


def find(staging: Path, name: str) -> Path:
    """Return the desk of a notebook."""
    return staging / SANDBOXES / name


def lay(staging: Path, name: str, readable: dict[str, str]) -> Path:
    """Lay links to the files that a notebook may read, and return its desk."""
    desk = find(staging, name)
    desk.mkdir(parents=True)
    for path in readable:
        (desk / path).parent.mkdir(parents=True, exist_ok=True)
        (desk / path).symlink_to(staging / path)
    return desk


def clear(staging: Path, name: str) -> list[str]:
    """Move what a notebook wrote to where the run keeps it; return what lay there already, and stays."""
    desk, taken = find(staging, name), []
    for path, file in cache.list_artefacts(desk).items():
        if (staging / path).exists():
            taken += [] if file.is_symlink() else [path]
        else:
            (staging / path).parent.mkdir(parents=True, exist_ok=True)
            os.replace(file, staging / path)
    shutil.rmtree(desk)
    if not any(desk.parent.iterdir()):
        desk.parent.rmdir()
    return taken


def collect_all(staging: Path) -> None:
    """Clear the desks that a failure left behind."""
    for desk in sorted((staging / SANDBOXES).glob("*")):
        clear(staging, desk.name)
