"""The contract at every door: what a table may hold, and what is said when it does not."""

import duckdb
import pandas as pd
import pytest

from crcm_lib.errors import DataError
from crcm_lib.schema import tables
from crcm_lib.schema.dictionary import README, dictionary, renew
from crcm_lib.schema.engine import has, open_engine
from crcm_lib.schema.inputs import INPUTS
from crcm_lib.schema.results import RESULTS


@pytest.fixture
def groups():
    return pd.DataFrame(
        {"group": [1, 2], "traits": ["frequent", "rare"]},
        index=pd.Index(["00123", "NA"], name="customer_id"),
    )


def test_what_is_written_is_read_back_with_ids_as_exact_text(groups, tmp_path):
    tables.write(groups, tmp_path, "groups")
    pd.testing.assert_frame_equal(tables.read(tmp_path, "groups"), groups, check_dtype=False)


def test_row_order_does_not_change_a_byte(groups, tmp_path):
    tables.write(groups, tmp_path / "a", "groups")
    tables.write(groups.iloc[::-1], tmp_path / "b", "groups")
    assert tables.table_path(tmp_path / "a", "groups").read_bytes() == (
        tables.table_path(tmp_path / "b", "groups").read_bytes()
    )


def test_every_breach_is_reported_at_once(groups):
    broken = groups.drop(columns="traits").assign(group=[-1, None], triats="x")
    with pytest.raises(DataError) as caught:
        tables.check(broken, "groups")
    assert str(caught.value).splitlines() == [
        "groups: 4 problem(s)",
        "  unknown column 'triats'. Did you mean 'traits'? Known: customer_id, group, traits.",
        "  group: 1 of 2 missing",
        "  group: 1 below 0",
        "  traits: missing",
    ]


def test_a_repeated_customer_is_refused(groups):
    with pytest.raises(DataError, match="customer_id: 1 repeated"):
        tables.check(pd.concat([groups, groups.iloc[:1]]), "groups")


def test_a_number_where_text_belongs_is_refused(groups):
    with pytest.raises(DataError, match="traits: should be text, is int64"):
        tables.check(groups.assign(traits=7), "groups")


def test_a_broken_table_never_reaches_the_disk(groups, tmp_path):
    tables.write(groups, tmp_path, "groups")
    before = tables.table_path(tmp_path, "groups").read_bytes()
    with pytest.raises(DataError):
        tables.write(groups.assign(group=-1), tmp_path, "groups")
    assert tables.table_path(tmp_path, "groups").read_bytes() == before


def test_a_table_not_yet_written_names_the_notebook_that_writes_it(tmp_path):
    with pytest.raises(DataError, match="written by 04_clv; run that first"):
        tables.read(tmp_path, "value")
    with pytest.raises(DataError, match="written by 01_data_cleaning"):
        tables.read_about(tmp_path)
    with pytest.raises(DataError, match=r"value\.json: not there. It is written by an earlier notebook"):
        tables.read_model(tmp_path, "value")


def test_what_was_learned_is_read_back_letter_by_letter(tmp_path):
    tables.write_model('{"stufe": "größer"}', tmp_path, "value")
    assert tables.read_model(tmp_path, "value") == '{"stufe": "größer"}'


def test_an_unknown_table_suggests_the_nearest(tmp_path):
    with pytest.raises(DataError, match="unknown table 'teirs'. Did you mean 'tiers'"):
        tables.read(tmp_path, "teirs")


def test_the_engine_sees_each_clean_table_as_a_view(tmp_path):
    (tmp_path / "clean").mkdir()
    path = tmp_path / "clean" / "contacts.parquet"
    duckdb.connect().execute(f"copy (select '1' as customer_id) to '{path}' (format parquet)")
    engine = open_engine(tmp_path)
    assert has(engine, "contacts")
    assert not has(engine, "tickets")


def test_relative_paths_start_at_the_project_and_not_where_one_stands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert tables.resolve("policy.yaml") == tables.ROOT / "policy.yaml"
    assert tables.resolve(tmp_path) == tmp_path


@pytest.mark.parametrize("name", [*INPUTS, *RESULTS])
def test_every_column_says_what_it_means(name):
    table = INPUTS.get(name) or RESULTS[name]
    assert table.row
    assert all(column.meaning and column.kind in tables.PANDAS_KINDS for column in table.columns.values())


def test_the_dictionary_lists_every_column():
    text = dictionary()
    for group in (INPUTS, RESULTS):
        for table in group.values():
            assert all(f"| `{column}`" in text for column in table.columns)


def test_a_registered_frame_counts_as_there():
    engine = duckdb.connect()
    engine.register("tickets", pd.DataFrame({"customer_id": ["1"]}))
    assert has(engine, "tickets")


def test_the_data_dictionary_is_in_step():
    page = README.read_text(encoding="utf-8")
    assert page == renew(page), "run python -m crcm_lib.schema.dictionary"
