"""A temporary folder for all that a command needs for a while; killed ones are removed by the next command.

The owner holds a lock on a file inside, which the operating system frees when it dies, however it dies. The
number of its process would not do: it may be another's by now, or of another container.
"""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from crcm_lib.errors import RunError
from crcm_lib.i18n import _

PREFIX, OWNER = "crcm-", ".owner"
YOUNG = 60  # seconds; a younger folder may be about to be locked
OLD = 24 * 3600  # seconds; an older one without a file to lock is of a release that had none


class OwnedFolder:
    """A folder in `base` that this process owns until it is removed."""

    def __init__(self, base: Path):
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
        self._lock = FileLock(self.path / OWNER)
        self._lock.acquire(timeout=0)

    def remove(self) -> None:
        """Remove it and all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.release()


@contextlib.contextmanager
def own_folder() -> Iterator[Path]:
    """Let this process and those it starts put temporary files into one folder, which is removed at the end.

    Raises
    ------
    RunError
        If no temporary folder can be written to.
    """
    try:
        base = Path(tempfile.gettempdir())
    except FileNotFoundError:
        message = _("no folder for temporary files can be written to. Make room, or name one by TMPDIR.")
        raise RunError(message) from None
    remove_stale(base)
    folder = OwnedFolder(base)
    before, cached = os.environ.get("TMPDIR"), tempfile.tempdir
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder.path)
    try:
        yield folder.path
    finally:
        tempfile.tempdir = cached
        if before is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = before
        folder.remove()


def remove_stale(base: Path) -> None:
    """Remove the folders of this user's commands that are no longer at work."""
    for folder in base.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if _is_stale(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _is_stale(folder: Path) -> bool:
    seen = folder.lstat()
    age = time.time() - seen.st_mtime
    if not folder.is_dir() or folder.is_symlink() or seen.st_uid != os.getuid() or age < YOUNG:
        return False
    if not (folder / OWNER).exists():
        return age > OLD
    lock = FileLock(folder / OWNER)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    lock.release()
    return True
