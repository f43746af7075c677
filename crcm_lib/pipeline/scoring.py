"""`crcm score`: customers with new events, measured with what a run has learned."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from crcm_lib.decisions.customer_scoring import LearnedState, find_need_shifts, score_customers
from crcm_lib.errors import UsageError
from crcm_lib.features.customers import summarise_customers
from crcm_lib.i18n import _
from crcm_lib.ingest.sources.event_lines import open_history
from crcm_lib.pipeline import kept_policy
from crcm_lib.privacy.forgotten import Forgotten, read_forgotten
from crcm_lib.schema import tables

FEW = 5  # ids that a message names


@dataclass(frozen=True)
class Scored:
    """What `score_customers` and `find_need_shifts` say, as of a day; `in_force` is the run's tier of each.

    `skipped` are customers whom the run does not know, and `known_events` the events that it knew already.
    """

    run: str
    as_of: str
    rows: pd.DataFrame
    shifts: pd.DataFrame
    in_force: pd.Series
    skipped: list[str]
    known_events: int


class Scorer:
    """What a run has learned, read once; `score` may be called for one customer after another."""

    def __init__(self, run: Path):
        """Read it; UsageError if the folder is no run that kept its policy and gave tiers."""
        self.run, self.policy = run, kept_policy.read(run)
        if not tables.exists(run, "tiers"):
            raise UsageError(_("{run}: gives no tiers, so nobody can be scored by it").format(run=run.name))
        self.about = tables.read_about(run)
        self.learned = LearnedState.read(self.policy, lambda name: tables.read_model(run, name))
        self.tiers = tables.read(run, "tiers")
        names = [name for name in ("satisfaction",) if tables.exists(run, name)]
        self.kept = {name: tables.read(run, name) for name in names}

    def score(
        self, events: pd.DataFrame, customers: Iterable[str] = (), *, as_of: str = "", are_new: bool = False
    ) -> Scored:
        """Score the customers of the events and those named, as of the latest day known.

        Parameters
        ----------
        events
            From `event_lines.read_events`; without rows: nothing is new.
        customers
            Ids to score though they have no event.
        as_of
            The day; empty: the last of the run or of the events, whichever is later.
        are_new
            Score ids too that the run does not know. They may be of somebody who objects to profiling, whom
            no run holds, so that whoever calls must know that they are not. The forgotten stay out.

        Raises
        ------
        UsageError
            If the day is before the run's last one, or nobody can be scored.
        """
        ids = list(dict.fromkeys([*(events["customer_id"] if len(events) else ()), *customers]))
        forgotten = Forgotten() if self.about.synthetic else read_forgotten()
        barred = set(forgotten.select(ids)) | (set() if are_new else set(ids) - set(self.tiers.index))
        wanted = [each for each in ids if each not in barred]
        last = max([self.about.as_of, *(events["day"].astype("str") if len(events) else ())])
        day = as_of or last
        if day < self.about.as_of:
            problem = _("--as-of: {day} is before the last day of {run}, {last}")
            raise UsageError(problem.format(day=day, run=self.run.name, last=self.about.as_of))
        if not wanted:
            problem = _(
                "{run} knows none of these customers. Ids are exact text (00123 is not 123); who objects to "
                "profiling, or was forgotten, is in no run. With --new unknown ids are scored as new"
            )
            raise UsageError(problem.format(run=self.run.name))
        ours = events[events["customer_id"].isin(wanted)] if len(events) else events
        engine = open_history(self.run, wanted, ours, after=self.about.as_of)
        kept = {name: frame[frame.index.isin(wanted)] for name, frame in self.kept.items()}
        old = int((pd.to_datetime(ours["day"]) <= self.about.day).sum()) if len(ours) else 0
        customers = summarise_customers(engine, as_of=day)
        rows = score_customers(self.learned, engine, customers, kept, as_of=day)
        shifts = find_need_shifts(self.learned, engine, customers, as_of=day)
        in_force = self.tiers["tier_in_force"].reindex(rows.index)
        return Scored(self.run.name, day, rows, shifts, in_force, [i for i in ids if i in barred], old)
