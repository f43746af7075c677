"""Text files -> records, exactly as they stand there.

The module `csv` decides what a record is. Where a block of lines leaves no doubt, the same records come from
Arrow's parser, which is many times faster; an irregular line sends its block to `csv`, and no other block.
"""

import csv
import itertools
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv

from crcm_lib.errors import DataError
from crcm_lib.i18n import _
from crcm_lib.ingest.sources import batches, headers
from crcm_lib.ingest.sources.description import File
from crcm_lib.ingest.sources.encodings import codec_of
from crcm_lib.ingest.sources.paths import delimiter_of

MAX_FIELD = 1_000_000  # characters
MAX_LINE = 50_000_000  # characters
BLOCK = 900_000  # characters read at a time: no field of a block is longer than MAX_FIELD
SEPARATOR_LINE = re.compile(r'"?sep=(\\t|[^\r\n])"?[\r\n]*', re.IGNORECASE)
Record = tuple[int, list[str]]  # the number of a record's first line, its fields


class TextFile:
    """A text file by its description: the names of its columns, then batches of records.

    Attributes
    ----------
    header
        The names of its columns.
    hint
        Which line seems to be the header instead; "" if none does.
    first
        The first records, the header before all, each with the number of its line.

    Raises
    ------
    DataError
        If its delimiter is not declared, or its header cannot be used.
    """

    def __init__(self, path: Path, file: File):
        self.path, self.file = path, file
        with self._open() as lines:
            self.delimiter, self._skipped = self._read_separator(lines.read(80).partition("\n")[0])
        with self._open() as lines:
            lines.skip(self._skipped)
            self.first = list(itertools.islice(self._records(lines), headers.FIRST_RECORDS))
        self.header, self.hint = headers.read_header(self.first, file, path.name)

    def batches(self) -> Iterator[pa.Table]:
        """The records after the header, as `batches.stage` takes them."""
        with self._open() as lines:
            lines.skip(self._skipped)
            if self.file.header:
                next(self._records(lines))
            if self.file.widths or self.delimiter == " ":
                yield from batches.from_rows(self.header, (row for _line, row in self._records(lines)))
            else:
                yield from self._blocks(lines)

    @contextmanager
    def _open(self) -> Iterator["_Lines"]:
        with open(self.path, encoding=codec_of(self.file.encoding), newline="") as stream:
            yield _Lines(stream, self.path.name)

    def _read_separator(self, first_line: str) -> tuple[str, int]:
        """The delimiter, and how many lines to skip: spreadsheets write `sep=;` before the header."""
        declared = delimiter_of(self.file, self.path, required=False)
        found = SEPARATOR_LINE.fullmatch(first_line)
        if found is None or self.file.widths:
            return declared or delimiter_of(self.file, self.path), self.file.skip_lines
        mark = "\t" if found[1] == "\\t" else found[1]
        if self.file.delimiter and declared != mark:
            problem = _("{file}: line 1 says `sep={mark}`, and the description declares another delimiter")
            raise DataError(problem.format(file=self.path.name, mark=found[1]))
        return mark, max(self.file.skip_lines, 1)

    def _records(self, lines: "_Lines") -> Iterator[Record]:
        """The records from here on, one by one."""
        if self.file.widths:
            spans = list(itertools.pairwise([0, *itertools.accumulate(self.file.widths)]))
            for line in lines:
                if line.strip():
                    yield lines.number, [line[a:b].strip() for a, b in spans]
        elif self.delimiter == " ":
            for line in lines:
                if fields := line.split():
                    yield lines.number, fields
        else:
            yield from read_records(lines, self.delimiter, self.path.name, lines.number)

    def _blocks(self, lines: "_Lines") -> Iterator[pa.Table]:
        while block := lines.read_block():
            if (table := parse_regular(block, self.header, self.delimiter)) is not None:
                lines.number += block.count("\n")
                yield table
                continue
            own, before = split_lines(block), lines.number
            lines.number += len(own)
            records = read_records(
                itertools.chain(own, lines), self.delimiter, self.path.name, before, enough=len(own)
            )
            yield from batches.from_rows(self.header, (row for _line, row in records))


class _Lines:
    """The lines of a text, one by one or many at a time.

    `number` says how many were given; whoever asks for a block counts its lines.
    """

    def __init__(self, stream: TextIO, name: str):
        self.stream, self.name, self.number = stream, name, 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self.stream.readline(MAX_LINE)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) == MAX_LINE:
            problem = _("{file}: line {line} has more than {most} characters")
            raise DataError(problem.format(file=self.name, line=self.number, most=MAX_LINE))
        return line

    def read(self, characters: int) -> str:
        return self.stream.read(characters)

    def skip(self, count: int) -> None:
        for _line in itertools.islice(self, count):
            pass

    def read_block(self) -> str:
        """Whole lines; where they end within quotes, also those that follow, up to the closing quote."""
        number, block = self.number, self.stream.read(BLOCK)
        if block and not block.endswith("\n"):
            block += next(self, "")
        if block.count('"') % 2:
            further, length = [block], 0
            for line in self:
                further.append(line)
                length += len(line)
                if line.count('"') % 2 or length > MAX_FIELD:
                    break
            block = "".join(further)
        self.number = number
        return block


def split_lines(text: str) -> list[str]:
    r"""The lines of a text with their ends, as files are read.

    >>> split_lines("a\r\nb\rc\n\nd")
    ['a\r\n', 'b\r', 'c\n', '\n', 'd']
    """
    return re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+", text)


def read_records(
    lines: Iterable[str], delimiter: str, name: str, before: int = 0, enough: int = 0
) -> Iterator[Record]:
    """The records of a delimited text, exactly.

    Parameters
    ----------
    lines
        Lines with their ends.
    name
        The file's name, for messages.
    before
        How many lines of the file come before them.
    enough
        Stop at the end of the record that these many lines reach into; 0: at the end.

    Raises
    ------
    DataError
        If a quote is not closed or not doubled, or a field is too long.
    """
    csv.field_size_limit(MAX_FIELD)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while not enough or reader.line_num < enough:
        line = before + reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(_describe_irregular(str(error), name, line)) from None
        if row:
            yield line, row


def _describe_irregular(error: str, name: str, line: int) -> str:
    why = error
    if "end of data" in error:
        why = _("a quote that opens a field is never closed")
    elif "field limit" in error:
        why = _("a field has more than {most} characters; perhaps a quote is never closed").format(
            most=MAX_FIELD
        )
    elif "expected after" in error:
        why = _("text follows a closing quote; a quote inside quotes has to be doubled")
    problem = _("{file}: the record that begins on line {line} cannot be read: {why}")
    return problem.format(file=name, line=line, why=why)


def parse_regular(block: str, header: list[str], delimiter: str) -> pa.Table | None:
    """The records of whole lines, as `batches.from_rows` gives them; None unless all of them are regular."""
    encoded = block.encode()
    if len(block) > MAX_FIELD or not is_regular(encoded, delimiter):
        return None
    text = pa.string()
    try:
        table = arrow_csv.read_csv(
            pa.py_buffer(encoded),
            read_options=arrow_csv.ReadOptions(column_names=header, block_size=len(encoded) + 1),
            parse_options=arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(header, text), null_values=[], strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid:  # a record of another length, or no record at all
        return None
    return table.add_column(0, "_whole", pa.array(np.ones(len(table), bool)))


def is_regular(block: bytes, delimiter: str) -> bool:
    r"""Whether every quote of a block opens, closes or doubles, and every line ends in `\n` or `\r\n`.

    >>> is_regular(b'a,"b ""c"", d"\n', ","), is_regular(b'5" pipe,b\n', ","), is_regular(b"a\rb\n", ",")
    (True, False, False)
    """
    mark = delimiter.encode()
    if len(mark) != 1:
        return False
    signs = np.frombuffer(b"\n" + block + b"\n", np.uint8)
    if block.count(b"\r") != block.count(b"\r\n"):
        return False
    quotes = np.flatnonzero(signs == ord('"'))
    if len(quotes) % 2:
        return False
    # Inside of quotes a doubled one closes and opens at once, so that each second one opens.
    is_edge = np.zeros(256, bool)
    is_edge[list(mark + b'\r\n"')] = True
    return bool(is_edge[signs[quotes[0::2] - 1]].all() and is_edge[signs[quotes[1::2] + 1]].all())
