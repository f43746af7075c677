"""What the data dictionary says an input table lights up changes where the table is taken away."""

import shutil

import nbformat
import pyarrow.parquet as pq
import pytest
from nbclient import NotebookClient
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from crcm_lib.pipeline.kernel import START_TIMEOUT, Kernel
from crcm_lib.pipeline.kernel_server import KernelServer
from crcm_lib.pipeline.plan import list_notebooks
from crcm_lib.schema.inputs import INPUTS
from crcm_lib.schema.tables import ROOT

NOTEBOOKS, GOLDEN = ROOT / "notebooks", ROOT / "data/sample/golden"
NAMES = [path.stem for path in list_notebooks(NOTEBOOKS)]
OF_CUSTOMERS = set(INPUTS["customers"].columns) - {"customer_id"}
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


@pytest.fixture(scope="module")
def server():
    with KernelServer() as server:
        yield server


def run_notebook(notebook: str, folder, tmp_path, server) -> None:
    """Run it on the tables of a folder, with papermill's parameters, in a kernel of a run."""
    given = {"input_dir": str(folder), "output_dir": str(tmp_path / "scratch")}
    node = parameterize_notebook(load_notebook_node(str(NOTEBOOKS / f"{notebook}.ipynb")), given)
    kernel = Kernel(server, NOTEBOOKS, {})
    try:
        NotebookClient(node, km=kernel.manager, timeout=300, startup_timeout=START_TIMEOUT).execute()
    finally:
        kernel.stop()
    nbformat.write(node, tmp_path / "out.ipynb")


def take_away(table: str, folder) -> None:
    """The folder as it would be without the table: what 02 takes from `customers` is not there either."""
    (folder / f"clean/{table}.parquet").unlink()
    if table == "customers":
        path = folder / "tables/customer_features.parquet"
        known = pq.read_table(path)
        pq.write_table(known.drop_columns(sorted({*known.column_names} & {*OF_CUSTOMERS})), path)


def test_every_table_says_which_notebooks_it_lights_up():
    assert {name for spec in INPUTS.values() for name in spec.lights} <= set(NAMES)
    unread = {name for name, spec in INPUTS.items() if not spec.lights}
    assert unread == {"transactions", "opportunities", "measures"}  # all; scored if asked
    assert {table for table, _notebook in PAIRS} >= {"contacts", "loyalty", "tickets", "surveys", "referrals"}


@pytest.mark.slow
@pytest.mark.parametrize(("table", "notebook"), PAIRS)
def test_a_page_changes_without_the_table(table, notebook, tmp_path, server):
    folder = tmp_path / "without"
    shutil.copytree(GOLDEN, folder)
    take_away(table, folder)
    run_notebook(notebook, folder, tmp_path, server)
    assert shown(tmp_path / "out.ipynb") != shown(NOTEBOOKS / f"{notebook}.ipynb")


NEEDS = {
    path.stem: nbformat.read(path, as_version=4).metadata.get("crcm", {}).get("needs", [])
    for path in list_notebooks(NOTEBOOKS)
}


@pytest.mark.slow
@pytest.mark.parametrize("notebook", [name for name, needs in NEEDS.items() if needs])
def test_a_page_without_any_of_its_tables_says_so_and_stands(notebook, tmp_path, server):
    folder = tmp_path / "without"
    shutil.copytree(GOLDEN, folder)
    for table in NEEDS[notebook]:
        take_away(table, folder)
    run_notebook(notebook, folder, tmp_path, server)
    assert any(words.startswith("Not available") for words in shown(tmp_path / "out.ipynb"))
