"""What a notebook will import, read from its code and from the library's, so that a waiting kernel has it.

A cold kernel imports for one to two seconds, mostly inside the library's functions, which import heavy
packages when called: the cells of ten notebooks took 35 s on the sample, 25 s when all of that was loaded
while the notebooks before them were at work. Nothing is listed by hand: the modules that a notebook uses are
parsed, and those that they import in turn; of what functions import, that of functions whose names the cells
mention, or such functions in their turn. Only packages that the library itself imports are loaded ahead;
an analyst's own module may print or warn, and belongs in the cell that imports it.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

import nbformat

import crcm_lib
from crcm_lib.schema.tables import ROOT

LIBRARY = crcm_lib.__name__
SHORT_NAMES = crcm_lib.FACADE | crcm_lib.ROOMS  # name of the facade -> module that has it
NOT_AHEAD = {"lifetimes"}  # its import changes pandas options and warning filters; our adapter undoes that


@dataclass
class _Imports:
    """What a piece of code imports: name of a module -> names taken from it."""

    at_once: dict[str, set[str]] = field(default_factory=dict)
    when_called: dict[str, set[str]] = field(default_factory=dict)  # inside its functions
    functions: list["_Function"] = field(default_factory=list)


@dataclass
class _Function:
    """A function or method: its name, the names that it mentions, and what it imports."""

    name: str
    mentions: set[str]
    imports: dict[str, set[str]]


def list_imports(notebook: nbformat.NotebookNode) -> list[str]:
    """List what the notebook and the library's functions that it may call will import.

    Returns
    -------
    Entries like `crcm_lib.models:clv` or `seaborn`: a module, and the names taken from it.

    Examples
    --------
    >>> cells = ["from crcm_lib import stats", "import numpy, my_own_module", "stats.wilson(5, 10)", "%pwd"]
    >>> list_imports(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells]))
    ['crcm_lib:stats', 'numpy', 'crcm_lib.stats:wilson', 'scipy.stats:binomtest']
    """
    cells = [_parse(cell.source) for cell in notebook.cells if cell.cell_type == "code"]
    code = ast.Module(body=[statement for cell in cells for statement in cell.body], type_ignores=[])
    wanted = _read_imports(code).at_once
    for module, name in _read_chains(code):
        wanted.setdefault(module, set()).add(name)
    reached = [_parse_module(module) for module in _follow(wanted)]
    used = {name.split(".")[0] for each in reached for name in (*each.at_once, *each.when_called)}
    ahead = {module: names for module, names in wanted.items() if module.split(".")[0] in {LIBRARY, *used}}
    taken = {name for names in wanted.values() for name in names}
    functions = [each for one in reached for each in one.functions]
    for function in _list_called(_read_names(code) | taken, functions):
        for module, names in function.imports.items():
            ahead[module] = ahead.get(module, set()) | names
    return [
        f"{module}:{','.join(sorted(names))}" if names else module
        for module, names in ahead.items()
        if module.split(".")[0] not in {*sys.stdlib_module_names, *NOT_AHEAD}
    ]


def _list_called(mentioned: set[str], functions: list[_Function]) -> list[_Function]:
    """List the functions that may be called: special ones, mentioned ones, and those that they mention."""
    waiting, called, known = list(functions), [], set(mentioned)
    while ready := [each for each in waiting if each.name in known or each.name.startswith("__")]:
        waiting = [each for each in waiting if each not in ready]
        called += ready
        known.update(*(each.mentions for each in ready))
    return called


def _read_names(code: ast.AST) -> set[str]:
    """The names and attributes that code mentions, but those of its own arguments and variables."""
    nodes = list(ast.walk(code))
    own = {node.arg for node in nodes if isinstance(node, ast.arg)}
    own |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    names = {node.id for node in nodes if isinstance(node, ast.Name)} - own
    return names | {node.attr for node in nodes if isinstance(node, ast.Attribute)}


def _follow(imported: dict[str, set[str]]) -> list[str]:
    """List the library's modules that these imports load, directly or through each other."""
    queue = [module for name, names in imported.items() for module in _resolve(name, names)]
    loaded: set[str] = set()
    while queue:
        if (module := queue.pop()) in loaded:
            continue
        loaded.add(module)
        queue += [module.rpartition(".")[0]] if "." in module else []  # packages are imported first
        imports = _parse_module(module)
        for name, names in (*imports.at_once.items(), *imports.when_called.items()):
            queue += _resolve(name, names)
    return sorted(loaded)


def _resolve(module: str, names: set[str]) -> list[str]:
    """List the modules of the library behind `from module import names`."""
    if not _is_ours(module):
        return []
    short = SHORT_NAMES if module == LIBRARY else {}
    inside = [short.get(name, f"{module}.{name}") for name in names]
    return [module, *(name for name in inside if _is_ours(name))]


def _read_imports(code: ast.AST) -> _Imports:
    """Read the absolute imports of a module, those for type checkers left out."""
    imports = _Imports()

    def visit(node: ast.AST, kind: dict[str, set[str]]) -> None:
        if isinstance(node, ast.Import):
            kind.update({alias.name: kind.get(alias.name, set()) for alias in node.names})
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            kind[node.module] = kind.get(node.module, set()) | {alias.name for alias in node.names}
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            kind = imports.when_called
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, ast.expr):
                visit(child, kind)

    visit(code, imports.at_once)
    for node in ast.walk(code):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            own: dict[str, set[str]] = {}
            for inner in ast.walk(node):
                if isinstance(inner, ast.Import):
                    own.update({alias.name: own.get(alias.name, set()) for alias in inner.names})
                elif isinstance(inner, ast.ImportFrom) and inner.module and not inner.level:
                    own[inner.module] = own.get(inner.module, set()) | {alias.name for alias in inner.names}
            imports.functions.append(_Function(node.name, _read_names(node), own))
    return imports


def _read_chains(code: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield what attribute chains load: `models.clv.select_model` after `from crcm_lib import models`."""
    bound = {
        alias.asname or alias.name: modules[1]
        for node in ast.walk(code)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
        if len(modules := _resolve(node.module, {alias.name})) > 1
    }
    for node in ast.walk(code):
        attributes = []
        while isinstance(node, ast.Attribute):
            attributes.insert(0, node.attr)
            node = node.value
        module = bound.get(node.id, "") if isinstance(node, ast.Name) else ""
        for name in attributes if module else ():
            yield module, name
            if not _is_ours(module := f"{module}.{name}"):
                break


@cache
def _parse_module(module: str) -> _Imports:
    """Read what one module of the library imports."""
    path = ROOT.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return _read_imports(_parse(path.read_text("utf-8")))


@cache
def _is_ours(name: str) -> bool:
    """Is this a module or package of the library?"""
    path = ROOT.joinpath(*name.split("."))
    return name.split(".")[0] == LIBRARY and (
        path.with_suffix(".py").exists() or (path / "__init__.py").exists()
    )


def _parse(source: str) -> ast.Module:
    """Parse code; a cell that is no plain Python has no imports here and says so itself."""
    try:
        return ast.parse(source)
    except SyntaxError:
        return ast.Module(body=[], type_ignores=[])
