"""What `crcm check` shows: ours beside theirs, with examples of what was read, and what every table holds."""

from crcm_lib.ingest.cleaning import ids
from crcm_lib.ingest.cleaning.prepare import PreparedPart
from crcm_lib.ingest.sources.expression_sql import sql_identifier
from crcm_lib.ingest.sources.text import mask
from crcm_lib.schema.engine import Engine
from crcm_lib.schema.inputs import EVENT_DATE, INPUTS, names_customers

EXAMPLES = 3  # records shown of each part
MOST_RULES = 6  # that are listed for a table


def describe_source(engine: Engine, parts: dict[str, list[PreparedPart]]) -> list[dict]:
    """What was read of each input table; no value of a customer is in it, only its form.

    Returns
    -------
    Per table: `table`, `files` (records of each), `kept`, `first` and `last` day, `ids` and how many of them
    are in the transactions (`shared`), `notes` on the files, `set_aside` and `remarks` (rule, records), and
    `parts`: per part the `columns` with `ours`, `theirs`, how many records of the kept are `filled`, and
    `examples`, pairs of the form in the file and what was read: days as they are, all else as a form.
    """
    return [_describe_table(engine, table, prepared) for table, prepared in parts.items()]


def _describe_table(engine: Engine, table: str, parts: list[PreparedPart]) -> dict:
    event = EVENT_DATE[table]
    there = {row[0] for row in engine.execute(f"describe final_{table}").fetchall()}
    day = f"{sql_identifier(event)}::date" if event in there else "null::date"
    kept, first, last = engine.execute(
        f"select count(*), min({day})::varchar, max({day})::varchar from final_{table} where _rule is null"
    ).fetchone()
    own, shared = ids.count_shared(engine, table) if names_customers(table) else (0, 0)
    files: dict[str, int] = {}
    for prepared in parts:
        for file, records in prepared.raw.records.items():
            files[file] = files.get(file, 0) + records
    return {
        "table": table,
        "files": files,
        "kept": kept,
        "first": first,
        "last": last,
        "ids": own,
        "shared": shared,
        "set_aside": _count(engine, f"select _rule as rule from final_{table} where _rule is not null"),
        "remarks": _count(engine, f"select unnest(_remarks) as rule from final_{table} where _rule is null"),
        "notes": [note for prepared in parts for note in prepared.raw.remarks],
        "parts": [_describe_part(engine, number, prepared) for number, prepared in enumerate(parts)],
    }


def _count(engine: Engine, rules: str) -> list[list]:
    counted = f"select rule, count(*) from ({rules}) group by rule order by 2 desc, 1 limit {MOST_RULES}"
    return [list(row) for row in engine.execute(counted).fetchall()]


def _describe_part(engine: Engine, number: int, prepared: PreparedPart) -> dict:
    columns = list(prepared.part.columns)
    counts = ", ".join(f"count({sql_identifier(column)})" for column in columns)
    kept, *filled = engine.execute(
        f"select count(*), {counts} from final_{prepared.table} where _part = {number} and _rule is null"
    ).fetchone()
    examples = _list_examples(engine, prepared)
    rows = [
        {
            "ours": column,
            "theirs": prepared.part.columns[column],
            "filled": count,
            "examples": [list(pair) for pair in dict.fromkeys(examples[column])],
        }
        for column, count in zip(columns, filled, strict=True)
    ]
    return {"kept": kept, "columns": rows}


def _list_examples(engine: Engine, prepared: PreparedPart) -> dict[str, list[tuple[str, str]]]:
    """Of each column the forms of its first fields, and what they were read as."""
    columns, table = list(prepared.part.columns), sql_identifier(f"validated_{prepared.key}")
    selected = []
    for column in columns:
        text = prepared.part.columns[column]
        names = sorted(prepared.parse(text).columns(), key=text.find)
        fields = ", ".join(f"{prepared.locate(name)[2]}::varchar" for name in names)
        raw = f"concat_ws(' · ', {fields})" if names else "''"
        selected.append(f"{raw}, v.{sql_identifier(column)}::varchar")
    first = f"select * from {table} where _rule is null order by _at limit {EXAMPLES}"
    records = engine.execute(f"""
        select {", ".join(selected)} from {sql_identifier(prepared.raw.name)} r {prepared.joins_sql()}
        join ({first}) v on v._at = r._at order by r._at
    """).fetchall()
    schema = INPUTS[prepared.table].columns
    examples: dict[str, list[tuple[str, str]]] = {}
    for n, column in enumerate(columns):
        kind = schema[column].kind if column in schema else "text"
        pairs = ((record[2 * n] or "", record[2 * n + 1] or "") for record in records)
        examples[column] = [(mask(raw), _show(read, column, kind)) for raw, read in pairs if raw]
    return examples


def _show(read: str, column: str, kind: str) -> str:
    """What was read: a day as it is, so that day and month are seen in their order, all else as a form."""
    if kind in ("time", "day") and column != "birthday":
        return read.removesuffix(":00").removesuffix(" 00:00")
    if kind in ("money", "number") and "." in read:
        return mask(read.rstrip("0").rstrip("."))
    return mask(read)
