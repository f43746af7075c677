"""The policy that a run followed, kept with it, so that its decisions can be explained and compared later."""

import json
import shutil
from pathlib import Path

from crcm_lib.config.policy import Policy, read_policy
from crcm_lib.errors import UsageError
from crcm_lib.i18n import _

POLICY = "private/policy.yaml"  # in a run: the file as it was, comments and all; run.json has the overrides


def keep(policy: Path, folder: Path) -> None:
    """Keep a copy of the policy's file in a run."""
    target = folder / POLICY
    target.parent.mkdir(exist_ok=True)
    shutil.copyfile(policy, target)


def read(folder: Path) -> Policy:
    """The policy that a published run followed, with its overrides.

    Raises
    ------
    UsageError
        If the run has none.
    """
    if not (folder / POLICY).exists() or not (folder / "run.json").exists():
        problem = _(
            "{run}: keeps no policy, so its decisions cannot be explained; it is of an earlier release, or "
            "no run. Run again."
        )
        raise UsageError(problem.format(run=folder.name))
    record = json.loads((folder / "run.json").read_text("utf-8"))
    return read_policy(folder / POLICY, record["evidence"]["parameters"]["overrides"])
