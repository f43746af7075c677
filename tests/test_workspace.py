"""The workspace of a notebook: the nearest table, one company and day, no parameter that changes nothing."""

import shutil

import pandas as pd
import pytest

from crcm_lib import open_workspace
from crcm_lib.errors import DataError, PolicyError, UsageError
from crcm_lib.reporting.workspace import check_parameters
from crcm_lib.schema import tables
from crcm_lib.schema.tables import ROOT

GOLDEN = ROOT / "data" / "sample" / "golden"
POLICY = str(ROOT / "policy.yaml")


@pytest.fixture
def ws(tmp_path):
    shutil.copytree(GOLDEN, tmp_path / "run")  # nothing here may write to the committed sample
    return open_workspace(str(tmp_path / "run"), str(tmp_path / "scratch"), policy=POLICY)


def test_what_the_notebook_has_not_written_is_read_from_the_run(ws):
    pd.testing.assert_frame_equal(ws.read("tiers"), tables.read(GOLDEN, "tiers"))
    assert ws.by_hand() == []
    assert not (ws.writes / "about.json").exists()


def test_what_lies_where_the_notebook_writes_comes_first_and_is_named(ws):
    few = tables.read(GOLDEN, "tiers").head(10)
    ws.write(few, "tiers")
    pd.testing.assert_frame_equal(ws.read("tiers"), few)
    assert ws.by_hand() == ["tiers"]
    assert "made by hand: tiers" in repr(ws)
    assert tables.read_about(ws.writes) == ws.about


def test_the_same_table_written_again_is_not_by_hand(ws):
    ws.write(tables.read(GOLDEN, "tiers"), "tiers")
    assert ws.by_hand() == []


def test_models_are_read_from_the_nearest_folder_too(ws):
    golden = ws.read_model("rfm")
    ws.write_model('{"mine": 1}', "rfm")
    assert golden != ws.read_model("rfm") == '{"mine": 1}'


def test_one_folder_for_both_is_one_folder(tmp_path):
    shutil.copytree(GOLDEN, tmp_path / "run")
    ws = open_workspace(str(tmp_path / "run"), str(tmp_path / "run"), policy=POLICY)
    assert len(ws.folders) == 1
    assert ws.by_hand() == []


@pytest.mark.parametrize(("part", "value"), [("source", "another"), ("as_of", "2024-12-31")])
def test_tables_of_two_companies_or_days_are_not_mixed(tmp_path, part, value):
    about = tables.read_about(GOLDEN)
    tables.write_about(tables.About(**(vars(about) | {part: value})), tmp_path / "scratch")
    with pytest.raises(DataError, match="different sources or days") as refused:
        open_workspace(str(GOLDEN), str(tmp_path / "scratch"), policy=POLICY)
    assert value in str(refused.value)


def test_a_folder_without_a_run_is_named(tmp_path):
    with pytest.raises(DataError, match="about"):
        open_workspace(str(tmp_path / "nothing"), str(tmp_path / "scratch"), policy=POLICY)


def test_overrides_change_the_policy_and_are_shown(tmp_path):
    ws = open_workspace(str(GOLDEN), str(tmp_path), policy=POLICY, overrides='{"rfm.bins": 4}')
    assert ws.policy.rfm.bins == 4
    assert 'overrides {"rfm.bins": 4}' in repr(ws)
    with pytest.raises(PolicyError, match=r"rfm\.bins"):
        open_workspace(str(GOLDEN), str(tmp_path), policy=POLICY, overrides='{"rfm.binz": 4}')


def test_small_cells_are_hidden_by_the_policys_limit(ws):
    groups = pd.DataFrame({"customers": [40, ws.min_cell - 1, 9], "spend": [9.0, 8.0, 7.0]})
    hidden = ws.hide(groups, money=["spend"])
    assert hidden["customers"].tolist()[0] == 40
    assert hidden.iloc[1:].isna().all(axis=None)
    assert hidden.attrs["hidden"] == 4
    pairs = pd.DataFrame({"tier": ["a"] * 40 + ["b"] * 2, "stage": ["loyal"] * 42})
    assert ws.counts(pairs, "tier", "stage").isna().any(axis=None)


def test_a_parameter_that_papermill_passes_in_vain_is_refused_with_the_nearest_name():
    cells = ["", 'overrides = "{}"\nseed = 0', '# Parameters\noverides = "x"\nsed = 1\nseed = 2\n', "ws = 1"]
    with pytest.raises(UsageError) as refused:
        check_parameters(cells)
    words = str(refused.value)
    assert "2 problem(s)" in words
    assert "'overides'. Did you mean 'overrides'?" in words
    assert "'sed'. Did you mean 'seed'?" in words
    check_parameters([cell.replace("overides", "overrides").replace("sed =", "seed =") for cell in cells])
