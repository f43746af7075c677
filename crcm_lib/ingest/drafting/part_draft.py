"""A part of a drafted description: columns by a recipe, forms by their content, the evidence beside each."""

from dataclasses import dataclass, field
from typing import Any

import duckdb

from crcm_lib.errors import DataError
from crcm_lib.i18n import _
from crcm_lib.ingest.cleaning import ids
from crcm_lib.ingest.cleaning.fill_down import count_heads, fill_down
from crcm_lib.ingest.cleaning.prepare import PreparedPart, prepare, required_kind, texts_sql
from crcm_lib.ingest.cleaning.validate import FREE_TEXT, condition_sql, is_filled, typed_value
from crcm_lib.ingest.drafting.field_forms import Form, find_number_form, find_time_form
from crcm_lib.ingest.drafting.recipe_files import Match
from crcm_lib.ingest.sources import number_formats
from crcm_lib.ingest.sources.description import DERIVED, File, FillDown, Source
from crcm_lib.ingest.sources.expression_sql import list_texts_as_numbers, sql_identifier
from crcm_lib.ingest.sources.text import is_total_sql
from crcm_lib.schema.inputs import INPUTS

FEW = 2  # records without a customer that stop nothing
MANY_COPIES = 0.02  # of the records; then a run asks whether they count
Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Proposal:
    """What a draft is unsure of: the value it proposes ("" for none), and why."""

    value: Any
    why: str


@dataclass
class PartDraft:
    """A part of a description.

    Attributes
    ----------
    table
        The input table that it fills.
    match
        The file that it reads.
    keys
        What the description says of it.
    evidence
        By the place of a line within the part, what proves it.
    unsure
        By key or column, what has to be confirmed.
    lookups
        By name the files that it looks things up in.
    unused
        Columns of the file that no line of the part reads.
    """

    table: str
    match: Match
    keys: dict[str, Any]
    evidence: dict[Place, str] = field(default_factory=dict)
    unsure: dict[str, Proposal] = field(default_factory=dict)
    lookups: dict[str, Match] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)
    codes: dict[str, int] = field(default_factory=dict)  # of currencies, with how many records have them
    offsets: list[str] = field(default_factory=list)  # of times, as `+0100`


def find_forms(engine: duckdb.DuckDBPyConnection, draft: PartDraft, source: Source) -> None:
    """Read the part's files whole and write into the draft how they are written, with the evidence.

    `source` holds the part as it is now, and nothing else.
    """
    prepared = prepare(engine, source, draft.table, 0)
    if missing := [problem for problem in prepared.problems if problem.startswith("lookups.")]:
        raise DataError("; ".join(missing))
    _find_heads(engine, draft, prepared)
    _find_numbers(engine, draft, prepared)
    _find_times(engine, draft, prepared)
    _find_id_form(engine, draft, prepared)
    _count_columns(engine, draft, prepared)
    _count_exclusions(engine, draft, prepared)
    if draft.table == "transactions":
        if "customer_id" in draft.keys["columns"]:
            _find_anonymous(engine, draft, prepared)
        _find_copies(engine, draft, prepared)
        _count_currencies(engine, draft, prepared)
    _list_unused(draft, prepared)


def _find_heads(engine: duckdb.DuckDBPyConnection, draft: PartDraft, prepared: PreparedPart) -> None:
    """Fill down what stands on the first line of an order only: by the recipe, or where the data show it."""
    order = prepared.part.columns.get("order_id", "").strip("`")
    heads = count_heads(engine, prepared.raw, order, prepared.raw.columns)
    declared = draft.keys.get("fill_down")
    if declared is None and heads and order:
        used = {name for text in _written(draft) for name in prepared.parse(text).columns()}
        if columns := [name for name in heads if name in used]:
            declared = {"columns": columns, "within": order}
            draft.keys["fill_down"] = declared
            draft.unsure["fill_down"] = Proposal(declared, _describe_heads(heads, columns))
    if declared:
        listed = [name for name in declared["columns"] if name in heads]
        draft.evidence[("fill_down",)] = _describe_heads(heads, listed) if listed else ""
        prepared.raw = fill_down(engine, prepared.raw, FillDown.model_validate(declared))


def _describe_heads(heads: dict[str, int], columns: list[str]) -> str:
    said = _("filled on the first line only, in {count:,} orders of several lines")
    return said.format(count=max((heads[name] for name in columns), default=0))


def _written(draft: PartDraft) -> list[str]:
    """Every expression of the part."""
    texts = list(draft.keys["columns"].values())
    texts += [draft.keys["returns"]] if "returns" in draft.keys else []
    return texts + [row["when"] for row in draft.keys.get("exclude", [])]


def _find_numbers(engine: duckdb.DuckDBPyConnection, draft: PartDraft, prepared: PreparedPart) -> None:
    """Find the form of all texts that are read as numbers, file by file."""
    schema = INPUTS[draft.table].columns
    wanted = [(text, required_kind(schema.get(name))) for name, text in draft.keys["columns"].items()]
    wanted += [(text, "flag") for text in _written(draft)[len(wanted) :]]
    queries: dict[str, list[str]] = {}
    for text, kind in wanted:
        for node in list_texts_as_numbers(prepared.parse(text), kind, prepared.columns):
            if names := node.columns():
                lookup = min(names).partition(".")[0]
                where = (
                    lookup if lookup in prepared.lookups and min(names) not in prepared.raw.columns else ""
                )
                queries.setdefault(where, []).append(texts_sql(prepared, node))
    for where, texts in queries.items():
        file: File = prepared.part.lookups[where] if where else prepared.part
        key = f"{prepared.key}_{where}" if where else prepared.key
        form = find_number_form(engine, " union all ".join(dict.fromkeys(texts)), file)
        keys = draft.keys["lookups"][where] if where else draft.keys
        keys |= form.value
        place: Place = ("lookups", where) if where else ()
        read = _("{read:,} of {filled:,} numbers read").format(read=form.read, filled=form.filled)
        draft.evidence |= {(*place, name): read for name in form.value}
        number_formats.create_number_macro(engine, file.model_copy(update=form.value), key)
        if form.others:
            prefix = ".".join(("lookups", where, "")) if where else ""
            others = " | ".join(
                ", ".join(f"{k} {v}" for k, v in keys.items()) for keys, _count in form.others
            )
            why = _("every number can also be read as {others}").format(others=others)
            for mark in ("decimal", "thousands"):
                draft.unsure[prefix + mark] = Proposal(
                    form.value.get(mark, "" if mark == "thousands" else "."), why
                )


def _find_times(engine: duckdb.DuckDBPyConnection, draft: PartDraft, prepared: PreparedPart) -> None:
    formats: dict[str, str] = {}
    found: dict[str, Form] = {}
    schema = INPUTS[draft.table].columns
    for column, text in draft.keys["columns"].items():
        if column not in schema or schema[column].kind not in ("time", "day"):
            continue
        node = prepared.parse(text)
        if node.kind == "column" and prepared.types.get(node.value, "").startswith(("TIMESTAMP", "DATE")):
            continue
        texts = texts_sql(prepared, node)
        if texts not in found:
            found[texts] = find_time_form(engine, texts, ("", "UTC"))
        form = found[texts]
        if form.value:
            formats[column] = form.value
            read = _("{read:,} of {filled:,} read").format(read=form.read, filled=form.filled)
            draft.evidence[("time_format", column)] = read
        if form.others or form.read < form.filled:
            listed = [(form.value or "ISO 8601", form.read), *form.others]
            counts = ", ".join(f'"{other}" ({count:,} of {form.filled:,})' for other, count in listed)
            why = _("{column} fits {counts}").format(column=column, counts=counts)
            draft.unsure[f"time_format.{column}"] = Proposal(form.value, why)
        if column in ("time", "opened") and draft.table == "transactions":
            draft.offsets = _list_offsets(engine, texts)
    if formats:
        draft.keys["time_format"] = formats
        prepared.part = prepared.part.model_copy(update={"time_format": formats})


def _list_offsets(engine: duckdb.DuckDBPyConnection, texts: str) -> list[str]:
    """The offsets that times end in, most frequent first."""
    rows = engine.execute(f"""
        select regexp_extract(t, '[0-9]:[0-9]{{2}}(?::[0-9.]+)? ?([+-][0-9]{{2}}:?[0-9]{{2}})$', 1) as o,
            count(*)
        from ({texts}) group by 1 having o <> '' order by 2 desc, 1 limit 4
    """).fetchall()
    return [offset for offset, _count in rows]


def _find_id_form(engine: duckdb.DuckDBPyConnection, draft: PartDraft, prepared: PreparedPart) -> None:
    """Ids that a spreadsheet has made decimal numbers, or that have blanks around them."""
    node = prepared.parse(draft.keys["columns"].get("customer_id", "''"))
    if node.kind != "column" or prepared.types[node.value] != "VARCHAR":
        return
    exact = prepared.columns[node.value].exact
    filled, whole, decimal, blank = engine.execute(f"""
        select count(*), count(*) filter (regexp_matches(trim(t), '^[0-9]+([.]0+)?$')),
            count(*) filter (regexp_matches(trim(t), '^[0-9]+[.]0+$')), count(*) filter (t <> trim(t))
        from (select {exact} as t from {prepared.rows_sql(node.columns())}) where trim(t) <> ''
    """).fetchone()
    if decimal and whole == filled:
        draft.keys["id_format"], said = "integer", _("{count:,} of {filled:,} end in .0, all are whole")
        draft.evidence[("id_format",)] = said.format(count=decimal, filled=filled)
    elif blank:
        draft.keys["id_format"], said = "trimmed", _("{count:,} of {filled:,} have blanks around them")
        draft.evidence[("id_format",)] = said.format(count=blank, filled=filled)
    prepared.part = prepared.part.model_copy(update={"id_format": draft.keys.get("id_format", "exact")})


def _count_columns(engine: duckdb.DuckDBPyConnection, draft: PartDraft, prepared: PreparedPart) -> None:
    """Write beside each column how many fields of it are filled, and how many of these can be read."""
    schema, selected = INPUTS[draft.table].columns, []
    for column, text in draft.keys["columns"].items():
        node, spec = prepared.parse(text), schema.get(column, FREE_TEXT)
        value = typed_value(prepared, column, node, spec)
        selected.append(f"count(*) filter ({is_filled(prepared, node)}), count({value})")
    who = draft.keys["columns"].get("customer_id")
    identity = (
        typed_value(prepared, "customer_id", prepared.parse(who), schema["customer_id"]) if who else "null"
    )
    records, customers, *counts = engine.execute(f"""
        select count(*), count(distinct {identity}), {", ".join(selected)}
        from {sql_identifier(prepared.raw.name)} r {prepared.joins_sql()}
    """).fetchone()
    if not records:
        raise DataError(_("{file}: a header and no records").format(file=draft.match.export.label))
    for n, (column, text) in enumerate(draft.keys["columns"].items()):
        filled, read = counts[2 * n], counts[2 * n + 1]
        if not prepared.parse(text).columns():
            said = _("the same for every record")
        elif required_kind(schema.get(column)) == "text":
            said = _("{read:,} of {records:,} filled").format(read=read, records=records)
        else:
            said = _("{read:,} of {filled:,} read").format(read=read, filled=max(filled, read))
        if column == "customer_id":
            said += _("; {customers:,} customers").format(customers=customers)
        draft.evidence[("columns", column)] = said


def _count_exclusions(engine: duckdb.DuckDBPyConnection, draft: PartDraft, prepared: PreparedPart) -> None:
    tests = [row["when"] for row in draft.keys.get("exclude", [])]
    if tests:
        counts = ", ".join(f"count(*) filter ({condition_sql(prepared, test)})" for test in tests)
        table = f"{sql_identifier(prepared.raw.name)} r {prepared.joins_sql()}"
        found = engine.execute(f"select {counts}, count(*) from {table}").fetchone()
        said = _("{count:,} of {records:,} records")
        for n in range(len(tests)):
            draft.evidence[("exclude", n)] = said.format(count=found[n], records=found[-1])


def _find_anonymous(engine: duckdb.DuckDBPyConnection, draft: PartDraft, prepared: PreparedPart) -> None:
    """Propose that sales without a customer belong to nobody, where there are such."""
    node, spec = (
        prepared.parse(draft.keys["columns"]["customer_id"]),
        INPUTS["transactions"].columns["customer_id"],
    )
    texts = [f"r.{sql_identifier(name)}" for name, kind in prepared.raw.columns.items() if kind == "VARCHAR"]
    aside = [condition_sql(prepared, row["when"]) for row in draft.keys.get("exclude", [])]
    records, nobody = engine.execute(f"""
        select count(*), count(*) filter ({typed_value(prepared, "customer_id", node, spec)} is null
            and not {is_total_sql(texts)} and not ({" or ".join(aside) or "false"}))
        from {sql_identifier(prepared.raw.name)} r {prepared.joins_sql()}
    """).fetchone()
    if nobody > FEW:
        value = {"reason": _("no customer on the order"), "at_most": ids.round_up(1.5 * nobody / records)}
        why = _("{nobody:,} of {records:,} records name no customer; they would be revenue of nobody")
        draft.keys["anonymous"] = value
        draft.unsure["anonymous"] = Proposal(value, why.format(nobody=nobody, records=records))


def _find_copies(engine: duckdb.DuckDBPyConnection, draft: PartDraft, prepared: PreparedPart) -> None:
    """Propose to keep lines that repeat another in every field, where there are many."""
    fields = ", ".join(sql_identifier(name) for name in prepared.raw.columns)
    table = sql_identifier(prepared.raw.name)
    records, copies = engine.execute(
        f"select count(*), count(*) - count(distinct hash({fields})) from {table}"
    ).fetchone()
    if copies > max(FEW, MANY_COPIES * records) and "duplicates" not in draft.keys:
        why = _(
            "{copies:,} of {records:,} records repeat another in every field: purchases (keep) or copies "
            "(reject)?"
        )
        draft.keys["duplicates"] = "keep"
        draft.unsure["duplicates"] = Proposal("keep", why.format(copies=copies, records=records))


def _count_currencies(engine: duckdb.DuckDBPyConnection, draft: PartDraft, prepared: PreparedPart) -> None:
    if "currency" in draft.keys["columns"]:
        node, spec = (
            prepared.parse(draft.keys["columns"]["currency"]),
            INPUTS["transactions"].columns["currency"],
        )
        rows = engine.execute(f"""
            select {typed_value(prepared, "currency", node, spec)} as code, count(*)
            from {sql_identifier(prepared.raw.name)} r {prepared.joins_sql()}
            where code is not null group by 1 order by 2 desc, 1 limit 5
        """).fetchall()
        draft.codes = dict(rows)


def _list_unused(draft: PartDraft, prepared: PreparedPart) -> None:
    used = {name for text in _written(draft) for name in prepared.parse(text).columns()}
    used |= {ours for lookup in draft.keys.get("lookups", {}).values() for ours in lookup["key"]}
    draft.unused = [name for name in draft.match.export.header if name not in used]


def list_required(table: str) -> list[str]:
    """The columns without which a part of an input table cannot be."""
    derived = DERIVED.get(table, ())
    return [name for name, spec in INPUTS[table].columns.items() if spec.required and name not in derived]
