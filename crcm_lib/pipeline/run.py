"""A run: plan, execute every notebook, check, publish in one atomic step. Only this package knows notebooks.

papermill executes the cells. What ploomber or snakemake would add, one papermill command per notebook, took
64 s for the notebooks of the sample, ten at that time (56 s of processor time), because every command and
every kernel imports anew when its turn comes; this runner took 24 s (35 s), pages and checks included. Nor do
they have honest statuses after a dead kernel (`execution`), folders that show what a notebook read and wrote
(`sandbox`), or a swap of the report in one step (`publish`).
"""

import errno
import os
import tempfile
from pathlib import Path

from crcm_lib.errors import CrcmError, RunError
from crcm_lib.i18n import _
from crcm_lib.pipeline.execution import Listener
from crcm_lib.pipeline.files import short_path
from crcm_lib.pipeline.plan import Plan, plan_run
from crcm_lib.pipeline.publish import finish, publish
from crcm_lib.pipeline.reports_folder import (
    STAGING,
    exit_on_signal,
    keep_failed,
    list_earlier,
    locked,
    private_umask,
    remove_leftovers,
)
from crcm_lib.pipeline.settings import RunSettings
from crcm_lib.pipeline.stages import count_cells, execute_all

CANNOT_WRITE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)


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
    with (
        locked(plan.out),
        private_umask() as mask,
        exit_on_signal(),
    ):
        earlier = list_earlier(plan.out) if settings.resume else []
        staging = Path(tempfile.mkdtemp(prefix=f"{STAGING}{plan.key}-", dir=plan.out))
        listener(
            {"event": "run", "key": plan.key, "source": plan.source.name, "notebooks": len(plan.notebooks)}
            | {"cells": sum(map(count_cells, plan.notebooks.values()))}
        )
        try:
            done = execute_all(plan, staging, earlier, listener)
            run_id = finish(plan, staging, done, mask)
            published = publish(plan, staging, run_id)
        except BaseException as error:
            raise _explain(error, plan, keep_failed(plan, staging)) from None
        remove_leftovers(plan)
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
