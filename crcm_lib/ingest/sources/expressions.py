"""Expressions over the columns of a file, as source descriptions write them: the grammar and its parser.

Nothing that a user writes reaches the database unparsed. The grammar, from the loosest to the tightest
binding:

    a or b · a and b · not a
    a = b · a <> b · a < b · a <= b · a > b · a >= b
    a in ('x', 'y') · a not in (…) · a like 'C%' · a not like …
    a + b · a - b · a * b · a / b · -a
    12.5 · 'text' · column · `a column with blanks` · lookup.column · function(a, b) · (a)

The parser is our own. One on `sqlglot` 30.30 with a white list of node types and arguments was measured
beside it: 57 lines instead of 125 and as safe. But it takes 0.35 s to import, reads 18 of 228 texts otherwise
(a column cannot be called `from` or `desc`; `a = b = c`, `a == b` and `!a` are accepted), reports mistakes in
terms of its own classes, and its tree changes with its version: `a not like b` was Not(Like) in 26.0 and is
Like(negate=True) in 30.30, which a white list of types alone would read as its opposite.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from crcm_lib.errors import unknown_name
from crcm_lib.i18n import _

MAX_LENGTH = 2000  # characters
MAX_DEPTH = 40  # brackets within brackets
TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<text>'(?:[^']|'')*')|(?P<quoted>`[^`]+`)"
    r"|(?P<name>[^\W\d]\w*)|(?P<sign><>|<=|>=|!=|[-+*/=<>(),.]))"
)
MAX_DIGITS, MAX_DECIMALS = 18, 10  # of a number
COMPARISONS = ("=", "<>", "!=", "<", "<=", ">", ">=")
KEYWORDS = ("and", "or", "not", "in", "like")


@dataclass(frozen=True)
class Function:
    """A function that expressions may call.

    Attributes
    ----------
    arguments
        The kind of each argument; `…` repeats the one before, `same` is the kind asked for.
    result
        The kind of the result.
    sql
        The call in SQL.
    """

    arguments: tuple[str, ...]
    result: str
    sql: str

    def accepts(self, count: int) -> bool:
        """Whether it can be called with so many arguments."""
        return count >= 1 if "…" in self.arguments else count == len(self.arguments)


FUNCTIONS = {
    "coalesce": Function(("same", "…"), "same", "coalesce({})"),
    "if": Function(("flag", "same", "same"), "same", "if({})"),
    "concat": Function(("text", "…"), "text", "concat({})"),
    "starts_with": Function(("text", "text"), "flag", "starts_with({})"),
    "ends_with": Function(("text", "text"), "flag", "ends_with({})"),
    "contains": Function(("text", "text"), "flag", "contains({})"),
    "lower": Function(("text",), "text", "lower({})"),
    "upper": Function(("text",), "text", "upper({})"),
    "trim": Function(("text",), "text", "trim({})"),
    "replace": Function(("text", "text", "text"), "text", "replace({})"),
    "abs": Function(("number",), "number", "abs({})"),
    "missing": Function(("text",), "flag", "(coalesce(trim({}), '') = '')"),
}


class ExpressionError(ValueError):
    """An expression that cannot be read or does not fit; the message says why, in words."""


@dataclass(frozen=True)
class Node:
    """A part of an expression: `number`, `text`, `column` with its `value`, or an operation on `parts`."""

    kind: str
    value: str = ""
    parts: tuple["Node", ...] = ()

    def columns(self) -> set[str]:
        """The columns that it reads."""
        if self.kind == "column":
            return {self.value}
        return set().union(*(part.columns() for part in self.parts))


def parse(text: str, columns: tuple[str, ...] = ()) -> Node:
    """Read an expression; a text that is exactly the name of one of `columns` is that column.

    >>> parse("Quantity * UnitPrice").columns() == {"Quantity", "UnitPrice"}
    True
    >>> parse("Customer ID", ("Customer ID",)).value
    'Customer ID'
    """
    if text in columns:
        return Node("column", text)
    if len(text) > MAX_LENGTH:
        raise ExpressionError(_("longer than {most} characters").format(most=MAX_LENGTH))
    return _Parser(_tokenise(text)).parse()


def _tokenise(text: str) -> list[tuple[str, str]]:
    """The tokens of an expression, each with its kind, and an `end`."""
    tokens, position = [], 0
    while text[position:].strip():
        if not (token := TOKEN.match(text, position)):
            rest = text[position:].strip()[:20]
            raise ExpressionError(_("cannot be read from {rest!r} on").format(rest=rest))
        tokens.append((str(token.lastgroup), token[str(token.lastgroup)]))
        position = token.end()
    return [*tokens, ("end", "")]


class _Parser:
    """Recursive descent: a method for each level of binding, from the loosest to the tightest."""

    def __init__(self, tokens: list[tuple[str, str]]):
        self.tokens = tokens
        self.position = self.depth = 0

    def parse(self) -> Node:
        node = self._disjunction()
        if (token := self.tokens[self.position])[0] != "end":
            raise ExpressionError(_("{sign!r} is not expected there").format(sign=token[1]))
        return node

    def _peek(self) -> str:
        """The sign or keyword that comes next, or ""."""
        kind, text = self.tokens[self.position]
        if kind == "name" and text.lower() in KEYWORDS:
            return text.lower()
        return text if kind == "sign" else ""

    def _take(self, *signs: str) -> str:
        """Go past the next sign if it is one of these, and return it."""
        if (sign := self._peek()) and sign in signs:
            self.position += 1
            return sign
        return ""

    def _require(self, sign: str) -> None:
        if not self._take(sign):
            raise ExpressionError(_("{sign!r} is missing").format(sign=sign))

    def _chain(self, operand: Callable[[], Node], *signs: str) -> Node:
        """Operands with left-associative signs between them."""
        node = operand()
        while sign := self._take(*signs):
            node = Node(sign, parts=(node, operand()))
        return node

    def _prefixed(self, sign: str, kind: str, operand: Callable[[], Node]) -> Node:
        """An operand after any number of negations; two cancel out."""
        count = 0
        while self._take(sign):
            count += 1
        node = operand()
        return Node(kind, parts=(node,)) if count % 2 else node

    def _disjunction(self) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ExpressionError(_("more than {most} brackets within brackets").format(most=MAX_DEPTH))
        node = self._chain(lambda: self._chain(self._negation, "and"), "or")
        self.depth -= 1
        return node

    def _negation(self) -> Node:
        return self._prefixed("not", "not", self._comparison)

    def _comparison(self) -> Node:
        left = self._sum()
        if sign := self._take(*COMPARISONS):
            return Node("<>" if sign == "!=" else sign, parts=(left, self._sum()))
        negated = bool(self._take("not"))
        if self._take("like"):
            node = Node("like", parts=(left, self._sum()))
        elif self._take("in"):
            self._require("(")
            node = Node("in", parts=(left, *self._list()))
        elif negated:
            raise ExpressionError(_("'not' stands before in, like or a condition"))
        else:
            return left
        return Node("not", parts=(node,)) if negated else node

    def _sum(self) -> Node:
        return self._chain(lambda: self._chain(self._factor, "*", "/"), "+", "-")

    def _factor(self) -> Node:
        return self._prefixed("-", "minus", self._primary)

    def _primary(self) -> Node:
        if self._take("("):
            node = self._disjunction()
            self._require(")")
            return node
        kind, text = self.tokens[self.position]
        if kind == "end":
            raise ExpressionError(_("a value is missing at the end"))
        if self._peek():
            raise ExpressionError(_("a value is missing before {sign!r}").format(sign=text))
        self.position += 1
        if kind == "number":
            whole, _point, decimals = text.partition(".")
            if len(whole) > MAX_DIGITS or len(decimals) > MAX_DECIMALS:
                problem = _("{number}: at most {whole} digits before the point and {decimals} after it")
                raise ExpressionError(
                    problem.format(number=f"{text[:12]}…", whole=MAX_DIGITS, decimals=MAX_DECIMALS)
                )
            return Node("number", text)
        if kind == "text":
            return Node("text", text[1:-1].replace("''", "'"))
        if kind == "name" and self._take("("):
            return self._call(text.lower())
        return self._column(text.strip("`"))

    def _column(self, name: str) -> Node:
        if self._take("."):
            kind, text = self.tokens[self.position]
            if kind not in ("name", "quoted"):
                raise ExpressionError(_("a column is missing after {name!r}").format(name=f"{name}."))
            self.position += 1
            name = f"{name}.{text.strip('`')}"
        return Node("column", name)

    def _call(self, name: str) -> Node:
        if name not in FUNCTIONS:
            raise ExpressionError(unknown_name(_("function"), name, FUNCTIONS))
        arguments = () if self._take(")") else self._list()
        function = FUNCTIONS[name]
        if not function.accepts(len(arguments)):
            wanted = _("one or more") if "…" in function.arguments else len(function.arguments)
            problem = _("{function} takes {wanted} argument(s), not {given}")
            raise ExpressionError(problem.format(function=name, wanted=wanted, given=len(arguments)))
        return Node("call", name, arguments)

    def _list(self) -> tuple[Node, ...]:
        parts = [self._disjunction()]
        while self._take(","):
            parts.append(self._disjunction())
        self._require(")")
        return tuple(parts)
