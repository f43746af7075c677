"""Customers forgotten: no row, example or picture of them stays in any run, and their records stay out.

First their keyed hashes are put on the list beside the key (`privacy.forgotten`), then all that lies in the
reports folder is searched for whoever is on that list. So a call that was killed is finished by the next one,
and a call without customers reaches another reports folder.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from crcm_lib.errors import GateError, UsageError, list_problems
from crcm_lib.i18n import _
from crcm_lib.ingest.sources.text import mask
from crcm_lib.pipeline import checked_inputs, erasure, files
from crcm_lib.pipeline.purge import list_leftovers
from crcm_lib.pipeline.reports_folder import locked, private_umask
from crcm_lib.pipeline.rewriting import erase_files, find_obstacles, rewrite, rewrite_run
from crcm_lib.pipeline.temporary import remove_stale
from crcm_lib.privacy import read_forgotten
from crcm_lib.privacy.forgotten import Forgotten, list_path
from crcm_lib.privacy.pseudonyms import DEMO_KEY, find_present_key, make_pseudonym
from crcm_lib.schema import tables


@dataclass(frozen=True)
class Found:
    """A folder that holds something of the forgotten, or may do so.

    Attributes
    ----------
    name, path
        The folder; the name is its path in the reports folder.
    traces
        What is searched for in it.
    customers
        How many of the forgotten its tables hold.
    files, rows, places
        How many files have to change, the rows that go from tables, the mentions that go from pages.
    is_kept
        A run is rewritten, and so is the folder of notebooks run by hand; anything else can be made again,
        and is removed.
    """

    name: str
    path: Path
    traces: erasure.Traces
    customers: int
    files: int = 0
    rows: int = 0
    places: int = 0
    is_kept: bool = True


@dataclass(frozen=True)
class Search:
    """What a reports folder holds of the forgotten, who of those asked for is nowhere, and the list."""

    found: list[Found]
    nowhere: list[str]
    forgotten: Forgotten


def forget(out: Path, customers: Sequence[str], *, day: str) -> Search:
    """Forget customers: put them on the list, rewrite or remove what holds anything of those on it.

    Parameters
    ----------
    out
        The reports folder.
    customers
        Their ids, exactly as in the data; none to reach those of the list only.
    day
        Today, for the tombstone in run.json.

    Returns
    -------
    What was found, all of it erased. Ids that were nowhere are on the list all the same.

    Raises
    ------
    UsageError
        If there is no such folder, no key, or the key is the published one.
    GateError
        If a run has another key or was changed since it was published, so that it cannot be sealed anew
        (nothing is done then), or if something of them is left.
    LockedError
        If a run is at work there.
    """
    _check_folder(out)
    with private_umask(), locked(out):
        search = find(out, customers)
        _keep(search.forgotten)
        for found in search.found:
            if not found.is_kept:
                shutil.rmtree(found.path)
            elif (found.path / "run.json").exists():
                tombstone = {"customers": found.customers, "day": day}
                rewrite_run(found.path, found.traces, tombstone, search.forgotten.key)
            else:
                rewrite(found.path, found.traces)
        for emptied in (out / "failed", out / checked_inputs.FOLDER):
            if emptied.is_dir() and not any(emptied.iterdir()):
                emptied.rmdir()
        remove_stale(Path(tempfile.gettempdir()))
        if left := find(out, customers).found:
            names = [each.name for each in left]
            raise GateError(list_problems(_("something of the forgotten is left; call again"), names))
    return search


def find(out: Path, customers: Sequence[str]) -> Search:
    """Find what a reports folder holds of those on the list and of these customers; change nothing.

    Raises
    ------
    UsageError, GateError
        As `forget`.
    """
    _check_folder(out)
    before = _read_list()
    forgotten = before.including(customers)
    found, problems = [], []
    seen: set[str] = set()
    for path in [*_list_runs(out), *_list_scratch()]:
        ids = {*forgotten.select(dict.fromkeys(erasure.list_ids(path)))}
        here = _measure(_name(out, path), path, _trace(forgotten, ids | {*customers}), len(ids))
        seen |= ids
        if here.files:
            found.append(here)
            problems += find_obstacles(path, forgotten.key)
    if problems:
        heading = _("these runs cannot be sealed anew; nothing was done")
        raise GateError(list_problems(heading, problems))
    for path in [*list_leftovers(out), *_list_caches(out)]:
        ids = {*forgotten.select(dict.fromkeys(erasure.list_ids(path)))}
        seen |= ids
        found.append(Found(_name(out, path), path, _trace(forgotten, ids), len(ids), is_kept=False))
    nowhere = [each for each in dict.fromkeys(customers) if each not in seen and not before.select([each])]
    return Search(found, nowhere, forgotten)


def describe(search: Search, *, is_done: bool) -> Iterator[str]:
    """Where something of the forgotten was, and what was done with it or would be; no id."""
    rewritten = _(
        "{name}: {customers} customer(s), {rows} rows of tables and {places} mentions; {files} files {done}"
    )
    removed = _("{name}: may hold something of them, and can be made again; {done}")
    for each in search.found:
        numbers = {"customers": each.customers, "rows": each.rows, "places": each.places, "files": each.files}
        if each.is_kept:
            done = _("rewritten, and the run sealed anew") if is_done else _("would be rewritten")
            yield rewritten.format(name=each.name, done=done, **numbers)
        else:
            yield removed.format(name=each.name, done=_("removed") if is_done else _("would be removed"))
    if not is_done:
        return
    listed = _(
        "{path}: {count} customer(s), as keyed hashes; their records will be set aside when they come again"
    )
    yield listed.format(path=list_path(), count=len(search.forgotten.hashes))
    yield _(
        "searched again: nothing of them is left here. Totals still count them. The files that runs read, "
        "and copies made elsewhere, are not known here"
    )


def describe_nowhere(search: Search, *, is_done: bool) -> str:
    """That some ids were found nowhere, by their forms."""
    problem = _(
        "{count} of these ids are nowhere here, one of the form {form}: is each written exactly as in the "
        "data, with its capitals, blanks and zeros? {listed}"
    )
    listed = _("They are on the list all the same, so that their records are set aside if they come.")
    ids = search.nowhere
    return problem.format(count=len(ids), form=mask(ids[0]), listed=listed if is_done else "").strip()


def _check_folder(out: Path) -> None:
    if not out.is_dir():
        raise UsageError(_("--out {out}: there is no such folder").format(out=files.short_path(out)))


def _read_list() -> Forgotten:
    """The list of the forgotten, with a key that can keep it."""
    if (key := find_present_key()) is None:
        problem = _(
            "there is no key: without the one that the pseudonyms were made with nobody can be found on a "
            "page or known again. Set CRCM_KEY_FILE to it"
        )
        raise UsageError(problem)
    if key == DEMO_KEY:
        raise UsageError(
            _("CRCM_KEY_FILE holds the published demo key, which protects nobody; use a key of your own")
        )
    return read_forgotten()


def _keep(forgotten: Forgotten) -> None:
    """Write the list, for its owner only; a kill leaves the list before or after."""
    path = list_path()
    with FileLock(f"{path}.lock"):
        hashes = read_forgotten().hashes
        if forgotten.hashes - hashes:
            files.save_atomically(Forgotten(forgotten.key, hashes | forgotten.hashes).to_text(), path)


def _list_runs(out: Path) -> Iterator[Path]:
    """The published runs of persons that are real."""
    for path in sorted(out.glob("[!.]*/run.json")):
        if not path.parent.is_symlink() and not _is_synthetic(path.parent):
            yield path.parent


def _list_scratch() -> Iterator[Path]:
    """The folder of notebooks run by hand, if it is there and of real persons."""
    scratch = tables.resolve(tables.SCRATCH)
    if scratch.is_dir() and not _is_synthetic(scratch):
        yield scratch


def _list_caches(out: Path) -> Iterator[Path]:
    """What checks have read and kept."""
    scratch = tables.resolve(tables.SCRATCH) / tables.READY
    yield from (path for path in [*sorted((out / checked_inputs.FOLDER).glob("*")), scratch] if path.is_dir())


def _is_synthetic(folder: Path) -> bool:
    try:
        return bool(json.loads((folder / "about.json").read_text("utf-8")).get("synthetic", False))
    except (OSError, ValueError, AttributeError):
        return False


def _name(out: Path, path: Path) -> str:
    return path.relative_to(out).as_posix() if path.is_relative_to(out) else files.short_path(path)


def _trace(forgotten: Forgotten, ids: set[str]) -> erasure.Traces:
    pseudonyms = frozenset(make_pseudonym(forgotten.key, each) for each in ids)
    return erasure.Traces(frozenset(ids), pseudonyms)


def _measure(name: str, path: Path, traces: erasure.Traces, customers: int) -> Found:
    """How much of the traces a folder holds."""
    erased = [each for _path, each in erase_files(path, traces)] if traces.ids else []
    rows, places = sum(each.rows for each in erased), sum(each.places for each in erased)
    return Found(name, path, traces, customers, len(erased), rows, places)
