"""What an analyst does by hand: change one notebook and see it in the next, open the latest run, explore."""

import re
import shutil

import nbformat
import pandas as pd
import papermill
import pytest
from matplotlib import pyplot

from crcm_lib.errors import PolicyError
from crcm_lib.models.rfm import RFMScorer
from crcm_lib.privacy import pseudonymise
from crcm_lib.schema import tables
from crcm_lib.schema.tables import ROOT

NOTEBOOKS, GOLDEN = ROOT / "notebooks", ROOT / "data" / "sample" / "golden"


START, EXAMPLE = "00_start", "explore/what_if_weights"


def execute(name, output_dir="", edit=None, **parameters):
    """Run a notebook's cells in this process, after a change of its text like one made by hand.

    Returns what they named.
    """
    cells = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4).cells
    code, names = [cell for cell in cells if cell.cell_type == "code"], {}
    old, new = edit or ("", "")
    assert any(old in cell.source for cell in code)
    for cell in code:
        exec(cell.source.replace(old, new) if edit else cell.source, names)
        if "parameters" in cell.metadata.get("tags", []):
            names |= {"output_dir": str(output_dir)} | parameters
    pyplot.close("all")
    return names


def papermill_03(tmp_path, **parameters):
    """Run 03 as a user of papermill does, each with a kernel of its own."""
    papermill.execute_notebook(
        str(NOTEBOOKS / "03_rfm.ipynb"),
        str(tmp_path / "out.ipynb"),
        parameters={"output_dir": str(tmp_path / "scratch"), **parameters},
        cwd=str(NOTEBOOKS),
        progress_bar=False,
    )
    return tables.read(tmp_path / "scratch", "rfm")


@pytest.mark.slow
def test_bins_edited_in_03_by_hand_change_the_tiers_of_08(tmp_path):
    """By a policy whose loyalty is measured by the frequency score: the default one does not weigh RFM."""
    policy, indicator = (ROOT / "policy.yaml").read_text("utf-8"), "customer_features, column: purchases_365d"
    assert indicator in policy
    (tmp_path / "policy.yaml").write_text(policy.replace(indicator, "rfm, column: frequency_score"), "utf-8")
    given = {"policy": str(tmp_path / "policy.yaml")}
    execute("08_classification", tmp_path / "before", **given)
    execute("03_rfm", tmp_path / "after", ("n_bins=ws.policy.rfm.bins", "n_bins=2"), **given)
    assert tables.read(tmp_path / "after", "rfm")["frequency_score"].max() == 2
    execute("08_classification", tmp_path / "after", **given)
    before, after = (tables.read(tmp_path / folder, "tiers") for folder in ("before", "after"))
    assert before.index.equals(after.index)
    assert (before["tier_proposed"] != after["tier_proposed"]).sum() > 10


def test_08_by_hand_without_an_edit_gives_the_golden_tiers(tmp_path):
    execute("08_classification", tmp_path)
    golden = tables.read(GOLDEN, "tiers")
    pd.testing.assert_frame_equal(tables.read(tmp_path, "tiers"), golden, rtol=1e-6, atol=1e-9)


def test_papermill_passes_overrides_of_the_policy(tmp_path):
    rfm = papermill_03(tmp_path, overrides='{"rfm.bins": 4}')
    buyers = tables.read(GOLDEN, "customer_features").query("purchases > 0")
    expected = RFMScorer(n_bins=4).fit_transform(buyers)
    pd.testing.assert_frame_equal(rfm[list(expected)], expected, check_dtype=False)


def test_papermill_is_refused_an_unknown_parameter_with_the_nearest_name(tmp_path):
    with pytest.raises(papermill.PapermillExecutionError, match=r"(?s)overides.*Did you mean 'overrides'\?"):
        papermill_03(tmp_path, overides='{"rfm.bins": 4}')


def test_an_unknown_path_of_the_policy_is_refused_with_the_nearest_name(tmp_path):
    with pytest.raises(PolicyError, match=r"Did you mean '(rfm\.)?bins'\?"):
        execute("03_rfm", tmp_path, overrides='{"rfm.bin": 4}')


def test_a_value_that_does_not_fit_the_policy_is_refused(tmp_path):
    with pytest.raises(PolicyError, match=r"rfm\.bins"):
        execute("03_rfm", tmp_path, overrides='{"rfm.bins": "four"}')


def test_00_opens_the_latest_run_and_the_sample_where_there_is_none(tmp_path):
    latest = 'ROOT / "reports" / "latest"'
    sample = execute(START, edit=(latest, 'ROOT / "no" / "run"'))["customers"]
    assert sample["tier_in_force"].equals(tables.read(GOLDEN, "tiers")["tier_in_force"])
    assert sample["value"].notna().any()
    shutil.copytree(GOLDEN, tmp_path / "run")
    few = tables.read(GOLDEN, "tiers").head(100)
    tables.write(few, tmp_path / "run", "tiers")
    assert len(execute(START, edit=(latest, f'ROOT / "{tmp_path}" / "run"'))["customers"]) == 100


def test_the_example_of_explore_changes_two_weights_and_shows_who_changes_tier():
    names = execute(EXAMPLE)
    weights = {criterion.name: criterion.weight for criterion in names["what_if"].policy.criteria}
    assert {name: weights[name] for name in names["WEIGHTS"]} == names["WEIGHTS"]
    assert 10 < len(names["movers"]) < len(names["both"]) / 2


@pytest.mark.parametrize("name", [START, EXAMPLE])
def test_they_are_stored_as_executed_on_the_sample(name):
    """A run of real customers must not be stored here: 00 opens one where there is one."""
    cells = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert {output.output_type for output in outputs} == {"execute_result"}
    texts = "\n".join(output.data["text/plain"] for output in outputs)
    assert not re.search(r"0x[0-9a-f]{6,}|/tmp/|/home/|/root/|[A-Z]:\\", texts)
    pseudonyms = set(pseudonymise(tables.read(GOLDEN, "tiers").index, tables.read_about(GOLDEN)))
    assert set(re.findall(r"C-[0-9A-F]{12}", texts)) <= pseudonyms
    assert re.search(r"C-[0-9A-F]{12}", texts)
