"""The run before this one, as a notebook reads it: the tiers published then, their history, its promises."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from crcm_lib.decisions import standings
from crcm_lib.decisions.promises import Promises, name_run
from crcm_lib.decisions.standings import PublishedDay
from crcm_lib.errors import UsageError
from crcm_lib.features import decision_inputs
from crcm_lib.i18n import _
from crcm_lib.reporting.workspace import Workspace
from crcm_lib.schema import tables


@dataclass(frozen=True)
class EarlierRun:
    """A run that was published before this one.

    Attributes
    ----------
    name
        The run's name; empty: there is none.
    workspace
        Its tables and models; None: there is none.
    same_policy
        Whether it gave its tiers by the policy of today, with the same overrides.
    """

    name: str = ""
    workspace: Workspace | None = None
    same_policy: bool = False

    @property
    def published(self) -> Workspace | None:
        """Where its tiers and those of today are given by one policy, its tables."""
        return self.workspace if self.same_policy else None

    @property
    def published_on(self) -> pd.Timestamp | None:
        """The last day that it knew, where its tiers are given by today's policy."""
        return self.published.as_of if self.published else None

    @property
    def tiers(self) -> pd.DataFrame | None:
        """Its table `tiers`, whatever its policy: what was in force stays so until somebody decides."""
        return self.workspace.read("tiers") if self.workspace else None

    @property
    def decisions(self) -> pd.DataFrame | None:
        """The latest decision on each customer's tier that it knew."""
        if self.workspace is None:
            return None
        return decision_inputs.find_approvals(self.workspace.engine, as_of=self.workspace.as_of)

    def card(self, now: pd.DataFrame) -> pd.DataFrame:
        """Its table `scorecard`; that of today, in which nothing has changed, where there is none."""
        return self.workspace.read("scorecard") if self.workspace else now

    @property
    def history(self) -> pd.DataFrame | None:
        """Its table `tier_history`."""
        return self.workspace.read("tier_history") if self.workspace else None

    @property
    def promises(self) -> Promises:
        """Its promises and those that it carried; none without a run, or of a release without."""
        names = ["promises", "promised_customers"]
        found = self.workspace.read_all(names) if self.workspace else {}
        if not found.keys() >= set(names):
            return Promises.none()
        return name_run(Promises(*(found[name] for name in names)), self.name)

    @property
    def assignments(self) -> pd.DataFrame | None:
        """Its table `assignment_history`, where its release wrote one."""
        return self._read_if_written("assignment_history")

    @property
    def holdout(self) -> pd.DataFrame | None:
        """Its table `programme_holdout`, where its release wrote one."""
        return self._read_if_written("programme_holdout")

    @property
    def calendar(self) -> pd.DataFrame | None:
        """Its table `calendar`: the contacts that it planned."""
        return self._read_if_written("calendar")

    def _read_if_written(self, table: str) -> pd.DataFrame | None:
        if self.workspace is None:
            return None
        frame = self.workspace.read_all([table]).get(table)
        return frame.reset_index() if frame is not None and "customer_id" not in frame else frame


def open_earlier_run(previous: str, ws: Workspace, *, policy: str) -> EarlierRun:
    """The earlier run in the folder `previous`; without one if that is empty.

    Parameters
    ----------
    previous
        The folder of a published run.
    ws
        The workspace of today.
    policy
        Today's policy file, to be compared with that of the run.

    Raises
    ------
    UsageError
        If the run is of another source, or is not of an earlier day.
    """
    if not previous:
        return EarlierRun()
    folder = tables.resolve(previous)
    about, record = tables.read_about(folder), json.loads((folder / "run.json").read_text("utf-8"))
    if about.source != ws.about.source or about.day >= ws.as_of:
        message = _("previous: {run} is of {source}, {day}; it must be of {ours}, before {today}")
        parts = {"run": record["run"], "source": about.source, "day": about.as_of}
        raise UsageError(message.format(**parts, ours=ws.about.source, today=ws.about.as_of))
    evidence = record["evidence"]
    digest = hashlib.sha256(Path(tables.resolve(policy)).read_bytes()).hexdigest()
    changes = [json.loads(each or "{}") for each in (evidence["parameters"]["overrides"], ws.overrides)]
    same = evidence["policy"] == digest and changes[0] == changes[1]
    return EarlierRun(record["run"], Workspace((folder,), folder, ws.policy, about), same)


def read_published(ws: Workspace) -> PublishedDay:
    """What 04 and 08 published of a day, as `standings` compares it."""
    known, learned = ws.read_all(standings.TABLES), map(ws.read_model, standings.MODELS)
    return PublishedDay.read(ws.policy, ws.engine, known, learned, ws.as_of)
