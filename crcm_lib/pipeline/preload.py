"""What a notebook will import, so that a kernel that waits for its turn has it already.

Only the library's own modules, which do nothing but define, and what they themselves import when called: an
analyst's module may print or warn, and belongs in the cell that imports it.
"""

import ast

import nbformat

from crcm_lib.schema.tables import ROOT

LIBRARY = "crcm_lib"

# Heavy modules that ours import only when called.
LAZY_IMPORTS = {
    "crcm_lib.models.clustering": ("sklearn.cluster", "sklearn.mixture"),
    "crcm_lib.models.satisfaction": ("scipy.stats",),
    "crcm_lib.models.clv": ("scipy.stats",),  # not lifetimes: it changes options when imported
    "crcm_lib.reporting.charts.tier_charts": ("scipy.optimize",),
}


def list_imports(notebook: nbformat.NotebookNode) -> list[str]:
    """List the modules of the library that a notebook imports, and the heavy ones these will need.

    Examples
    --------
    >>> cells = ["from crcm_lib.models import churn, clv as worth", "import pandas", "%matplotlib inline"]
    >>> list_imports(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells]))
    ['crcm_lib.models', 'crcm_lib.models.churn', 'crcm_lib.models.clv', 'scipy.stats']
    """
    found: dict[str, None] = {}
    for cell in notebook.cells:
        for node in _parse(cell):
            if isinstance(node, ast.Import):
                found |= dict.fromkeys(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
                found |= dict.fromkeys(names)
    ours = [name for name in found if name.split(".")[0] == LIBRARY and _is_module(name)]
    return [*ours, *dict.fromkeys(heavy for name in ours for heavy in LAZY_IMPORTS.get(name, ()))]


def _is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").exists()


def _parse(cell: nbformat.NotebookNode) -> list[ast.AST]:
    """The parts of a code cell; none of one that is no plain Python, which will say so itself."""
    try:
        return list(ast.walk(ast.parse(cell.source))) if cell.cell_type == "code" else []
    except SyntaxError:
        return []
