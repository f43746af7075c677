"""What the data dictionary says an input table lights up changes where the table is taken away."""

import shutil

import nbformat
import papermill
import pytest

from crcm_lib.pipeline.plan import list_notebooks
from crcm_lib.schema.inputs import INPUTS
from crcm_lib.schema.tables import ROOT

NOTEBOOKS, GOLDEN = ROOT / "notebooks", ROOT / "data/sample/golden"
NAMES = [path.stem for path in list_notebooks(NOTEBOOKS)]
PAIRS = [
    (table, notebook)
    for table, spec in INPUTS.items()
    for notebook in spec.lights
    if (GOLDEN / f"clean/{table}.parquet").exists()
]


def shown(path) -> list[str]:
    """The words of all that a notebook shows; its first output names the folder."""
    cells = nbformat.read(path, as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return [output.data.get("text/plain", "") for output in outputs[1:] if "data" in output]


def run_notebook(notebook: str, folder, tmp_path) -> None:
    """Run it on the tables of a folder, as a user of papermill does."""
    papermill.execute_notebook(
        str(NOTEBOOKS / f"{notebook}.ipynb"),
        str(tmp_path / "out.ipynb"),
        parameters={"input_dir": str(folder), "output_dir": str(tmp_path / "scratch")},
        cwd=str(NOTEBOOKS),
        progress_bar=False,
    )


def test_every_table_says_which_notebooks_it_lights_up():
    assert {name for spec in INPUTS.values() for name in spec.lights} <= set(NAMES)
    unread = {name for name, spec in INPUTS.items() if not spec.lights}
    assert unread == {"transactions", "opportunities", "measures"}  # all; scored if asked
    assert {table for table, _notebook in PAIRS} >= {"contacts", "loyalty", "tickets", "surveys", "referrals"}


@pytest.mark.slow
@pytest.mark.parametrize(("table", "notebook"), PAIRS)
def test_a_page_changes_without_the_table(table, notebook, tmp_path):
    folder = tmp_path / "without"
    shutil.copytree(GOLDEN, folder)
    (folder / f"clean/{table}.parquet").unlink()
    run_notebook(notebook, folder, tmp_path)
    assert shown(tmp_path / "out.ipynb") != shown(NOTEBOOKS / f"{notebook}.ipynb")


NEEDS = {
    path.stem: nbformat.read(path, as_version=4).metadata.get("crcm", {}).get("needs", [])
    for path in list_notebooks(NOTEBOOKS)
}


@pytest.mark.slow
@pytest.mark.parametrize("notebook", [name for name, needs in NEEDS.items() if needs])
def test_a_page_without_any_of_its_tables_says_so_and_stands(notebook, tmp_path):
    folder = tmp_path / "without"
    shutil.copytree(GOLDEN, folder)
    for table in NEEDS[notebook]:
        (folder / f"clean/{table}.parquet").unlink()
    run_notebook(notebook, folder, tmp_path)
    assert any(words.startswith("Not available") for words in shown(tmp_path / "out.ipynb"))
