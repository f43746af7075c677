"""How an exported file is written: encoding, delimiter, sheet, line of the header; proven, or unsure.

Only the first records are read here, by the readers that a run uses.
"""

import codecs
import itertools
import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crcm_lib.errors import DataError
from crcm_lib.i18n import _
from crcm_lib.ingest.drafting.spelling import fold
from crcm_lib.ingest.sources import headers
from crcm_lib.ingest.sources.databases import without_values
from crcm_lib.ingest.sources.description import File
from crcm_lib.ingest.sources.paths import DELIMITERS, delimiter_of
from crcm_lib.ingest.sources.text_files import SEPARATOR_LINE, TextFile
from crcm_lib.ingest.sources.workbooks import Worksheet, list_sheets

MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
CANDIDATES = ("gb18030", "big5", "shift_jis", "cp1252")  # tried where a file is not UTF-8
DELIMITER_MARKS = (",", ";", "\t", "|")
EVEN = 0.9  # of the first records have as many fields as most, where the delimiter is right
KNOWN = 3  # names that recipes know make a line the header
BLOCK = 1 << 20  # bytes


@dataclass
class Export:
    """A file, or a sheet of a workbook.

    Attributes
    ----------
    path
        Where it is.
    keys
        The keys of a description that say how it is written.
    evidence
        By key, what proves it.
    header
        The names of its columns.
    candidates
        Encodings that fit it, where nothing proves one.
    """

    path: Path
    keys: dict[str, Any] = field(default_factory=dict)
    evidence: dict[str, str] = field(default_factory=dict)
    header: list[str] = field(default_factory=list)
    candidates: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The file's name, with its sheet."""
        return f"{self.path.name}: {self.keys['sheet']}" if "sheet" in self.keys else self.path.name


def read_exports(path: Path, known: Collection[str], encoding: str = "") -> list[Export]:
    """Find out how a file is written, sheet by sheet where it is a workbook; empty sheets are left out.

    Parameters
    ----------
    known
        Folded names of columns that recipes know: they prove an encoding, and tell the header from a title.
    encoding
        The encoding of files that are not UTF-8, if somebody has said it.

    Raises
    ------
    DataError
        If the file cannot be read.
    """
    if not path.is_file():
        raise DataError(_("{path}: no such file").format(path=path))
    if path.stat().st_size == 0:
        raise DataError(_("{file}: empty; it has not even a header").format(file=path.name))
    delimiter_of(File(path=path.name), path, required=False)  # refuses unknown kinds of file
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return [Export(path, header=_read_parquet_header(path))]
    if suffix == ".xlsx":
        sheets = list_sheets(path)
        found = [_read_sheet(path, sheet, known, several=len(sheets) > 1) for sheet in sheets]
        exports = [export for export in found if export is not None]
        if not exports:
            raise DataError(_("{file}: empty; it has not even a header").format(file=path.name))
        return exports
    return [_read_text(path, known, encoding)]


def _read_parquet_header(path: Path) -> list[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return list(pq.read_schema(path).names)
    except (OSError, pa.ArrowInvalid) as error:
        problem = _("{file}: cannot be read as Parquet: {why}")
        raise DataError(problem.format(file=path.name, why=without_values(error))) from None


def _read_sheet(path: Path, sheet: str, known: Collection[str], *, several: bool) -> Export | None:
    export = Export(path, {"sheet": sheet} if several else {})
    file = File(path=path.name, sheet=sheet, names=["_1"])
    try:
        first = Worksheet(path, file).first
    except DataError:
        return None if several else _refuse_again(path, sheet)
    _find_header(export, first, known)
    return export


def _refuse_again(path: Path, sheet: str) -> None:
    """Raise what the reader says of the only sheet."""
    Worksheet(path, File(path=path.name, sheet=sheet))


def _read_text(path: Path, known: Collection[str], encoding: str) -> Export:
    export = Export(path)
    _find_encoding(export, known, encoding)
    _find_delimiter(export)
    text = {key: export.keys[key] for key in ("encoding", "delimiter") if key in export.keys}
    first = TextFile(path, File(path=path.name, names=["_1"], **text)).first
    _find_header(export, first, known)
    return export


def _find_encoding(export: Export, known: Collection[str], given: str) -> None:
    """UTF-8 and marked files prove their encoding; of any other the words of its header do."""
    with open(export.path, "rb") as stream:
        start = stream.read(4)
    marked = next((name for mark, name in MARKS.items() if start.startswith(mark)), "")
    if marked == "utf-16":
        export.keys["encoding"], export.evidence["encoding"] = marked, _("by its byte order mark")
    if marked or _decodes(export.path, "utf-8"):
        return
    fitting = [
        name for name in dict.fromkeys([*filter(None, [given]), *CANDIDATES]) if _decodes(export.path, name)
    ]
    if not fitting:
        problem = _("{file}: fits none of the usual encodings ({tried}); it may be damaged")
        raise DataError(problem.format(file=export.path.name, tried=", ".join(("utf-8", *CANDIDATES))))
    if _has_single_letters(export.path) and "cp1252" in fitting:
        fitting = ["cp1252", *(name for name in fitting if name != "cp1252")]
    words = {name: _count_known_words(export.path, name, known) for name in fitting}
    best = max(words, key=lambda name: words[name])  # the first of equals
    if given in fitting:
        export.keys["encoding"], export.evidence["encoding"] = given, _("as you said")
    elif len(fitting) == 1 or words[best] > max((n for name, n in words.items() if name != best), default=0):
        proof = _("{count} names of its columns are known words") if words[best] else _("no other fits")
        export.keys["encoding"], export.evidence["encoding"] = best, proof.format(count=words[best])
    else:
        export.keys["encoding"], export.candidates = best, tuple(fitting)


def _decodes(path: Path, encoding: str) -> bool:
    """Whether every byte fits, and no text has a NUL."""
    try:
        decoder = codecs.getincrementaldecoder(encoding)("strict")
        with open(path, "rb") as stream:
            for block in itertools.chain(iter(lambda: stream.read(BLOCK), b""), [b""]):
                if "\0" in decoder.decode(block, final=not block):
                    return False
    except (LookupError, UnicodeError):
        return False
    return True


def _has_single_letters(path: Path) -> bool:
    """Whether most bytes beyond ASCII stand alone, as accented letters do and Chinese characters do not."""
    with open(path, "rb") as stream:
        runs = re.findall(rb"[\x80-\xff]+", stream.read(BLOCK))
    return sum(len(run) == 1 for run in runs) > len(runs) / 2


def _count_known_words(path: Path, encoding: str, known: Collection[str]) -> int:
    """How many fields of the first lines are known words with letters beyond ASCII, which prove something."""
    with open(path, encoding=encoding, newline="") as stream:
        lines = "".join(itertools.islice(stream, headers.FIRST_RECORDS))
    for mark in DELIMITER_MARKS:
        lines = lines.replace(mark, "\n")
    words = {fold(word) for word in lines.splitlines() if not word.isascii()}
    return len(words & set(known))


def _find_delimiter(export: Export) -> None:
    """Find the mark by which the first records have equally many fields, where no `sep=` line names it."""
    encoding = export.keys.get("encoding", "utf-8-sig")
    with open(export.path, encoding=encoding, newline="") as stream:
        if SEPARATOR_LINE.fullmatch(stream.readline()):
            return
    declared = DELIMITERS.get(export.path.suffix.lower(), "")
    evenness = {}
    for mark in dict.fromkeys([*filter(None, [declared]), *DELIMITER_MARKS]):
        fields = Counter(len(row) for _line, row in _first_records(export, mark))
        width, records = fields.most_common(1)[0] if fields else (1, 0)
        if width > 1 and records >= EVEN * fields.total() - 2:  # titles above, a note below
            evenness[mark] = (records / fields.total(), width)
    if not evenness:
        return  # one column, or no delimiter that we know: the reader says what is wrong
    best = max(evenness, key=lambda mark: evenness[mark])
    if best != declared:
        export.keys["delimiter"] = "tab" if best == "\t" else best
        proof = _("{share} of the first records have {width} fields")
        share, width = evenness[best]
        export.evidence["delimiter"] = proof.format(share=f"{share:.0%}", width=width)


def _first_records(export: Export, mark: str) -> list[tuple[int, list[str]]]:
    file = File(
        path=export.path.name, encoding=export.keys.get("encoding", "utf-8"), delimiter=mark, names=["_1"]
    )
    try:
        return TextFile(export.path, file).first
    except DataError:
        return []


def _find_header(export: Export, first: list[tuple[int, list[str]]], known: Collection[str]) -> None:
    """Set the header: the first record with enough known names, or the first that no later one surpasses."""
    counts = [len({fold(cell) for cell in row} & set(known)) for _line, row in first]
    if max(counts) >= KNOWN:
        place, proof = counts.index(max(counts)), _("{count} names of its columns are known words")
    else:
        place = next(n for n in range(len(first)) if not headers.propose_header(first[n:]))
        proof = _("the first line with a name in every column")
    line, row = first[place]
    if place:
        export.keys["skip_lines"] = line - 1
        export.evidence["skip_lines"] = proof.format(count=counts[place])
    if headers.is_record(row) and max(counts) < KNOWN:
        problem = _("{file}: its first line is a record, not a header; add a line that names the columns")
        raise DataError(problem.format(file=export.label))
    width = (
        max(len(row), *(len(later) for _line, later in first[place:])) if "sheet" in export.keys else len(row)
    )
    names = [cell.strip() for cell in row] + [""] * (width - len(row))
    export.header = list(_name_columns(names))
    if export.header != names:
        export.keys["names"] = export.header
        export.evidence["names"] = _("columns without a name of their own are numbered")


def _name_columns(names: list[str]) -> Iterator[str]:
    """The names, those that are empty or repeated made different.

    >>> list(_name_columns(["Day", "", "day"]))
    ['Day', 'column 2', 'day 3']
    """
    used: set[str] = set()
    for number, name in enumerate(names, start=1):
        given = name or _("column {number}").format(number=number)
        while given.lower() in used:
            given = f"{given} {number}"
        used.add(given.lower())
        yield given
