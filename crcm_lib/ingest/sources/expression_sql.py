"""Expressions as SQL: each column as the kind of value that is needed, or a message that it cannot be one."""

from dataclasses import dataclass

from crcm_lib.errors import unknown_name
from crcm_lib.i18n import _
from crcm_lib.ingest.sources.expressions import COMPARISONS, FUNCTIONS, ExpressionError, Node

DECIMAL = "decimal(18,6)"


@dataclass(frozen=True)
class ColumnSql:
    """A column that expressions may read.

    Attributes
    ----------
    sql
        The column in SQL.
    kind
        What `sql` gives: text, number, flag or time.
    number
        The SQL of the column as a number.
    """

    sql: str
    kind: str
    number: str


def sql_literal(text: str) -> str:
    """A text literal.

    >>> print(sql_literal("it's"))
    'it''s'
    """
    return "'" + text.replace("'", "''") + "'"


def sql_identifier(name: str) -> str:
    """A quoted name of a table or column.

    >>> print(sql_identifier("Customer ID"))
    "Customer ID"
    """
    return '"' + name.replace('"', '""') + '"'


def result_kind(node: Node, columns: dict[str, ColumnSql]) -> str:
    """What an expression gives: text, number, flag or time."""
    if node.kind in ("number", "text"):
        return node.kind
    if node.kind == "column":
        return columns[node.value].kind if node.value in columns else "text"
    if node.kind == "call":
        result = FUNCTIONS[node.value].result
        return result_kind(node.parts[-1], columns) if result == "same" else result
    return "number" if node.kind in ("+", "-", "*", "/", "minus") else "flag"


def compile_sql(node: Node, kind: str, columns: dict[str, ColumnSql]) -> str:
    """The SQL of an expression, as text, number (decimal, six places), flag or time.

    >>> from crcm_lib.ingest.sources.expressions import parse
    >>> quantity = ColumnSql('"Quantity"', "number", '"Quantity"')
    >>> print(compile_sql(parse("Quantity > 2"), "flag", {"Quantity": quantity}))
    ("Quantity" > cast('2' as decimal(18,6)))
    """
    sql = _compile(node, kind, columns)
    given = result_kind(node, columns)
    adapts = node.kind == "column" or (node.kind == "call" and FUNCTIONS[node.value].result == "same")
    if given == kind or adapts or (kind == "time" and given == "text"):
        return sql
    if kind == "text":
        return f"cast({sql} as varchar)"
    raise ExpressionError(_("gives a {given} where a {want} is needed").format(given=given, want=kind))


def _compile(node: Node, kind: str, columns: dict[str, ColumnSql]) -> str:
    if node.kind == "number":
        return f"cast({sql_literal(node.value)} as {DECIMAL})"
    if node.kind == "text":
        return sql_literal(node.value)
    if node.kind == "column":
        return _compile_column(node.value, kind, columns)
    if node.kind == "call":
        return _compile_call(node, kind, columns)
    if node.kind in ("and", "or", "not"):
        parts = [f"coalesce({compile_sql(part, 'flag', columns)}, false)" for part in node.parts]
        return f"(not {parts[0]})" if node.kind == "not" else f"({f' {node.kind} '.join(parts)})"
    if node.kind in ("like", "in", *COMPARISONS):
        return _compile_comparison(node, columns)
    parts = [compile_sql(part, "number", columns) for part in node.parts]
    inner = f"-{parts[0]}" if node.kind == "minus" else f" {node.kind} ".join(parts)
    return f"try_cast(({inner}) as {DECIMAL})"


def _compile_call(node: Node, kind: str, columns: dict[str, ColumnSql]) -> str:
    function = FUNCTIONS[node.value]
    kinds = function.arguments
    if "…" in kinds:
        kinds = (kinds[0],) * len(node.parts)
    same = "text" if kind == "time" else kind
    arguments = (
        compile_sql(part, same if wanted == "same" else wanted, columns)
        for part, wanted in zip(node.parts, kinds, strict=True)
    )
    return function.sql.format(", ".join(arguments))


def _compile_comparison(node: Node, columns: dict[str, ColumnSql]) -> str:
    """Numbers are compared as numbers, unless a text literal stands among them."""
    has_number = any(result_kind(part, columns) == "number" for part in node.parts)
    has_text = any(part.kind == "text" for part in node.parts)
    kind = "number" if has_number and not has_text and node.kind != "like" else "text"
    left, *others = (compile_sql(part, kind, columns) for part in node.parts)
    return f"({left} in ({', '.join(others)}))" if node.kind == "in" else f"({left} {node.kind} {others[0]})"


def _compile_column(name: str, kind: str, columns: dict[str, ColumnSql]) -> str:
    if name not in columns:
        raise ExpressionError(unknown_name(_("column"), name, columns))
    column = columns[name]
    if kind == "number":
        return column.number
    if kind == column.kind or (kind == "time" and column.kind == "text"):
        return column.sql
    if kind == "text":
        return f"cast({column.sql} as varchar)"
    problem = _("{column} is {given}, where a {want} is needed")
    raise ExpressionError(problem.format(column=name, given=column.kind, want=kind))
