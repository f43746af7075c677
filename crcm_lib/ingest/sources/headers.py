"""The names of a file's columns: which are refused, what is proposed instead, what may be printed of them."""

import re
from collections import Counter
from collections.abc import Iterable

from crcm_lib.errors import DataError, unknown_name
from crcm_lib.i18n import _
from crcm_lib.ingest.sources.description import File

MAX_COLUMNS = 500
RAW_COLUMNS = ("_file", "_at", "_record", "_whole")
FIRST_RECORDS = 20  # among these the header is searched
MAX_LISTED = 20
# Numbers, days, addresses and numbered codes are what records hold; a year alone may be the name of a column.
VALUE = re.compile(
    r"[^\w]*[0-9][0-9 .,']*[.,][0-9]+.*|[0-9]{1,3}|[0-9]{5,}|[0-9]+[-/.年][0-9]+[-/.月][0-9]+.*|.*@.*|"
    r"[A-Z]+[-_ ]?(?!(19|20)[0-9]{2}\b)[0-9]{4,}",
    re.ASCII | re.IGNORECASE,
)


def read_header(first: list[tuple[int, list[str]]], file: File, name: str) -> tuple[list[str], str]:
    """The names of the columns, and which line seems to be the header instead ("" if none does).

    Parameters
    ----------
    first
        The first records of a file, its header before all, each with the number of its line.
    name
        The file's name.

    Raises
    ------
    DataError
        If there is no header, it is too wide, or a column has no name of its own.
    """
    if not first:
        raise DataError(_("{file}: empty; it has not even a header").format(file=name))
    if not file.header and not file.names:
        raise DataError(_("{file}: header: false needs names: [...]").format(file=name))
    hint = "" if file.names else propose_header(first)
    header = file.names or [column.strip() for column in first[0][1]]
    check_header(header, name, hint)
    return header, hint


def check_header(header: list[str], name: str, hint: str = "") -> None:
    """Refuse a header that is too wide or leaves a column without a name of its own."""
    if len(header) > MAX_COLUMNS:
        problem = _("{file}: {count} columns; {most} at most")
        raise DataError(problem.format(file=name, count=len(header), most=MAX_COLUMNS))
    repeated = sorted(column for column, times in Counter(header).items() if times > 1 and column)
    own = sorted(set(RAW_COLUMNS) & set(header))
    if repeated or own or not all(header):
        problem = _("{file}: every column of the header needs a name of its own; repeated or empty: {names}.")
        shown = [repr(column) for column in safe_names(repeated + own, header)] or ["''"]
        cure = hint or _("Declare the names: `names: [...]` (one for each column).")
        said = problem.format(file=name, names=", ".join(shown[:MAX_LISTED]))
        raise DataError(f"{said} {cure}")
    if len({column.lower() for column in header}) < len(header):
        problem = _("{file}: two columns differ in capital letters only; rename one")
        raise DataError(problem.format(file=name))


def propose_header(first: list[tuple[int, list[str]]]) -> str:
    """Say which of the first records seems to be the header, if it is not the first; "" if it is.

    That record has more distinct texts than the first, and no value.

    >>> print(propose_header([(1, ["Sales", ""]), (3, ["id", "day"]), (4, ["K1", "2024-01-05"])]))
    Line 3 seems to be the header: `skip_lines: 2`.
    """
    counts = [_count_names(row) for _line, row in first]
    best = max(range(len(first)), key=lambda n: counts[n])  # the first of equals
    if counts[best] <= max(counts[0], 1):
        return ""
    line = first[best][0]
    return _("Line {line} seems to be the header: `skip_lines: {skipped}`.").format(
        line=line, skipped=line - 1
    )


def _count_names(row: list[str]) -> int:
    """How many distinct names a row could give; 0 if it holds a value or the same text twice."""
    texts = [cell.strip() for cell in row if cell.strip()]
    if len(set(texts)) < len(texts) or any(_is_value(text) for text in texts):
        return 0
    return len(texts)


def safe_names(names: Iterable[str], header: Iterable[str] = ()) -> list[str]:
    """Names of columns that a message may print: a record that stands in the header's place is masked.

    Parameters
    ----------
    names
        Names of columns.
    header
        All names of the file, if `names` are some of them: one value among them makes it a record.

    >>> safe_names(["Customer", "address_1", "Sales 2024"])
    ['Customer', 'address_1', 'Sales 9999']
    >>> safe_names(["K7731", "2024-03-05", "12.50", "Wang Xiaoming"])
    ['A9999', '9999-99-99', '99.99', 'Aaaa Aaaaaaaa']
    """
    names = list(names)
    if is_record([*names, *header]):
        return [_mask(name) for name in names]
    return [re.sub(r"[0-9]{3,}", lambda digits: "9" * len(digits[0]), name) for name in names]


def is_record(header: Iterable[str]) -> bool:
    """Whether a header holds values, so that it is the first record of a file without a header."""
    header = list(header)
    marks = r"[,;|\t]" if len(header) > 1 else r"[,;|\s]"  # one name alone may be a line that was not split
    return any(_is_value(piece) for name in header for piece in re.split(marks, name))


def describe_unknown_column(column: str, columns: Iterable[str], hint: str = "") -> str:
    """Say that a file has no such column, which it has, and where its header may be; no value is printed.

    Parameters
    ----------
    columns
        The columns of the file.
    hint
        From `read_header`.
    """
    columns = list(columns)
    said = [unknown_name(_("column"), column, safe_names(columns))]
    if is_record(columns):
        said.append(_("The first line seems to be a record: declare `header: false` and `names: [...]`."))
    return " ".join([*said, *([hint] if hint else [])])


def _is_value(text: str) -> bool:
    return VALUE.fullmatch(text.strip()[:100]) is not None


def _mask(text: str) -> str:
    def mark(sign: str) -> str:
        if sign.isdigit():
            return "9"
        return ("A" if sign.isupper() else "a") if sign.isalpha() else sign

    return "".join(map(mark, text[:60]))
