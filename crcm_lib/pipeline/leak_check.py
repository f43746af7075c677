"""The privacy gate: nothing that `privacy.identifiers` finds is on a page or in an executed notebook."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import duckdb

from crcm_lib.i18n import _
from crcm_lib.privacy.identifiers import FRACTION, find_identifiers
from crcm_lib.schema.inputs import CUSTOMER_IDS

PSEUDONYM = re.compile(r"\bC-[0-9A-Z]{6,}\b")
TABLE = re.compile(r"<table.*?</table>", re.S | re.I)
ID_HEADING = re.compile(r"<th[^>]*>\s*(?:<[^>]+>\s*)*customer_id\s*<", re.I)
NAMED_ID = re.compile(r"\bcustomer_id[\s:=\"'\[(]{1,4}(\d+)\b", re.I)
MACHINERY = re.compile(
    r"<style.*?</style>|<script.*?</script>|<meta[^>]*>|data:[\w/+.-]+;base64,[\w+/=]+", re.S
)
SVG_WORDS = re.compile(r"<!--(.*?)-->", re.S)  # matplotlib draws letters as paths, and says them here


def read_ids(folder: Path) -> set[str]:
    """Return every customer id in a run's clean tables, exactly as given."""
    ids = set()
    engine = duckdb.connect()
    for file in sorted((folder / "clean").glob("*.parquet")):
        columns = engine.execute("select name from parquet_schema(?)", [str(file)]).fetchall()
        for name in CUSTOMER_IDS:
            if (name,) in columns:
                rows = engine.execute(f"select distinct {name}::varchar from read_parquet(?)", [str(file)])
                ids.update(value for (value,) in rows.fetchall() if value)
    return ids


def is_distinctive(name: str) -> bool:
    """Is this id so unlike a number or a word of a report that its presence anywhere is a leak?

    Examples
    --------
    >>> [is_distinctive(name) for name in ("K1042", "00123", "123456789", "Jane Doe", "a@b.org")]
    [True, True, True, True, True]
    >>> [is_distinctive(name) for name in ("123", "18287", "North", "C1")]
    [False, False, False, False]
    """
    if name.isdecimal():
        return len(name) >= 9 or (name.startswith("0") and len(name) >= 5)
    mixed = any(sign.isdigit() for sign in name) and any(sign.isalpha() for sign in name)
    return len(name) >= 4 and (mixed or not name.isalnum())


def find_leaks(folder: Path, ids: set[str], *, ours: str = "") -> list[str]:
    """List the pages and notebook cells of a run that identify a customer, without repeating whom.

    `ours` is the company's own address, which its notice to customers names; it is no customer's.

    Three searches:

    - e-mail addresses, numbers of phones, id cards, bank cards, accounts and cars, and ids like no number and
      no word (`is_distinctive`): anywhere, the words of an SVG picture included;
    - numbers that are ids: where the text says `customer_id: 18287`;
    - every id: a table with a column `customer_id` must hold pseudonyms.

    Not searched for: other short or purely numeric ids in running text, ids that are a plain word, the
    pixels of a picture, and the private folders (clean, tables, models), which hold ids on purpose.
    """
    texts = {place: text.replace(ours, "") if ours else text for place, text in _read_texts(folder)}
    distinctive = {name for name in ids if is_distinctive(name)}
    suspects = set(find_identifiers("\n".join(texts.values()), distinctive))  # one pass, mostly the only one
    problems = []
    for place, text in texts.items():
        identifiers = find_identifiers(text, distinctive & suspects) if suspects else []
        named = ids.intersection(NAMED_ID.findall(FRACTION.sub(r"\1", text)))
        tables = [table for table in TABLE.findall(text) if ID_HEADING.search(table)]
        bare = [table for table in tables if len(PSEUDONYM.findall(table)) < table.count("<tr") - 1]
        if identifiers or named:
            problems.append(
                _(
                    "{place}: {count} raw id(s), e-mail address(es), or numbers of phones, cards, accounts "
                    "or cars"
                ).format(place=place, count=len({*identifiers, *named}))
            )
        if bare:
            problems.append(
                _("{place}: a table shows the column customer_id; show pseudonyms").format(place=place)
            )
    return problems


def _read_texts(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield place and text of each page and notebook cell, without pictures, styles and decimals."""
    for file in sorted([*folder.glob("*.html"), folder / "about.json"]):
        if file.exists():
            yield file.name, MACHINERY.sub(" ", file.read_text("utf-8"))
    for file in sorted(folder.glob("*.ipynb")):
        for number, cell in enumerate(json.loads(file.read_text("utf-8"))["cells"], 1):
            where = _("{file}, cell {number} from the top").format(file=file.name, number=number)
            yield where, MACHINERY.sub(" ", _read_cell(cell))


def _read_cell(cell: dict) -> str:
    """Return all text of a cell: source and outputs, alternative texts included."""
    parts = ["".join(cell["source"])]
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        texts = {kind: value for kind, value in data.items() if "image/" not in kind}
        texts["image/svg+xml"] = "\n".join(SVG_WORDS.findall("".join(data.get("image/svg+xml", ""))))
        texts |= {kind: output.get(kind, "") for kind in ("text", "evalue", "traceback")}
        parts += ["".join(value) for value in texts.values() if isinstance(value, str | list)]
        parts.append(json.dumps(output.get("metadata", {}), ensure_ascii=False))
    return "\n".join(parts)
