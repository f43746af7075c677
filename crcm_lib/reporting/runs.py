"""A run: the notebooks in order, a gate, and one atomic publish. Only this room knows notebooks."""

import errno
import json
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import nbformat

from crcm_lib.data import tables
from crcm_lib.data.schema import INPUTS
from crcm_lib.errors import CrcmError, GateError, RunError, list_problems
from crcm_lib.language import _
from crcm_lib.reporting import gates, leaks, publishing, stages
from crcm_lib.reporting.engine import Job, Kernel, Listener, execute
from crcm_lib.reporting.plans import (
    Notebook,
    Plan,
    Settings,
    check_unchanged,
    display,
    locate,
    plan_run,
)

NO_PLACE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)


@dataclass(frozen=True)
class _Turn:
    """One notebook's turn: its key, its kernel, and what the notebooks before it wrote."""

    name: str
    key: str
    kernel: Kernel
    before: dict[str, str]
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
    with publishing.locked(plan.out), publishing.private_umask() as mask, publishing.leave_on_signal():
        earlier = publishing.list_earlier(plan.out) if settings.resume else []
        staging = Path(tempfile.mkdtemp(prefix=f"{publishing.STAGING}{plan.key}-", dir=plan.out))
        listener(
            {"event": "run", "key": plan.key, "source": plan.source.name, "notebooks": len(plan.notebooks)}
            | {"cells": sum(map(_count_cells, plan.notebooks.values()))}
        )
        try:
            done = _execute_all(plan, staging, earlier, listener)
            run_id = _finish(plan, staging, done, mask)
            published = publishing.publish(plan, staging, run_id)
        except BaseException as error:
            raise _explain(error, plan, publishing.keep_failed(plan, staging)) from None
        publishing.tidy(plan)
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


def _execute_all(plan: Plan, staging: Path, earlier: list[Path], listener: Listener) -> list[stages.Stage]:
    """Give every notebook its turn: reuse it where an equal stage is known, else execute it."""
    done, names, ahead = [], list(plan.notebooks), None
    cwd = locate(plan.settings.notebooks)
    outputs: dict[str, str] = {}
    try:
        for number, name in enumerate(names):
            key = _key_of(plan, name, outputs)
            if found := stages.find(name, key, earlier):
                stage = stages.reuse(staging, found)
            else:
                kernel = ahead or Kernel(cwd)
                # The next kernel starts and imports while this notebook is at work; it is cold all the same.
                ahead = Kernel(cwd) if number + 1 < len(names) else None
                stage = _execute_one(plan, staging, _Turn(name, key, kernel, dict(outputs), listener))
            outputs |= stage.outputs
            done.append(stage)
            listener(
                {"event": "notebook", "notebook": name, "status": "reused" if stage.reused else "completed"}
                | {"seconds": stage.seconds, "cells": _count_cells(plan.notebooks[name])}
            )
    finally:
        if ahead is not None:
            ahead.stop()
    return done


def _execute_one(plan: Plan, staging: Path, turn: _Turn) -> stages.Stage:
    """Execute one notebook, check what it leaves, and note the stage as complete."""
    name, settings, path = turn.name, plan.settings, staging / f"{turn.name}.ipynb"
    given = {
        "source": display(locate(settings.source)),
        "as_of": settings.as_of,
        "input_dir": str(staging),
        "output_dir": str(staging),
        "policy": display(locate(settings.policy)),
        "seed": settings.seed,
    }
    parameters = {wanted: given[wanted] for wanted in plan.notebooks[name].parameters}
    job = Job(name, plan.notebooks[name].content, parameters, path, settings.cell_timeout, turn.listener)
    started = time.perf_counter()
    notebook = execute(job, turn.kernel)
    if problems := gates.find_incomplete(notebook, name) + gates.find_bad_tables(staging, name):
        raise GateError(list_problems(_("the run is not complete"), problems))
    after = stages.claim_outputs(name, turn.before, stages.hash_outputs(staging))
    final = plan.out / plan.run_id(publishing.read_as_of(staging))
    publishing.rename_inside(path, staging, final)
    seconds = round(time.perf_counter() - started, 2)
    stage = stages.Stage(name, turn.key, after, stages.hash_file(path), seconds)
    stages.record(staging, stage)
    return stage


def _finish(plan: Plan, staging: Path, done: list[stages.Stage], mask: int) -> str:
    """Render the pages, let the gates look at them, and write run.json last; return the run's name."""
    from crcm_lib.reporting import report

    check_unchanged(plan)
    run_id = plan.run_id(publishing.read_as_of(staging))
    summary = _summarise(plan, staging, done, run_id)
    for entry in summary["notebooks"]:
        notebook = nbformat.read(staging / f"{entry['name']}.ipynb", as_version=4)
        entry["headline"] = report.headline(notebook)
        page = report.render_notebook(notebook, run=summary)
        (staging / entry["html"]).write_text(page, encoding="utf-8")
    (staging / "index.html").write_text(report.render_index(staging, summary), encoding="utf-8")
    if shown := leaks.find_leaks(staging, leaks.read_ids(staging)):
        raise GateError(list_problems(_("raw personal data in the report; not published"), shown))
    artefacts = {name: stages.hash_file(path) for name, path in stages.list_artefacts(staging).items()}
    record = summary | {"evidence": plan.evidence, "artefacts": artefacts}
    stages.save_atomically(json.dumps(record, indent=1, ensure_ascii=False) + "\n", staging / "run.json")
    if problems := gates.verify(staging):
        raise GateError(list_problems(run_id, problems))
    stages.protect(staging, mask)
    stages.settle(*staging.rglob("*"), staging)
    return run_id


def _summarise(plan: Plan, staging: Path, done: list[stages.Stage], run_id: str) -> dict:
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
        "as_of": publishing.read_as_of(staging),
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
        "not_available": [
            _("not available: no `{table}` table").format(table=name)
            for name in INPUTS
            if name not in present
        ],
    }


def _key_of(plan: Plan, name: str, outputs: dict[str, str]) -> str:
    """Hash everything that could change what this notebook says, the tables before it included."""
    evidence = plan.evidence | {"notebooks": plan.evidence["notebooks"][name]}
    return stages.hash_content([evidence, name, outputs])


def _count_cells(notebook: Notebook) -> int:
    """How many code cells will run, papermill's parameters included."""
    code = sum(cell.cell_type == "code" for cell in notebook.content.cells)
    return code + bool(notebook.parameters)


def _list_warnings(folder: Path) -> list[str]:
    """What the data carry only in part or not at all, in the verdict's words."""
    if not tables.exists(folder, "verdict"):
        return []
    verdict = tables.read(folder, "verdict")
    return [
        f"{row.capability}: {row.because}"
        for row in verdict[verdict["verdict"] != "yes"].itertuples(index=False)
    ]
