"""A run: plan, execute every notebook, check, publish in one atomic step. Only this package knows notebooks.

papermill executes the cells. What ploomber or snakemake would add, one papermill command per notebook, took
64 s for the notebooks of the sample, ten at that time (56 s of processor time), because every command and
every kernel imports anew when its turn comes; this runner takes 19 s for eleven (26 s), pages and checks
included. Nor do they have honest statuses after a dead kernel (`execution`), folders that show what a
notebook read and wrote (`sandbox`), or a swap of the report in one step (`publish`).
"""

import contextlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from crcm_lib.errors import CrcmError
from crcm_lib.i18n import _
from crcm_lib.pipeline import faults
from crcm_lib.pipeline.kernel_server import KernelServer
from crcm_lib.pipeline.settings import RunSettings, check_out
from crcm_lib.pipeline.temporary import own_folder
from crcm_lib.schema.snapshots import keep_snapshots

if TYPE_CHECKING:
    from crcm_lib.pipeline.plan import Plan

PICTURES = {"CRCM_PICTURES": "svg"}  # a report holds them at any size, stored notebooks as PNG


def run(settings: RunSettings, listener: Callable[[dict], None] = lambda event: None) -> Path:
    """Execute the notebooks and publish their report; return the published folder.

    Parameters
    ----------
    settings
        What to run.
    listener
        Called with every event, a flat dictionary of JSON types whose key `event` is `run`, `notebook`,
        `cell` or `published`, before those what `ingest.sources.progress_to` tells of the inputs.

    Raises
    ------
    CrcmError
        2 usage, policy or parameter; 3 the input breaks its contract; 4 a notebook failed; 5 another run
        holds the lock; 6 a gate refused. The earlier report is untouched, byte by byte.
    """
    out = Path(settings.out).resolve()
    with (
        faults.in_words(out),
        own_folder(),
        keep_snapshots(),
        KernelServer(PICTURES) as server,  # it imports what notebooks need, this process what runs need
        contextlib.ExitStack() as stack,
    ):
        from crcm_lib.ingest.sources import progress_to
        from crcm_lib.pipeline import reports_folder
        from crcm_lib.pipeline.plan import plan_run

        stack.enter_context(reports_folder.exit_on_signal())
        # Before the inputs are hashed, which takes long; a plan that fails makes no folder of its own.
        if is_early := out.is_dir() and not check_out(settings):
            stack.enter_context(reports_folder.locked(out))
        with progress_to(listener):
            plan = plan_run(settings)
        if not is_early:
            stack.enter_context(reports_folder.locked(out))
        return _execute(plan, server, listener)


def _execute(plan: "Plan", server: KernelServer, listener: Callable[[dict], None]) -> Path:
    """Execute a plan in a folder of its own, and publish that; the reports folder is locked."""
    from crcm_lib.pipeline import reports_folder
    from crcm_lib.pipeline.files import short_path
    from crcm_lib.pipeline.publish import finish, publish
    from crcm_lib.pipeline.stages import count_cells, execute_all

    with reports_folder.private_umask() as mask:
        earlier = reports_folder.list_earlier(plan.out) if plan.settings.resume else []
        staging = Path(tempfile.mkdtemp(prefix=f"{reports_folder.STAGING}{plan.key}-", dir=plan.out))
        listener(
            {"event": "run", "key": plan.key, "source": plan.source.name, "notebooks": len(plan.notebooks)}
            | {"cells": sum(map(count_cells, plan.notebooks.values()))}
        )
        try:
            plan, done = execute_all(plan, staging, earlier, server, listener)
            run_id = finish(plan, staging, done, mask)
            published = publish(plan, staging, run_id)
        except BaseException as error:
            raise _explain(error, plan, reports_folder.keep_failed(plan, staging)) from None
        reports_folder.remove_leftovers(plan)
        listener(
            {"event": "published", "run": run_id, "path": short_path(plan.out / "latest" / "index.html")}
        )
        return published


def _explain(error: BaseException, plan: "Plan", partial: Path) -> BaseException:
    """Add to an error of ours where its partial work is kept; any other error stays as it is."""
    from crcm_lib.pipeline.files import short_path

    error = faults.explain(error, plan.out) or error
    if not isinstance(error, CrcmError):
        return error
    message = _("Everything up to there is in {folder}.").format(folder=short_path(partial))
    return type(error)(f"{error}\n{message}")
