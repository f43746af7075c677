"""XLSX workbooks -> the rows of one sheet as text, in one pass that trusts nothing the file says of itself.

A library that loads a sheet believes its stated size, gives errors and formulas that were never calculated as
empty cells, or makes room for every cell between the first and the last. Here the parts of the archive are
parsed as they are unpacked, and the first cell or row beyond a bound stops the reading.
"""

import itertools
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path, PurePosixPath
from typing import IO, NoReturn
from xml.parsers import expat

import pyarrow as pa

from crcm_lib.errors import DataError
from crcm_lib.i18n import _
from crcm_lib.ingest.sources import batches, headers
from crcm_lib.ingest.sources.description import File
from crcm_lib.ingest.sources.text import ERROR_VALUES

MAX_UNPACKED = 2**31  # bytes of all parts
MAX_PART = 2**26  # bytes of a part other than a sheet and the shared texts
MAX_ROWS, MAX_CELLS = 1_048_576, 16_384  # rows of a sheet, cells of a row: XLSX has no more
MAX_CELL = 1_000_000  # characters
MAX_TEXTS, MAX_TEXT = 10_000_000, 500_000_000  # shared texts: how many, characters of all
BLOCK = 1 << 16  # bytes unpacked at a time
MAX_TAG = 1 << 20  # bytes of a tag
EXACT = 10**15  # a number cell holds 15 significant digits
MAX_LISTED = 5
ERRORS = frozenset(ERROR_VALUES)
# Number formats without a code of their own in the file that are days or times: 14-22 and 45-47 everywhere,
# the others where Excel is Chinese, Japanese, Korean or Thai.
DATE_FORMATS = {*range(14, 23), *range(27, 37), 45, 47, *range(50, 59), *range(71, 77), *range(78, 82)}


@dataclass(frozen=True)
class Book:
    """What cells are to be read with.

    Attributes
    ----------
    sheets
        The parts of the worksheets by name.
    hidden
        The names of the hidden ones.
    texts
        The shared texts.
    dates
        For each style of cell, whether it shows a number as a day or time.
    epoch
        The day that numbers of days count from.
    uncalculated
        Whether the file asks to be calculated when it is opened.
    """

    sheets: dict[str, str]
    hidden: set[str]
    texts: list[str]
    dates: list[bool]
    epoch: datetime
    uncalculated: bool


@dataclass
class Findings:
    """What was met in a sheet beside its rows, by cell or range."""

    errors: Counter[str] = field(default_factory=Counter)
    first_error: str = ""
    formulas: int = 0
    zeros: int = 0
    empty_formulas: list[str] = field(default_factory=list)
    merged: list[str] = field(default_factory=list)
    hidden_rows: int = 0


class Worksheet:
    """One sheet of a workbook: the names of its columns, then batches of records, then what was met.

    Attributes
    ----------
    header
        The names of its columns.
    hint
        Which line seems to be the header instead; "" if none does.
    first
        The first rows, the header before all, each with its number.

    Raises
    ------
    DataError
        At once or with a batch: if the file is no workbook, is damaged or beyond a bound, or if no sheet is
        declared and there are several.
    """

    def __init__(self, path: Path, file: File):
        self.path, self.file = path, file
        self.findings = Findings()
        self._uncalculated, self._remarks = False, list[str]()
        self._beyond = 0
        self._rows = self._read()
        self.first = list(itertools.islice(self._rows, headers.FIRST_RECORDS))
        self.header, self.hint = headers.read_header(self.first, file, path.name)
        self._header_row = self.first[0][0]

    def batches(self) -> Iterator[pa.Table]:
        """The records after the header, as `batches.stage` takes them."""
        return batches.from_rows(self.header, self._fit_rows())

    def _fit_rows(self) -> Iterator[list[str]]:
        """The rows as wide as the header: an empty cell at the end of a row is not stored."""
        width = len(self.header)
        for number, row in itertools.chain(self.first, self._rows):
            if number > self._header_row or not self.file.header:
                self._beyond += len(row) > width
                yield (row + [""] * (width - len(row)))[:width]

    def _read(self) -> Iterator[tuple[int, list[str]]]:
        """The rows that hold anything, each with its number and up to its last cell that is not empty."""
        with _in_words(self.path), zipfile.ZipFile(self.path) as archive:
            members = _list_members(archive, self.path)
            book = _read_book(archive, members, self.path.name)
            sheet = self._choose(book)
            self._uncalculated = book.uncalculated
            reader = _SheetReader(book, self.findings, f"{self.path.name}: {sheet}")
            with archive.open(members[book.sheets[sheet].lower()]) as stream:
                for _block in _parse(stream, reader.start, reader.end, reader.characters, self.path.name):
                    yield from (row for row in reader.take() if row[0] > self.file.skip_lines)

    def _choose(self, book: Book) -> str:
        names = [f"{name} ({_('hidden')})" if name in book.hidden else name for name in book.sheets]
        if not self.file.sheet and len(names) > 1:
            problem = _("{file}: has several sheets; declare which (sheet: …): {names}")
            raise DataError(problem.format(file=self.path.name, names=", ".join(names)))
        sheet = self.file.sheet or next(iter(book.sheets))
        if sheet not in book.sheets:
            problem = _("{file}: no sheet {sheet!r}. Known: {names}.")
            raise DataError(problem.format(file=self.path.name, sheet=sheet, names=", ".join(names)))
        if sheet in book.hidden:
            said = _("{file}: sheet {sheet!r} is hidden; it is read")
            self._remarks.append(said.format(file=self.path.name, sheet=sheet))
        return sheet

    def close(self) -> list[str]:
        """Read what is left, and say what a reader of the report should know.

        Raises
        ------
        DataError
            If formulas have no value, or merged cells leave cells of records empty.
        """
        for _row in self._rows:
            pass
        found, name = self.findings, self.path.name
        if problems := [*self._describe_formulas(), *self._describe_merged()]:
            raise DataError("; ".join(f"{name}: {problem}" for problem in problems))
        if found.errors:
            kinds = ", ".join(f"{word} {count}" for word, count in sorted(found.errors.items()))
            said = _("{file}: {count} error cells ({kinds}) are read as missing, the first at {cell}")
            count = sum(found.errors.values())
            self._remarks.append(said.format(file=name, count=count, kinds=kinds, cell=found.first_error))
        if found.hidden_rows:
            said = _("{file}: {count} rows are hidden; they are read like the others")
            self._remarks.append(said.format(file=name, count=found.hidden_rows))
        if self._beyond:
            said = _("{file}: {count} rows have cells beyond the last named column; these cells are not read")
            self._remarks.append(said.format(file=name, count=self._beyond))
        return self._remarks

    def _describe_formulas(self) -> Iterator[str]:
        found = self.findings
        count = len(found.empty_formulas)
        cells = ", ".join(found.empty_formulas[:MAX_LISTED])
        if not count and self._uncalculated and found.zeros and found.zeros == found.formulas:
            count, cells = found.formulas, _("all 0")
        if count:
            problem = _(
                "{count} formulas have no value ({cells}): the file was written by a program that does not "
                "calculate. Open it in a spreadsheet, save it, and read it again"
            )
            yield problem.format(count=count, cells=cells)

    def _describe_merged(self) -> Iterator[str]:
        from openpyxl.utils import range_boundaries

        filled = set(self.file.fill_down.columns if self.file.fill_down else ())
        header = self.header
        first = self._header_row + (1 if self.file.header else 0)
        ranges, columns = [], set()
        for merged in self.findings.merged:
            try:
                left, top, right, bottom = range_boundaries(merged)
            except ValueError:
                continue  # no range: nothing is merged by it
            covered = set(header[left - 1 : right]) - filled
            if covered and bottom >= first and bottom > top:
                ranges.append((top, merged))
                columns |= covered
        if ranges:
            problem = _(
                "{count} merged ranges among the records ({ranges}) leave cells empty under their first. "
                "Declare `fill_down: [{columns}]` if the first holds for all of them"
            )
            named = [column for column in header if column in columns]
            yield problem.format(
                count=len(ranges),
                ranges=", ".join(merged for _top, merged in sorted(ranges)[:MAX_LISTED]),
                columns=", ".join(named),
            )


class _SheetReader:
    """The parser's handlers for a sheet: cells become text, rows wait to be taken."""

    def __init__(self, book: Book, findings: Findings, where: str):
        self.book, self.findings, self.where = book, findings, where
        self.waiting: list[tuple[int, list[str]]] = []
        self.row: dict[int, str] = {}
        self.number = self.column = self.length = 0
        self.cell: dict[str, str] = {}
        self.text: list[str] = []
        self.reads = self.has_formula = self.has_value = self.is_phonetic = False

    def take(self) -> list[tuple[int, list[str]]]:
        """The rows that are complete, each with its number in the sheet."""
        taken, self.waiting = self.waiting, []
        return taken

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "c":
            self.cell, self.text, self.length = attributes, [], 0
            self.has_formula = self.has_value = False
        elif tag == "v" or (tag == "t" and not self.is_phonetic):
            self.reads = self.has_value = True
        elif tag == "f":
            self.has_formula = True
        elif tag == "row":
            self._start_row(attributes)
        elif tag == "rPh":
            self.is_phonetic = True
        elif tag == "mergeCell":
            self.findings.merged.append(attributes.get("ref", ""))

    def end(self, tag: str) -> None:
        if tag in ("v", "t"):
            self.reads = False
        elif tag == "c":
            self._end_cell()
        elif tag == "row" and self.row:
            width = max(self.row) + 1
            self.waiting.append((self.number, [self.row.get(column, "") for column in range(width)]))
        elif tag == "rPh":
            self.is_phonetic = False

    def characters(self, text: str) -> None:
        if self.reads:
            self.text.append(text)
            self.length += len(text)
            if self.length > MAX_CELL:
                self._refuse(_("cell {cell} has more than {most} characters"), most=MAX_CELL)

    def _start_row(self, attributes: dict[str, str]) -> None:
        self.row, self.column = {}, -1
        self.cell = {}
        try:
            self.number = int(attributes.get("r", self.number + 1))
        except ValueError:
            self._refuse(_("a row has no number"))
        if not 0 < self.number <= MAX_ROWS:
            self._refuse(_("a row is numbered {row}; {most} at most"), row=self.number, most=MAX_ROWS)
        self.findings.hidden_rows += attributes.get("hidden") in ("1", "true")

    def _end_cell(self) -> None:
        place = self.cell.get("r", "")
        self.column = _column_number(place.rstrip("0123456789")) - 1 if place else self.column + 1
        if not 0 <= self.column < MAX_CELLS:
            self._refuse(_("cell {cell} lies beyond column {most}"), most=MAX_CELLS)
        text = "".join(self.text)
        if self.has_formula:
            self._count_formula(text)
        if text and (text := self._value(text)):
            if self.column in self.row:
                self._refuse(_("cell {cell} is there twice"))
            self.row[self.column] = text

    def _count_formula(self, text: str) -> None:
        self.findings.formulas += 1
        self.findings.zeros += text == "0"
        is_text = self.has_value and self.cell.get("t") == "str"  # a formula's value may be an empty text
        if not text and not is_text:
            self.findings.empty_formulas.append(self._place())

    def _value(self, text: str) -> str:
        """The text of a cell, by its kind."""
        kind = self.cell.get("t", "n")
        try:
            if kind == "n":
                style = int(self.cell.get("s", 0))
                is_date = style < len(self.book.dates) and self.book.dates[style]
                return date_text(text, self.book.epoch) if is_date else number_text(text)
            if kind == "b":
                return {"1": "true", "0": "false"}.get(text, text)
            if kind == "s":
                text = self.book.texts[_natural(text)]
        except (ValueError, IndexError):
            self._refuse(_("cell {cell} refers to what is not there or holds no number; the file is damaged"))
        if kind == "e" or text in ERRORS:
            self.findings.errors[text if text in ERRORS else "#?"] += 1
            self.findings.first_error = self.findings.first_error or self._place()
            return ""
        return _unescape(text)

    def _place(self) -> str:
        place = self.cell.get("r", "")
        return place[:12] if place else _("row {row}").format(row=self.number)

    def _refuse(self, problem: str, **values: object) -> NoReturn:
        said = problem.format(cell=self._place(), **values)
        raise DataError(f"{self.where}: {said}")


def number_text(text: str) -> str:
    """A number cell as exact text: no noise of binary fractions, no point in whole numbers.

    A number cell holds 15 significant digits; one that would need more has lost the others, and stays
    recognisable by its exponent.

    >>> number_text("0.30000000000000004"), number_text("12.0"), number_text("202123456789012345")
    ('0.3', '12', '2.02123456789012E+17')
    """
    if len(text) < 16 and text.isascii() and text.isdigit() and text[0] != "0":
        return text
    value = float(text)
    if not abs(value) < EXACT:
        digits, _e, exponent = f"{value:.14E}".partition("E")
        return f"{digits.rstrip('0').rstrip('.')}E{exponent}" if exponent else text
    short = f"{value:.15g}"
    if "e" in short:
        short = format(Decimal(short), "f")
    return "0" if short == "-0" else short


def date_text(text: str, epoch: datetime) -> str:
    """A number cell that is shown as a day or time, in ISO 8601.

    >>> date_text("45296.354166666664", datetime(1899, 12, 30))
    '2024-01-05 08:30:00'
    """
    from openpyxl.utils.datetime import from_excel

    try:
        moment = from_excel(float(text), epoch)
    except OverflowError:
        return number_text(text)
    return moment.isoformat(" ") if isinstance(moment, datetime) else moment.isoformat()


def _natural(text: str) -> int:
    number = int(text)
    if number < 0:
        raise IndexError(number)
    return number


@cache
def _column_number(letters: str) -> int:
    """The number of a column, from 1; 0 where the letters name none."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1 if "A" <= letter <= "Z" else MAX_CELLS + 1
    return min(number, MAX_CELLS + 1)


def _unescape(text: str) -> str:
    """Control characters stand in XLSX as their number: `_x000D_`."""
    if "_x" not in text:
        return text
    return re.sub(r"_x([0-9A-Fa-f]{4})_", lambda found: chr(int(found[1], 16)), text)


def is_date_format(code: str) -> bool:
    """Whether a number format shows a day or a time of day.

    >>> [is_date_format(code) for code in ("yyyy-mm-dd", "0.00", "S/ #,##0.00", "[h]:mm", 'd "of" mmmm')]
    [True, False, False, False, True]
    """
    shown = re.sub(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', "", code.split(";")[0].lower())
    if "[" in shown or re.search(r"#|\?|(?<![s.,0])0|general", shown):
        return False  # a length of time, or a number with letters beside it
    return re.search("[dmyhs]", shown) is not None


def _read_book(archive: zipfile.ZipFile, members: dict[str, str], name: str) -> Book:
    top = _list_references(archive, members, "", name)
    main = next((part for _id, kind, part in top if kind == "officeDocument"), "xl/workbook.xml")
    if _member(members, main) is None:
        raise DataError(_("{file}: is an archive, not an XLSX workbook").format(file=name))
    references = _list_references(archive, members, main, name)
    by_id = {reference: part for reference, kind, part in references if kind == "worksheet"}
    by_kind = {kind: part for _id, kind, part in references}
    sheets, hidden, epoch, uncalculated = {}, set(), datetime(1899, 12, 30), False
    for tag, attributes in _list_tags(archive, members, main, name):
        if tag == "sheet" and (part := by_id.get(attributes.get("id", ""))):
            sheets[attributes.get("name", "")] = part
            if attributes.get("state", "visible") != "visible":
                hidden.add(attributes.get("name", ""))
        elif tag == "workbookPr" and attributes.get("date1904") in ("1", "true"):
            epoch = datetime(1904, 1, 1)
        elif tag == "calcPr":
            uncalculated = attributes.get("fullCalcOnLoad") in ("1", "true")
    if not sheets:
        raise DataError(_("{file}: has no worksheet").format(file=name))
    for part in sheets.values():
        if _member(members, part) is None:
            raise DataError(
                _("{file}: a sheet is missing in the archive; the file is damaged").format(file=name)
            )
    return Book(
        sheets=sheets,
        hidden=hidden,
        texts=_read_texts(archive, _member(members, by_kind.get("sharedStrings", "")), name),
        dates=_read_styles(_list_tags(archive, members, by_kind.get("styles", ""), name)),
        epoch=epoch,
        uncalculated=uncalculated,
    )


def _read_styles(tags: list[tuple[str, dict[str, str]]]) -> list[bool]:
    codes, dates, group = {}, [], ""
    for tag, attributes in tags:
        if tag in ("cellStyleXfs", "cellXfs", "cellStyles", "dxfs"):
            group = tag
        elif tag == "numFmt" and not group:
            codes[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")
        elif tag == "xf" and group == "cellXfs":
            number = attributes.get("numFmtId", "0")
            known = number.isdecimal() and int(number) in DATE_FORMATS
            dates.append(is_date_format(codes[number]) if number in codes else known)
    return dates


def _read_texts(archive: zipfile.ZipFile, part: str | None, name: str) -> list[str]:
    """The shared texts; none where the part is missing."""
    texts: list[str] = []
    pieces: list[str] = []
    state = {"reads": False, "phonetic": False, "length": 0, "all": 0}

    def start(tag: str, _attributes: dict[str, str]) -> None:
        if tag == "si":
            pieces.clear()
            state["length"] = 0
        elif tag == "rPh":
            state["phonetic"] = True
        state["reads"] = tag == "t" and not state["phonetic"]

    def end(tag: str) -> None:
        state["reads"] = False
        if tag == "rPh":
            state["phonetic"] = False
        elif tag == "si":
            texts.append("".join(pieces))
            state["all"] += state["length"]
            if len(texts) > MAX_TEXTS or state["all"] > MAX_TEXT:
                raise DataError(_("{file}: more shared texts than can be read").format(file=name))

    def characters(text: str) -> None:
        if state["reads"]:
            pieces.append(text)
            state["length"] += len(text)
            if state["length"] > MAX_CELL:
                problem = _("{file}: a text has more than {most} characters")
                raise DataError(problem.format(file=name, most=MAX_CELL))

    if part is not None:
        with archive.open(part) as stream:
            for _block in _parse(stream, start, end, characters, name):
                pass
    return texts


def _list_members(archive: zipfile.ZipFile, path: Path) -> dict[str, str]:
    """The members of the archive by the names that its parts call them."""
    size = sum(member.file_size for member in archive.infolist())
    if size > MAX_UNPACKED:
        problem = _("{file}: unpacks to {size} bytes; {most} at most")
        raise DataError(problem.format(file=path.name, size=size, most=MAX_UNPACKED))
    return {name.replace("\\", "/").lower(): name for name in archive.namelist()}


def list_sheets(path: Path) -> list[str]:
    """The names of a workbook's sheets that are not hidden."""
    with _in_words(path), zipfile.ZipFile(path) as archive:
        book = _read_book(archive, _list_members(archive, path), path.name)
    return [name for name in book.sheets if name not in book.hidden]


def _member(members: dict[str, str], part: str) -> str | None:
    return members.get(part.lower())


def _list_references(
    archive: zipfile.ZipFile, members: dict[str, str], part: str, name: str
) -> list[tuple[str, str, str]]:
    """The parts that a part refers to: the id of the reference, the kind of part, the part."""
    folder = PurePosixPath(part).parent
    listed = str(folder / "_rels" / f"{PurePosixPath(part).name}.rels")
    found = []
    for tag, attributes in _list_tags(archive, members, listed, name):
        if tag == "Relationship":
            target = attributes.get("Target", "")
            whole = target[1:] if target.startswith("/") else str(folder / target)
            kind = attributes.get("Type", "").rpartition("/")[2]
            found.append((attributes.get("Id", ""), kind, whole))
    return found


def _list_tags(
    archive: zipfile.ZipFile, members: dict[str, str], part: str, name: str
) -> list[tuple[str, dict[str, str]]]:
    """The tags of a small part with their attributes, in order; none where the part is missing."""
    member = _member(members, part)
    if member is None:
        return []
    if archive.getinfo(member).file_size > MAX_PART:
        raise DataError(
            _("{file}: {part} is larger than {most} bytes").format(file=name, part=part, most=MAX_PART)
        )
    tags: list[tuple[str, dict[str, str]]] = []
    with archive.open(member) as stream:
        for _block in _parse(stream, lambda *tag: tags.append(tag), _nothing, _nothing, name):
            pass
    return [(tag, {key.rpartition(" ")[2]: value for key, value in given.items()}) for tag, given in tags]


def _nothing(_given: str) -> None:
    pass


def _parse(
    stream: IO[bytes],
    start: Callable[[str, dict[str, str]], object],
    end: Callable[[str], object],
    characters: Callable[[str], object],
    name: str,
) -> Iterator[None]:
    """Parse a part of the archive block by block; the tags reach the handlers without their namespace."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    local = lru_cache(1000)(lambda tag: tag.rpartition(" ")[2])
    parser.StartElementHandler = lambda tag, attributes: start(local(tag), attributes)
    parser.EndElementHandler = lambda tag: end(local(tag))
    parser.CharacterDataHandler = characters

    def refuse(*_given: object) -> None:
        raise DataError(_("{file}: declares a document type, which no workbook does").format(file=name))

    parser.StartDoctypeDeclHandler = refuse
    read = 0
    while block := stream.read(BLOCK):
        parser.Parse(block, False)
        read += len(block)
        if read - parser.CurrentByteIndex > MAX_TAG:
            raise DataError(_("{file}: a tag has more than {most} bytes").format(file=name, most=MAX_TAG))
        yield
    parser.Parse(b"", True)
    yield


@contextmanager
def _in_words(path: Path) -> Iterator[None]:
    """Turn what a damaged archive or part raises into words."""
    with open(path, "rb") as stream:
        start = stream.read(512)
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        problem = _(
            "{file}: is an old .xls or an encrypted workbook, not XLSX; save it as .xlsx without a password"
        )
        raise DataError(problem.format(file=path.name))
    if start.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<"):
        problem = _("{file}: is a web page or XML by its content, not XLSX; save it as .xlsx or as CSV")
        raise DataError(problem.format(file=path.name))
    try:
        yield
    except expat.ExpatError as error:
        problem = _("{file}: the workbook is damaged: its XML cannot be read on line {line}: {why}")
        why = expat.ErrorString(error.code)
        raise DataError(problem.format(file=path.name, line=error.lineno, why=why)) from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        problem = _("{file}: cannot be read as XLSX: {why}")
        raise DataError(problem.format(file=path.name, why=error)) from None
