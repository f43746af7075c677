"""Simple expressions over columns, as source descriptions use them: parsed, checked, and turned into SQL.

Nothing a user writes reaches the database unparsed. The grammar, from the loosest to the tightest binding:

    a or b · a and b · not a
    a = b · a <> b · a < b · a <= b · a > b · a >= b · a in ('x',
    'y') · a not in (…) · a like 'C%' · a not like …
    a + b · a - b · a * b · a / b · -a
    12.5 · 'text' · column · `a column with blanks` · lookup.column · function(a, b) · (a)
"""

import re
from dataclasses import dataclass

from crcm_lib.errors import unknown_name
from crcm_lib.i18n import _

LONGEST, DEEPEST = 2000, 40  # characters; brackets within brackets
DECIMAL = "decimal(18,6)"
TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<text>'(?:[^']|'')*')|(?P<quoted>`[^`]+`)"
    r"|(?P<name>[^\W\d]\w*)|(?P<sign><>|<=|>=|!=|[-+*/=<>(),.]))"
)
COMPARISONS = ("=", "<>", "!=", "<", "<=", ">", ">=")
WORDS = ("and", "or", "not", "in", "like")
# name: (kind of each argument, `…` repeats the one before; kind of the result; SQL). `same` is the kind
# asked for.
FUNCTIONS = {
    "coalesce": (("same", "…"), "same", "coalesce({})"),
    "if": (("flag", "same", "same"), "same", "if({})"),
    "concat": (("text", "…"), "text", "concat({})"),
    "starts_with": (("text", "text"), "flag", "starts_with({})"),
    "ends_with": (("text", "text"), "flag", "ends_with({})"),
    "contains": (("text", "text"), "flag", "contains({})"),
    "lower": (("text",), "text", "lower({})"),
    "upper": (("text",), "text", "upper({})"),
    "trim": (("text",), "text", "trim({})"),
    "replace": (("text", "text", "text"), "text", "replace({})"),
    "abs": (("number",), "number", "abs({})"),
    "missing": (("text",), "flag", "(coalesce(trim({}), '') = '')"),
}


class ExpressionError(ValueError):
    """What is wrong with an expression, in words."""


@dataclass(frozen=True)
class Node:
    """A part of an expression: `number`, `text`, `column` with its `value`, or an operation on `parts`."""

    kind: str
    value: str = ""
    parts: tuple["Node", ...] = ()

    def columns(self) -> set[str]:
        """The columns it reads."""
        return (
            {self.value} if self.kind == "column" else set().union(*(part.columns() for part in self.parts))
        )


@dataclass(frozen=True)
class Field:
    """A column that expressions may read: its SQL, its kind (text, number, flag, time), its SQL as number."""

    sql: str
    kind: str
    number: str


def quote(text: str) -> str:
    """A text literal in SQL."""
    return "'" + text.replace("'", "''") + "'"


def name(text: str) -> str:
    """A name in SQL."""
    return '"' + text.replace('"', '""') + '"'


def parse(text: str, known: tuple[str, ...] = ()) -> Node:
    """Read an expression; a text that is exactly the name of a `known` column is that column.

    >>> parse("Quantity * UnitPrice").columns() == {"Quantity", "UnitPrice"}
    True
    >>> parse("Customer ID", ("Customer ID",)).value
    'Customer ID'
    """
    if text in known:
        return Node("column", text)
    if len(text) > LONGEST:
        raise ExpressionError(_("longer than {most} characters").format(most=LONGEST))
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str):
        self.tokens, at = [], 0
        while text[at:].strip():
            if not (found := TOKEN.match(text, at)):
                raise ExpressionError(
                    _("cannot be read from {rest!r} on").format(rest=text[at:].strip()[:20])
                )
            self.tokens.append((found.lastgroup, found[found.lastgroup]))
            at = found.end()
        self.at = self.depth = 0

    def whole(self) -> Node:
        node = self.any_of()
        if self.at < len(self.tokens):
            raise ExpressionError(_("{sign!r} is not expected there").format(sign=self.tokens[self.at][1]))
        return node

    def _peek(self) -> str:
        kind, text = self.tokens[self.at] if self.at < len(self.tokens) else ("end", "")
        return text.lower() if kind == "name" and text.lower() in WORDS else (text if kind == "sign" else "")

    def _take(self, *signs: str) -> str:
        if (sign := self._peek()) and sign in signs:
            self.at += 1
            return sign
        return ""

    def _need(self, sign: str) -> None:
        if not self._take(sign):
            raise ExpressionError(_("{sign!r} is missing").format(sign=sign))

    def _chain(self, inner, *signs: str) -> Node:
        node = inner()
        while sign := self._take(*signs):
            node = Node(sign, parts=(node, inner()))
        return node

    def any_of(self) -> Node:
        self.depth += 1
        if self.depth > DEEPEST:
            raise ExpressionError(_("more than {most} brackets within brackets").format(most=DEEPEST))
        node = self._chain(lambda: self._chain(self.negation, "and"), "or")
        self.depth -= 1
        return node

    def negation(self) -> Node:
        count = 0
        while self._take("not"):
            count += 1
        node = self.comparison()
        return Node("not", parts=(node,)) if count % 2 else node

    def comparison(self) -> Node:
        left = self.sum()
        if sign := self._take(*COMPARISONS):
            return Node("<>" if sign == "!=" else sign, parts=(left, self.sum()))
        negated = bool(self._take("not"))
        if self._take("like"):
            node = Node("like", parts=(left, self.sum()))
        elif self._take("in"):
            self._need("(")
            node = Node("in", parts=(left, *self._list()))
        elif negated:
            raise ExpressionError(_("'not' stands before in, like or a condition"))
        else:
            return left
        return Node("not", parts=(node,)) if negated else node

    def sum(self) -> Node:
        return self._chain(lambda: self._chain(self.minus, "*", "/"), "+", "-")

    def minus(self) -> Node:
        count = 0
        while self._take("-"):
            count += 1
        node = self.single()
        return Node("minus", parts=(node,)) if count % 2 else node

    def single(self) -> Node:
        if self._take("("):
            node = self.any_of()
            self._need(")")
            return node
        kind, text = self.tokens[self.at] if self.at < len(self.tokens) else ("end", "")
        if kind in ("end", "sign") or self._peek():
            raise ExpressionError(
                _("a value is missing before {sign!r}").format(sign=text)
                if text
                else _("a value is missing at the end")
            )
        self.at += 1
        if kind == "number":
            return Node("number", text)
        if kind == "text":
            return Node("text", text[1:-1].replace("''", "'"))
        if kind == "name" and self._take("("):
            return self._call(text.lower())
        text = text.strip("`")
        if self._take("."):
            kind, rest = self.tokens[self.at] if self.at < len(self.tokens) else ("end", "")
            if kind not in ("name", "quoted"):
                raise ExpressionError(_("a column is missing after {name!r}").format(name=f"{text}."))
            self.at += 1
            text = f"{text}.{rest.strip('`')}"
        return Node("column", text)

    def _call(self, function: str) -> Node:
        if function not in FUNCTIONS:
            raise ExpressionError(unknown_name(_("function"), function, FUNCTIONS))
        wanted = FUNCTIONS[function][0]
        parts = () if self._take(")") else self._list()
        if (len(parts) < 1) if "…" in wanted else (len(parts) != len(wanted)):
            raise ExpressionError(_("{function} takes {wanted} argument(s), not {given}").format(
                function=function, wanted=_("one or more") if "…" in wanted else len(wanted),
                given=len(parts)))  # fmt: skip
        return Node("call", function, parts)

    def _list(self) -> tuple[Node, ...]:
        parts = [self.any_of()]
        while self._take(","):
            parts.append(self.any_of())
        self._need(")")
        return tuple(parts)


def kind_of(node: Node, fields: dict[str, Field]) -> str:
    """What an expression gives: text, number, flag or time."""
    if node.kind in ("number", "text"):
        return node.kind
    if node.kind == "column":
        return fields[node.value].kind if node.value in fields else "text"
    if node.kind == "call":
        result = FUNCTIONS[node.value][1]
        return kind_of(node.parts[-1], fields) if result == "same" else result
    return "number" if node.kind in ("+", "-", "*", "/", "minus") else "flag"


def compile_sql(node: Node, want: str, fields: dict[str, Field]) -> str:
    """The SQL of an expression, as text, number (decimal, six places), flag or time.

    >>> quantity = Field('"Quantity"', "number", '"Quantity"')
    >>> print(compile_sql(parse("Quantity > 2"), "flag", {"Quantity": quantity}))
    ("Quantity" > cast('2' as decimal(18,6)))
    """
    sql = _compile(node, want, fields)
    given = kind_of(node, fields)
    if given == want or node.kind == "column" or (node.kind == "call" and FUNCTIONS[node.value][1] == "same"):
        return sql
    if want == "text":
        return f"cast({sql} as varchar)"
    if want == "time" and given == "text":
        return sql
    raise ExpressionError(_("gives a {given} where a {want} is needed").format(given=given, want=want))


def _compile(node: Node, want: str, fields: dict[str, Field]) -> str:
    if node.kind == "number":
        return f"cast({quote(node.value)} as {DECIMAL})"
    if node.kind == "text":
        return quote(node.value)
    if node.kind == "column":
        return _column(node.value, want, fields)
    if node.kind == "call":
        wanted, _result, form = FUNCTIONS[node.value]
        kinds = [wanted[0]] * len(node.parts) if "…" in wanted else wanted
        same = want if want != "time" else "text"
        parts = (compile_sql(part, same if kind == "same" else kind, fields)
                 for part, kind in zip(node.parts, kinds, strict=True))  # fmt: skip
        return form.format(", ".join(parts))
    if node.kind in ("and", "or", "not"):
        parts = [f"coalesce({compile_sql(part, 'flag', fields)}, false)" for part in node.parts]
        return f"(not {parts[0]})" if node.kind == "not" else f"({f' {node.kind} '.join(parts)})"
    if node.kind in ("like", "in", *COMPARISONS):
        return _comparison(node, fields)
    parts = [compile_sql(part, "number", fields) for part in node.parts]
    inner = f"-{parts[0]}" if node.kind == "minus" else f" {node.kind} ".join(parts)
    return f"try_cast(({inner}) as {DECIMAL})"


def _comparison(node: Node, fields: dict[str, Field]) -> str:
    kinds = {kind_of(part, fields) for part in node.parts}
    numeric = (
        node.kind != "like" and "number" in kinds and not any(part.kind == "text" for part in node.parts)
    )
    left, *others = (compile_sql(part, "number" if numeric else "text", fields) for part in node.parts)
    return f"({left} in ({', '.join(others)}))" if node.kind == "in" else f"({left} {node.kind} {others[0]})"


def _column(column: str, want: str, fields: dict[str, Field]) -> str:
    if column not in fields:
        raise ExpressionError(unknown_name(_("column"), column, fields))
    field = fields[column]
    if want == "number":
        return field.number
    if want == field.kind or (want == "time" and field.kind == "text"):
        return field.sql
    if want == "text":
        return f"cast({field.sql} as varchar)"
    raise ExpressionError(_("{column} is {given}, where a {want} is needed").format(
        column=column, given=field.kind, want=want))  # fmt: skip
