"""Two reports, one subtracted from the other, tell of nobody: cells of persons are rounded."""

from dataclasses import replace
from itertools import pairwise

import duckdb
import nbformat
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from test_planted import shown_values

from crcm_lib.features.age_groups import assign_age_groups
from crcm_lib.privacy.rounding import round_cells, round_count, round_to_step
from crcm_lib.reporting.workspace import open_workspace
from crcm_lib.schema.labels import COUNTS
from crcm_lib.schema.tables import ROOT, About, read_about

DAYS = pd.date_range("2020-01-31", periods=400, freq="ME").strftime("%Y-%m-%d")
ABOUT = About("s", "t", "2025-12-31", "2025-01-01", "CNY", synthetic=True)
GOLDEN, BASE = ROOT / "data" / "sample" / "golden", 5


def on(day, count, base=BASE):
    return round_count(count, replace(ABOUT, as_of=day), base=base)


@pytest.mark.parametrize("count", [0, 5, 6, 9, 23, 1001])
def test_a_count_becomes_a_neighbouring_multiple_and_is_right_on_average(count):
    rounded = pd.Series([on(day, count) for day in DAYS])
    assert set(rounded) <= {count // BASE * BASE, -(-count // BASE) * BASE}
    assert rounded.mean() == pytest.approx(count, abs=0.4)


def test_the_same_count_is_the_same_everywhere_in_a_report_and_drawn_anew_in_the_next():
    assert len({on(day, 23) for day in DAYS[:1] for _ in range(3)}) == 1
    assert len({on(day, 23) for day in DAYS}) == 2
    pairs = pd.crosstab([on(day, 22) for day in DAYS], [on(day, 23) for day in DAYS], normalize="index")
    assert abs(pairs[25].diff().iloc[1]) < 0.2  # what became of 22 says nothing of 23


def test_two_reports_subtracted_show_no_change_of_fewer_than_the_base():
    changes = {on(a, n + more) - on(b, n) for a, b in pairwise(DAYS) for n in range(5, 30) for more in (0, 1)}
    assert changes & set(range(-BASE + 1, BASE)) == {0}


def test_a_step_between_two_reports_is_little_evidence_that_somebody_came():
    """The likelihood ratio of a step up, somebody having come or nobody: at most two to one, of any size."""
    sizes = range(20, 60)
    shares = [
        np.mean([on(b, n + came) - on(a, n) == BASE for a, b in pairwise(DAYS) for n in sizes])
        for came in (0, 1)
    ]
    assert 0 < shares[0] < shares[1] < 2 * shares[0]


def test_a_sum_moves_in_steps_of_what_the_base_of_the_cell_make_of_it():
    cells = pd.DataFrame({"customers": [10, 1000], "spend": [6_000.0, 6_000.0], "score": [46.0, 40.1]})
    rounded = round_cells(cells, ABOUT, base=BASE, ranges={"score": 200})
    assert rounded["spend"].to_list() == [6_000, 6_000]
    moved = round_cells(cells.assign(spend=[6_600.0, 6_006.0]), ABOUT, base=BASE)["spend"]
    assert moved.to_list() == [6_000, 6_000]
    assert rounded["score"].to_list() == [40, 40]


def test_what_is_hidden_or_nothing_stays_so():
    cells = pd.DataFrame({"customers": [None, 0, 7], "spend": [np.nan, 0.0, -70.0]}).astype(
        {"customers": "Int64"}
    )
    rounded = round_cells(cells, ABOUT, base=BASE)
    assert rounded["customers"].isna().to_list() == [True, False, False]
    assert rounded["spend"].isna().to_list() == [True, False, False]
    assert rounded["spend"].iloc[1] == 0
    assert rounded["spend"].iloc[2] < 0


@pytest.mark.parametrize(("size", "step"), [(1.0, 1), (1.99, 1), (2.0, 2), (4.9, 2), (5.0, 5), (0.011, 0.01)])
def test_steps_are_one_two_or_five_times_a_power_of_ten(size, step):
    values = pd.Series([step * 7.4])
    assert round_to_step(values, pd.Series([size])).item() == pytest.approx(step * 7)


# On the pages


def levels(folder):
    """Every attribute, label and cause that the customers of a folder have."""
    engine = duckdb.connect()
    customers = engine.execute(f"select * from '{folder}/clean/customers.parquet'").df()
    columns = [
        name for name in customers.select_dtypes(["object", "string"]) if name not in ("customer_id", "owner")
    ]
    named = [customers[name] for name in columns]
    named += [assign_age_groups(customers["birthday"], read_about(folder).as_of)]
    for column, table in (("category", "transactions"), ("cause", "tickets")):
        named += [
            engine.execute(f"select distinct {column} from '{folder}/clean/{table}.parquet'").df()[column]
        ]
    return {str(level).replace("_", " ") for level in pd.concat(named).dropna().astype("str")}


@pytest.mark.parametrize("name", ["02_customer_profile", "08_classification", "14_service_feedback"])
def test_no_page_counts_persons_by_an_attribute_exactly(name, tmp_path):
    known, found = levels(GOLDEN), 0
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    _names, shown = shown_values(code, {"output_dir": str(tmp_path)})
    pyplot.close("all")
    for frame in (value for value in shown if isinstance(value, pd.DataFrame) and "customer_id" not in value):
        words = frame.reset_index().select_dtypes(["object", "string"])
        crossed = words.map(lambda word: str(word).split(": ")[-1] in known).any(axis=1).to_numpy()
        counts = frame.loc[crossed, [name for name in (*COUNTS, "tickets") if name in frame]].astype(
            "float64"
        )
        assert (counts.fillna(0) % BASE == 0).all(axis=None), frame
        found += counts.size
    assert found > 0


def test_companies_are_counted_exactly(tmp_path):
    workspace = open_workspace(str(GOLDEN), str(tmp_path))
    cells = pd.DataFrame({"customers": [23]})
    assert workspace.round(cells)["customers"].item() != 23
    everyone = duckdb.connect()
    everyone.execute("create table customers as select 'a' as customer_id, 'company' as subject_type")
    workspace.__dict__["engine"] = everyone
    del workspace.__dict__["has_persons"]
    assert workspace.round(cells)["customers"].item() == 23
    assert workspace.round_count(23) == 23
