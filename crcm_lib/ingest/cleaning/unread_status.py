"""Columns that a description leaves unread, whose status says that records are no sale."""

from crcm_lib.i18n import _
from crcm_lib.ingest.cleaning.prepare import PreparedPart, required_kind
from crcm_lib.ingest.cleaning.status_words import OF_TABLE, find_status_words
from crcm_lib.ingest.sources.expression_sql import compile_sql, sql_identifier, sql_literal
from crcm_lib.ingest.sources.headers import safe_names
from crcm_lib.schema.engine import Engine
from crcm_lib.schema.inputs import INPUTS

NO_SALE = "status such as cancelled"  # the remark on such a record, and the rule of its limit
MANY_TEXTS = 60  # different texts from which on a column holds no statuses


def find_unread_status(engine: Engine, prepared: PreparedPart) -> dict[str, list[str]]:
    """The columns that no expression of a part reads and that hold such words, each with its words."""
    groups = OF_TABLE.get(prepared.table, ())
    if not groups:
        return {}
    used = _list_used(prepared)
    unread = [name for name, kind in prepared.types.items() if kind == "VARCHAR" and name not in used]
    unread = [name for name in _keep_few_texts(engine, prepared, unread) if "`" not in name]
    found = {name: find_status_words(name, _count_texts(engine, prepared, name), groups) for name in unread}
    if any(found.values()) and _has_refunds(engine, prepared, used):  # then these are taken off already
        sales = [group for group in groups if group != "refunded"]
        found = {
            name: find_status_words(name, dict.fromkeys(words, 1), sales) for name, words in found.items()
        }
    return {name: words for name, words in found.items() if words}


def write_condition(words_of: dict[str, list[str]]) -> str:
    """The expression, as `exclude` takes it, of records with such a status; "" for none."""
    return " or ".join(
        f"lower(trim({_quote(name)})) in ({', '.join(map(sql_literal, words))})"
        for name, words in words_of.items()
    )


def describe_status(engine: Engine, prepared: PreparedPart, most: float) -> str:
    """Which column says what of how many records, and the lines that exclude them or say that they count.

    Parameters
    ----------
    most
        The limit, as a share, that would let them count.
    """
    said = []
    kept = f"select _at from {sql_identifier(f'validated_{prepared.key}')} where _rule is null"
    for name, words in prepared.unread_status.items():
        sql = _folded(prepared, name)
        counts = engine.execute(f"""
            select {sql} as word, count(*) from {sql_identifier(prepared.raw.name)} r {prepared.joins_sql()}
            where word in ({", ".join(map(sql_literal, words))}) and r._at in ({kept})
            group by word order by 2 desc, 1
        """).fetchall()
        listed = ", ".join(f"{word} ({count})" for word, count in counts)
        said.append(_("Column {column} says {words}").format(column=_name(prepared, name), words=listed))
    shown = {_name(prepared, name): words for name, words in prepared.unread_status.items()}
    cure = _(
        '{said}. Exclude them: exclude: [{{when: "{when}", reason: cancelled or unpaid}}]; if they count, '
        "limits: [{{rule: {rule}, at_most: {most}, reason: …}}]"
    )
    return cure.format(said=". ".join(said), when=write_condition(shown), rule=NO_SALE, most=most)


def _name(prepared: PreparedPart, name: str) -> str:
    return safe_names([name], prepared.types)[0]


def _quote(name: str) -> str:
    """A column as expressions name it; one of a lookup stands after its dot."""
    return ".".join(part if part.isidentifier() else f"`{part}`" for part in name.split(".", 1))


def _folded(prepared: PreparedPart, name: str) -> str:
    return f"lower(trim({prepared.columns[name].sql}))"


def _list_used(prepared: PreparedPart) -> set[str]:
    """The columns that the expressions of a part read."""
    part = prepared.part
    written = [*part.columns.values(), *filter(None, [part.returns]), *(row.when for row in part.exclude)]
    return {name for text in written for name in prepared.parse(text).columns()}


def _keep_few_texts(engine: Engine, prepared: PreparedPart, names: list[str]) -> list[str]:
    """Those of the columns that hold few different texts."""
    kept = []
    for raw in (prepared.raw, *prepared.lookups.values()):
        own = [name for name in names if prepared.locate(name)[0] is raw]
        if own:
            texts = (f"approx_count_distinct({sql_identifier(_own_name(prepared, name))})" for name in own)
            counts = engine.execute(f"select {', '.join(texts)} from {sql_identifier(raw.name)}").fetchone()
            kept += [name for name, count in zip(own, counts, strict=True) if count < MANY_TEXTS]
    return kept


def _own_name(prepared: PreparedPart, name: str) -> str:
    return name if name in prepared.raw.columns else name.partition(".")[2]


def _count_texts(engine: Engine, prepared: PreparedPart, name: str) -> dict[str, int]:
    """Records by text of a column, in small letters, without empty ones."""
    text = _folded(prepared, name)
    rows = engine.execute(f"""
        select {text} as text, count(*) from {prepared.rows_sql([name])} where text <> '' group by text
    """).fetchall()
    return dict(rows)


def _has_refunds(engine: Engine, prepared: PreparedPart, used: set[str]) -> bool:
    """Whether refunds are records of their own, or are subtracted where a column of them is read."""
    part = prepared.part
    if (
        part.returns
        or "kind" in part.columns
        or any("refund" in name.lower() or "退款" in name for name in used)
    ):
        return True
    if "amount" not in part.columns:
        return False
    node = prepared.parse(part.columns["amount"])
    amount = compile_sql(node, required_kind(INPUTS[prepared.table].columns["amount"]), prepared.columns)
    rows = prepared.rows_sql(node.columns())
    return engine.execute(f"select 1 from {rows} where {amount} < 0 limit 1").fetchone() is not None
