"""Source descriptions: which files and databases hold which input table, and how to read them.

A description is a YAML file (`data/sources/*.yaml`; every key is explained in `data/README.md`). This module
defines its form; `paths` finds the files, `readers` opens them, `cleaning` validates the records.
"""

import re
import shlex
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BeforeValidator, Field, PrivateAttr, field_validator, model_validator

from crcm_lib.config.bands import Strict
from crcm_lib.config.yaml_loader import SettingsFile, build, read_settings
from crcm_lib.errors import DataError, unknown_name
from crcm_lib.i18n import _
from crcm_lib.ingest.sources import expressions, time_formats
from crcm_lib.ingest.sources.currency_signs import may_be_one
from crcm_lib.ingest.sources.encodings import describe_delimiter, describe_encoding
from crcm_lib.schema.inputs import INPUTS
from crcm_lib.schema.tables import resolve

TO_CONFIRM = "to_confirm"  # the key under which a draft lists what it is unsure of
# What the rules of declared exclusions and of sales of nobody begin with; the reason follows.
EXCLUDED, ANONYMOUS = "excluded: ", "anonymous: "
DERIVED = {"transactions": ("day", "purchase_day")}  # columns of the schema that cleaning computes


Item = TypeVar("Item")
Words = Annotated[list[Item], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)]


class FillDown(Strict):
    """Columns whose empty fields hold what stands above them; `within` equal values of another column."""

    columns: Words[str]
    within: str = ""


class File(Strict):
    """Where records are, and how their text is to be read."""

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
    negative: Words[Literal["(1)", "1-", "'-1", "−1"]] = Field(default_factory=list)
    currency_sign: Words[str] = Field(default_factory=list)
    number_format: Words[Literal["percent", "full_width", "scientific"]] = Field(default_factory=list)
    missing: Words[str] = Field(default_factory=list)
    fill_down: FillDown | None = None

    @property
    def has_number_forms(self) -> bool:
        """Whether numbers may be written otherwise than with digits, a sign and the decimal mark."""
        return bool(self.thousands or self.negative or self.currency_sign or self.number_format)

    @field_validator("currency_sign")
    @classmethod
    def _is_one_currency(cls, value):
        if not may_be_one(value):
            raise ValueError(_("signs of several currencies; one column of amounts has one"))
        return value

    @field_validator("delimiter", "encoding")
    @classmethod
    def _can_be_used(cls, value, field):
        describe = {"delimiter": describe_delimiter, "encoding": describe_encoding}[field.field_name]
        if problem := describe(value):
            raise ValueError(problem)
        return value

    @field_validator("fill_down", mode="before")
    @classmethod
    def _take_list(cls, value):
        return {"columns": value} if isinstance(value, str | list) else value

    @model_validator(mode="after")
    def _has_one_location(self):
        if bool(self.path) == bool(self.database) or bool(self.database) != bool(self.query):
            raise ValueError(_("give either path (with or without package), or database and query"))
        if self.decimal and self.decimal == self.thousands:
            raise ValueError(_("decimal and thousands are the same mark"))
        return self


class Lookup(File):
    """A file whose columns are joined to a part by a key; it has one row per key."""

    key: str | dict[str, str]

    @property
    def keys(self) -> dict[str, str]:
        """The lookup's key columns, by the columns of the part that they are compared with."""
        return {self.key: self.key} if isinstance(self.key, str) else self.key


class Exclusion(Strict):
    """Records to set aside, and why."""

    when: str
    reason: str = Field(min_length=1)

    @property
    def rule(self) -> str:
        """The rule that sets them aside."""
        return f"{EXCLUDED}{self.reason}"


class Limit(Strict):
    """How large a share of a part's records a rule may set aside, and why more than usual is right."""

    rule: str = Field(min_length=1)
    at_most: float = Field(gt=0, le=1)
    reason: str = Field(min_length=1)


class Anonymous(Strict):
    """Sales that belong to no known customer: without an id, or with one of `ids`, which stand for nobody."""

    ids: Words[str] = Field(default_factory=list)
    reason: str = Field(min_length=1)
    at_most: float = Field(gt=0, le=1)

    @property
    def rule(self) -> str:
        """The rule that sets them aside."""
        return f"{ANONYMOUS}{self.reason}"


class Part(File):
    """One file, or set of files of one form, from which an input table is filled."""

    columns: dict[str, str]
    time_format: str | dict[str, str] = ""
    times_in: str = ""
    lookups: dict[Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")], Lookup] = Field(
        default_factory=dict
    )
    returns: str = ""
    exclude: list[Exclusion] = Field(default_factory=list)
    anonymous: Anonymous | None = None
    limits: list[Limit] = Field(default_factory=list)
    duplicates: Literal["", "keep", "reject"] = ""
    id_format: Literal["exact", "trimmed", "integer"] = "exact"

    @property
    def raised_limits(self) -> list["Limit | Anonymous"]:
        """The limits of what may be set aside that are declared, each with its rule and reason."""
        return [*self.limits, *filter(None, [self.anonymous])]

    @field_validator("time_format")
    @classmethod
    def _has_known_codes(cls, value):
        forms = [value] if isinstance(value, str) else value.values()
        problems = (time_formats.find_bad_format(form) for form in forms)
        if problem := next(filter(None, problems), ""):
            raise ValueError(problem)
        return value

    def format_of(self, column: str) -> str:
        """The declared time format of a column of the input table; "" where none is declared."""
        return self.time_format if isinstance(self.time_format, str) else self.time_format.get(column, "")


class Source(Strict):
    """A source of input tables, as its description file declares it."""

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
        """The description file."""
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
        kinds, unknown tables or columns, missing required columns, unreadable expressions. If it is a draft
        of which something is still to be confirmed: what, why, and the command that confirms it.
    """
    file = resolve(path)
    settings = read_settings(file)
    if isinstance(settings.content, dict):
        _refuse_unconfirmed(settings)
        _wrap_single_parts(settings)
        _check_tables(settings)
    elif not settings.problems:
        settings.note((), _("should hold keys such as name, currency and tables"))
    source = build(settings, Source) if isinstance(settings.content, dict) else None
    if settings.problems or source is None:
        raise DataError(settings.report())
    source._path = file
    return source


def _refuse_unconfirmed(settings: SettingsFile) -> None:
    """Stop at a draft of which something is unsure; its other lines are not judged before."""
    waiting = settings.content.pop(TO_CONFIRM, None)
    if not waiting:
        return
    problem = _("{key}: to be confirmed: {proposal} ({why}). `crcm confirm {path} --accept {argument}`")
    for key, entry in waiting.items() if isinstance(waiting, dict) else ():
        proposal, why = (entry.get("proposal"), entry.get("why")) if isinstance(entry, dict) else (entry, "")
        argument = shlex.quote(f"{key}={proposal}" if isinstance(proposal, str) and proposal else key)
        said = problem.format(
            key=key,
            proposal=proposal if proposal not in (None, "") else _("nothing is proposed"),
            why=why,
            path=settings.path.name,
            argument=argument if proposal not in (None, "") else f"{key}=VALUE",
        )
        settings.note((TO_CONFIRM, key), said)
    if not isinstance(waiting, dict):
        settings.note((TO_CONFIRM,), _("to_confirm: should be a mapping, as crcm init writes it"))
    raise DataError(settings.report())


def _wrap_single_parts(settings: SettingsFile) -> None:
    """Make a list of a table's only part, and move the lines of its entries along."""
    tables = settings.content.get("tables")
    for name, parts in tables.items() if isinstance(tables, dict) else ():
        if isinstance(parts, dict):
            tables[name] = [parts]
            prefix = ("tables", name)
            inside = [place for place in settings.lines if place[:2] == prefix and len(place) > 2]
            settings.lines.update({(*prefix, 0, *place[2:]): settings.lines[place] for place in inside})


def _check_tables(settings: SettingsFile) -> None:
    tables = settings.content.get("tables")
    if not isinstance(tables, dict):
        return
    if "transactions" not in tables:
        settings.note(("tables",), _("transactions: missing; it is the one table that is required"))
    _check_time_zone(settings, ("time_zone",), settings.content.get("time_zone"))
    for table in tables:
        if table not in INPUTS:
            settings.note(("tables", table), unknown_name(_("table"), str(table), INPUTS))
        for place, part in settings.rows("tables", table):
            _check_time_zone(settings, (*place, "times_in"), part.get("times_in"))
            if table in INPUTS:
                _check_columns(settings, place, part, table)
                _check_expressions(settings, place, part)


def _check_time_zone(settings: SettingsFile, place: tuple, zone: object) -> None:
    if isinstance(zone, str) and zone and zone not in _list_time_zones():
        examples = {"UTC", "Asia/Shanghai", "America/New_York"}
        settings.note(place, unknown_name(_("time zone"), zone, examples))


@cache
def _list_time_zones() -> set[str]:
    from zoneinfo import available_timezones

    return available_timezones()


def _check_columns(settings: SettingsFile, place: tuple, part: dict, table: str) -> None:
    columns, schema = part.get("columns"), INPUTS[table]
    if not isinstance(columns, dict):
        return
    declared = [column for column in schema.columns if column not in DERIVED.get(table, ())]
    for column in columns:
        own_name = schema.open and re.fullmatch(r"[a-z][a-z0-9_]*", str(column))
        if column not in declared and not own_name:
            settings.note((*place, "columns", column), unknown_name(_("column"), str(column), declared))
    for column in declared:
        if schema.columns[column].required and column not in columns:
            problem = _("{table}: required column {column} is missing").format(table=table, column=column)
            settings.note((*place, "columns"), problem)
    formats = part.get("time_format")
    for column in formats if isinstance(formats, dict) else ():
        if column not in columns:
            settings.note((*place, "time_format", column), unknown_name(_("column"), str(column), columns))
    for key in ("returns", "anonymous"):
        if table != "transactions" and part.get(key):
            settings.note((*place, key), _("{key}: only transactions have it").format(key=key))


def _check_expressions(settings: SettingsFile, place: tuple, part: dict) -> None:
    columns, exclude = part.get("columns"), part.get("exclude")
    written = [
        ((*place, "columns", column), text)
        for column, text in (columns.items() if isinstance(columns, dict) else ())
    ]
    if part.get("returns"):
        written.append(((*place, "returns"), part["returns"]))
    written += [
        ((*place, "exclude", n, "when"), row.get("when"))
        for n, row in enumerate(exclude if isinstance(exclude, list) else ())
        if isinstance(row, dict)
    ]
    for text_place, text in written:
        if isinstance(text, str) and not _is_header_name(text):
            try:
                expressions.parse(text)
            except expressions.ExpressionError as error:
                settings.note(text_place, f"{text_place[-1]}: {text!r}: {error}")


def _is_header_name(text: str) -> bool:
    """Whether a text can only be the name of a column: words with blanks between them.

    Such a name is looked up in the header when the file is read.
    """
    if called := re.fullmatch(r"([^\W\d][\w ]*)[(（][^()（）']*[)）]", text):  # 金额(元): no function of ours
        return called[1].strip().lower() not in expressions.FUNCTIONS
    operator = re.search(r"[()*/+]|\b(and|or|not|in|like)\b|-", text)
    return bool(re.fullmatch(r"[\w#%?()/.:& -]+", text)) and not operator
