"""The whole way: raw records through the notebooks to a published report, which says what is committed."""

import json
import os
import re

import nbformat
import numpy as np
import pandas as pd
import pytest

from crcm_lib.config.policy import read_policy
from crcm_lib.pipeline import checks, leak_check
from crcm_lib.pipeline.plan import list_notebooks
from crcm_lib.pipeline.run import run
from crcm_lib.pipeline.settings import RunSettings
from crcm_lib.pipeline.stages import hash_outputs
from crcm_lib.schema import tables
from crcm_lib.schema.inputs import CUSTOMER_IDS
from crcm_lib.schema.results import RESULTS
from crcm_lib.schema.tables import ROOT

NOTEBOOKS = ROOT / "notebooks"
NAMES = [path.stem for path in list_notebooks(NOTEBOOKS)]
GOLDEN = ROOT / "data" / "sample" / "golden"
# These speak of files and records, and change with them: what was read, what was set aside, how good it was.
OF_FILES = {"rejects", "row_account", "money_account", "quality"}


def test_every_notebook_ran_and_every_table_keeps_its_contract(sample_run):
    record = json.loads((sample_run / "run.json").read_text("utf-8"))
    assert [notebook["name"] for notebook in record["notebooks"]] == NAMES
    for name in RESULTS:
        tables.read(sample_run, name)
    assert checks.verify(sample_run) == []
    assert all(notebook["headline"] for notebook in record["notebooks"])


@pytest.mark.parametrize("name", sorted(RESULTS))
def test_the_run_finds_what_the_committed_golden_tables_say(sample_run, name):
    # The committed tables may come from another processor: the last digits of a fit differ, no more.
    pd.testing.assert_frame_equal(
        tables.read(sample_run, name), tables.read(GOLDEN, name), rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_run_says_what_the_committed_notebook_says(sample_run, name):
    """As nbval compares, which `make test-slow` calls: all outputs of every cell but pictures."""
    assert read_outputs(sample_run / f"{name}.ipynb") == read_outputs(NOTEBOOKS / f"{name}.ipynb")


def read_outputs(path):
    """Source and outputs of every code cell but the injected parameters, without pictures."""
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    cells = [cell for cell in cells if "injected-parameters" not in cell.metadata.get("tags", [])]
    assert cells
    return [(cell.source, [*map(read_output, cell.outputs)]) for cell in cells]


def read_output(output):
    if "data" not in output:
        return {"name": output.get("name"), "text": output.get("text"), "error": output.get("evalue")}
    return {kind: said for kind, said in output.data.items() if not kind.startswith("image/")}


def test_no_page_and_no_notebook_shows_a_customer(sample_run):
    ids = leak_check.read_ids(sample_run)
    assert sum(map(leak_check.is_distinctive, ids)) > 1000  # so that the next line can fail
    assert leak_check.find_leaks(sample_run, ids) == []


def test_who_objects_to_profiling_is_in_no_table_of_the_run(sample_run):
    asked = pd.read_csv(ROOT / "data/sample/consents.csv", dtype="str").query("purpose == 'profiling'")
    last = asked.sort_values("date").groupby("customer_id")["status"].last()
    sold = pd.read_csv(ROOT / "data/sample/transactions.csv", dtype="str", usecols=["customer_id"])
    objecting = set(last.index[last == "refused"])
    assert len(objecting & set(sold["customer_id"])) > 10
    for path in [*sample_run.glob("clean/*.parquet"), *sample_run.glob("tables/*.parquet")]:
        texts = pd.read_parquet(path).select_dtypes(["object", "str"])
        assert not texts.isin(objecting).to_numpy().any(), path.name
    assert "object to profiling" in (sample_run / "index.html").read_text("utf-8")


@pytest.mark.slow
def test_the_others_results_are_as_if_who_objects_had_never_been_a_customer(sample_run, tmp_path):
    asked = pd.read_csv(ROOT / "data/sample/consents.csv", dtype="str").query("purpose == 'profiling'")
    last = asked.sort_values("date").groupby("customer_id")["status"].last()
    objecting = set(last.index[last == "refused"])
    for path in (ROOT / "data/sample").glob("*.csv"):
        first, *lines = path.read_text("utf-8").splitlines(keepends=True)
        places = [at for at, name in enumerate(first.strip().split(",")) if name in CUSTOMER_IDS]
        kept = [line for line in lines if objecting.isdisjoint(line.strip().split(",")[at] for at in places)]
        (tmp_path / path.name).write_text(first + "".join(kept), "utf-8")
    description = (ROOT / "data/sources/sample.yaml").read_text("utf-8").replace("../sample/", "")
    (tmp_path / "sample.yaml").write_text(description, "utf-8")
    other = run(RunSettings(source=str(tmp_path / "sample.yaml"), out=str(tmp_path / "out")))
    for path in [*sample_run.glob("tables/*.parquet"), *sample_run.glob("models/*.json")]:
        if path.stem == "sales_growth":  # the sales of who objects are a part of their own, of all together
            mine, others = (
                tables.read(each, path.stem).query("part != 'not_profiled'") for each in (sample_run, other)
            )
            pd.testing.assert_frame_equal(mine, others, check_exact=True)
        elif path.stem not in OF_FILES:
            assert path.read_bytes() == (other / path.parent.name / path.name).read_bytes(), path.name


TINY = {
    "one day": "All purchases are of one day",
    "two customers": "Fewer than 5 customers have bought",
    "csat alone": "Mean satisfaction is",
    "marks alone": "Mean satisfaction is",
    "nothing pays": "Nothing is planned beyond the standard offer.",
}


@pytest.mark.slow
@pytest.mark.parametrize("company", TINY)
def test_a_strange_company_has_a_whole_report_that_says_what_it_cannot(tmp_path, company):
    write_company(tmp_path, company)
    published = run(RunSettings(source=str(tmp_path / "tiny.yaml"), out=str(tmp_path / "reports")))
    headlines = [
        notebook["headline"] for notebook in json.loads((published / "run.json").read_text())["notebooks"]
    ]
    assert checks.verify(published) == []
    assert len(headlines) == len(NAMES)
    assert any(TINY[company] in words for words in headlines), headlines
    if company == "two customers":
        said = " ".join(headlines[2:]) + (published / "index.html").read_text("utf-8")
        assert "2 customers" not in said
        assert "2 buyers" not in said


def write_company(folder, company):
    """A hundred customers or two, each with their own rhythm, and what the company is strange in."""
    rng = np.random.default_rng(4)
    buyers = 2 if company == "two customers" else 100
    pace, first = rng.gamma(2, 25, buyers), rng.integers(0, 200, buyers)
    days = first[:, None] + np.cumsum(1 + rng.exponential(pace[:, None], (buyers, 12)), axis=1)
    ids = np.array([f"K{n:04d}" for n in range(buyers)])
    rows = pd.DataFrame({"who": np.repeat(ids, 12), "n": days.ravel().astype(int)}).query("n < 700")
    scale = 0.02 if company == "nothing pays" else 20
    rows["paid"] = (rng.gamma(2, scale, len(rows)) + 0.01).round(2)
    rows["day"] = pd.Timestamp("2023-01-01") + pd.to_timedelta(rows["n"] * (company != "one day"), unit="D")
    parts = {"transactions": ("sales", {"customer_id": "who", "time": "day", "amount": "paid"})}
    rows.drop(columns="n").to_csv(folder / "sales.csv", index=False)
    asked = pd.DataFrame(
        {"who": ids[:60], "day": "2024-03-05", "mark": rng.integers(1, 6, 60)} if buyers > 2 else {}
    )
    if company == "csat alone":
        asked.assign(kind="csat").to_csv(folder / "surveys.csv", index=False)
        columns = {"customer_id": "who", "time": "day", "instrument": "kind", "score": "mark"}
        parts["surveys"] = ("surveys", columns)
    if company == "marks alone":
        asked.assign(done="2024-03-09").to_csv(folder / "tickets.csv", index=False)
        columns = {"customer_id": "who", "opened": "day", "resolved": "done", "satisfaction": "mark"}
        parts["tickets"] = ("tickets", columns)
    form = {"delimiter": ",", "decimal": ".", "time_format": "%Y-%m-%d"}
    described = {
        table: {"path": f"{file}.csv", **form, "columns": columns} for table, (file, columns) in parts.items()
    }
    top = {"name": "tiny", "title": "A company", "currency": "EUR", "time_zone": "Europe/Berlin"}
    (folder / "tiny.yaml").write_text(json.dumps(top | {"synthetic": True, "tables": described}), "utf-8")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "policy"), [("complete_journey", "retail"), ("sample", "retail"), ("sample", "b2b")]
)
def test_every_preset_runs_end_to_end(tmp_path, source, policy):
    settings = {"source": f"data/sources/{source}.yaml", "policy": f"policies/{policy}.yaml"}
    published = run(RunSettings(**settings, out=str(tmp_path / "reports")))
    assert checks.verify(published) == []
    assert leak_check.find_leaks(published, leak_check.read_ids(published)) == []
    planned = tables.read(published, "actions")
    rules = read_policy(settings["policy"])
    assert planned["action"].nunique() > 5
    assert set(planned["action"]) <= {action.name for action in rules.playbook}
    assert {criterion.name for criterion in rules.criteria} & set(tables.read(published, "scorecard"))


@pytest.mark.slow
def test_the_same_facts_in_another_form_give_the_same_tables(sample_run, tmp_path):
    """Rows in another order, transactions in three files, one core, and sales after `as_of` beside them."""
    as_of = tables.read_about(sample_run).as_of
    _rewrite_records(tmp_path, after=pd.Timestamp(as_of) + pd.Timedelta(days=20))
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        settings = RunSettings(
            source=str(tmp_path / "sample.yaml"), as_of=as_of, out=str(tmp_path / "reports")
        )
        other = run(settings)
    finally:
        os.sched_setaffinity(0, cores)
    before, after = hash_outputs(sample_run), hash_outputs(other)
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    pages = {name for name in changed if name.endswith(".html")}  # they say the name of their run
    assert changed - pages <= {f"tables/{name}.parquet" for name in OF_FILES}
    for name in pages:
        said = [(each / name).read_text("utf-8").replace(each.name, "") for each in (sample_run, other)]
        assert said[0] == said[1], name
    _assert_same_accounts(sample_run, other)


def _rewrite_records(folder, after: pd.Timestamp) -> None:
    description = (ROOT / "data" / "sources" / "sample.yaml").read_text("utf-8")
    description = re.sub(r"path: \S*?(\w+)\.csv", r"path: \1*.csv", description)
    (folder / "sample.yaml").write_text(description, "utf-8")
    rng = np.random.default_rng(1)
    for file in (ROOT / "data" / "sample").glob("*.csv"):
        header, *lines = file.read_text("utf-8").splitlines()
        parts = 3 if file.stem == "transactions" else 1
        if file.stem == "transactions":
            later = [re.sub(r"\d{4}-\d\d-\d\dT", f"{after:%Y-%m-%d}T", line) for line in lines[100:200]]
            lines += [line for line in later if f"{after:%Y-%m-%d}" in line]
        lines = list(rng.permutation(np.array(lines, dtype=object)))
        for part in range(parts):
            text = "\n".join([header, *lines[part::parts]]) + "\n"
            (folder / f"{file.stem}{part}.csv").write_text(text, "utf-8")


def _assert_same_accounts(one, other) -> None:
    """Whatever file it came from, as many records went every way; only those after `as_of` came on top."""

    def count(folder):
        account = tables.read(folder, "row_account")
        return account.groupby(["table", "state"])["records"].sum()

    more = (count(other) - count(one)).fillna(count(other))
    changed = more[more != 0].loc["transactions"]
    assert set(more[more != 0].index.get_level_values("table")) == {"transactions"}
    assert changed.drop("read").sum() == changed["read"] > 50
    assert "kept" not in changed.index


@pytest.mark.slow
def test_a_shop_of_three_customers_has_an_honest_report(tmp_path):
    (tmp_path / "sales.csv").write_text(
        "customer,day,paid\n00123,2024-01-05,10.00\n123,2024-01-09,20.00\n00123,2024-02-01,5.50\n"
        "NA,2024-02-02,7.00\n123,2024-03-01,1.00\n"
    )
    (tmp_path / "tiny.yaml").write_text(
        "name: tiny\ntitle: A young shop\ncurrency: EUR\ntime_zone: Europe/Berlin\nsynthetic: true\n"
        "tables:\n  transactions:\n    path: sales.csv\n    delimiter: ','\n    decimal: '.'\n"
        "    time_format: '%Y-%m-%d'\n    columns: {customer_id: customer, time: day, amount: paid}\n"
    )
    published = run(RunSettings(source=str(tmp_path / "tiny.yaml"), out=str(tmp_path / "reports")))
    record = json.loads((published / "run.json").read_text("utf-8"))
    customers = tables.read(published, "customer_features")
    assert set(customers.index) == {"00123", "123", "NA"}
    assert customers["spend_total"].sum() == pytest.approx(43.5)
    assert set(tables.read(published, "verdict")["verdict"]) & {"no", "limited"}
    assert record["warnings"]
    assert "tickets" in record["not_available"]
    assert checks.verify(published) == []
    assert "00123" not in (published / "index.html").read_text("utf-8")


def test_reports_are_ignored_by_git_but_their_readme_is_not():
    assert (ROOT / "reports" / "README.md").exists()
    assert "reports/*" in (ROOT / ".gitignore").read_text()
