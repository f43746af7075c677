"""The parameters of a run, and what they must be."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from crcm_lib.errors import UsageError, list_problems
from crcm_lib.i18n import _

LARGEST_SEED = 2**32 - 1
NO_RUN = "none"  # as `previous`: this run remembers no other


@dataclass(frozen=True)
class RunSettings:
    """The parameters of a run.

    `as_of` is a day like 2017-12-31, or empty for the last day in the data. `overrides` is a JSON of policy
    paths and their values, like {"rfm.bins": 4}. `previous` is the folder of an earlier run, "none", or empty
    for the newest in `out`. `cell_timeout` is in seconds.
    """

    source: str
    policy: str = "policy.yaml"
    as_of: str = ""
    out: str = "reports"
    seed: int = 0
    overrides: str = "{}"
    previous: str = ""
    resume: bool = False
    notebooks: str = "notebooks"
    cell_timeout: int = 1800


def check_parameters(settings: RunSettings) -> None:
    """Refuse parameters that no run can have, all of them at once (UsageError)."""
    problems = check_out(settings)
    if settings.as_of and not _is_day(settings.as_of):
        message = _(
            "--as-of {day!r}: write a day like 2017-12-31, or leave it out for the last day in the data"
        )
        problems.append(message.format(day=settings.as_of))
    if not 0 <= settings.seed <= LARGEST_SEED:
        message = _("--seed {seed}: from 0 to {largest}")
        problems.append(message.format(seed=settings.seed, largest=LARGEST_SEED))
    if settings.cell_timeout < 1:
        message = _("--cell-timeout {seconds}: at least 1 second")
        problems.append(message.format(seconds=settings.cell_timeout))
    if problems:
        raise UsageError(list_problems(_("parameters"), problems))


def check_out(settings: RunSettings) -> list[str]:
    """List why nothing can be published in the reports folder."""
    return [*_find_obstacles(settings)]


def _find_obstacles(settings: RunSettings) -> Iterator[str]:
    out = Path(settings.out).resolve()
    nearest = next(place for place in [out, *out.parents] if place.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        yield _("--out {out}: cannot be written to").format(out=settings.out)
    if (out / "latest").exists() and not (out / "latest").is_symlink():
        message = _("--out {out}: holds a file or folder `latest` that is no link of ours; move it")
        yield message.format(out=settings.out)
    lock = out / ".lock"
    if lock.is_symlink() or (lock.exists() and not lock.is_file()):
        message = _("--out {out}: holds a folder or link `.lock` that is no file of ours; move it")
        yield message.format(out=settings.out)


def _is_day(text: str) -> bool:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return False
    try:
        return date.fromisoformat(text) is not None
    except ValueError:
        return False
