"""What of a customer stands in a file of a run, and the file without it.

Rows of Parquet and CSV files go, wherever a column holds the id or the pseudonym; of notebooks and pages go
the table rows, pictures, list items, paragraphs and lines of text that show the pseudonym. Totals stay.
"""

import base64
import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from crcm_lib.pipeline.files import DATA
from crcm_lib.pipeline.leak_check import is_distinctive
from crcm_lib.schema.inputs import CUSTOMER_IDS

REMOVED = "(forgotten)"  # in place of a word
ID = "customer_id"
ROW_GROUP = 122_880  # as cleaning writes them
BOM = "\ufeff"
ELEMENTS = ("tr", "figure", "li", "p")  # of a page, the first that a word is in goes whole
PICTURE = re.compile(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)")


@dataclass(frozen=True)
class Traces:
    """What to erase of customers: their ids, and their pseudonyms.

    Pseudonyms go everywhere. Ids go where a column is called customer_id, and elsewhere among the data if
    they are like no number and no word; no page shows an id (`leak_check`).
    """

    ids: frozenset[str]
    pseudonyms: frozenset[str]

    @property
    def words(self) -> frozenset[str]:
        """What is a trace wherever it stands among the data."""
        return self.pseudonyms | {each for each in self.ids if is_distinctive(each)}


@dataclass(frozen=True)
class Erased:
    """A file without the traces; no content: it cannot be told what is in the file, and it goes whole."""

    content: bytes | None
    rows: int = 0
    places: int = 0


def erase(path: Path, traces: Traces) -> Erased | None:
    """A file of a run without the traces; None if it has none.

    A file of a private folder that is neither Parquet, CSV, JSON nor text goes whole.
    """
    rewrite = FORMS.get(path.suffix)
    if rewrite is None:
        return _erase_other(path, traces)
    return rewrite(path, traces)


def list_ids(folder: Path) -> Iterator[str]:
    """Every customer id in the Parquet and CSV files of a folder, file by file; damaged ones have none."""
    for path in sorted(folder.rglob("*.parquet")):
        try:
            for name in CUSTOMER_IDS:
                if name in pq.read_schema(path).names:
                    ids = _as_text(pq.read_table(path, columns=[name])[name])
                    yield from pc.unique(ids).drop_null().to_pylist()
        except (OSError, pa.ArrowInvalid):
            continue
    for path in sorted(folder.rglob("*.[ct]sv")):
        header, rows, _dialect = _read_csv(path)
        if ID in header:
            yield from {row[header.index(ID)] for row in rows if len(row) > header.index(ID)}


def _erase_parquet(path: Path, traces: Traces) -> Erased | None:
    table = pq.read_table(path)
    texts = [field.name for field in table.schema if field.name in CUSTOMER_IDS or _is_text(field.type)]
    goes = pa.chunked_array([pa.array([False] * len(table), pa.bool_())])
    for name in texts:
        wanted = traces.ids | traces.words if name in CUSTOMER_IDS else traces.words
        column = _as_text(table[name])
        goes = pc.or_(goes, pc.is_in(column, value_set=pa.array(sorted(wanted), column.type)))
    kept, places = table.filter(pc.invert(goes)), 0
    for place, name in enumerate(kept.column_names):
        if name in texts:
            column, count = _replace_words(_as_text(kept[name]), traces.words)
            places += count
            kept = (
                kept.set_column(place, kept.schema.field(place).with_type(column.type), column)
                if count
                else kept
            )
    rows = len(table) - len(kept)
    if not rows and not places:
        return None
    written = io.BytesIO()
    pq.write_table(kept, written, row_group_size=ROW_GROUP)
    return Erased(written.getvalue(), rows, places)


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column as plain text, whatever its encoding."""
    return column.cast(pa.large_string() if column.type == pa.large_string() else pa.string())


def _replace_words(column: pa.ChunkedArray, words: frozenset[str]) -> tuple[pa.ChunkedArray, int]:
    """A column without the words in the midst of its texts, and how many texts had one."""
    if not words:
        return column, 0
    pattern = _pattern(words)
    held = pc.sum(pc.match_substring_regex(column, pattern)).as_py() or 0
    return (pc.replace_substring_regex(column, pattern, REMOVED), held) if held else (column, 0)


def _pattern(words: frozenset[str]) -> str:
    """The expression of any of the words, none a part of a longer one."""
    bounded = (f"{_edge(word[0])}{re.escape(word)}{_edge(word[-1])}" for word in sorted(words))
    return "|".join(bounded)


def _edge(sign: str) -> str:
    return r"\b" if sign.isascii() and sign.isalnum() else ""


def _erase_notebook(path: Path, traces: Traces) -> Erased | None:
    if not (places := _count(path.read_text("utf-8"), traces.pseudonyms)):
        return None
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            _erase_output(output, traces.pseudonyms)
    text = _replace(nbformat.writes(notebook), traces.pseudonyms)
    return Erased(f"{text}\n".encode(), places=places)


def _erase_output(output: dict, words: frozenset[str]) -> None:
    """Change an output of a cell: a picture of a customer goes whole, of text the lines or elements."""
    data, held = output.get("data", {}), _count(json.dumps(output, ensure_ascii=False), words)
    if held and any(kind.startswith("image/") for kind in data):
        output["data"], output["metadata"] = {"text/plain": REMOVED}, {}
        return
    for kind, content in data.items():
        if isinstance(content, str):
            data[kind] = (
                _erase_elements(content, words) if kind == "text/html" else _erase_lines(content, words)
            )
    if isinstance(output.get("text"), str):
        output["text"] = _erase_lines(output["text"], words)


def _erase_page(path: Path, traces: Traces) -> Erased | None:
    text = path.read_text("utf-8")
    erased = _erase_elements(text, traces.pseudonyms)
    return None if erased == text else Erased(erased.encode(), places=_count(text, traces.pseudonyms) or 1)


def _erase_elements(html: str, words: frozenset[str]) -> str:
    """HTML without the elements that hold a word, those with a picture of one included."""
    pictures = [match for match in PICTURE.finditer(html) if _count(_decode(match[1]), words)]
    for match in reversed(pictures):
        html = _cut(html, match.start(), match.end())
    for word in sorted(words):
        while (start := html.find(word)) >= 0:
            html = _cut(html, start, start + len(word))
    return html


def _decode(text: str) -> str:
    return base64.b64decode(text).decode("utf-8", errors="replace")


def _cut(html: str, start: int, end: int) -> str:
    """HTML without the element around a place; without the place alone where there is no such element."""
    for name in ELEMENTS:
        opened = max(html.rfind(f"<{name}{sign}", 0, start) for sign in " >")
        closed = html.find(f"</{name}>", end)
        if opened > html.rfind(f"</{name}>", 0, start) and closed >= 0:
            return html[:opened] + html[closed + len(f"</{name}>") :]
    return html[:start] + REMOVED + html[end:]


def _erase_lines(text: str, words: frozenset[str]) -> str:
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if not _count(line, words))


def _erase_json(path: Path, traces: Traces) -> Erased | None:
    content = json.loads(path.read_text("utf-8"))
    text, pruned = (
        json.dumps(each, indent=2, ensure_ascii=False) for each in (content, _prune(content, traces))
    )
    if pruned == text and not _count(text, traces.pseudonyms):
        return None
    return Erased(
        f"{_replace(pruned, traces.pseudonyms)}\n".encode(), places=_count(text, traces.pseudonyms) or 1
    )


def _prune(node, traces: Traces):
    """JSON without the keys, the items and the records of a list that are or name one of them."""
    if isinstance(node, dict):
        return {key: _prune(value, traces) for key, value in node.items() if key not in traces.words}
    if isinstance(node, list):
        return [_prune(each, traces) for each in node if not _names(each, traces)]
    return node


def _names(node, traces: Traces) -> bool:
    values = node.values() if isinstance(node, dict) else [node]
    is_theirs = isinstance(node, dict) and str(node.get(ID)) in traces.ids
    return is_theirs or any(isinstance(value, str) and value in traces.words for value in values)


def _erase_csv(path: Path, traces: Traces) -> Erased | None:
    header, rows, dialect = _read_csv(path)
    place = header.index(ID) if ID in header else len(header)
    kept = [row for row in rows if not (traces.ids & {*row[place : place + 1]} or traces.words & {*row})]
    written = io.StringIO(newline="")
    csv.writer(written, dialect).writerows([header, *kept] if header else kept)
    mark = BOM if path.read_bytes().startswith(BOM.encode()) else ""
    text, places = _sub(mark + written.getvalue(), traces.words)
    if len(kept) == len(rows) and not places:
        return None
    return Erased(text.encode("utf-8"), len(rows) - len(kept), places)


def _read_csv(path: Path) -> tuple[list[str], list[list[str]], type[csv.Dialect]]:
    text = path.read_bytes().decode("utf-8", errors="replace").removeprefix(BOM)
    first = text.partition("\n")[0]

    class Dialect(csv.excel):
        delimiter = max(",;\t|", key=first.count)
        lineterminator = "\r\n" if first.endswith("\r") else "\n"

    rows = list(csv.reader(io.StringIO(text, newline=""), Dialect))
    return rows[0] if rows else [], rows[1:], Dialect


def _erase_other(path: Path, traces: Traces) -> Erased | None:
    """Text without the lines that hold a word; of any other file nobody can say what is in it."""
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return Erased(None) if path.parent.name in DATA else None
    lines = text.splitlines(keepends=True)
    kept = [line for line in lines if not _sub(line, traces.words)[1]]
    return Erased("".join(kept).encode(), len(lines) - len(kept)) if len(kept) < len(lines) else None


def _sub(text: str, words: frozenset[str]) -> tuple[str, int]:
    """Text without the words, and how many there were."""
    return re.subn(_pattern(words), REMOVED, text) if words else (text, 0)


def _count(text: str, words: frozenset[str]) -> int:
    return sum(text.count(word) for word in words)


def _replace(text: str, words: frozenset[str]) -> str:
    for word in sorted(words):
        text = text.replace(word, REMOVED)
    return text


FORMS: dict[str, Callable[[Path, Traces], Erased | None]] = {
    ".parquet": _erase_parquet,
    ".ipynb": _erase_notebook,
    ".html": _erase_page,
    ".json": _erase_json,
    ".csv": _erase_csv,
    ".tsv": _erase_csv,
}
