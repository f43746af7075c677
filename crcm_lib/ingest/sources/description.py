"""Source descriptions: which files and databases hold which input table, and how to read them.

A description is a YAML file (`data/sources/*.yaml`; every key is explained in `data/README.md`). This
module owns
its form; `places.py` finds the files, `readers.py` opens them, `cleaning.py` judges the records.
"""

import re
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, PrivateAttr, model_validator

from crcm_lib.config.bands import Strict
from crcm_lib.config.yaml_loader import Settings, build, read_settings
from crcm_lib.errors import DataError, unknown_name
from crcm_lib.i18n import _
from crcm_lib.ingest.sources import expressions
from crcm_lib.schema.inputs import INPUTS
from crcm_lib.schema.tables import resolve

DERIVED = ("day", "purchase_day")


class File(Strict):
    """Where records lie, and how their text is to be read."""

    path: str = ""
    package: str = ""
    database: str = ""
    query: str = ""
    sheet: str = ""
    encoding: str = "utf-8"
    delimiter: str = ""
    widths: list[int] = Field(default_factory=list)
    header: bool = True
    names: list[str] = Field(default_factory=list)
    skip_lines: int = Field(0, ge=0)
    decimal: Literal["", ".", ","] = ""
    thousands: Literal["", ".", ",", " ", "'"] = ""
    missing: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _one_place(self):
        if bool(self.path) == bool(self.database) or bool(self.database) != bool(self.query):
            raise ValueError(_("give either path (with or without package), or database and query"))
        if self.decimal and self.decimal == self.thousands:
            raise ValueError(_("decimal and thousands are the same mark"))
        return self


class Lookup(File):
    """Another file whose columns are looked up by a key: one row per key."""

    key: str | dict[str, str]

    @property
    def keys(self) -> dict[str, str]:
        """Our raw column: the lookup's column."""
        return {self.key: self.key} if isinstance(self.key, str) else self.key


class Exclusion(Strict):
    """Records to set aside, and why."""

    when: str
    reason: str = Field(min_length=1)


class Part(File):
    """One origin of an input table."""

    columns: dict[str, str]
    time_format: str | dict[str, str] = ""
    times_in: str = ""
    lookups: dict[str, Lookup] = Field(default_factory=dict)
    returns: str = ""
    exclude: list[Exclusion] = Field(default_factory=list)
    duplicates: Literal["", "keep", "reject"] = ""
    id_format: Literal["exact", "trimmed", "integer"] = "exact"

    def format_of(self, column: str) -> str:
        """The declared time format of one of our columns, empty where none is."""
        return self.time_format if isinstance(self.time_format, str) else self.time_format.get(column, "")


class Source(Strict):
    """A described source of input tables."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str = Field(min_length=1)
    synthetic: bool = False
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    time_zone: str
    last_day: str = Field("", pattern=r"^(\d{4}-\d{2}-\d{2})?$")
    tables: dict[str, list[Part]]
    _path: Path = PrivateAttr(Path())

    @property
    def path(self) -> Path:
        """The description's own file."""
        return self._path


def read_source(path: str | Path) -> Source:
    """Read and check a source description, without opening the files it describes.

    Parameters
    ----------
    path
        The YAML file; a relative path is read from the project's root.

    Raises
    ------
    DataError
        Listing every problem with its line: duplicate or unknown keys (with the nearest known one), wrong
        kinds,
        unknown tables or columns, missing required columns, unreadable expressions.
    """
    file = resolve(path)
    settings = read_settings(file)
    if isinstance(settings.content, dict):
        _wrap_single_parts(settings)
        _check_tables(settings)
    elif not settings.problems:
        settings.say((), _("should hold keys such as name, currency and tables"))
    source = build(settings, Source) if isinstance(settings.content, dict) else None
    if settings.problems or source is None:
        raise DataError(settings.report())
    source._path = file
    return source


def _wrap_single_parts(settings: Settings) -> None:
    """A table with a single origin needs no list; give it one, and keep the lines of its entries."""
    tables = settings.content.get("tables")
    for name, parts in tables.items() if isinstance(tables, dict) else ():
        if isinstance(parts, dict):
            tables[name] = [parts]
            place = ("tables", name)
            inside = [where for where in settings.lines if where[:2] == place and len(where) > 2]
            settings.lines.update({(*place, 0, *where[2:]): settings.lines[where] for where in inside})


def _check_tables(settings: Settings) -> None:
    tables = settings.content.get("tables")
    if not isinstance(tables, dict):
        return
    if "transactions" not in tables:
        settings.say(("tables",), _("transactions: missing; it is the one table that is required"))
    for table in tables:
        if table not in INPUTS:
            settings.say(("tables", table), unknown_name(_("table"), str(table), INPUTS))
            continue
        for where, part in settings.rows("tables", table):
            _check_columns(settings, where, part, table)
            _check_expressions(settings, where, part)
    zone = settings.content.get("time_zone")
    for where, given in [(("time_zone",), zone)] + [
        ((*where, "times_in"), part.get("times_in"))
        for table in tables
        for where, part in settings.rows("tables", table)
    ]:
        if isinstance(given, str) and given and given not in _zones():
            settings.say(
                where, unknown_name(_("time zone"), given, {"UTC", "Asia/Shanghai", "America/New_York"})
            )


@cache
def _zones() -> set[str]:
    from zoneinfo import available_timezones

    return available_timezones()


def _check_columns(settings: Settings, where: tuple, part: dict, table: str) -> None:
    columns, schema = part.get("columns"), INPUTS[table]
    if not isinstance(columns, dict):
        return
    known = [column for column in schema.columns if column not in DERIVED]
    for column in columns:
        if column not in known and (not schema.open or not re.fullmatch(r"[a-z][a-z0-9_]*", str(column))):
            settings.say((*where, "columns", column), unknown_name(_("column"), str(column), known))
    settings.problems.extend(
        (settings.line((*where, "columns")), _("{table}: required column {column} is missing").format(
            table=table, column=column))
        for column in known if schema.columns[column].required and column not in columns
    )  # fmt: skip
    forms = part.get("time_format")
    for column in forms if isinstance(forms, dict) else ():
        if column not in columns:
            settings.say((*where, "time_format", column), unknown_name(_("column"), str(column), columns))
    if table != "transactions" and part.get("returns"):
        settings.say((*where, "returns"), _("returns: only transactions have returns"))


def _check_expressions(settings: Settings, where: tuple, part: dict) -> None:
    columns = part.get("columns") if isinstance(part.get("columns"), dict) else {}
    written = [((*where, "columns", column), text) for column, text in columns.items()]
    written.append(((*where, "returns"), part.get("returns") or "true_or_false"))
    written += [((*place, "when"), row.get("when")) for place, row in settings.rows(*where, "exclude")]
    exclude = part.get("exclude") if isinstance(part.get("exclude"), list) else []
    written += [
        ((*where, "exclude", n, "when"), row.get("when"))
        for n, row in enumerate(exclude)
        if isinstance(row, dict)
    ]
    for place, text in written:
        if isinstance(text, str) and not _is_header_name(text):
            try:
                expressions.parse(text)
            except expressions.ExpressionError as error:
                settings.say(place, f"{place[-1]}: {text!r}: {error}")


def _is_header_name(text: str) -> bool:
    """Words with blanks between them can only be the name of a column; the reader looks it up in the file."""
    return bool(re.fullmatch(r"[\w#%?()/.:& -]+", text)) and not re.search(
        r"[()*/+]|\b(and|or|not|in|like)\b|-", text
    )
