"""Workbooks: every row counts, cells are exact text, and what is damaged, hidden or too large is said."""

import zipfile
from datetime import datetime, time
from decimal import Decimal
from xml.sax.saxutils import quoteattr

import pytest
from fixtures.store import clean_rows, rules_by_record
from openpyxl import Workbook, load_workbook

from crcm_lib.errors import DataError
from crcm_lib.ingest.sources.description import File
from crcm_lib.ingest.sources.workbooks import Worksheet, number_text

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
HEAD = '<row r="1"><c t="inlineStr"><is><t>id</t></is></c><c t="inlineStr"><is><t>price</t></is></c></row>'


@pytest.fixture
def book(tmp_path):
    """A function that writes a workbook from the XML of its sheet, and gives its path."""

    def write(rows, after="", texts=None, formats=(), settings="", **members):
        parts = {
            "_rels/.rels": f'<Relationships xmlns="{PACKAGE}"><Relationship Id="r" Target="xl/workbook.xml" '
            f'Type="{OFFICE}/officeDocument"/></Relationships>',
            "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}">{settings}<sheets>'
            '<sheet name="Log" sheetId="1" r:id="a"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}">'
            + "".join(
                f'<Relationship Id="{n}" Target="{target}" Type="{OFFICE}/{kind}"/>'
                for n, target, kind in (
                    ("a", "/xl/sheet.xml", "worksheet"),
                    ("b", "texts.xml", "sharedStrings"),
                    ("c", "styles.xml", "styles"),
                )
            )
            + "</Relationships>",
            "xl/sheet.xml": f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData>{after}</worksheet>',
            "xl/styles.xml": f'<styleSheet xmlns="{MAIN}"><numFmts>'
            + "".join(
                f'<numFmt numFmtId="{n}" formatCode={quoteattr(c)}/>' for n, c in enumerate(formats, 164)
            )
            + '</numFmts><cellXfs><xf numFmtId="0"/>'
            + "".join(f'<xf numFmtId="{n + 164}"/>' for n in range(len(formats)))
            + '<xf numFmtId="31"/></cellXfs></styleSheet>',
        }
        if texts is not None:
            parts["xl/texts.xml"] = f'<sst xmlns="{MAIN}">{texts}</sst>'
        path = tmp_path / "log.xlsx"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in (parts | members).items():
                archive.writestr(name, content)
        return path

    return write


def read(path, **keys):
    """The header, the rows and the remarks of a workbook."""
    sheet = Worksheet(path, File(path=path.name, **keys))
    rows = [list(row.values())[1:] for table in sheet.batches() for row in table.to_pylist()]
    return sheet.header, rows, sheet.close()


def refused(path, **keys) -> str:
    with pytest.raises(DataError) as caught:
        read(path, **keys)
    return str(caught.value)


def cell(content, kind="n", place="", style=0):
    where = f' r="{place}"' if place else ""
    return f'<c{where} t="{kind}" s="{style}">{content}</c>'


def row(*cells, number=0):
    where = f' r="{number}"' if number else ""
    return f"<row{where}>{''.join(cells)}</row>"


def values(*numbers):
    return row(*(cell(f"<v>{number}</v>") for number in numbers))


def save(store, rows, change=lambda sheet: None):
    written = Workbook()
    for line in rows:
        written.active.append(line)
    change(written.active)
    written.save(store.folder / "log.xlsx")
    return store.part(path="log.xlsx")


def test_every_row_counts_whatever_the_sheet_says_of_its_size(store):
    rows = [[f"K{n}", datetime(2024, 1, 1 + n % 28), "mug", n + 0.25] for n in range(200)]
    save(store, [["id", "when", "item", "price"], *rows])
    source = store.folder / "log.xlsx"
    with zipfile.ZipFile(source) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(source, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content.replace(b'ref="A1:D201"', b'ref="A1:D41"'))
    assert b'ref="A1:D201"' in parts["xl/worksheets/sheet1.xml"]
    total = sum(Decimal(n) + Decimal("0.25") for n in range(200))
    assert clean_rows(store.clean(), "count(*), sum(amount)") == [(200, total)]


def test_an_error_cell_is_missing_and_is_remarked(store):
    save(
        store,
        [
            ["id", "when", "item", "price"],
            ["#N/A", datetime(2024, 1, 5), "mug", 4.5],
            ["K1", datetime(2024, 1, 6), "jar", "#DIV/0!"],
            ["K2", datetime(2024, 1, 6), "jar", 2],
        ],
    )
    out = store.clean()
    assert clean_rows(out, "customer_id") == [("K2",)]
    assert rules_by_record(out) == {1: "customer_id missing", 2: "amount missing"}
    _header, _rows, remarks = read(store.folder / "log.xlsx")
    assert remarks == ["log.xlsx: 2 error cells (#DIV/0! 1, #N/A 1) are read as missing, the first at A2"]


def test_error_cells_are_named_where_missing_values_stop_the_run(store):
    rows = [[f"K{n}" if n % 2 else "#N/A", datetime(2024, 1, 5), "mug", 4.5] for n in range(40)]
    said = save(store, [["id", "when", "item", "price"], *rows]).refused()
    assert "customer_id missing: 20 of 40 records" in said
    assert "20 error cells (#N/A 20) are read as missing, the first at A2." in said


@pytest.mark.parametrize("kind", ["e", "str"])
def test_an_error_of_a_formula_is_missing_too(book, kind):
    path = book(HEAD + row(cell("<f>VLOOKUP(1,2,3)</f><v>#N/A</v>", kind), cell("<v>2</v>")))
    _header, rows, remarks = read(path)
    assert rows == [["", "2"]]
    assert "1 error cells (#N/A 1)" in remarks[0]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("0.30000000000000004", "0.3"),
        ("19.989999999999998", "19.99"),
        ("1234.5", "1234.5"),
        ("7.0", "7"),
        ("1E2", "100"),
        ("2.5E-7", "0.00000025"),
        ("-0", "0"),
        ("-12", "-12"),
        ("999999999999999", "999999999999999"),
        ("202123456789012345", "2.02123456789012E+17"),
        ("2.02123456789012E+17", "2.02123456789012E+17"),
        ("1e15", "1E+15"),
    ],
)
def test_a_number_is_the_text_that_was_typed_or_shows_that_digits_are_lost(text, shown):
    assert number_text(text) == shown


def test_days_and_times_are_told_by_the_format_of_their_cells(book):
    formats = ["yyyy-mm-dd hh:mm", "h:mm", '0.00 "days"', "S/ #,##0.00", "[h]:mm"]
    cells = [cell("<v>45296.5</v>", style=n) for n in (1, 3, 4, 5, 6)] + [cell("<v>0.25</v>", style=2)]
    names = row(*(cell(f"<is><t>c{n}</t></is>", "inlineStr") for n in range(6)))
    shown = ["2024-01-05 12:00:00", "45296.5", "45296.5", "45296.5", "2024-01-05 12:00:00", "06:00:00"]
    assert read(book(names + row(*cells), formats=formats))[1] == [shown]


def test_days_that_count_from_1904_are_four_years_later(book):
    rows = HEAD + row(cell("<v>45296</v>", style=1), cell("<v>45296</v>"))
    path = book(rows, formats=["yyyy-mm-dd"], settings='<workbookPr date1904="1"/>')
    assert read(path)[1] == [["2028-01-06 00:00:00", "45296"]]


def test_a_library_writes_what_comes_back(tmp_path):
    written = Workbook()
    written.active.append(["id", "when", "flag", "note"])
    written.active.append(["007", datetime(2024, 1, 5, 8, 30, 15), True, "a\nb"])
    written.active.append([8, time(8, 30), False, " x_x000D_ "])
    written.save(tmp_path / "log.xlsx")
    assert read(tmp_path / "log.xlsx")[1] == [
        ["007", "2024-01-05 08:30:15", "true", "a\nb"],
        ["8", "08:30:00", "false", " x\r "],
    ]


def test_a_name_is_read_without_its_pronunciation(book):
    texts = "<si><t>id</t></si><si><r><t>東</t></r><r><t>京</t></r><rPh><t>トウキョウ</t></rPh></si>"
    names = row(cell("<v>0</v>", "s"))
    assert read(book(names + row(cell("<v>1</v>", "s")), texts=texts))[:2] == (["id"], [["東京"]])
    inline = cell("<is><t>東京</t><rPh><t>トウキョウ</t></rPh></is>", "inlineStr")
    assert read(book(HEAD + row(inline)))[1] == [["東京", ""]]


BLOCKS = [["id", "when", "item", "price"]] + [
    [name, datetime(2024, 1, 5 + n), "mug", 2] for n, name in enumerate(["K1", None, None, "K2"])
]


def test_merged_records_stop_the_run_and_name_the_range_and_the_cure(store):
    save(store, BLOCKS, lambda sheet: sheet.merge_cells("A2:A4"))
    assert (
        "1 merged ranges among the records (A2:A4) leave cells empty under their first. "
        "Declare `fill_down: [id]`"
    ) in store.refused()


@pytest.mark.parametrize("merged", ["A1:D1", "A9:C9", "F2:G4"])
def test_merged_cells_that_leave_no_cell_of_a_record_empty_are_none_of_our_concern(store, merged):
    save(store, BLOCKS, lambda sheet: sheet.merge_cells(merged) if merged != "A1:D1" else None)
    assert len(read(store.folder / "log.xlsx")[1]) == 4


def test_a_merged_title_above_the_header_covers_no_record(store):
    save(store, [["Sales"], [None], *BLOCKS], lambda sheet: sheet.merge_cells("A1:D2"))
    assert len(read(store.folder / "log.xlsx", skip_lines=2)[1]) == 4


def test_a_merged_head_cell_over_two_rows_is_not_passed_over(store):
    rows = [
        ["id", "when", "item", "price"],
        [None, None, "kind", "net"],
        ["K1", datetime(2024, 1, 5), "mug", 2],
    ]
    save(store, rows, lambda sheet: sheet.merge_cells("A1:A2"))
    assert "merged ranges among the records (A1:A2)" in store.refused()


@pytest.mark.parametrize("shown", ["", "<v></v>"])
def test_a_formula_that_was_never_calculated_stops_the_run(book, shown):
    path = book(HEAD + row(cell("<v>7</v>"), cell(f"<f>1+1</f>{shown}", place="B2")))
    assert (
        "1 formulas have no value (B2): the file was written by a program that does not calculate"
        in refused(path)
    )


def test_formulas_that_are_all_zero_in_a_file_to_be_calculated_were_never_calculated(book):
    rows = HEAD + row(cell("<v>7</v>"), cell("<f>1+1</f><v>0</v>"))
    assert "1 formulas have no value (all 0)" in refused(book(rows, settings='<calcPr fullCalcOnLoad="1"/>'))
    assert read(book(rows))[1] == [["7", "0"]]


def test_an_empty_text_is_a_value_of_a_formula(book):
    assert read(book(HEAD + row(cell("<f>T(1)</f><v></v>", "str"), cell("<v>2</v>"))))[1] == [["", "2"]]


def test_hidden_sheets_and_rows_are_said(tmp_path):
    written = Workbook()
    written.active.title = "Shown"
    hidden = written.create_sheet("Old")
    for line in (["id"], ["K1"], ["K2"]):
        hidden.append(line)
    hidden.sheet_state = "hidden"
    hidden.row_dimensions[3].hidden = True
    written.save(tmp_path / "log.xlsx")
    assert "declare which (sheet: …): Shown, Old (hidden)" in refused(tmp_path / "log.xlsx")
    header, rows, remarks = read(tmp_path / "log.xlsx", sheet="Old")
    assert (header, rows) == (["id"], [["K1"], ["K2"]])
    assert remarks == [
        "log.xlsx: sheet 'Old' is hidden; it is read",
        "log.xlsx: 1 rows are hidden; they are read like the others",
    ]
    assert "no sheet 'New'" in refused(tmp_path / "log.xlsx", sheet="New")


def test_cells_beyond_the_header_are_remarked_and_lose_no_record(book):
    _header, rows, remarks = read(book(HEAD + values(7, 2, 99) + values(8)))
    assert rows == [["7", "2"], ["8", ""]]
    assert "1 rows have cells beyond the last named column" in remarks[0]


def test_a_title_above_the_header_is_said(store):
    save(
        store,
        [["Sales of January"], [], ["id", "when", "item", "price"], ["K1", datetime(2024, 1, 5), "a", 2]],
    )
    assert (
        "Line 3 seems to be the header: `skip_lines: 2`"
        in Worksheet(store.folder / "log.xlsx", File(path="log.xlsx")).hint
    )
    assert clean_rows(store.part(skip_lines=2).clean(), "customer_id, amount") == [("K1", Decimal(2))]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (HEAD + row(cell("<v>1</v>"), number=1_000_000_000), "a row is numbered 1000000000; 1048576 at most"),
        (HEAD + row(cell("<v>1</v>", place="XFE2")), "cell XFE2 lies beyond column 16384"),
        (HEAD + row("<c/>" * 16_385), "lies beyond column 16384"),
        (HEAD + row(cell("<v>1</v>", place="A2"), cell("<v>2</v>", place="A2")), "cell A2 is there twice"),
        (HEAD + row(cell("<v>x</v>", place="A2")), "cell A2 refers to what is not there or holds no number"),
        (HEAD + row(cell("<v>17</v>", "s", "A2")), "cell A2 refers to what is not there"),
        (HEAD + row(cell("<v>-1</v>", "s", "A2")), "cell A2 refers to what is not there"),
        (HEAD + "<row r='2'><c><v>1</v>", "its XML cannot be read on line 1: mismatched tag"),
        ("", "it has not even a header"),
    ],
)
def test_a_sheet_that_is_damaged_or_beyond_a_bound_is_refused_in_words(book, rows, said):
    assert said in refused(book(rows, texts="<si><t>a</t></si>"))


def test_a_far_cell_costs_no_memory(book):
    far = book(HEAD + row(cell("<v>1</v>", place="XFD1048576"), number=1_048_576))
    assert "1 rows have cells beyond" in read(far)[2][0]


@pytest.mark.parametrize("part", ["sheet", "texts"])
def test_a_cell_that_unpacks_to_more_than_a_field_may_have_is_refused_before_it_is_read(book, part):
    long = "1" * 30_000_000
    in_sheet = HEAD + row(cell(f"<v>{long}</v>", place="A2"))
    path = book(in_sheet) if part == "sheet" else book(HEAD, texts=f"<si><t>{long}</t></si>")
    assert path.stat().st_size < 100_000
    assert "has more than 1000000 characters" in refused(path)


def test_a_tag_that_does_not_end_is_refused(book):
    assert "a tag has more than" in refused(book(HEAD + f'<row r="{"1" * 3_000_000}"/>'))


def test_entities_are_not_expanded(book):
    bomb = '<!DOCTYPE a [<!ENTITY x "xxxxxxxx">]><worksheet>&x;</worksheet>'
    assert "declares a document type" in refused(book("", **{"xl/sheet.xml": bomb}))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "is an old .xls or an encrypted workbook"),
        (b"\xef\xbb\xbf <html><table><tr><td>id", "is a web page or XML by its content"),
        (b"id,when\n7,2024-01-05\n", "cannot be read as XLSX: File is not a zip file"),
    ],
)
def test_what_is_no_workbook_is_said(tmp_path, content, said):
    (tmp_path / "log.xlsx").write_bytes(content)
    assert said in refused(tmp_path / "log.xlsx")


def test_an_archive_without_its_parts_is_said(book, tmp_path):
    with zipfile.ZipFile(tmp_path / "other.xlsx", "w") as archive:
        archive.writestr("notes.txt", "x")
    assert "is an archive, not an XLSX workbook" in refused(tmp_path / "other.xlsx")
    path = book(HEAD)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "cannot be read as XLSX" in refused(path)
    middle = whole.index(b"xl/sheet.xml") + 40
    path.write_bytes(whole[:middle] + bytes(20) + whole[middle + 20 :])
    assert "cannot be read" in refused(path)


def test_a_library_that_trusts_nothing_else_reads_the_same(tmp_path):
    written = Workbook()
    for n in range(50):
        written.active.append([f"c{k}" if n == 0 else (n * k) / 7 for k in range(1, 8)])
    written.save(tmp_path / "log.xlsx")
    cells = load_workbook(tmp_path / "log.xlsx").active.iter_rows(min_row=2, values_only=True)
    ours = read(tmp_path / "log.xlsx")[1]
    assert [[float(text) for text in line] for line in ours] == [
        [pytest.approx(value, rel=1e-14) for value in line] for line in cells
    ]
