"""Old runs removed, with what failed and killed ones left: the only way in which a published run goes."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from crcm_lib.errors import UsageError
from crcm_lib.i18n import _
from crcm_lib.pipeline.files import short_path
from crcm_lib.pipeline.reports_folder import REPLACED, STAGING, locked
from crcm_lib.pipeline.temporary import remove_stale


@dataclass(frozen=True)
class Removed:
    """A folder that is gone: its name in the reports folder, and how much was in it."""

    name: str
    files: int
    bytes: int


def purge(out: Path, older_than: int) -> list[Removed]:
    """Remove the runs whose last day is more than so many days before that of the newest run of their source.

    The newest run of a source stays, and so does the one that `latest` names. What failed or killed runs left
    is removed too, whatever its age. A run goes out of sight in one step before it is deleted, so that a kill
    leaves no half of one; the next call or run removes the rest.

    Parameters
    ----------
    out
        The reports folder.
    older_than
        Days.

    Raises
    ------
    UsageError
        If there is no such folder.
    LockedError
        If a run is at work there.
    """
    if not out.is_dir():
        raise UsageError(_("--out {out}: there is no such folder").format(out=short_path(out)))
    with locked(out):
        removed = [_remove(out, path) for path in [*_list_old(out, older_than), *list_leftovers(out)]]
        if (out / "failed").is_dir() and not any((out / "failed").iterdir()):
            (out / "failed").rmdir()
    remove_stale(Path(tempfile.gettempdir()))
    return removed


def _list_old(out: Path, older_than: int) -> Iterator[Path]:
    days: dict[str, dict[Path, date]] = {}
    for path in sorted(out.glob("[!.]*/run.json")):
        if path.parent.is_symlink():
            continue
        try:
            record = json.loads(path.read_text("utf-8"))
            days.setdefault(record["source"], {})[path.parent] = date.fromisoformat(record["as_of"])
        except (OSError, ValueError, KeyError, TypeError):
            continue  # no run of ours
    latest = (out / "latest").resolve()
    for runs in days.values():
        limit = max(runs.values()) - timedelta(days=older_than)
        yield from (path for path, day in runs.items() if day < limit and path != latest)


def list_leftovers(out: Path) -> Iterator[Path]:
    """The folders of killed and failed runs."""
    for pattern in (f"{STAGING}*", f"{REPLACED}*", "failed/*"):
        yield from (path for path in sorted(out.glob(pattern)) if path.is_dir() and not path.is_symlink())


def _remove(out: Path, path: Path) -> Removed:
    name = path.relative_to(out).as_posix()
    files = [file for file in path.rglob("*") if file.is_file() and not file.is_symlink()]
    removed = Removed(name, len(files), sum(file.stat().st_size for file in files))
    hidden = out / f"{REPLACED}purged-{path.name}"
    path.rename(hidden)
    shutil.rmtree(hidden)
    return removed
