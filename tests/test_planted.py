"""What must not be shown, planted in every frame that a notebook shows: no page and no notebook holds it."""

import ast

import nbformat
import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell
from matplotlib import pyplot

from crcm_lib.pipeline.plan import list_notebooks
from crcm_lib.reporting import display
from crcm_lib.reporting.pages import render_notebook
from crcm_lib.reporting.workspace import Workspace
from crcm_lib.schema.labels import COUNTS
from crcm_lib.schema.tables import ROOT

NOTEBOOKS = ROOT / "notebooks"
NAMES = [path.stem for path in list_notebooks(NOTEBOOKS)] + ["00_start", "explore/what_if_weights"]
ID, LABEL = "K-RAW-4711", "<img src=x onerror=alert(1)>"
FEW, AMOUNT = 2, 987_654.0  # customers of the planted group, and everything else that is said of it


def plant(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with one more row: a raw customer id, or a group of two under a hostile label."""
    named = [name is not None for name in frame.index.names]
    flat = (frame.reset_index() if any(named) else frame).astype(object)
    counts = [name for name in COUNTS if name in frame]
    row = {}
    for name, values in frame.reset_index().items() if any(named) else frame.items():
        numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
        if name == display.ID:
            row[name] = ID
        elif numeric:
            row[name] = FEW if name in counts else AMOUNT if counts else None
        else:
            row[name] = LABEL if pd.api.types.is_string_dtype(values) or values.dtype == object else None
    planted = pd.concat([pd.DataFrame([row], dtype=object), flat], ignore_index=True)
    for name in flat.columns:
        if pd.api.types.is_numeric_dtype(frame.reset_index()[name] if any(named) else frame[name]):
            planted[name] = pd.to_numeric(planted[name])
    planted.attrs = dict(frame.attrs)
    return planted.set_index(list(frame.index.names)) if any(named) else planted


def shown_values(cells, parameters):
    """Run a notebook's cells in this process; what each shows."""
    names, shown = {}, []
    for cell in cells:
        tree = ast.parse(cell.source)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, "cell", "exec"), names)
        value = last and eval(compile(ast.Expression(last.value), "cell", "eval"), names)
        shown.append(value)
        if "parameters" in cell.metadata.get("tags", []):
            names |= parameters
    pyplot.close("all")
    return names, shown


@pytest.fixture(scope="module")
def shell():
    made = InteractiveShell()
    yield made
    made.history_manager.end_session()


@pytest.mark.parametrize("name", NAMES)
def test_a_planted_id_group_and_label_are_on_no_page_and_in_no_notebook(shell, tmp_path, name):
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    names, shown = shown_values(code, {"output_dir": str(tmp_path)})
    workspace = next(value for value in names.values() if isinstance(value, Workspace))
    display.register(shell, display.Audience(workspace.about, workspace.min_cell))
    frames = 0
    for cell, value in zip(code, shown, strict=True):
        if isinstance(value, pd.Series):
            value = value.to_frame()
        if isinstance(value, pd.DataFrame):
            data, metadata = shell.display_formatter.format(plant(value))
            cell.outputs = [
                nbformat.v4.new_output("execute_result", data, metadata=metadata, execution_count=1)
            ]
            frames += 1
            assert LABEL not in data["text/html"]
            assert ID not in str(data)
            if set(COUNTS) & set(value) and display.ID not in (*value.columns, *value.index.names):
                assert "987654" not in str(data).replace(",", ""), cell.source
    assert frames > 0
    page = render_notebook(notebook, run={})
    assert LABEL not in page
    assert ID not in page
