"""The folder of what servers held at one moment; a run's processes find it by an environment variable."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VARIABLE = "CRCM_SNAPSHOTS"


@contextmanager
def keep_snapshots() -> Iterator[Path]:
    """The folder for this process and those it starts from here on; who makes it removes it at the end."""
    if (found := _find_folder()) is not None:
        yield found
        return
    folder = tempfile.mkdtemp(prefix="crcm-snapshots-")  # for the owner only
    os.environ[VARIABLE] = folder
    try:
        yield Path(folder)
    finally:
        del os.environ[VARIABLE]
        shutil.rmtree(folder, ignore_errors=True)


def snapshot_folder() -> Path:
    """The folder; where nobody keeps one, one that lasts as long as this process."""
    if (found := _find_folder()) is not None:
        return found
    folder = tempfile.mkdtemp(prefix="crcm-snapshots-")
    os.environ[VARIABLE] = folder
    atexit.register(_remove_own, folder, os.getpid())
    return Path(folder)


def _find_folder() -> Path | None:
    named = os.environ.get(VARIABLE, "")
    return Path(named) if named and Path(named).is_dir() else None


def _remove_own(folder: str, process: int) -> None:
    if os.getpid() == process:  # not in a process that was forked from it
        shutil.rmtree(folder, ignore_errors=True)
