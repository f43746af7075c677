"""Stages: every notebook executed in its turn, or taken from an earlier run where nothing has changed.

A stage is one executed notebook. Its key is the hash of everything that could change its outputs: inputs,
parameters, policy, code, lock, installed versions, its own cells, and every table that the notebooks before
it wrote. Two stages with one key are the same stage, whoever ran it and when.

ploomber, snakemake and dvc keep such caches too. They compare the times or hashes of declared files; a
notebook here declares none, its sandbox shows what it read and wrote, and the installed versions and the
library's code belong to the key. That, and the privacy of what is copied, are the lines of this module.
"""

import contextlib
import json
import shutil
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from crcm_lib.errors import GateError, RunError, list_problems
from crcm_lib.i18n import _
from crcm_lib.pipeline import checked_inputs, checks, sandbox, schedule
from crcm_lib.pipeline.execution import Job, Listener, execute
from crcm_lib.pipeline.files import (
    DATA,
    RECORDS,
    hash_content,
    hash_file,
    list_artefacts,
    save_atomically,
    short_path,
)
from crcm_lib.pipeline.kernel import Kernel
from crcm_lib.pipeline.kernel_server import KernelServer
from crcm_lib.pipeline.plan import Notebook, Plan
from crcm_lib.pipeline.reports_folder import read_as_of, replace_paths


@dataclass(frozen=True)
class Stage:
    """One executed notebook: its key, and what it wrote."""

    name: str
    key: str
    outputs: dict[str, str]  # path inside the run -> sha256
    notebook: str  # sha256 of the executed notebook
    seconds: float
    reused: bool = field(default=False, compare=False)


@dataclass(frozen=True)
class _Turn:
    """One notebook about to be executed: its key, its kernel, and the files that it may read, with hashes."""

    name: str
    key: str
    kernel: Kernel
    readable: dict[str, str]
    listener: Listener


def execute_all(
    plan: Plan, staging: Path, earlier: list[Path], server: KernelServer, listener: Listener
) -> tuple[Plan, list[Stage]]:
    """Execute every notebook, or reuse its outputs where a stage with the same key exists.

    The plan that is returned knows its earlier run: the first notebook says which day it is.
    """
    ancestors = {name: notebook.ancestors for name, notebook in plan.notebooks.items()}
    done: dict[str, Stage] = {}
    notify = _serialised(listener)
    with ThreadPoolExecutor(schedule.MAX_PARALLEL) as pool, contextlib.ExitStack() as kernels:

        def begin(name: str) -> Future:
            readable = {path: sha for each in ancestors[name] for path, sha in done[each].outputs.items()}
            key = _key_of(plan, name, readable)
            if origin_and_stage := find_stage(name, key, earlier):
                return pool.submit(reuse_stage, staging, *origin_and_stage)
            kernel = Kernel(server, Path(plan.settings.notebooks))
            kernels.callback(kernel.stop)  # if it is still at work after a failure, its notebook ends too
            return pool.submit(_execute_one, plan, staging, _Turn(name, key, kernel, readable, notify))

        for name, stage in schedule.execute_in_order(ancestors, begin):
            plan, done[name] = _collect(plan, staging, stage, done)
            notify(
                {"event": "notebook", "notebook": name, "status": "reused" if stage.reused else "completed"}
                | {"seconds": stage.seconds, "cells": count_cells(plan.notebooks[name])}
            )
    return plan, [done[name] for name in plan.notebooks]


def _serialised(listener: Listener) -> Listener:
    """Return a listener that passes on one event at a time, though two notebooks are at work."""
    lock = threading.Lock()

    def notify(event: dict) -> None:
        with lock:
            listener(event)

    return notify


def _execute_one(plan: Plan, staging: Path, turn: _Turn) -> Stage:
    """Execute one notebook in its sandbox and check that it is complete."""
    name, settings, path = turn.name, plan.settings, staging / f"{turn.name}.ipynb"
    started = time.perf_counter()
    folder = sandbox.create_sandbox(staging, name, turn.readable)
    if not turn.readable:  # the notebook that cleans
        checked_inputs.offer(plan.checked, folder)
    values = {
        "source": short_path(Path(settings.source)),
        "as_of": settings.as_of,
        "input_dir": str(folder),
        "output_dir": str(folder),
        "policy": short_path(Path(settings.policy)),
        "overrides": settings.overrides,
        "previous": short_path(plan.previous) if plan.previous else "",
        "seed": settings.seed,
    }
    parameters = {wanted: values[wanted] for wanted in plan.notebooks[name].parameters}
    job = Job(name, plan.notebooks[name].content, parameters, path, settings.cell_timeout, turn.listener)
    notebook = execute(job, turn.kernel)
    if problems := checks.find_incomplete(notebook, name) + checks.find_bad_tables(folder, name):
        raise GateError(list_problems(_("the run is not complete"), problems))
    outputs = claim_outputs(name, turn.readable, hash_outputs(folder))
    seconds = round(time.perf_counter() - started, 2)
    return Stage(name, turn.key, outputs, "", seconds)


def _collect(plan: Plan, staging: Path, stage: Stage, done: dict[str, Stage]) -> tuple[Plan, Stage]:
    """Move a notebook's outputs into the run, and record the stage as complete."""
    twice = {path for other in done.values() for path in other.outputs if path in stage.outputs}
    if not stage.reused:
        twice |= {*sandbox.collect_outputs(staging, stage.name)}
    if twice:
        message = _("{files}: written by more than one notebook.")
        raise RunError(message.format(files=", ".join(sorted(twice))))
    as_of = read_as_of(staging)
    plan = plan.choose_previous(as_of)
    if not stage.reused:
        path = staging / f"{stage.name}.ipynb"
        replace_paths(path, plan.out / plan.run_id(as_of))
        stage = replace(stage, notebook=hash_file(path))
    save_stage(staging, stage)
    return plan, stage


def _key_of(plan: Plan, name: str, readable: dict[str, str]) -> str:
    """Return the hash of everything that could change this notebook's outputs, its inputs included."""
    evidence = plan.evidence | {"notebooks": plan.evidence["notebooks"][name]}
    if "previous" not in plan.notebooks[name].parameters:  # the first runs before that is known
        evidence.pop("previous", None)
    return hash_content([evidence, name, readable])


def count_cells(notebook: Notebook) -> int:
    """Count the code cells that will run, papermill's parameters included."""
    code = sum(cell.cell_type == "code" for cell in notebook.content.cells)
    return code + bool(notebook.parameters)


def find_stage(name: str, key: str, folders: list[Path]) -> tuple[Path, Stage] | None:
    """Find a complete, undamaged stage with this key in earlier runs, finished or not."""
    for folder in folders:
        try:
            stage = Stage(**json.loads((folder / RECORDS / f"{name}.json").read_text("utf-8")))
            wanted = stage.outputs | {f"{name}.ipynb": stage.notebook}
            if stage.key == key and all(hash_file(folder / path) == wanted[path] for path in wanted):
                return folder, stage
        except (OSError, ValueError, TypeError):
            continue  # half-written or gone: not reusable
    return None


def reuse_stage(folder: Path, origin: Path, stage: Stage) -> Stage:
    """Copy a stage's files from an earlier run into this one."""
    for name in [*stage.outputs, f"{stage.name}.ipynb"]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(origin / name, folder / name)
    return replace(stage, reused=True)


def save_stage(folder: Path, stage: Stage) -> None:
    """Record that a stage is complete; written after all of its files."""
    (folder / RECORDS).mkdir(exist_ok=True)
    executed = replace(stage, reused=False)
    save_atomically(json.dumps(asdict(executed), indent=1), folder / RECORDS / f"{stage.name}.json")


def hash_outputs(folder: Path) -> dict[str, str]:
    """Return the hash of every data file that notebooks have written so far."""
    return {
        name: hash_file(path)
        for name, path in list_artefacts(folder).items()
        if name == "about.json" or name.split("/")[0] in DATA
    }


def claim_outputs(name: str, before: dict[str, str], after: dict[str, str]) -> dict[str, str]:
    """Return the files that a notebook wrote, with their hashes; it may not change those of earlier ones.

    Raises
    ------
    RunError
        If it changed or removed another notebook's file.
    """
    if touched := sorted(path for path in before if after.get(path) != before[path]):
        raise RunError(
            _("{name}.ipynb: changed {files}, which an earlier notebook wrote.").format(
                name=name, files=", ".join(touched)
            )
        )
    return {path: digest for path, digest in after.items() if path not in before}
