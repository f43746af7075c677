"""The reports folder: one writer, private until finished, nothing lost on failure.

reports/
  latest -> <run>        swapped in one step (`publish`)
  <run>/                 published, never touched again but to forget a customer
  failed/<run>/          the last failed run of a source until it succeeds, for the analyst and --resume
  .staging-<key>-…/      at work, or left by a killed run
  .rewritten-<run>/      a published run without somebody who is forgotten, about to take its place
  .lock                  held by the run at work
"""

import contextlib
import json
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from crcm_lib.errors import LockedError
from crcm_lib.i18n import _
from crcm_lib.pipeline import sandbox
from crcm_lib.pipeline.files import RECORDS, fsync, save_atomically, short_path
from crcm_lib.pipeline.plan import Plan
from crcm_lib.schema import tables

STAGING, REPLACED, REWRITTEN = ".staging-", ".replaced-", ".rewritten-"


@contextlib.contextmanager
def locked(out: Path) -> Iterator[None]:
    """Hold the lock of the reports folder; the operating system frees the lock of a killed run."""
    out.mkdir(parents=True, exist_ok=True)
    lock = FileLock(out / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        message = _("{out}: another run is at work here. Wait for it, or give another --out.")
        raise LockedError(message.format(out=short_path(out))) from None
    try:
        _finish_replacing(out)
        yield
    finally:
        lock.release()


def list_runs(out: Path) -> list[dict]:
    """The published runs, the newest first.

    Each has `run`, `source`, `day` (its last known one), `version` (of the policy), `files`, `megabytes` and
    `is_latest`.
    """
    found = []
    for path in out.glob("[!.]*/run.json"):
        if path.parent.is_symlink():
            continue
        try:
            record = json.loads(path.read_text("utf-8"))
            sizes = [each.stat().st_size for each in path.parent.rglob("*") if each.is_file()]
            facts = {"run": record["run"], "source": record["source"], "day": record["as_of"]}
            facts |= {
                "version": record["policy"]["version"],
                "files": len(sizes),
                "megabytes": sum(sizes) / 1e6,
            }
        except (OSError, ValueError, KeyError, TypeError):
            continue  # not a run of ours
        latest = (out / "latest").resolve() == path.parent.resolve()
        found.append(facts | {"is_latest": latest})
    return sorted(found, key=lambda run: (run["day"], run["run"]), reverse=True)


def replace_run(out: Path, name: str) -> None:
    """Let `.rewritten-<run>`, which is finished, take the place of a run; the run that it was is deleted."""
    fsync(out)
    replaced = out / f"{REPLACED}{name}"
    os.rename(out / name, replaced)
    os.rename(out / f"{REWRITTEN}{name}", out / name)
    fsync(out)
    shutil.rmtree(replaced)


def _finish_replacing(out: Path) -> None:
    """Finish what a killed process began: a run that has no place any more was about to be replaced."""
    for rewritten in out.glob(f"{REWRITTEN}*"):
        run = out / rewritten.name.removeprefix(REWRITTEN)
        if run.exists():
            shutil.rmtree(rewritten)  # half written, perhaps
        else:
            os.rename(rewritten, run)


@contextlib.contextmanager
def private_umask() -> Iterator[int]:
    """Make all files, ours and those of kernels, private until published; gives the user's own umask."""
    mask = os.umask(0o077)
    try:
        yield mask
    finally:
        os.umask(mask)


@contextlib.contextmanager
def exit_on_signal() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into an orderly exit with 128 + signal: kernels ended, partial work kept."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def exit_orderly(number, _frame):
        for each in earlier:
            signal.signal(each, signal.SIG_IGN)  # once is enough
        raise SystemExit(128 + number)

    earlier = {each: signal.signal(each, exit_orderly) for each in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for each, before in earlier.items():
            signal.signal(each, before)


def list_earlier(out: Path) -> list[Path]:
    """List the folders whose stages may be reused: of killed, failed and published runs."""
    places = [*out.glob(f"{STAGING}*"), *(out / "failed").glob("*"), *out.glob("[!.]*")]
    return sorted(place for place in places if (place / RECORDS).is_dir() and not place.is_symlink())


def read_as_of(folder: Path) -> str:
    """Return the last day that a working folder knows, empty where 01 has not written it yet."""
    return tables.read_about(folder).as_of if (folder / "about.json").exists() else ""


def replace_paths(notebook: Path, final: Path) -> None:
    """Put the folder of the finished run in place of the sandbox, so that the notebook runs again by hand."""
    folder = sandbox.sandbox_path(notebook.parent, notebook.stem)
    text = notebook.read_text("utf-8").replace(str(folder), short_path(final))
    save_atomically(text, notebook)


def keep_failed(plan: Plan, staging: Path) -> Path:
    """Keep the files of a failed run for the analyst and for --resume; only the last one of each source."""
    failed = plan.out / "failed"
    failed.mkdir(mode=0o700, exist_ok=True)
    with contextlib.suppress(OSError):
        sandbox.collect_all(staging)
    partial = failed / plan.run_id(read_as_of(staging))
    for old in failed.glob(f"{plan.source.name}-*"):
        shutil.rmtree(old, ignore_errors=True)
    if staging.exists():
        for path in staging.glob("*.ipynb"):
            with contextlib.suppress(OSError, ValueError):
                replace_paths(path, partial)
        os.rename(staging, partial)
    return partial


def remove_leftovers(plan: Plan) -> None:
    """Remove the folders of killed runs and of this source's last failure, after a success."""
    leftovers = [*plan.out.glob(f"{STAGING}*"), *plan.out.glob(f"{REPLACED}*")]
    for path in [*leftovers, *(plan.out / "failed").glob(f"{plan.source.name}-*")]:
        shutil.rmtree(path, ignore_errors=True)
    with contextlib.suppress(OSError):
        (plan.out / "failed").rmdir()
