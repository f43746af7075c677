"""A run: the notebooks in their turns, a gate, and one atomic publish. Only this room knows notebooks."""

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
from crcm_lib.pipeline.kernel import Job, Kernel, Listener, execute
from crcm_lib.pipeline.plan import Notebook, Plan, Settings, check_unchanged, display, locate, plan_run
from crcm_lib.pipeline.preload import list_imports
from crcm_lib.schema import tables
from crcm_lib.schema.inputs import INPUTS

NO_PLACE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)


from crcm_lib.reporting.text import data_quality
@dataclass(frozen=True)
class _Turn:
    """One notebook's turn: its key, its kernel, and the files that it may see, with their hashes."""

    name: str
    key: str
    kernel: Kernel
    seen: dict[str, str]
    listener: Listener


def run(settings: Settings, listener: Listener = lambda event: None) -> Path:
    """Execute the notebooks and publish their report; return the published folder.

    Parameters
    ----------
    settings
        What to run.
    listener
        Is told what happens, as flat dictionaries of JSON types with the key `event`: `run`, `notebook`,
        `cell`, `published`.

    Raises
    ------
    CrcmError
        2 usage, policy or parameter; 3 the input breaks its contract; 4 a notebook failed; 5 another run
        holds the lock; 6 a gate refused. The earlier report is untouched, byte by byte.
    """
    plan = plan_run(settings)
    with publish.locked(plan.out), publish.private_umask() as mask, publish.leave_on_signal():
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
        publish.tidy(plan)
        listener({"event": "published", "run": run_id, "path": display(plan.out / "latest" / "index.html")})
        return published


def _explain(error: BaseException, plan: Plan, kept: Path) -> BaseException:
    """Say where the partial work is kept; what is not ours stays what it is, with its traceback."""
    if isinstance(error, OSError) and error.errno in NO_PLACE:
        error = RunError(f"{display(plan.out)}: {os.strerror(error.errno)}")
    if not isinstance(error, CrcmError):
        return error
    words = _("Everything up to there is in {folder}.").format(folder=display(kept))
    return type(error)(f"{error}\n{words}")


def _execute_all(plan: Plan, staging: Path, earlier: list[Path], listener: Listener) -> list[cache.Stage]:
    """Give every notebook its turn: reuse it where an equal stage is known, else execute it."""
    after = {name: notebook.after for name, notebook in plan.notebooks.items()}
    begun: list[str] = []
    done: dict[str, cache.Stage] = {}
    tell = _serialised(listener)
    with ThreadPoolExecutor(schedule.MAX_PARALLEL) as pool, _kernels(plan) as start:

        def begin(name: str) -> Future:
            begun.append(name)
            seen = {path: digest for each in after[name] for path, digest in done[each].outputs.items()}
            key = _key_of(plan, name, seen)
            if found := cache.find(name, key, earlier):
                return pool.submit(cache.reuse, staging, found)
            turn = _Turn(name, key, start(name), seen, tell)
            at_work = pool.submit(_execute_one, plan, staging, turn)
            for following in schedule.next_to_start(after, begun):
                start(following)  # it imports while the ones before are at work; it is cold all the same
            return at_work

        for name, stage in schedule.execute_in_order(after, begin):
            _keep(staging, stage, done)
            done[name] = stage
            tell(
                {"event": "notebook", "notebook": name, "status": "reused" if stage.reused else "completed"}
                | {"seconds": stage.seconds, "cells": _count_cells(plan.notebooks[name])}
            )
    return [done[name] for name in plan.notebooks]


@contextlib.contextmanager
def _kernels(plan: Plan) -> Iterator[Callable[[str], Kernel]]:
    """Start the kernel of a notebook, once, whether for its turn or ahead of it; none outlives the block."""
    cwd = locate(plan.settings.notebooks)
    started: dict[str, Kernel] = {}

    def start(name: str) -> Kernel:
        if name not in started:
            started[name] = Kernel(cwd, list_imports(plan.notebooks[name].content))
        return started[name]

    try:
        yield start
    finally:
        for kernel in started.values():
            kernel.stop()  # those at work too: their notebooks notice and end


def _serialised(listener: Listener) -> Listener:
    """Tell of one event at a time, though notebooks side by side have theirs at once."""
    lock = threading.Lock()

    def tell(event: dict) -> None:
        with lock:
            listener(event)

    return tell


def _execute_one(plan: Plan, staging: Path, turn: _Turn) -> cache.Stage:
    """Execute one notebook at its desk and check what it leaves there."""
    name, settings, path = turn.name, plan.settings, staging / f"{turn.name}.ipynb"
    started = time.perf_counter()
    desk = sandbox.lay(staging, name, turn.seen)
    given = {
        "source": display(locate(settings.source)),
        "as_of": settings.as_of,
        "input_dir": str(desk),
        "output_dir": str(desk),
        "policy": display(locate(settings.policy)),
        "seed": settings.seed,
    }
    parameters = {wanted: given[wanted] for wanted in plan.notebooks[name].parameters}
    job = Job(name, plan.notebooks[name].content, parameters, path, settings.cell_timeout, turn.listener)
    notebook = execute(job, turn.kernel)
    if problems := checks.find_incomplete(notebook, name) + checks.find_bad_tables(desk, name):
        raise GateError(list_problems(_("the run is not complete"), problems))
    wrote = cache.claim_outputs(name, turn.seen, cache.hash_outputs(desk))
    publish.rename_inside(path, plan.out / plan.run_id(publish.read_as_of(desk)))
    seconds = round(time.perf_counter() - started, 2)
    return cache.Stage(name, turn.key, wrote, cache.hash_file(path), seconds)


def _keep(staging: Path, stage: cache.Stage, done: dict[str, cache.Stage]) -> None:
    """Take what a notebook wrote into the run, and note the stage as complete."""
    twice = {path for other in done.values() for path in other.outputs if path in stage.outputs}
    if not stage.reused:
        twice |= {*sandbox.clear(staging, stage.name)}
    if twice:
        words = _("{files}: written by more than one notebook.")
        raise RunError(words.format(files=", ".join(sorted(twice))))
    cache.record(staging, stage)


def _finish(plan: Plan, staging: Path, done: list[cache.Stage], mask: int) -> str:
    """Render the pages, let the gates look at them, and write run.json last; return the run's name."""
    from crcm_lib.reporting import pages

    check_unchanged(plan)
    run_id = plan.run_id(publish.read_as_of(staging))
    summary = _summarise(plan, staging, done, run_id)
    for entry in summary["notebooks"]:
        notebook = nbformat.read(staging / f"{entry['name']}.ipynb", as_version=4)
        entry["headline"] = pages.headline(notebook)
        page = pages.render_notebook(notebook, run=summary)
        (staging / entry["html"]).write_text(page, encoding="utf-8")
    (staging / "index.html").write_text(pages.render_index(staging, summary), encoding="utf-8")
    if shown := leak_check.find_leaks(staging, leak_check.read_ids(staging)):
        raise GateError(list_problems(_("raw personal data in the report; not published"), shown))
    artefacts = {name: cache.hash_file(path) for name, path in cache.list_artefacts(staging).items()}
    record = summary | {"evidence": plan.evidence, "artefacts": artefacts}
    cache.save_atomically(json.dumps(record, indent=1, ensure_ascii=False) + "\n", staging / "run.json")
    if problems := checks.verify(staging):
        raise GateError(list_problems(run_id, problems))
    cache.protect(staging, mask)
    cache.fsync(*staging.rglob("*"), staging)
    return run_id


def _summarise(plan: Plan, staging: Path, done: list[cache.Stage], run_id: str) -> dict:
    """What the pages and run.json say of the run."""
    policy = plan.policy
    about = tables.read_about(staging) if (staging / "about.json").exists() else None
    present = about.tables if about else {}
    currency = about.currency if policy.currency == "source" and about else policy.currency
    return {
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


def _key_of(plan: Plan, name: str, outputs: dict[str, str]) -> str:
    """Hash everything that could change what this notebook says, the tables before it included."""
    evidence = plan.evidence | {"notebooks": plan.evidence["notebooks"][name]}
    return cache.hash_content([evidence, name, outputs])


def _count_cells(notebook: Notebook) -> int:
    """How many code cells will run, papermill's parameters included."""
    code = sum(cell.cell_type == "code" for cell in notebook.content.cells)
    return code + bool(notebook.parameters)


def _list_warnings(folder: Path) -> list[str]:
    """What the data carry only in part or not at all, in the verdict's words."""
    if not tables.exists(folder, "verdict"):
        return []
    return data_quality.list_warnings(tables.read(folder, "verdict"))
