"""What is due in the week after a run's last day, for whom, at what cost."""

from dataclasses import dataclass

import pandas as pd

from crcm_lib.decisions.experiments import Expected, expect_gain
from crcm_lib.i18n import _
from crcm_lib.reporting.text.actions import describe_expected
from crcm_lib.reporting.text.numbers import MISSING, fill

DAYS = 7  # of the week after as_of


@dataclass(frozen=True)
class Share:
    """What one role, or one owner of customers, has to do.

    Attributes
    ----------
    name
        The role or the owner.
    week
        Their tasks of the week, by day.
    later
        How many contacts follow after the week.
    set_up
        How many tasks need no approach and are set up once.
    """

    name: str
    week: pd.DataFrame
    later: int
    set_up: int

    @property
    def customers(self) -> int:
        """How many customers are approached in the week, each counted once."""
        return int(self.week["customer_id"].nunique())

    @property
    def cost(self) -> float:
        """Of the week's tasks."""
        return float(self.week["cost"].sum())

    @property
    def hours(self) -> float:
        """Of the week's tasks whose hours the policy names; missing where it names none."""
        return float(self.week["hours"].sum(min_count=1))

    def expect(self, experiments: pd.DataFrame) -> Expected:
        """What the week's tasks are expected to gain; `experiments` is the table of that name."""
        return expect_gain(self.week, experiments)

    @property
    def actions(self) -> str:
        """The actions of the week, the most frequent first, with how often."""
        counts = self.week["action"].value_counts()
        counts = counts.sort_index().sort_values(ascending=False, kind="stable")
        return ", ".join(
            fill("{n:count}\u00a0× {action}", n=n, action=action) for action, n in counts.items()
        )


def select_week(tasks: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """The tasks with a day in the week after `as_of`."""
    return tasks[tasks["day"].notna() & (tasks["day"] <= as_of + pd.Timedelta(days=DAYS))]


def share_out(tasks: pd.DataFrame, column: str, as_of: pd.Timestamp) -> list[Share]:
    """The tasks by role or by owner, who has most to do this week first; whose owner is unknown is left out.

    Parameters
    ----------
    tasks
        From `exports.read_tasks`.
    column
        `owner_role` or `owner`.
    as_of
        The run's last day.
    """
    shares = [gather(str(name), mine, as_of) for name, mine in tasks[tasks[column] != ""].groupby(column)]
    return sorted(shares, key=lambda share: (-len(share.week), share.name))


def gather(name: str, tasks: pd.DataFrame, as_of: pd.Timestamp) -> Share:
    """These tasks as one share of that name."""
    week, set_up = select_week(tasks, as_of), int(tasks["day"].isna().sum())
    return Share(name, week, len(tasks) - len(week) - set_up, set_up)


def write_gain(expected: Expected) -> str:
    """An expected gain and its range, as a table shows it."""
    if pd.isna(expected.gain):
        return MISSING
    return fill(_("{gain:units} ({low:units} to {high:units})"), **expected._asdict())


def describe_week(
    tasks: pd.DataFrame, experiments: pd.DataFrame, as_of: pd.Timestamp, currency: str, measure: str
) -> str:
    """How many contacts are due in the week, with how many customers, what they cost and are to gain.

    `measure` is what the gain is counted in: margin, or spend.
    """
    week = select_week(tasks, as_of)
    if week.empty:
        return _("No contact is due in the week after {day}.").format(day=f"{as_of:%Y-%m-%d}")
    words = _(
        "{contacts:count} contacts with {customers:count} customers are due from {first:day} to {last:day}; "
        "they cost {cost:cents} {currency}. {expected}"
    )
    return fill(
        words,
        contacts=len(week),
        customers=week["customer_id"].nunique(),
        first=week["day"].min(),
        last=week["day"].max(),
        cost=week["cost"].sum(),
        currency=currency,
        expected=describe_expected(expect_gain(week, experiments), currency, measure),
    )
