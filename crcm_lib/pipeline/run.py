"""A run: plan, execute every notebook, check, publish in one atomic step. Only this package knows notebooks.

papermill executes the cells. What ploomber or snakemake would add, one papermill command per notebook, took
64 s for the notebooks of the sample, ten at that time (56 s of processor time), because every command and
every kernel imports anew when its turn comes; this runner took 24 s (35 s), pages and checks included. Nor do
they have honest statuses after a dead kernel (`execution`), folders that show what a notebook read and wrote
(`sandbox`), or a swap of the report in one step (`publish`).
"""

import contextlib
import errno
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import nbformat

from crcm_lib.errors import CrcmError, GateError, RunError, list_problems
from crcm_lib.i18n import _
from crcm_lib.pipeline import cache, checks, leak_check, publish, sandbox, schedule
from crcm_lib.pipeline.execution import Job, Listener, execute
from crcm_lib.pipeline.kernel import Kernel
from crcm_lib.pipeline.plan import Notebook, Plan, RunSettings, check_unchanged, locate, plan_run, short_path
from crcm_lib.pipeline.preload import list_imports
from crcm_lib.reporting.text import data_quality
from crcm_lib.schema import tables
from crcm_lib.schema.inputs import INPUTS

PICTURES = {"CRCM_PICTURES": "svg"}  # a report holds them at any size, stored notebooks as PNG
CANNOT_WRITE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)


@dataclass(frozen=True)
class _Turn:
    """One notebook about to be executed: its key, its kernel, and the files that it may read, with hashes."""

    name: str
    key: str
    kernel: Kernel
    readable: dict[str, str]
    listener: Listener


def run(settings: RunSettings, listener: Listener = lambda event: None) -> Path:
    """Execute the notebooks and publish their report; return the published folder.

    Parameters
    ----------
    settings
        What to run.
    listener
        Called with every event, a flat dictionary of JSON types whose key `event` is `run`, `notebook`,
        `cell` or `published`.

    Raises
    ------
    CrcmError
        2 usage, policy or parameter; 3 the input breaks its contract; 4 a notebook failed; 5 another run
        holds the lock; 6 a gate refused. The earlier report is untouched, byte by byte.
    """
    plan = plan_run(settings)
    with publish.locked(plan.out), publish.private_umask() as mask, publish.exit_on_signal():
        earlier = publish.list_earlier(plan.out) if settings.resume else []
        staging = Path(tempfile.mkdtemp(prefix=f"{publish.STAGING}{plan.key}-", dir=plan.out))
        listener(
            {"event": "run", "key": plan.key, "source": plan.source.name, "notebooks": len(plan.notebooks)}
            | {"cells": sum(map(_count_cells, plan.notebooks.values()))}
        )
        try:
            done = _execute_all(plan, staging, earlier, listener)
            run_id = _finish(plan, staging, done, mask)
            published = publish.publish(plan, staging, run_id)
        except BaseException as error:
            raise _explain(error, plan, publish.keep_failed(plan, staging)) from None
        publish.remove_leftovers(plan)
        listener(
            {"event": "published", "run": run_id, "path": short_path(plan.out / "latest" / "index.html")}
        )
        return published


def _explain(error: BaseException, plan: Plan, partial: Path) -> BaseException:
    """Add to an error of ours where its partial work is kept; any other error stays as it is."""
    if isinstance(error, OSError) and error.errno in CANNOT_WRITE:
        error = RunError(f"{short_path(plan.out)}: {os.strerror(error.errno)}")
    if not isinstance(error, CrcmError):
        return error
    message = _("Everything up to there is in {folder}.").format(folder=short_path(partial))
    return type(error)(f"{error}\n{message}")


def _execute_all(plan: Plan, staging: Path, earlier: list[Path], listener: Listener) -> list[cache.Stage]:
    """Execute every notebook, or reuse its outputs where a stage with the same key exists."""
    ancestors = {name: notebook.ancestors for name, notebook in plan.notebooks.items()}
    begun: list[str] = []
    done: dict[str, cache.Stage] = {}
    notify = _serialised(listener)
    with ThreadPoolExecutor(schedule.MAX_PARALLEL) as pool, _kernels(plan) as start:

        def begin(name: str) -> Future:
            begun.append(name)
            readable = {path: sha for each in ancestors[name] for path, sha in done[each].outputs.items()}
            key = _key_of(plan, name, readable)
            if origin_and_stage := cache.find_stage(name, key, earlier):
                return pool.submit(cache.reuse_stage, staging, *origin_and_stage)
            turn = _Turn(name, key, start(name), readable, notify)
            at_work = pool.submit(_execute_one, plan, staging, turn)
            for following in schedule.next_to_start(ancestors, begun):
                start(following)  # it imports while those before it are at work
            return at_work

        for name, stage in schedule.execute_in_order(ancestors, begin):
            _collect(staging, stage, done)
            done[name] = stage
            notify(
                {"event": "notebook", "notebook": name, "status": "reused" if stage.reused else "completed"}
                | {"seconds": stage.seconds, "cells": _count_cells(plan.notebooks[name])}
            )
    return [done[name] for name in plan.notebooks]


@contextlib.contextmanager
def _kernels(plan: Plan) -> Iterator[Callable[[str], Kernel]]:
    """Give a function that starts a notebook's kernel, or returns one started ahead; stop all at the end."""
    cwd = locate(plan.settings.notebooks)
    started: dict[str, Kernel] = {}

    def start(name: str) -> Kernel:
        if name not in started:
            started[name] = Kernel(cwd, list_imports(plan.notebooks[name].content), PICTURES)
        return started[name]

    try:
        yield start
    finally:
        for kernel in started.values():
            kernel.stop()  # those at work too: their notebooks notice and end


def _serialised(listener: Listener) -> Listener:
    """Return a listener that passes on one event at a time, though two notebooks are at work."""
    lock = threading.Lock()

    def notify(event: dict) -> None:
        with lock:
            listener(event)

    return notify


def _execute_one(plan: Plan, staging: Path, turn: _Turn) -> cache.Stage:
    """Execute one notebook in its sandbox and check that it is complete."""
    name, settings, path = turn.name, plan.settings, staging / f"{turn.name}.ipynb"
    started = time.perf_counter()
    folder = sandbox.create_sandbox(staging, name, turn.readable)
    values = {
        "source": short_path(locate(settings.source)),
        "as_of": settings.as_of,
        "input_dir": str(folder),
        "output_dir": str(folder),
        "policy": short_path(locate(settings.policy)),
        "overrides": settings.overrides,
        "seed": settings.seed,
    }
    parameters = {wanted: values[wanted] for wanted in plan.notebooks[name].parameters}
    job = Job(name, plan.notebooks[name].content, parameters, path, settings.cell_timeout, turn.listener)
    notebook = execute(job, turn.kernel)
    if problems := checks.find_incomplete(notebook, name) + checks.find_bad_tables(folder, name):
        raise GateError(list_problems(_("the run is not complete"), problems))
    outputs = cache.claim_outputs(name, turn.readable, cache.hash_outputs(folder))
    publish.replace_paths(path, plan.out / plan.run_id(publish.read_as_of(folder)))
    seconds = round(time.perf_counter() - started, 2)
    return cache.Stage(name, turn.key, outputs, cache.hash_file(path), seconds)


def _collect(staging: Path, stage: cache.Stage, done: dict[str, cache.Stage]) -> None:
    """Move a notebook's outputs into the run, and record the stage as complete."""
    twice = {path for other in done.values() for path in other.outputs if path in stage.outputs}
    if not stage.reused:
        twice |= {*sandbox.collect_outputs(staging, stage.name)}
    if twice:
        message = _("{files}: written by more than one notebook.")
        raise RunError(message.format(files=", ".join(sorted(twice))))
    cache.save_stage(staging, stage)


def _finish(plan: Plan, staging: Path, done: list[cache.Stage], mask: int) -> str:
    """Render the pages, check them, and write run.json last; return the run's name."""
    from crcm_lib.reporting import pages

    check_unchanged(plan)
    run_id = plan.run_id(publish.read_as_of(staging))
    summary = _summarise(plan, staging, done, run_id)
    for entry in summary["notebooks"]:
        notebook = nbformat.read(staging / f"{entry['name']}.ipynb", as_version=4)
        entry["headline"] = pages.headline(notebook)
        page = pages.render_notebook(notebook, run=summary)
        cache.save_atomically(page, staging / entry["html"])
    cache.save_atomically(pages.render_index(staging, summary), staging / "index.html")
    if leaks := leak_check.find_leaks(staging, leak_check.read_ids(staging)):
        raise GateError(list_problems(_("raw personal data in the report; not published"), leaks))
    artefacts = {name: cache.hash_file(path) for name, path in cache.list_artefacts(staging).items()}
    record = summary | {"evidence": plan.evidence, "artefacts": artefacts}
    cache.save_atomically(json.dumps(record, indent=1, ensure_ascii=False) + "\n", staging / "run.json")
    if problems := checks.verify(staging):
        raise GateError(list_problems(run_id, problems))
    cache.protect(staging, mask)
    cache.fsync(*staging.rglob("*"), staging)
    return run_id


def _summarise(plan: Plan, staging: Path, done: list[cache.Stage], run_id: str) -> dict:
    """Return what the pages and run.json say of the run."""
    policy = plan.policy
    about = tables.read_about(staging) if (staging / "about.json").exists() else None
    present = about.tables if about else {}
    currency = about.currency if policy.currency == "source" and about else policy.currency
    return {
        "schema_version": checks.SCHEMA_VERSION,
        "run": run_id,
        "status": "published",
        "title": about.title if about else plan.source.title,
        "source": plan.source.name,
        "as_of": publish.read_as_of(staging),
        "currency": currency,
        "policy": {"version": policy.version, "goal": policy.goal, "review_by": str(policy.review_by)}
        | {"horizon_days": policy.horizon_days, "margin_rate": policy.margin_rate}
        | {"min_cell": policy.privacy.min_cell},
        "parameters": plan.evidence["parameters"],
        "notebooks": [
            {
                "name": stage.name,
                "title": plan.notebooks[stage.name].title,
                "status": "reused" if stage.reused else "completed",
                "seconds": stage.seconds,
                "headline": "",
                "html": f"{stage.name}.html",
            }
            for stage in done
        ],
        "warnings": _list_warnings(staging),
        "not_available": [name for name in INPUTS if name not in present],
    }


def _key_of(plan: Plan, name: str, readable: dict[str, str]) -> str:
    """Return the hash of everything that could change this notebook's outputs, its inputs included."""
    evidence = plan.evidence | {"notebooks": plan.evidence["notebooks"][name]}
    return cache.hash_content([evidence, name, readable])


def _count_cells(notebook: Notebook) -> int:
    """Count the code cells that will run, papermill's parameters included."""
    code = sum(cell.cell_type == "code" for cell in notebook.content.cells)
    return code + bool(notebook.parameters)


def _list_warnings(folder: Path) -> list[str]:
    """List what the data can carry only in part or not at all."""
    if not tables.exists(folder, "verdict"):
        return []
    return data_quality.list_warnings(tables.read(folder, "verdict"))
