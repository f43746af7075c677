"""The field's words: no private metaphors in names, no sentence made at import, no file name twice."""

import ast
import io
import re
import tokenize
from collections import Counter

import pytest

from crcm_lib.schema.tables import ROOT

LIBRARY = sorted((ROOT / "crcm_lib").rglob("*.py"))
OURS = [*LIBRARY, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "benchmarks").rglob("*.py"))]

# Private words and the field's: what a textbook calls it is in GLOSSARY.md.
METAPHORS = {
    "bend": "curvature, Hessian",
    "crown": "select, refit",
    "desk": "sandbox",
    "foresee": "predict",
    "ladder": "fallbacks",
    "lesson": "training window",
    "ruler": "learned state, scorecard model",
    "rung": "fallback",
    "stranger": "new customer, population mean",
    "surprise": "calibration error",
    "tournament": "model selection",
}
VAGUE = {  # good words in a sentence, no names
    "lay": "create",
    "look": "backtest window",
    "settle": "fsync, converge",
    "so": "what it holds",
    "tell": "describe, write",
    "told": "words, reason",
    "worth": "value, prior weight",
}


def find_words(text: str, banned: dict[str, str]) -> list[str]:
    """The banned words in a text or an identifier: in camel case, between underscores, with an ending."""
    parts = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", text)
    stems = {re.sub(r"(ed|s|ing)$", "", part.lower()) for part in parts} | {part.lower() for part in parts}
    return sorted(stems & banned.keys())


def names_of(tree: ast.Module) -> set[str]:
    """The names that a module gives: of functions, classes, arguments, variables and attributes."""
    given = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            given.add(node.name)
        elif isinstance(node, ast.arg):
            given.add(node.arg)
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            given.add(node.id if isinstance(node, ast.Name) else node.attr)
    return given


def texts_of(source: str, tree: ast.Module) -> list[str]:
    """The docstrings and comments of a module."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docs = [ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, documented)]
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return docs + [token.string for token in tokens if token.type == tokenize.COMMENT]


def calls_at_import(tree: ast.Module) -> list[int]:
    """The lines of `_()` that run when the module is imported: outside of every function's body."""
    lines = []
    futures = {name.name for node in tree.body if isinstance(node, ast.ImportFrom) for name in node.names}
    lazy = "annotations" in futures  # evaluated when somebody asks for them

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_":
            lines.append(node.lineno)
        if isinstance(node, ast.Lambda):
            return
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            defaults = [*node.args.defaults, *filter(None, node.args.kw_defaults)]
            for part in (*node.decorator_list, *defaults, *([] if lazy else [node.args])):
                visit(part)
            return
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(tree)
    return sorted(set(lines))


@pytest.fixture(params=LIBRARY, ids=lambda path: str(path.relative_to(ROOT / "crcm_lib")))
def module(request) -> tuple[str, ast.Module]:
    source = request.param.read_text("utf-8")
    return source, ast.parse(source)


def test_names_are_the_fields_words(module):
    banned = METAPHORS | VAGUE
    wrong = {name: words for name in names_of(module[1]) if (words := find_words(name, banned))}
    assert wrong == {}, {word: banned[word] for words in wrong.values() for word in words}


def test_docstrings_and_comments_have_no_private_metaphor(module):
    wrong = [(text, words) for text in texts_of(*module) if (words := find_words(text, METAPHORS))]
    assert wrong == []


def test_nothing_is_translated_at_import(module):
    assert calls_at_import(module[1]) == []


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_formatter_is_never_switched_off(path):
    assert not re.search(r"fmt: *(skip|off)", path.read_text("utf-8").replace("fmt: *(skip|off)", ""))


def test_no_file_name_is_there_twice():
    names = Counter(path.name for path in LIBRARY if path.name != "__init__.py")
    assert [name for name, times in names.items() if times > 1] == []


def test_no_file_is_named_by_a_private_word():
    assert [path for path in LIBRARY if find_words(path.stem, METAPHORS | VAGUE)] == []


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("def crown(): ...", ["crown"]),
        ("class LadderRung: ...", ["ladder", "rung"]),
        ("crowned_model = 1", ["crown"]),
        ("self.worth = 1", ["worth"]),
        ("for told in (): ...", ["told"]),
        ("def fit(ruler): ...", ["ruler"]),
        ("lookup = outlook = layer = trustworthy = 1", []),
    ],
)
def test_planted_names_are_found(code, names):
    found = [word for name in names_of(ast.parse(code)) for word in find_words(name, METAPHORS | VAGUE)]
    assert sorted(found) == sorted(names)


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("NAMES = {'a': _('A')}", [1]),
        ("class A:\n    words = _('a')", [2]),
        ("def f(words=_('a')): ...", [1]),
        ("def f(words: Annotated[str, _('a')]): ...", [1]),
        ("from __future__ import annotations\ndef f(words: Annotated[str, _('a')]): ...", []),
        ("def f():\n    return _('a')", []),
        ("NAME = lambda: _('a')", []),
    ],
)
def test_planted_sentences_at_import_are_found(code, lines):
    assert calls_at_import(ast.parse(code)) == lines
