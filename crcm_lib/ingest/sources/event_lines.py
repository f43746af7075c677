"""Events of one customer or one day for `crcm score`: CSV or JSON lines, checked, beside what a run knows."""

import csv
import io
import json
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

import duckdb
import pandas as pd

from crcm_lib.errors import DataError, UsageError, list_problems, unknown_name
from crcm_lib.i18n import _
from crcm_lib.schema.engine import Engine
from crcm_lib.schema.indicators import INDICATORS
from crcm_lib.schema.inputs import INPUTS

NEEDED = ("customer_id", "time", "amount")
MAX_EVENTS = 100_000
# The input tables that scores are made of.
HISTORY = ("transactions", *sorted({table.written_by for table in INDICATORS.values()}))
SHOWN = 20  # problems that are named
COLUMNS = INPUTS["transactions"].columns


def read_file(path: str) -> str:
    """The text of a file of events, in UTF-8; UsageError if it cannot be read."""
    try:
        return Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or _("not UTF-8")
        raise UsageError(_("{path}: cannot be read: {why}").format(path=path, why=why)) from None


def read_events(text: str) -> pd.DataFrame:
    """Lines of sales and returns as the clean table `transactions` has them.

    Parameters
    ----------
    text
        CSV with a header, or a JSON object per line; columns of `transactions`. Times are ISO 8601 of the
        source's time zone, without an offset; amounts have a decimal point; ids are text. Without `kind` an
        amount below zero is a return.

    Returns
    -------
    `customer_id`, `time`, `amount` (Decimal), `kind`, `day`, `purchase_day` and whatever else was given, a
    row per event.

    Raises
    ------
    DataError
        Listing what is missing or unreadable, by the number of the event.
    """
    rows = _read_json(text) if text.lstrip().startswith("{") else _read_csv(text)
    if not rows:
        return pd.DataFrame(columns=[*NEEDED, "kind", "day", "purchase_day"])
    if len(rows) > MAX_EVENTS:
        problem = _("events: {n} lines; {most} at most. For more, run `crcm run`")
        raise DataError(problem.format(n=len(rows), most=MAX_EVENTS))
    problems = [unknown_name(_("column"), name, COLUMNS) for name in _names(rows) if name not in COLUMNS]
    problems += [_("{column}: missing").format(column=name) for name in NEEDED if name not in _names(rows)]
    events = [] if problems else [_read_event(n, row, problems) for n, row in enumerate(rows, start=1)]
    if problems:
        more = [_("… and {n} more").format(n=len(problems) - SHOWN)] if len(problems) > SHOWN else []
        raise DataError(list_problems(_("events"), problems[:SHOWN] + more))
    return pd.DataFrame(events)


def _names(rows: list[dict]) -> list[str]:
    return list(dict.fromkeys(str(name) for row in rows[:1000] for name in row))


def _read_csv(text: str) -> list[dict]:
    rows = list(csv.DictReader(io.StringIO(text.lstrip("\ufeff")), strict=True, restkey="", restval=None))
    for n, row in enumerate(rows, start=1):
        if "" in row or None in row.values():
            raise DataError(_("events: line {n} has more or fewer fields than the header").format(n=n))
    return rows


def _read_json(text: str) -> list[dict]:
    rows = []
    for n, line in enumerate(filter(str.strip, text.splitlines()), start=1):
        try:
            rows.append(json.loads(line, parse_float=Decimal))
        except ValueError:
            rows.append(None)
        if not isinstance(rows[-1], dict):
            raise DataError(_("events: line {n} is no JSON object").format(n=n))
    return rows


def _read_event(n: int, row: dict, problems: list[str]) -> dict:
    """One event; what cannot be read is noted as a problem."""

    def note(words: str, name: str) -> None:
        problems.append(
            _("event {n}: {column} {what}, not {given!r}").format(
                n=n, column=name, what=words, given=row.get(name)
            )
        )

    event = {name: (value if value != "" else None) for name, value in row.items()}
    if not isinstance(event["customer_id"], str) or not event["customer_id"].isprintable():
        note(_("must be text"), "customer_id")
    try:
        time = datetime.fromisoformat(str(event["time"]))
        if time.tzinfo is not None:
            note(_("must be without an offset"), "time")
        event |= {"time": time, "day": time.date()}
    except ValueError:
        note(_("must be like 2025-12-31 or 2025-12-31T09:30"), "time")
    try:
        event["amount"] = Decimal(str(event["amount"]))
        if not event["amount"].is_finite():
            raise InvalidOperation
        event["kind"] = event.get("kind") or ("return" if event["amount"] < 0 else "sale")
    except InvalidOperation:
        note(_("must be a number with a decimal point"), "amount")
    if event.get("kind", "sale") not in ("sale", "return"):
        note(_("must be sale or return"), "kind")
    return event | {"purchase_day": event.get("day") if event.get("kind") == "sale" else None}


def open_history(run: Path, ids: Iterable[str], events: pd.DataFrame, *, after: str) -> Engine:
    """What a run's clean tables have of these customers, with the events after its last day.

    Parameters
    ----------
    run
        A published run.
    ids
        Of the customers.
    events
        From `read_events`; may be empty.
    after
        The run's last day: of what it knows, the run's own tables count.
    """
    engine = duckdb.connect(config={"threads": 1})  # a few customers: starting threads would cost more
    engine.register("wanted", pd.DataFrame({"customer_id": pd.Series(list(ids), dtype="str")}))
    for file in (run / "clean" / f"{name}.parquet" for name in HISTORY):
        if file.exists():
            path = str(file).replace("'", "''")
            engine.execute(
                f"create table {file.stem} as select * from read_parquet('{path}') "
                "where customer_id in (select customer_id from wanted)"
            )
    newer = events[pd.to_datetime(events["day"]) > pd.Timestamp(after)] if len(events) else events
    if len(newer):
        known = [row[0] for row in engine.execute("describe transactions").fetchall()]
        engine.register("events", newer.assign(amount=newer["amount"].astype("str")))
        shared = ", ".join(f'"{name}"' for name in newer if name in known)
        engine.execute(f"insert into transactions by name select {shared} from events")
    engine.unregister("wanted")
    return engine
