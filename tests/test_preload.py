"""What a waiting kernel imports ahead: all that is slow, nothing that changes results."""

import json
import subprocess
import sys

import nbformat
import pytest
from fixtures.shop import write_notebook

from crcm_lib.pipeline import kernel_startup
from crcm_lib.pipeline.plan import list_notebooks
from crcm_lib.pipeline.preload import NOT_AHEAD, list_imports
from crcm_lib.schema.tables import ROOT

NOTEBOOKS = list_notebooks(ROOT / "notebooks")


def imports_of(*cells):
    code = [nbformat.v4.new_code_cell(cell) for cell in cells]
    return list_imports(nbformat.v4.new_notebook(cells=code))


def preload(*entries, then=""):
    """Import these entries in a fresh Python as a kernel does; return what `then` prints as JSON."""
    program = f"import json, sys\nfrom crcm_lib.pipeline import kernel_startup\n{then}"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={kernel_startup.VARIABLE: " ".join(entries), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_attribute_chains_of_the_facade_lead_to_the_modules_behind_them():
    found = imports_of("from crcm_lib import models, open_workspace", "models.clv.select_model(history)")
    assert found[:3] == [
        "crcm_lib:models,open_workspace",
        "crcm_lib.models:clv",
        "crcm_lib.models.clv:select_model",
    ]
    assert "sklearn.ensemble:HistGradientBoostingRegressor" in found  # called deep inside
    assert "seaborn" in found  # the house style of a workspace


def test_other_names_for_a_module_are_understood():
    found = imports_of("from crcm_lib.models import satisfaction as s", "s.shrink_rates")
    assert "scipy.stats:betabinom" in found
    assert "scipy.stats:t" in imports_of("from crcm_lib.models.satisfaction.answers import mean_answer")


def test_what_no_called_function_imports_is_not_imported():
    """mean_answer needs Student's t; neither the betabinom beside it nor the binomtest of other intervals."""
    found = imports_of("from crcm_lib.models import satisfaction", "satisfaction.mean_answer([])")
    assert [entry for entry in found if entry.startswith("scipy.stats")] == ["scipy.stats:t"]


def test_what_no_notebook_cell_reaches_is_not_imported():
    found = imports_of("from crcm_lib import models", "models.rfm.RFMScorer()")
    assert not any(
        entry.startswith(("sklearn.cluster", "sklearn.ensemble", "crcm_lib.models:clv")) for entry in found
    )


def test_an_analysts_own_module_waits_for_its_cell():
    found = imports_of(
        "import pandas, my_module", "from my_package import tool", "from crcm_lib import models"
    )
    assert not any(entry.startswith("my_") for entry in found)
    assert "pandas" not in found  # nothing of ours that this cell reaches needs it
    assert "pandas" in imports_of("import pandas, my_module", "from crcm_lib.schema import tables")


def test_a_cell_that_is_no_python_has_no_imports():
    assert imports_of("%matplotlib inline", "import (") == []


def list_all():
    return sorted({entry for path in NOTEBOOKS for entry in list_imports(nbformat.read(path, as_version=4))})


def test_every_entry_of_the_real_notebooks_can_be_imported():
    """A misspelt entry would be skipped in silence, and its notebook would wait for the import."""
    check = f"""
for entry in {list_all()!r}:
    module, _, names = entry.partition(":")
    __import__(module, fromlist=names.split(",") if names else ["__name__"])
print(json.dumps(sorted({{name.split(".")[0] for name in sys.modules}})))"""
    assert set(preload(then=check)) >= {"duckdb", "matplotlib", "pandas", "scipy", "seaborn", "sklearn"}


STATE = """
import warnings, matplotlib, numpy, pandas
def state():
    broad = [entry for entry in warnings.filters if entry[1] is None and entry[2].__module__ == "builtins"]
    options = pandas._config.config.get_option
    display = {name: options(name) for name in pandas._config.config._registered_options}
    return list(map(repr, (broad, display, numpy.get_printoptions(), dict(matplotlib.rcParams))))
before = state()
kernel_startup.load_ipython_extension(None)
print(json.dumps(before == state()))"""


def test_importing_ahead_changes_no_option_and_hides_no_warning():
    assert preload(*(entry for entry in list_all() if not entry.startswith("crcm_lib")), then=STATE)


@pytest.mark.parametrize("package", sorted(NOT_AHEAD))
def test_what_is_never_imported_ahead_would_change_something(package):
    assert not preload(package, then=STATE)


def test_a_kernel_has_what_its_notebook_imports_before_its_turn(real_shop):
    shop = real_shop
    line = "import sys\nprint([name in sys.modules for name in {names}], repr(_), 'models' in globals())"
    line = line.format(names=["crcm_lib.models.rfm", "crcm_lib.models.satisfaction.answers", "scipy.stats"])
    more = "from crcm_lib import models\nmodels.{name}"
    parameters = 'input_dir = ""'
    third = shop.notebooks / "03_rating.ipynb"
    write_notebook(shop.second, "02", parameters, line, more.format(name="satisfaction.mean_answer"))
    write_notebook(third, "03", parameters, line, more.format(name="rfm"))
    published = shop.run()
    assert printed(published / "02_copy.ipynb") == "[False, True, True] '' False\n"
    assert printed(published / "03_rating.ipynb").startswith("[True, False, ")


def printed(path):
    return nbformat.read(path, as_version=4).cells[-2].outputs[0].text


def test_seaborn_comes_without_scipys_statistics_until_a_density_is_drawn():
    program = """if True:
        import sys
        from crcm_lib.pipeline import kernel_startup

        kernel_startup.import_seaborn()
        assert "scipy.stats" not in sys.modules
        import matplotlib
        matplotlib.use("agg")
        import seaborn
        values = [1.0, 2.0, 2.5, 4.0, 7.0]
        line = seaborn.kdeplot(x=values).lines[0].get_data()
        total = seaborn.kdeplot(x=values, cumulative=True).lines[-1].get_data()
        assert "scipy.stats" in sys.modules
        from scipy.stats import gaussian_kde, ttest_ind  # scipy's own
        assert abs(gaussian_kde(values)(line[0]) - line[1]).max() < 1e-12
        assert total[1].max() > 0.9
    """
    subprocess.run([sys.executable, "-c", program], check=True)
