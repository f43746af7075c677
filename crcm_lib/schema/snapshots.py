"""The folder of what servers held at one moment; a run's processes find it by an environment variable."""

import atexit
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VARIABLE = "CRCM_SNAPSHOTS"


@contextmanager
def keep_snapshots() -> Iterator[Path]:
    """Name the folder for this process and those it starts from here on, and remove it at the end.

    It is made when it is first needed, so that a run without a server that is killed leaves nothing behind.
    """
    if named := os.environ.get(VARIABLE):
        yield Path(named)
        return
    folder = _name_folder()
    try:
        yield folder
    finally:
        del os.environ[VARIABLE]
        shutil.rmtree(folder, ignore_errors=True)


def snapshot_folder() -> Path:
    """The folder, made if need be; where nobody keeps one, it lasts as long as this process."""
    if not (named := os.environ.get(VARIABLE)):
        named = str(_name_folder())
        atexit.register(_remove_own, named, os.getpid())
    Path(named).mkdir(mode=0o700, exist_ok=True)  # for the owner only
    return Path(named)


def _name_folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"crcm-snapshots-{secrets.token_hex(8)}"
    os.environ[VARIABLE] = str(folder)
    return folder


def _remove_own(folder: str, process: int) -> None:
    if os.getpid() == process:  # not in a process that was forked from it
        shutil.rmtree(folder, ignore_errors=True)
