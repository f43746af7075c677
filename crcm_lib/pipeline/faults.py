"""Faults of the machine in words: a full or read-only disk, a limit on the size of files, a path too long."""

import contextlib
import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path

from crcm_lib.errors import CrcmError, RunError, UsageError
from crcm_lib.i18n import _

CANNOT_WRITE = (
    *(
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EFBIG,
    ),  # no room, or a limit: RLIMIT_FSIZE too, as Python ignores SIGXFSZ
    *(errno.EROFS, errno.EACCES, errno.EPERM),
)


@contextlib.contextmanager
def in_words(place: Path | None = None) -> Iterator[None]:
    """Turn a fault of the machine into an error of ours; anything else stays as it is.

    Parameters
    ----------
    place
        What to name where the fault does not say which file it is about.
    """
    try:
        yield
    except CrcmError:
        raise
    except Exception as error:
        if known := explain(error, place):
            raise known from None
        raise


def explain(error: BaseException, place: Path | None = None) -> CrcmError | None:
    """The error of ours that says what a fault of the machine means; None for what is none."""
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        return UsageError(
            _("a path is too long for this machine: {why}").format(why=os.strerror(error.errno))
        )
    if isinstance(error, OSError) and error.errno in CANNOT_WRITE:
        return _no_room(Path(os.fsdecode(error.filename)) if error.filename else place, error.errno)
    if type(error).__module__.endswith("duckdb"):  # IOException, and TransactionException at a commit
        named = re.search(r'file "([^"]+)"', str(error))
        for number in CANNOT_WRITE:
            if os.strerror(number) in str(error):
                return _no_room(Path(named[1]) if named else place, number)
    return None


def _no_room(place: Path | None, number: int) -> RunError:
    from crcm_lib.pipeline.files import short_path  # it imports pandas; a run starts its kernels meanwhile

    message = _("{place}: {why}. Make room or give rights there; TMPDIR names the folder of temporary files.")
    where = short_path(place) if place else _("a temporary file")
    return RunError(message.format(place=where, why=os.strerror(number)))
