"""Settings files that are attacks or accidents: an error with its line, and never a traceback."""

import pytest

from crcm_lib.config.yaml_loader import read_settings
from crcm_lib.errors import DataError
from crcm_lib.ingest.sources import read_source

HEAD = "name: shop\ntitle: A shop\ncurrency: EUR\ntime_zone: Europe/Berlin\n"
TABLES = """\
tables:
  transactions:
    path: log.csv
    columns: {customer_id: id, time: day, amount: paid}
"""
FIRST_ALIASES = "a: &a [x,x,x,x,x,x,x,x,x]\n"
ALIASES = FIRST_ALIASES + "".join(
    f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.fixture
def settings(tmp_path):
    def read(text: str):
        path = tmp_path / "shop.yaml"
        path.write_text(text, encoding="utf-8")
        return read_settings(path)

    return read


def complaint(tmp_path, text: str) -> str:
    path = tmp_path / "shop.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_source(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (ALIASES, "line 13: more than 10000 entries, those of aliases counted where they are used"),
        ("x: " + "[" * 10_000 + "]" * 10_000, "line 9: more than 50 levels of entries inside each other"),
        ("x: " + "{a: " * 10_000 + "}" * 10_000, "line 9: more than 50 levels of entries inside each other"),
        ("? [a, b]\n: 1\n", "line 9: a key that is a list or a mapping"),
        ("? {a: b}\n: 1\n", "line 9: a key that is a list or a mapping"),
        ("x: &x\n  - *x\n", "line 10: the alias *x stands inside of what it names"),
        (f"x: {'9' * 5000}", f"line 9: {'9' * 60} is no day and no number that can be read"),
        (f"x: 0x{'f' * 5000}", "line 9: 0xffff"),
        ("last_day: 2024-02-30", "line 9: 2024-02-30 is no day and no number that can be read; mend it"),
        ("last_day: 0000-00-00", "line 9: 0000-00-00 is no day"),
        ("last_day: 2024-02-20T25:61:00", "line 9: 2024-02-20T25:61:00 is no day"),
        ("x: *nobody", "line 9: not YAML: found undefined alias"),
        ("x: !!python/object/apply:os.system [id]", "line 9: not YAML: could not determine a constructor"),
        (f"x: {'y' * 10_001}", "line 9: a text of 10001 characters; 10000 at most"),
        ("k: 1\n" * 60_000, "characters; 200000 at most"),
        ('x: "a\\0b"', "line 9: a text holds the character U+0000, which cannot be seen"),
        ('x: "\\ud800"', "line 9: a text holds the character U+D800"),
        ("x: a\u202eb", "line 9: a text holds the character U+202E"),
        ("x: a\0b", "line 9: not YAML: a character that no YAML file may hold"),
        ("2024-01-05: 1", "line 9: unknown key '2024-01-05'"),
    ],
)
def test_an_attack_or_accident_is_an_error_with_its_line(tmp_path, more, said):
    assert said in complaint(tmp_path, HEAD + TABLES + more)


def test_a_title_that_is_too_long_is_not_printed(tmp_path):
    said = complaint(tmp_path, HEAD.replace("A shop", "x" * 150_000) + TABLES)
    assert "line 2: a text of 150000 characters; 10000 at most" in said
    assert len(said) < 200
    assert len(complaint(tmp_path, HEAD.replace("EUR", "x" * 9_000) + TABLES)) < 300


def test_an_impossible_day_does_not_hide_the_other_problems(tmp_path):
    said = complaint(tmp_path, HEAD.replace("EUR", "euro") + "last_day: 2024-02-30\n" + TABLES)
    assert "2 problem(s)" in said
    assert "line 3: currency" in said


def test_equal_sheets_are_written_once(tmp_path):
    text = """\
tables:
  transactions:
    - &sheet
      path: log.xlsx
      sheet: January
      columns: &columns {customer_id: id, time: day, amount: paid}
    - <<: *sheet
      sheet: February
    - path: log.csv
      columns: *columns
"""
    path = tmp_path / "shop.yaml"
    path.write_text(HEAD + text, encoding="utf-8")
    parts = read_source(path).tables["transactions"]
    assert [(part.path, part.sheet) for part in parts] == [
        ("log.xlsx", "January"),
        ("log.xlsx", "February"),
        ("log.csv", ""),
    ]
    assert parts[0].columns == parts[1].columns == parts[2].columns


def test_a_change_of_one_use_of_an_alias_leaves_the_others(settings):
    content = settings("a: &a {x: 1}\nb: *a\n").content
    content["a"]["x"] = 2
    assert content == {"a": {"x": 2}, "b": {"x": 1}}


def test_problems_within_an_alias_have_a_line(tmp_path):
    text = (
        HEAD + TABLES + "  contacts: &c\n    path: log.csv\n    columns: {customer_id: id}\n  tickets: *c\n"
    )
    said = complaint(tmp_path, text)
    assert "line 11: contacts: required column" in said
    assert "line 11: tickets: required column" in said


def test_as_many_entries_as_a_file_may_have_are_read(settings):
    assert settings("x:\n" + "  - 1\n" * 9_000).problems == []
    assert settings("x:\n" + "  - 1\n" * 10_001).problems != []
