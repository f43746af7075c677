"""Source descriptions: which files and databases hold which input table, and how to read them.

A description is a YAML file (`data/sources/*.yaml`; every key is explained in `data/README.md`). This module owns
its form; `readers.py` opens the files, `cleaning.py` judges the records.
"""

import os
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from crcm_lib.data import expressions
from crcm_lib.data.schema import INPUTS
from crcm_lib.data.tables import ROOT, resolve
from crcm_lib.data.yamlfile import Settings, build, read_settings
from crcm_lib.errors import DataError, unknown_name
from crcm_lib.language import _

SUFFIXES = {".csv": ",", ".tsv": "\t"}  # the delimiter that a name declares
KINDS = (".csv", ".tsv", ".txt", ".dat", ".parquet", ".xlsx")
DERIVED = ("day", "purchase_day")


class Strict(BaseModel):
    """No unknown keys, no silent conversions."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class File(Strict):
    """Where records lie, and how their text is to be read."""

    path: str = ""
    package: str = ""
    database: str = ""
    query: str = ""
    sheet: str = ""
    encoding: str = "utf-8"
    delimiter: str = ""
    widths: list[int] = []
    header: bool = True
    names: list[str] = []
    skip_lines: int = Field(0, ge=0)
    decimal: Literal["", ".", ","] = ""
    thousands: Literal["", ".", ",", " ", "'"] = ""
    missing: list[str] = []

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
    lookups: dict[str, Lookup] = {}
    returns: str = ""
    exclude: list[Exclusion] = []
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
        Listing every problem with its line: duplicate or unknown keys (with the nearest known one), wrong kinds,
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


def find_files(file: File, source: Source) -> list[Path]:
    """The files that an entry names, sorted; confined to the description's folder, the project, or the package.

    Raises
    ------
    DataError
        If nothing is there, or a path leads out of its place.
    """
    pattern, home = file.path or file.database, source.path.parent
    if file.package:
        home = _package_folder(file.package)
    elif pattern.startswith("$CRCM_DATA/"):
        if not (given := os.environ.get("CRCM_DATA")):
            raise DataError(
                _("{path}: CRCM_DATA is not set; set it to the folder that holds the file").format(
                    path=pattern
                )
            )
        home, pattern = Path(given).expanduser(), pattern.removeprefix("$CRCM_DATA/")
    if Path(pattern).is_absolute():
        if file.package:
            raise DataError(_("{path}: a path inside a package is relative").format(path=pattern))
        home, pattern = Path(Path(pattern).anchor), str(Path(pattern).relative_to(Path(pattern).anchor))
    allowed = [home.resolve()] + ([] if file.package or "$CRCM_DATA" in file.path else [ROOT.resolve()])
    found = sorted(_glob(home, pattern))
    outside = [path for path in found if not any(path.resolve().is_relative_to(place) for place in allowed)]
    if outside or (not found and _leads_out(home / pattern, allowed)):
        raise DataError(_("{path}: leads out of the folder of the description and of the project; "
                          "move the file, or write the absolute path").format(path=file.path or file.database))  # fmt: skip
    if not found:
        raise DataError(_missing(home, pattern, file))
    return found


def _leads_out(path: Path, allowed: list[Path]) -> bool:
    place = Path(os.path.normpath(path))
    return not any(place.is_relative_to(home) for home in allowed)


def _glob(home: Path, pattern: str) -> list[Path]:
    if not re.search(r"[*?\[]", pattern):
        return [home / pattern] if (home / pattern).is_file() else []
    climb = re.match(r"(\.\./)*", pattern)[0]
    return [path for path in (home / climb).glob(pattern[len(climb):]) if path.is_file()]  # fmt: skip


def _missing(home: Path, pattern: str, file: File) -> str:
    folder = (home / pattern).parent
    there = sorted(path.name for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
    hint = (
        unknown_name(_("file"), Path(pattern).name, there[:20])
        if there
        else _("the folder is not there or empty.")
    )
    return _("{path}: no such file; {hint}").format(path=file.path or file.database, hint=hint)


def _package_folder(package: str) -> Path:
    """The folder of an installed package, found without importing it."""
    found = find_spec(package) if re.fullmatch(r"[A-Za-z_]\w*", package) else None
    if found is None or not found.submodule_search_locations:
        raise DataError(
            _("package {package!r} is not installed; install it, or give a path").format(package=package)
        )
    return Path(next(iter(found.submodule_search_locations)))


def delimiter_of(file: File, path: Path) -> str:
    """The delimiter that is declared, by key or by the file's name; nothing is guessed."""
    if path.suffix.lower() not in KINDS:
        raise DataError(_("{file}: {suffix!r} is not a known kind of file. Known: {known}.").format(
            file=path.name, suffix=path.suffix, known=", ".join(KINDS)))  # fmt: skip
    if delimiter := file.delimiter or SUFFIXES.get(path.suffix.lower(), ""):
        return {"tab": "\t", "whitespace": " "}.get(delimiter, delimiter)
    raise DataError(
        _('{file}: declare its delimiter (for example ",", "tab" or "whitespace")').format(file=path.name)
    )
