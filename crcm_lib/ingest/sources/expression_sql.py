"""Expressions as SQL: each column as the kind of value that is needed, or a message that it cannot be one."""

from dataclasses import dataclass

from crcm_lib.errors import unknown_name
from crcm_lib.i18n import _
from crcm_lib.ingest.sources.expressions import COMPARISONS, FUNCTIONS, ExpressionError, Node

# Ten decimals hold exchange rates; the product of two such numbers has twenty and is exact up to 10^18.
NUMBER = "decimal(28,10)"


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
    exact
        The SQL of the column as it stands in the file, without unusual blanks around it.
    reader
        The macro that reads text of its file as a number; "" where the file holds no text.
    has_errors
        Whether some of its texts are error values of a spreadsheet; `sql` is null there.
    """

    sql: str
    kind: str
    number: str
    exact: str = ""
    reader: str = ""
    has_errors: bool = False


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
    """The SQL of an expression, as text, number (decimal, ten places), flag or time.

    A text that is put together is read as a number in the way of the file that its first column is from.

    >>> from crcm_lib.ingest.sources.expressions import parse
    >>> quantity = ColumnSql('"Quantity"', "number", '"Quantity"')
    >>> print(compile_sql(parse("Quantity > 2"), "flag", {"Quantity": quantity}))
    ("Quantity" > cast('2' as decimal(28,10)))
    """
    given = result_kind(node, columns)
    if kind == "number" and given == "text" and not _adapts(node):
        return number_of_text(node, columns)
    sql = _compile(node, kind, columns)
    if given == kind or _adapts(node) or (kind == "time" and given == "text"):
        return sql
    if kind == "text":
        return f"cast({sql} as varchar)"
    raise ExpressionError(_("gives a {given} where a {want} is needed").format(given=given, want=kind))


def number_of_text(node: Node, columns: dict[str, ColumnSql]) -> str:
    """The SQL of a text expression read as a number."""
    text = _compile(node, "text", columns)
    readers = (columns[name].reader for name in sorted(node.columns()) if name in columns)
    reader = next(filter(None, readers), "")
    return f"{reader}({text})" if reader else f"try_cast({text} as {NUMBER})"


def _adapts(node: Node) -> bool:
    """Whether it gives whatever kind is asked for."""
    return node.kind == "column" or (node.kind == "call" and FUNCTIONS[node.value].result == "same")


def list_texts_as_numbers(node: Node, kind: str, columns: dict[str, ColumnSql]) -> list[Node]:
    """The parts of an expression that are text and are read as numbers where it is to give `kind`."""
    given = result_kind(node, columns)
    if node.kind == "column" or (kind == "number" and given == "text" and not _adapts(node)):
        return [node] if kind == "number" and given == "text" else []
    if node.kind == "call":
        kinds = _argument_kinds(node, kind)
    elif node.kind in ("and", "or", "not"):
        kinds = ["flag"] * len(node.parts)
    elif node.kind in ("like", "in", *COMPARISONS):
        kinds = [_compared_kind(node, columns)] * len(node.parts)
    else:
        kinds = ["number"] * len(node.parts)
    parts = zip(node.parts, kinds, strict=True)
    return [found for part, wanted in parts for found in list_texts_as_numbers(part, wanted, columns)]


def _compile(node: Node, kind: str, columns: dict[str, ColumnSql]) -> str:
    if node.kind == "number":
        return f"cast({sql_literal(node.value)} as {NUMBER})"
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
    return f"try(cast(({inner}) as {NUMBER}))"


def _compile_call(node: Node, kind: str, columns: dict[str, ColumnSql]) -> str:
    arguments = [
        compile_sql(part, wanted, columns)
        for part, wanted in zip(node.parts, _argument_kinds(node, kind), strict=True)
    ]
    if node.value == "coalesce" and kind in ("text", "time"):  # an empty text is no value
        arguments = [f"nullif(trim({argument}), '')" for argument in arguments]
    return FUNCTIONS[node.value].sql.format(", ".join(arguments))


def _argument_kinds(node: Node, kind: str) -> list[str]:
    """What kind each argument of a call has to be where the call is to give `kind`."""
    kinds = FUNCTIONS[node.value].arguments
    if "…" in kinds:
        kinds = (kinds[0],) * len(node.parts)
    same = "text" if kind == "time" else kind
    return [same if wanted == "same" else wanted for wanted in kinds]


def _compile_comparison(node: Node, columns: dict[str, ColumnSql]) -> str:
    kind = _compared_kind(node, columns)
    left, *others = (compile_sql(part, kind, columns) for part in node.parts)
    return f"({left} in ({', '.join(others)}))" if node.kind == "in" else f"({left} {node.kind} {others[0]})"


def _compared_kind(node: Node, columns: dict[str, ColumnSql]) -> str:
    """Numbers are compared as numbers, unless a text literal stands among them."""
    has_number = any(result_kind(part, columns) == "number" for part in node.parts)
    has_text = any(part.kind == "text" for part in node.parts)
    return "number" if has_number and not has_text and node.kind != "like" else "text"


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
