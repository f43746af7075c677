"""`crcm init`: made-up exports in the forms of systems become descriptions that read them to the cent."""

import contextlib
import os
import pty
import subprocess
import sys

import duckdb
import pytest
from fixtures.exports import WRITERS, Layout, draw_orders, same, total_of, write_csv
from ruamel.yaml import YAML
from typer.testing import CliRunner

from crcm_lib.cli import build_app
from crcm_lib.errors import DataError, UsageError
from crcm_lib.ingest.cleaning import check
from crcm_lib.ingest.drafting import confirm, draft_source, list_unconfirmed, refuse_existing, write_draft
from crcm_lib.ingest.drafting.export_files import read_exports
from crcm_lib.ingest.drafting.recipe_files import find_role, known_names, read_recipes
from crcm_lib.ingest.drafting.recipe_parts import draft_parts
from crcm_lib.ingest.sources import expressions, read_source
from crcm_lib.schema.inputs import INPUTS

LAYOUTS = {
    "labels, shuffled, among others": Layout(shuffled=True, extra=True),
    "api names, shuffled, among others": Layout(api=True, shuffled=True, extra=True),
}
# Columns that an export may be without, and what is then not there.
OPTIONAL = {
    "shopify": ("Source", "channel"),
    "woocommerce": ("SKU", ""),
    "stripe": ("Mode", ""),
    "amazon": ("quantity-purchased", ""),
    "taobao": ("商家编码", ""),
    "youzan": ("商品单价", "unit_price"),
    "odoo": ("Status", ""),
    "quickbooks": ("Sales Price", "unit_price"),
    "zoho_crm": ("Industry", "industry"),
    "fxiaoke": ("市", "city"),
    "generic lines": ("Menge", "quantity"),
    "generic invoices": ("Paid Date", "paid"),
    "generic workbook": ("渠道", "channel"),
}


def list_parts(files, encoding=""):
    """By table and role the columns that a draft of the files would fill, before their content is read."""
    exports = [export for path in files for export in read_exports(path, known_names(), encoding)]
    matches = [match for match in map(find_role, exports) if match]
    return {(draft.table, draft.match.role): set(draft.keys["columns"]) for draft in draft_parts(matches)}


def draft(files, target, accept=None, encoding=""):
    """Draft, confirm everything as proposed or as given, and read the description."""
    write_draft(draft_source(files, target, encoding), target)
    confirm(target, accept or {})
    confirm(target, dict.fromkeys(list_unconfirmed(target)))
    return read_source(target)


def waiting_for(lines, tmp_path, name="sales.csv", encoding="utf-8"):
    """What a draft of a file of these lines has to confirm."""
    path = tmp_path / name
    path.write_bytes("\n".join(lines).encode(encoding))
    return draft_source([path], tmp_path / "shop.yaml")


# Recipes


@pytest.mark.parametrize("recipe", read_recipes(), ids=lambda recipe: recipe.name)
def test_a_recipe_names_only_what_there_is(recipe):
    assert {role for way in recipe.customer for role in way} <= recipe.roles.keys()
    for part in recipe.parts:
        role = recipe.roles[part.role]
        schema = INPUTS[part.table]
        assert {*part.unless, *part.lookups} <= recipe.roles.keys()
        assert all(column in schema.columns or schema.open for column in part.columns)
        own = dict.fromkeys(role.fields, "x")
        others = {other: dict.fromkeys(recipe.roles[other].fields, "x") for other in part.lookups}
        texts = [text for texts in part.columns.values() for text in texts] + list(part.returns)
        texts += [text for row in part.exclude for text in row.when]
        texts += [way[part.role] for way in recipe.customer if part.role in way]
        for text in texts:
            written = text.format(**own, **{name: Fields(fields) for name, fields in others.items()})
            assert expressions.parse(written), text


class Fields:
    """So that `{orders.buyer}` can be formatted."""

    def __init__(self, fields):
        self.__dict__.update(fields)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("form", WRITERS)
def test_an_export_is_recognised_by_labels_and_api_names_in_any_order_and_company(form, layout, tmp_path):
    (tmp_path / "plain").mkdir()
    plain = list_parts(WRITERS[form](tmp_path / "plain", Layout()).files)
    assert list_parts(WRITERS[form](tmp_path, LAYOUTS[layout]).files) == plain
    assert any(table == "transactions" for table, _role in plain)


@pytest.mark.parametrize("form", OPTIONAL)
def test_an_export_may_be_without_what_is_not_required(form, tmp_path):
    (tmp_path / "plain").mkdir()
    label, lost = OPTIONAL[form]
    whole = list_parts(WRITERS[form](tmp_path / "plain", Layout()).files)
    less = list_parts(WRITERS[form](tmp_path, Layout(without=(label,))).files)
    assert less == {part: columns - {lost} for part, columns in whole.items()}


def test_every_form_has_its_own_recipe(tmp_path):
    for form, write in WRITERS.items():
        folder = tmp_path / form
        folder.mkdir()
        matches = [
            find_role(each)
            for path in write(folder, Layout()).files
            for each in read_exports(path, known_names())
        ]
        assert {match.recipe.name for match in matches} == {form.split()[0]}


# The whole way


@pytest.mark.slow
@pytest.mark.parametrize("api", [False, True], ids=["labels", "api"])
@pytest.mark.parametrize("form", WRITERS)
def test_a_draft_reads_an_export_to_the_cent(form, api, tmp_path):
    written = WRITERS[form](tmp_path, Layout(api=api, shuffled=api, extra=api))
    source = draft(written.files, tmp_path / "shop.yaml", written.accept)
    out = tmp_path / "out"
    out.mkdir()
    kept = {table["table"]: table["kept"] for table in check(source, out)}
    sales = f"read_parquet('{out}/clean/transactions.parquet')"
    total, customers = duckdb.execute(
        f"select sum(amount), count(distinct customer_id) from {sales}"
    ).fetchone()
    assert (total, customers) == (written.total, written.customers)
    assert {table: kept.get(table) for table in written.tables} == written.tables


def test_a_shopify_export_is_read_to_the_cent(tmp_path):
    written = WRITERS["shopify"](tmp_path, Layout())
    drafted = draft_source(written.files, tmp_path / "shop.yaml")
    assert list(drafted.unsure) == ["time_zone"]
    assert drafted.unsure["time_zone"].value == "Europe/Berlin"
    assert drafted.content["currency"] == "EUR"
    lines = sum(len(order.lines) for order in draw_orders())
    customers = len({order.customer for order in draw_orders()})
    part = ("tables", "transactions", 0)
    assert drafted.evidence[(*part, "columns", "amount")] == f"{lines} of {lines} read"
    assert (
        drafted.evidence[(*part, "columns", "customer_id")]
        == f"{lines} of {lines} filled; {customers} customers"
    )
    write_draft(drafted, tmp_path / "shop.yaml")
    confirm(tmp_path / "shop.yaml", {"time_zone": None})
    check(read_source(tmp_path / "shop.yaml"), tmp_path)
    total = duckdb.execute(f"select sum(amount) from '{tmp_path}/clean/transactions.parquet'").fetchone()[0]
    assert total == written.total == total_of(draw_orders())


# What is proven and what is not

HEADER = "Customer No,Order Date,Amount"


@pytest.mark.parametrize(
    ("days", "unsure", "value"),
    [
        (["13/02/2025", "01/02/2025"], False, "%d/%m/%Y"),
        (["02/13/2025", "01/02/2025"], False, "%m/%d/%Y"),
        (["03/02/2025", "01/02/2025"], True, "%d/%m/%Y"),
        (["2025-02-03", "2025-02-04 10:00"], False, None),
        (["45700", "45701.5"], False, "excel"),
        (["1738540800", "1738627200"], False, "unix"),
        (["13/02/2025", "02/13/2025"], True, "%d/%m/%Y"),
    ],
)
def test_a_time_format_is_proven_only_if_no_other_reads_as_much(days, unsure, value, tmp_path):
    drafted = waiting_for([HEADER, *(f"K{n},{day},5.25" for n, day in enumerate(days))], tmp_path)
    formats = drafted.content["tables"]["transactions"].get("time_format", {})
    assert formats.get("time") == value
    assert ("transactions.time_format.time" in drafted.unsure) == unsure
    if unsure:
        assert "of 2)" in drafted.unsure["transactions.time_format.time"].why


@pytest.mark.parametrize(
    ("amounts", "keys", "unsure"),
    [
        (["5.25", "1300"], {}, False),
        (["1.234,50", "5,25"], {"decimal": ",", "thousands": "."}, False),
        (["1,234.50", "(5.25)"], {"decimal": ".", "thousands": ",", "negative": ["(1)"]}, False),
        (["€5.25", "€1,300.00"], {"decimal": ".", "thousands": ",", "currency_sign": ["€"]}, False),
        (["1 234,50", "5,25"], {"decimal": ",", "thousands": " "}, False),
        (["5.25-", "１２"], {"negative": ["1-"], "number_format": ["full_width"]}, False),
        (["1.234", "5.678"], {"decimal": "."}, True),
        (["1,234", "5"], {"decimal": ".", "thousands": ","}, True),
    ],
)
def test_the_marks_of_numbers_are_proven_only_if_no_other_reads_them_otherwise(
    amounts, keys, unsure, tmp_path
):
    rows = [f'K{n};2025-01-0{n + 1};"{amount}"' for n, amount in enumerate(amounts)]
    part = waiting_for([HEADER.replace(",", ";"), *rows], tmp_path)
    described = part.content["tables"]["transactions"]
    names = ("decimal", "thousands", "negative", "currency_sign", "number_format")
    assert {name: described[name] for name in names if name in described} == keys
    assert ("transactions.decimal" in part.unsure) == unsure


def test_a_currency_is_proven_by_one_code_or_a_sign_of_one_currency(tmp_path):
    rows = ["K1,2025-01-01,5.25", "K2,2025-01-02,6.25"]
    assert waiting_for([HEADER, *rows], tmp_path).unsure["currency"].value == ""
    units = waiting_for([HEADER.replace("Amount", "Amount (CHF)"), *rows], tmp_path)
    assert (units.content["currency"], "currency" in units.unsure) == ("CHF", False)
    codes = waiting_for([f"{HEADER},Currency", *(f"{row},PLN" for row in rows)], tmp_path)
    assert (codes.content["currency"], "currency" in codes.unsure) == ("PLN", False)
    several = [f"{row},{code}" for code in ("PLN", "PLN", "EUR") for row in rows[:1]]
    mixed = waiting_for([f"{HEADER},Currency", *several], tmp_path)
    assert (mixed.content["currency"], "PLN (2), EUR (1)" in mixed.unsure["currency"].why) == ("PLN", True)
    dollars = waiting_for([HEADER, "K1,2025-01-01,$5.25"], tmp_path)
    assert dollars.unsure["currency"].value == ""


def test_an_encoding_is_proven_by_known_words_only(tmp_path):
    chinese = ["客户编号,订单日期,金额,备注", "K1,2025-01-01,5.25,好"]
    drafted = waiting_for(chinese, tmp_path, encoding="gb18030")
    assert drafted.content["tables"]["transactions"]["encoding"] == "gb18030"
    assert "transactions.encoding" not in drafted.unsure
    drafted = waiting_for([f"{HEADER},Name", "K1,2025-01-01,5.25,Müller"], tmp_path, encoding="cp1252")
    assert drafted.unsure["transactions.encoding"].value == "cp1252"
    for mark in ("utf-8-sig", "utf-16"):
        drafted = waiting_for(chinese, tmp_path, encoding=mark)
        assert "transactions.encoding" not in drafted.unsure


def test_titles_above_the_header_and_another_delimiter_are_found(tmp_path):
    lines = [
        "Sales of 2025",
        "",
        "Customer No|Order Date|Amount",
        *(f"K{n}|2025-01-0{n}|1.50" for n in range(1, 9)),
    ]
    described = waiting_for(lines, tmp_path).content["tables"]["transactions"]
    assert (described["skip_lines"], described["delimiter"]) == (2, "|")


def test_orders_filled_on_their_first_line_only_are_proposed_to_be_filled_down(tmp_path):
    lines = ["Order No,Customer No,Order Date,Amount"]
    for n in range(12):
        lines += [f"D{n},K{n},2025-01-01,5.25", f"D{n},,,6.25"]
    drafted = waiting_for(lines, tmp_path)
    assert drafted.unsure["transactions.fill_down"].value == {
        "columns": ["Customer No", "Order Date"],
        "within": "Order No",
    }


@pytest.mark.parametrize(
    ("ids", "form"),
    [
        (["17850.0", "17851"], "integer"),
        (["K1 ", "K2"], "trimmed"),
        (["17850", "K1"], None),
        (["1.5", "2.0"], None),
    ],
)
def test_ids_that_a_spreadsheet_has_spoilt_are_put_right(ids, form, tmp_path):
    drafted = waiting_for([HEADER, *(f"{each},2025-01-01,5.25" for each in ids)], tmp_path)
    assert drafted.content["tables"]["transactions"].get("id_format") == form


def test_a_line_that_names_the_delimiter_and_a_parquet_file_are_taken_as_they_are(tmp_path):
    drafted = waiting_for(["sep=;", HEADER.replace(",", ";"), "K1;2025-01-01;5,25"], tmp_path)
    part = drafted.content["tables"]["transactions"]
    assert not {"delimiter", "skip_lines"} & part.keys()
    assert part["decimal"] == ","
    sales = "select 'K1' as customer_id, timestamp '2025-01-01' as order_date, 5.25 as amount"
    duckdb.execute(f"copy ({sales}) to '{tmp_path}/sales.parquet'")
    drafted = draft_source([tmp_path / "sales.parquet"], tmp_path / "shop.yaml")
    assert drafted.evidence[("tables", "transactions", "columns", "time")] == "1 of 1 read"


def test_a_file_that_has_no_place_is_named(tmp_path):
    written = WRITERS["fxiaoke"](tmp_path, Layout())
    drafted = draft_source(written.files, tmp_path / "shop.yaml")
    said = "联系人.xlsx: 纷享销客 CRM, contacts; no table takes it, or columns that one needs are missing"
    assert drafted.notes == [said]


def test_sales_without_a_customer_are_proposed_to_be_of_nobody(tmp_path):
    rows = [f"{'' if n % 4 else 'K1'},2025-01-01,{n}.25" for n in range(40)]
    drafted = waiting_for([HEADER, *rows], tmp_path)
    assert drafted.unsure["transactions.anonymous"].value["at_most"] == 1.0
    assert "30 of 40 records" in drafted.unsure["transactions.anonymous"].why


# An unknown shape


def test_an_unknown_shape_confirms_nothing(tmp_path):
    lines = ["alpha,beta,gamma", *(f"x{n % 3},2025-01-0{1 + n},{n}.5" for n in range(5))]
    drafted = waiting_for(lines, tmp_path)
    columns = {f"transactions.{column}" for column in ("customer_id", "time", "amount")}
    assert columns | {"currency", "time_zone"} == set(drafted.unsure)
    assert {drafted.unsure[column].value for column in columns} == {"`alpha`", "`beta`", "`gamma`"}


def test_nothing_is_proposed_where_several_columns_could_be_meant(tmp_path):
    lines = ["a1,b1,c1,d1", *(f"x{n},y{n},{n}.5,{n}.7" for n in range(5))]
    drafted = waiting_for(lines, tmp_path)
    assert {key: proposal.value for key, proposal in drafted.unsure.items()} == dict.fromkeys(
        drafted.unsure, ""
    )
    write_draft(drafted, tmp_path / "shop.yaml")
    with pytest.raises(UsageError, match="transactions.customer_id: nothing is proposed; give a value"):
        confirm(tmp_path / "shop.yaml", {"transactions.customer_id": None})


def test_usual_names_confirm_nothing_either(tmp_path):
    written = WRITERS["generic invoices"](tmp_path, Layout(shuffled=True))
    drafted = draft_source(written.files, tmp_path / "shop.yaml")
    for table, part in drafted.content["tables"].items():
        assert {f"{table}.{column}" for column in part["columns"]} <= drafted.unsure.keys()


def test_files_without_sales_are_refused_with_what_they_were_taken_for(tmp_path):
    names = same("Account Name", "Record Id", "Account Type", "Shoe Size")
    path = write_csv(tmp_path / "accounts.csv", Layout(), names, [{"Account Name": "A", "Record Id": "1"}])
    with pytest.raises(DataError, match="no file holds sales") as caught:
        draft_source([path], tmp_path / "shop.yaml")
    assert "accounts.csv: Zoho CRM, accounts; columns known: Record Id, Account Name" in str(caught.value)


def test_what_is_looked_up_stands_in_one_file(tmp_path):
    written = WRITERS["taobao"](tmp_path, Layout())
    twice = tmp_path / "ExportOrderList2.csv"
    twice.write_bytes(written.files[0].read_bytes() + b"\r\n")
    with pytest.raises(DataError, match="ExportOrderList.csv, ExportOrderList2.csv: Export"):
        draft_source([*written.files, twice], tmp_path / "shop.yaml")


def test_the_encoding_of_a_lookup_is_confirmed_too(tmp_path):
    written = WRITERS["taobao"](tmp_path, Layout(api=True))
    drafted = draft_source(written.files, tmp_path / "shop.yaml")
    assert "transactions.lookups.orders.encoding" in drafted.unsure
    assert (
        draft(written.files, tmp_path / "shop.yaml", {}).tables["transactions"][0].lookups["orders"].encoding
    )


def test_a_bracket_in_the_name_of_a_file_is_no_pattern(tmp_path):
    drafted = waiting_for([HEADER, "K1,2025-01-01,5.25"], tmp_path, name="sales [2025].csv")
    assert drafted.content["tables"]["transactions"]["path"] == "sales [[]2025].csv"


def test_all_problems_of_all_files_are_told_at_once(tmp_path):
    (tmp_path / "empty.csv").touch()
    (tmp_path / "photo.png").write_bytes(b"x")
    with pytest.raises(DataError) as caught:
        draft_source(
            [tmp_path / name for name in ("empty.csv", "photo.png", "gone.csv")], tmp_path / "s.yaml"
        )
    assert all(name in str(caught.value) for name in ("3 problem(s)", "empty.csv", "photo.png", "gone.csv"))


# The file


def test_a_draft_is_refused_until_everything_is_confirmed(tmp_path):
    written = WRITERS["taobao"](tmp_path, Layout())
    target = tmp_path / "shop.yaml"
    write_draft(draft_source(written.files, target), target)
    with pytest.raises(DataError) as caught:
        read_source(target)
    assert "`crcm confirm shop.yaml --accept currency=CNY`" in str(caught.value)
    assert "time_zone: to be confirmed: Asia/Shanghai" in str(caught.value)
    confirm(target, {"currency": None, "time_zone": "Asia/Taipei"})
    assert read_source(target).time_zone == "Asia/Taipei"


def test_confirming_keeps_the_evidence(tmp_path):
    written = WRITERS["woocommerce"](tmp_path, Layout())
    target = tmp_path / "shop.yaml"
    write_draft(draft_source(written.files, target), target)
    before = [line for line in target.read_text("utf-8").splitlines() if "# 242" in line or " of " in line]
    confirm(target, {"time_zone": "Europe/London"})
    after = target.read_text("utf-8").splitlines()
    assert before
    assert set(before) <= set(after)


def test_any_key_can_be_set_and_taken_out_without_an_editor(tmp_path):
    written = WRITERS["shopify"](tmp_path, Layout())
    target = tmp_path / "shop.yaml"
    source = draft(written.files, target)
    assert source.tables["transactions"][0].duplicates == ""
    confirm(
        target, {"transactions.1.duplicates": "keep", "transactions.1.channel": "", "last_day": "2025-12-31"}
    )
    part = read_source(target).tables["transactions"][0]
    assert (part.duplicates, "channel" in part.columns) == ("keep", False)
    confirm(target, {"transactions.1.anonymous": "{reason: at the till, at_most: 0.5}"})
    assert read_source(target).tables["transactions"][0].anonymous.at_most == 0.5


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("transactions.1.colour", "there is no such key or column"),
        ("customers.city", "the description has no table customers"),
        ("transactions.3.time", "write transactions.1.… to transactions.2.…"),
        ("transactions.1.lookups.items.path", "there is no such key or column"),
    ],
)
def test_a_key_that_leads_nowhere_is_refused_and_nothing_is_written(key, problem, tmp_path):
    target = tmp_path / "shop.yaml"
    draft(WRITERS["shopify"](tmp_path, Layout()).files, target)
    before = target.read_bytes()
    with pytest.raises(UsageError, match=problem):
        confirm(target, {key: "x", "currency": "SEK"})
    assert target.read_bytes() == before


def test_a_description_is_not_replaced_unless_somebody_says_so(tmp_path):
    target = tmp_path / "shop.yaml"
    target.write_text("name: mine")
    with pytest.raises(UsageError, match="is there already; --force replaces it"):
        refuse_existing(target, force=False)
    refuse_existing(target, force=True)


@pytest.mark.parametrize(
    "name", ["a\nto_confirm: {}", "x # y", "a: b", "{x}", "'", '"', "*a", "&b", "- c", "\x07", "\u2028", "no"]
)
def test_no_name_of_a_column_breaks_the_file(name, tmp_path):
    names = [(label, label) for label in ("Customer No", "Order Date", "Amount", "SKU", name)]
    rows = [{"Customer No": "K1", "Order Date": "2025-01-01", "Amount": "5.25", "SKU": "m", name: "x"}]
    path = write_csv(tmp_path / "sales.csv", Layout(), names, rows)
    drafted = draft_source([path], tmp_path / "shop.yaml")
    drafted.content["tables"]["transactions"]["columns"]["category"] = f"`{name}`"
    write_draft(drafted, tmp_path / "shop.yaml")
    content = YAML(typ="safe").load((tmp_path / "shop.yaml").read_text("utf-8"))
    assert content["tables"] == drafted.content["tables"]
    assert content["to_confirm"].keys() == drafted.unsure.keys()


# The commands


@pytest.fixture
def crcm(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(build_app(), [str(word) for word in words])


def test_init_ends_with_what_a_check_says(crcm, tmp_path):
    written = WRITERS["woocommerce"](tmp_path, Layout())
    waiting = crcm("init", *written.files)
    assert waiting.exit_code == 3
    assert "woo.yaml: drafted" in waiting.output
    assert "time_zone: to be confirmed: nothing is proposed (nothing in the files says it)" in waiting.output
    assert crcm("check", "--source", tmp_path / "woo.yaml").exit_code == 3
    done = crcm("confirm", "woo.yaml", "--accept", "time_zone=Europe/London")
    assert done.exit_code == 0, done.output
    assert "transactions: woo.csv (291); 242 records kept" in done.output
    assert "crcm run --source woo.yaml" in done.output


def test_init_replaces_nothing_and_takes_answers_beforehand(crcm, tmp_path):
    written = WRITERS["woocommerce"](tmp_path, Layout())
    (tmp_path / "woo.yaml").write_text("name: mine")
    refused = crcm("init", *written.files)
    assert (refused.exit_code, (tmp_path / "woo.yaml").read_text()) == (2, "name: mine")
    zone = ("--accept", "time_zone=Europe/London")
    assert crcm("init", *written.files, *zone, "--force").exit_code == 0
    assert crcm("init", *written.files, *zone, "--out", "sources/other.yaml").exit_code == 0
    assert read_source(tmp_path / "sources" / "other.yaml").tables["transactions"][0].path.endswith("woo.csv")
    assert crcm("init", "gone.csv").exit_code == 3
    there = crcm("confirm", "woo.yaml", *zone, "--reports", "else where")
    assert "Next: crcm run --source woo.yaml --out 'else where'" in there.output
    assert (tmp_path / "else where" / ".checked" / "woo").is_dir()
    assert crcm("confirm", "woo.yaml", "--accept", "colour.x=1").exit_code == 2


def test_on_a_terminal_enter_takes_what_is_proposed(tmp_path):
    written = WRITERS["shopify"](tmp_path, Layout())
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", "from crcm_lib.cli import main; main()", "init", str(written.files[0])]
    asked = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, cwd=tmp_path)
    os.close(theirs)
    os.write(ours, b"\n")
    said = b""
    with contextlib.suppress(OSError):  # the end of a terminal
        while part := os.read(ours, 10_000):
            said += part
    assert asked.wait() == 0, asked.stderr.read()
    asked.stderr.close()
    os.close(ours)
    assert b"Enter takes Europe/Berlin" in said
    assert read_source(tmp_path / "orders_export.yaml").time_zone == "Europe/Berlin"
