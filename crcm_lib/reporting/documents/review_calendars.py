"""The days of the policy as calendars: one for each role that answers for some of them."""

import hashlib
import re
from datetime import UTC, timedelta
from pathlib import Path

import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.decisions.review_dates import NOTICE_DAYS, list_dates
from crcm_lib.i18n import _
from crcm_lib.reporting.documents.document_files import FOLDER
from crcm_lib.reporting.text.numbers import fill
from crcm_lib.reporting.text.policy_dates import name_kinds


def write_review_calendars(folder: Path, policy: Policy, made: pd.Timestamp) -> list[Path]:
    """Write a calendar of each role into a run's private documents: the days that it answers for.

    An entry reminds `NOTICE_DAYS` before. Equal policies give equal entries.

    Parameters
    ----------
    folder
        A run.
    policy
        The policy that it followed.
    made
        The day that the entries say they were made on: the last day known.

    Returns
    -------
    The files, by role.
    """
    target, written = folder / FOLDER, []
    target.mkdir(parents=True, exist_ok=True)
    for number, (role, dates) in enumerate(list_dates(policy).groupby("role"), 1):
        slug = re.sub(r"\W+", "_", str(role))[:40]
        path = target / f"reviews_{number:02d}_{slug}.ics"
        path.write_bytes(write_reviews(dates, str(role), made))
        written.append(path)
    return written


def write_reviews(dates: pd.DataFrame, role: str, made: pd.Timestamp) -> bytes:
    """The days that a role answers for as an .ics file (RFC 5545).

    Parameters
    ----------
    dates
        From `review_dates.list_dates`.
    role
        The name of the calendar.
    made
        The day that the entries say they were made on.
    """
    from icalendar import Alarm, Calendar, Event

    calendar, kinds = Calendar(), name_kinds()
    calendar.add("prodid", "-//CRCM//Customer relationship classification management//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", role)
    for row in dates.to_dict("records"):
        event, alarm = Event(), Alarm()
        event.add("uid", hashlib.sha256(f"{role} {row['key']}".encode()).hexdigest()[:32])
        event.add("dtstamp", made.to_pydatetime().replace(tzinfo=UTC))
        event.add("dtstart", row["day"].date())
        event.add("dtend", row["day"].date() + timedelta(days=1))
        facts = row | {"kind": kinds[row["kind"]]}
        event.add("summary", fill(_("To be reviewed: {kind}, {name}"), **facts))
        event.add("description", fill(_("The key of the policy is {key}; {role} answers for it."), **facts))
        event.add("transp", "TRANSPARENT")
        alarm.add("action", "DISPLAY")
        alarm.add("description", fill(_("To be reviewed: {kind}, {name}"), **facts))
        alarm.add("trigger", -timedelta(days=NOTICE_DAYS))
        event.add_component(alarm)
        calendar.add_component(event)
    content: bytes = calendar.to_ical()
    return content
