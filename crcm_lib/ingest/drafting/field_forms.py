"""How the numbers and times of a column are written: every text is tried, by what a run reads them with.

A form is proven if it reads at least as many texts as any other, and every other that reads as many reads the
same. Otherwise the forms are proposals.
"""

from dataclasses import dataclass, field
from typing import Any

import duckdb

from crcm_lib.ingest.sources import number_formats, time_formats
from crcm_lib.ingest.sources.description import File
from crcm_lib.ingest.sources.expression_sql import NUMBER, sql_identifier
from crcm_lib.schema.engine import Engine

MARKS = (
    (".", ""),
    (".", ","),
    (",", "."),
    (",", ""),
    (".", " "),
    (",", " "),
    (".", "'"),
)  # decimal, thousands
SIGN_KEYS = ("negative", "currency_sign", "number_format")
MAX_ROUNDS = 4  # signs within signs, such as `(¥1.50)`
SAMPLED = 1000  # distinct texts on which time formats are tried first; those that fit are tried on all


@dataclass
class Form:
    """How texts are written.

    Attributes
    ----------
    value
        Of numbers the keys of a description, of times a format; the first of those that read most.
    read, filled
        How many texts it reads, of how many.
    others
        Other forms that read as many texts, and some of them as something else; with how many they read.
    """

    value: Any
    read: int = 0
    filled: int = 0
    others: list[tuple[Any, int]] = field(default_factory=list)


def keep_texts(engine: Engine, texts: str) -> tuple[str, int]:
    """Keep the distinct texts `t` of a query and how often each is there, `n`; the table, and all texts."""
    engine.execute(
        f"create or replace temp table drafted as select t, count(*) as n from ({texts}) group by t"
    )
    row = engine.execute("select coalesce(sum(n), 0) from drafted").fetchone()
    return "drafted", int(row[0]) if row else 0


def find_number_form(engine: duckdb.DuckDBPyConnection, texts: str, file: File) -> Form:
    """The marks and signs with which the texts `t` of a query are numbers, as keys of a description."""
    table, filled = keep_texts(engine, texts)
    files = [_add_signs(engine, table, file)]
    plain = _count_read(engine, table, _number_sql(engine, files[0], 0))
    if plain < filled or number_formats.find_unread(engine, f"select t from {table}", "1", files[0], ""):
        files = [
            _add_signs(engine, table, file.model_copy(update={"decimal": decimal, "thousands": thousands}))
            for decimal, thousands in MARKS
        ]
    readers = [_number_sql(engine, each, n) for n, each in enumerate(files)]
    form, place = _choose(engine, table, readers, filled)
    keys = [_keys_of(each, file) for each in files]
    form.others = [(keys[n], count) for n, count in form.others]
    form.value = keys[place]
    is_usual = form.value.get("decimal") == "." and not form.value.get("thousands") and not form.others
    if is_usual and not number_formats.find_unread(engine, f"select t from {table}", "1", file, ""):
        del form.value["decimal"]  # the usual mark needs no word
    return form


def _add_signs(engine: duckdb.DuckDBPyConnection, table: str, file: File) -> File:
    """A file that also declares the signs that its unread numbers have."""
    for _round in range(MAX_ROUNDS):
        reader = _number_sql(engine, file, 0)
        unread = number_formats.count_unread(engine, table, reader, file)
        signs = {cure for cures in unread for cure in cures if cure[0] in SIGN_KEYS}
        if not signs:
            return file
        update: dict[str, list[str]] = {key: list(getattr(file, key)) for key in SIGN_KEYS}
        for key, word in sorted(signs):
            update[key].append(word)
        file = file.model_copy(update=update)
    return file


def _number_sql(engine: duckdb.DuckDBPyConnection, file: File, number: int) -> str:
    number_formats.create_number_macro(engine, file, f"draft{number}")
    return f"{sql_identifier(f'number_draft{number}')}(t)"


def _keys_of(file: File, before: File) -> dict[str, Any]:
    """The keys that a form adds to a description."""
    keys = {key: getattr(file, key) for key in ("decimal", "thousands", *SIGN_KEYS)}
    return {key: value for key, value in keys.items() if value and value != getattr(before, key)}


def _count_read(engine: Engine, table: str, reader: str) -> int:
    row = engine.execute(f"select coalesce(sum(n) filter ({reader} is not null), 0) from {table}").fetchone()
    return int(row[0]) if row else 0


def _choose(engine: Engine, table: str, readers: list[str], filled: int) -> tuple[Form, int]:
    """The first reader of those that read most, its place, and the places of those that read otherwise."""
    counts = [_count_read(engine, table, reader) for reader in readers]
    most = max(counts, default=0)
    fitting = [n for n, count in enumerate(counts) if count == most]
    first = fitting[0]
    others = []
    for n in fitting[1:]:
        differs = f"select count(*) from {table} where {readers[n]} is distinct from {readers[first]}"
        row = engine.execute(differs).fetchone()
        if row and row[0]:
            others.append((n, most))
    return Form(first, most, filled, others), first


def find_time_form(engine: Engine, texts: str, zones: tuple[str, str]) -> Form:
    """The time format with which the texts `t` of a query are times, "" for ISO 8601; see `Form`."""
    table, filled = keep_texts(engine, texts)
    if _count_read(engine, table, _time_sql("", zones)) == filled:
        return Form("", filled, filled)  # what is ISO 8601 is nothing else
    sample = f"select t from {table} order by t limit {SAMPLED}"
    likely = dict(time_formats.count_fitting(engine, sample, ""))
    most = max(likely.values(), default=0)
    formats = ["", *(form for form, count in likely.items() if count == most)]
    form, place = _choose(engine, table, [_time_sql(each, zones) for each in formats], filled)
    form.value = formats[place] if form.read else ""
    form.others = [(formats[n], count) for n, count in form.others]
    return form


def _time_sql(form: str, zones: tuple[str, str]) -> str:
    """The SQL of a text as a plausible time."""
    is_number = time_formats.is_number_form(form)
    text, kind = (f"try_cast(t as {NUMBER})", "number") if is_number else ("t", "text")
    time = time_formats.time_sql(text, kind, "VARCHAR", form, zones)
    return f"(case when year({time}) between 1900 and 2199 then {time} end)"
