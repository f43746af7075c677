"""Text files: two readers that agree to the last field, and what is said of lines that cannot be read."""

import csv
import io

import pytest
from fixtures.store import GOOD, HEADER, clean_rows, rules_by_record
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crcm_lib.errors import DataError
from crcm_lib.ingest.sources import text_files
from crcm_lib.ingest.sources.description import File
from crcm_lib.ingest.sources.headers import propose_header, safe_names
from crcm_lib.ingest.sources.text_files import TextFile

NAMES = ["id", "when", "price"]
DIALECTS = {
    "comma": {"delimiter": ",", "lineterminator": "\n"},
    "semicolon": {"delimiter": ";", "lineterminator": "\r\n"},
    "tab": {"delimiter": "\t", "lineterminator": "\n"},
    "all quoted": {"delimiter": ",", "lineterminator": "\r\n", "quoting": csv.QUOTE_ALL},
    "pipe, other line ends": {"delimiter": "|", "lineterminator": "\r"},
}
FIELDS = st.text(st.sampled_from('ab,;|\t"\n\r é中'), max_size=5)
ROWS = st.lists(st.lists(FIELDS, min_size=0, max_size=4), max_size=12)


def expected(text: str, delimiter: str):
    """The records after the header as `csv` alone reads them; None if it cannot."""
    try:
        rows = [
            row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True) if row
        ]
    except csv.Error:
        return None
    return [(len(row) == 3, *(row + [""] * 3)[:3]) for row in rows[1:]]


def read(path, **keys):
    file = TextFile(path, File(path=path.name, **keys))
    return [tuple(row.values()) for table in file.batches() for row in table.to_pylist()]


def check_agreement(tmp_path_factory, text: str, delimiter: str):
    path = tmp_path_factory.mktemp("text") / "log.csv"
    path.write_text(text, encoding="utf-8", newline="")
    want = expected(text, delimiter)
    try:
        got = read(path, delimiter=delimiter)
    except DataError:
        got = None
    assert got == want


@pytest.fixture(params=[1, 20, 900_000], ids="block of {}".format)
def block(request, monkeypatch):
    """Blocks of a line, of a few, of the whole file."""
    monkeypatch.setattr(text_files, "BLOCK", request.param)


@pytest.mark.usefixtures("block")
def test_the_two_readers_agree_on_what_other_programs_write(tmp_path_factory):
    @settings(max_examples=60, deadline=None)
    @given(ROWS, st.sampled_from(list(DIALECTS.values())))
    @example([["a", "b", "c"], [], ["short"], ["a\r\nb", '"', ""]], DIALECTS["all quoted"])
    def agree(rows, dialect):
        stream = io.StringIO(newline="")
        csv.writer(stream, **dialect).writerows([NAMES, *rows])
        check_agreement(tmp_path_factory, stream.getvalue(), dialect["delimiter"])

    agree()


@pytest.mark.usefixtures("block")
def test_the_two_readers_agree_on_what_is_damaged(tmp_path_factory):
    @settings(max_examples=60, deadline=None)
    @given(st.text(st.sampled_from('ab,,"\n\n\r é'), max_size=60))
    @example('5" pipe,b,c\n"a\nb",c,d\n')
    @example('a,b,c\n"open,b,c\nd,e,f\n')
    @example('a,b"c",d\n\n\r\n,,\n')
    def agree(text):
        check_agreement(tmp_path_factory, "id,when,price\n" + text, ",")

    agree()


def test_an_irregular_line_keeps_its_place(store, monkeypatch):
    monkeypatch.setattr(text_files, "BLOCK", 40)
    lines = [f"{n},2024-01-05,mug,{n}" for n in range(1, 101)]
    lines[49] = "50,2024-01-05"
    out = store.write(lines).clean()
    assert rules_by_record(out) == {50: "wrong field count"}
    assert clean_rows(out, "count(*), sum(amount)") == [(99, 5050 - 50)]


def test_an_irregular_line_sends_its_block_to_the_exact_reader_and_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr(text_files, "BLOCK", 1000)
    exact = []
    reader = text_files.read_records

    def note(lines, delimiter, name, before=0, enough=0):
        exact.append(before)
        return reader(lines, delimiter, name, before, enough)

    monkeypatch.setattr(text_files, "read_records", note)
    lines = ["id,when,price", *("a,b,c" for _n in range(1000)), "short", *("a,b,c" for _n in range(1000))]
    (tmp_path / "log.csv").write_text("\n".join(lines))
    assert len(read(tmp_path / "log.csv")) == 2001
    assert len(exact) == 3  # to find the header, to pass it, and the block of the short line
    assert 800 < exact[-1] <= 1001


@pytest.mark.parametrize("line", ["sep=;", '"sep=;"', "SEP=;"])
def test_a_line_that_names_the_delimiter_is_believed(store, line):
    lines = [HEADER.replace(",", ";"), *(text.replace(",", ";") for text in GOOD)]
    assert clean_rows(store.write(lines, header=line).clean(), "count(*)") == [(4,)]
    store.part(delimiter=";", skip_lines=1)
    assert clean_rows(store.clean("again"), "count(*)") == [(4,)]


def test_a_line_that_names_another_delimiter_than_the_description_stops_the_run(store):
    said = store.write(GOOD, header=f"sep=;\n{HEADER}").part(delimiter=",").refused()
    assert "line 1 says `sep=;`, and the description declares another delimiter" in said


def test_titles_above_the_header_are_told_from_it(store):
    lines = ["Sales of January,,,", "", HEADER, *GOOD]
    said = store.write(lines, header="").refused()
    assert "repeated or empty: ''. Line 3 seems to be the header: `skip_lines: 2`" in said
    assert clean_rows(store.part(skip_lines=2).clean("again"), "count(*)") == [(4,)]


def test_a_header_that_repeats_a_name_is_told_to_declare_them(store):
    said = store.write(GOOD, header="id,when,item,item").refused()
    assert "repeated or empty: 'item'. Declare the names: `names: [...]`" in said


def test_a_record_in_the_place_of_the_header_is_never_printed(store):
    said = store.write(GOOD, header="CANARY7731,2024-03-05,Xiaoming,Xiaoming").refused()
    assert "'Aaaaaaaa'" in said
    assert "Xiaoming" not in said


@pytest.mark.parametrize("mark", [",", ";", "\t", " "])
def test_a_record_in_the_place_of_the_header_is_not_listed_as_columns(store, mark):
    record = mark.join(["CANARY7731", "2024-03-05", "Xiaoming", "12.50"])
    said = store.write([record.replace("31", "32")], header=record).refused()
    assert "unknown column 'id'" in said
    assert "The first line seems to be a record: declare `header: false` and `names: [...]`" in said
    assert not any(value in said for value in ("CANARY", "7731", "Xiaoming", "12.50", "2024"))


def test_an_unknown_column_is_told_with_the_line_of_the_header(store):
    said = store.write(["id,when,item,price", *GOOD], header="Sales of January").refused()
    assert "Known: Sales of January. Line 2 seems to be the header: `skip_lines: 1`." in said


@pytest.mark.parametrize(
    ("header", "shown"),
    [
        (["id", "address_1", "Sales 2024"], ["id", "address_1", "Sales 9999"]),
        (["2023", "2024", "customer"], ["9999", "9999", "customer"]),
        (["Wang", "12.50"], ["Aaaa", "99.99"]),
        (["Wang", "05/03/2024"], ["Aaaa", "99/99/9999"]),
        (["Wang", "x@example.com"], ["Aaaa", "a@aaaaaaa.aaa"]),
        (["Wang", "17850"], ["Aaaa", "99999"]),
        (["Wang", "CANARY7731"], ["Aaaa", "AAAAAA9999"]),
        (["王小明", "2024年3月5日"], ["aaa", "9999a9a9a"]),
    ],
)
def test_names_that_are_values_are_masked(header, shown):
    assert safe_names(header) == shown


def test_a_header_is_proposed_only_where_a_later_line_is_better():
    assert propose_header([(1, ["id", "day"]), (2, ["K", "x"])]) == ""
    assert propose_header([(1, ["Report"]), (2, ["1", "2"]), (5, ["id", "day"])]) == (
        "Line 5 seems to be the header: `skip_lines: 4`."
    )


@pytest.mark.parametrize("wide", ["c,", "name of a column,"])
def test_a_header_of_a_million_columns_is_refused_at_once(store, wide):
    said = store.write([], header=wide * 1_000_000).refused()
    assert "1000001 columns; 500 at most" in said


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            ["7,2024-01-05,mug,1", '8,2024-01-05,"mug,1', "9,x,y,1"],
            "begins on line 3 cannot be read: a quote that",
        ),
        (['7,2024-01-05,"mug" x,1'], "begins on line 2 cannot be read: text follows a closing quote"),
        (
            ["7,2024-01-05,mug,1", f"8,2024-01-05,{'x' * 1_000_001},1"],
            "line 3 cannot be read: a field has more",
        ),
    ],
)
def test_a_record_that_cannot_be_read_is_named_by_its_line(store, lines, said):
    assert said in store.write(lines).refused()


def test_a_lone_quote_inside_a_field_is_text(store):
    out = store.write(['7,2024-01-05,5" pipe,1']).clean()
    assert clean_rows(out, "product_id") == [('5" pipe',)]


def test_a_nul_character_is_named_by_its_line(store):
    assert "line 3 holds a NUL character" in store.write([GOOD[0], "8,2024\0-01-05,mug,1"]).refused()


@pytest.mark.parametrize("encoding", ["gb18030", "cp1252", "latin-1", "big5", "shift_jis"])
def test_utf8_that_is_declared_as_something_else_stops_the_run(store, encoding):
    lines = ["7,2024-01-05,Töpferei Müller für Café,1"] * 3
    assert f"is UTF-8, not {encoding.upper()}" in store.write(lines).part(encoding=encoding).refused()


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("茶杯,茶壶,茶", "gb18030"), ("Müller", "cp1252"), ("mug", "cp1252"), ("Müller", "utf-16")],
)
def test_text_in_its_declared_encoding_is_read(store, text, encoding):
    store.write([f'7,2024-01-05,"{text}",1'], encoding=encoding).part(encoding=encoding)
    assert clean_rows(store.clean(), "product_id") == [(text,)]


@pytest.mark.parametrize("encoding", ["rot13", "base64", "unicode_escape", "undefined", "utf-9", "é" * 90])
def test_what_is_no_encoding_is_refused_in_words(store, encoding):
    assert "unknown encoding" in store.write(GOOD).part(encoding=encoding).refused()


@pytest.mark.parametrize("delimiter", [";;", "\n", '"', "a", "7"])
def test_what_is_no_delimiter_is_refused_in_words(store, delimiter):
    assert "is none; give one character" in store.write(GOOD).part(delimiter=delimiter).refused()


def test_a_delimiter_of_several_bytes_is_read(store):
    store.write([text.replace(",", "¦") for text in GOOD], header=HEADER.replace(",", "¦"))
    assert clean_rows(store.part(delimiter="¦").clean(), "count(*)") == [(4,)]


def test_two_files_of_equal_content_stop_the_run(store):
    store.write(GOOD, "log_1.csv").write(GOOD, "log_2.csv").write(GOOD[:1], "log_3.csv")
    said = store.part(path="log_*.csv").refused()
    assert "files of equal content would count twice; remove one of each: log_1.csv and log_2.csv" in said


def test_a_file_that_may_not_be_read_is_said(store, monkeypatch):
    def refuse(*_given, **_named):
        raise PermissionError(13, "Permission denied")

    store.write(GOOD)
    monkeypatch.setattr(text_files, "open", refuse, raising=False)
    assert "log.csv: cannot be read: Permission denied" in store.refused()


@pytest.mark.parametrize("path", ["x" * 5000, "/".join(["x" * 100] * 50), "x" * 300 + ".csv"])
def test_a_path_that_no_system_takes_is_refused_in_words(store, path):
    said = store.part(path=path).refused()
    assert "is no path" in said
    assert len(said) < 400
