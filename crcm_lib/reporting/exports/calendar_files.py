"""A list as an iCalendar file (RFC 5545): an all-day entry for each day and action, with whom it concerns."""

import hashlib
from datetime import UTC, timedelta

import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.reporting.text.numbers import fill

MAX_NAMED = 60  # customers of one entry; of more the entry says how many, the list whom


def write_calendar(tasks: pd.DataFrame, name: str, made: pd.Timestamp) -> bytes:
    """The dated tasks as an .ics file; equal tasks give equal bytes, and a new plan updates its entries.

    Parameters
    ----------
    tasks
        From `list_tasks`; those without a day are left out.
    name
        Of the calendar, like a role; the entries' identifiers follow from it, the day and the action.
    made
        The day that the entries say they were made on.
    """
    from icalendar import Calendar, Event

    calendar = Calendar()
    calendar.add("prodid", "-//CRCM//Customer relationship classification management//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", name)
    dated = tasks.dropna(subset="day")
    for (day, action, channel), part in dated.groupby(["day", "action", "channel"], sort=True):
        event = Event()
        event.add(
            "uid", hashlib.sha256(f"{name} {day:%Y-%m-%d} {action} {channel}".encode()).hexdigest()[:32]
        )
        event.add("dtstamp", made.to_pydatetime().replace(tzinfo=UTC))
        event.add("dtstart", day.date())
        event.add("dtend", day.date() + timedelta(days=1))
        words = _("{count:count} × {action} ({channel})")
        event.add("summary", fill(words, count=len(part), action=action, channel=channel))
        event.add("description", _describe(part))
        event.add("transp", "TRANSPARENT")
        calendar.add_component(event)
    content: bytes = calendar.to_ical()
    return content


def _describe(part: pd.DataFrame) -> str:
    """What to say, and whom it concerns."""
    lines = [part["say"].iloc[0], *part["customer_id"].head(MAX_NAMED)]
    if (more := len(part) - MAX_NAMED) > 0:
        lines.append(fill(_("… and {more:count} more: see the list"), more=more))
    return "\n".join(lines)
