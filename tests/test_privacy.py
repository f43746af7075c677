"""What people may see of persons."""

import stat
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crcm_lib.errors import GateError, UsageError
from crcm_lib.privacy import (
    count_hidden,
    find_identifiers,
    hide_small,
    make_private,
    pseudonymise,
    pseudonyms,
    suppression,
)
from crcm_lib.reporting.text.numbers import describe_hidden
from crcm_lib.schema.tables import About

SYNTHETIC = About("sample", "Sample", "2025-12-31", "2023-07-01", "CNY", synthetic=True)
REAL = replace(SYNTHETIC, synthetic=False)


@pytest.fixture
def key_file(tmp_path, monkeypatch):
    path = tmp_path / "key"
    path.write_bytes(b"k" * 32)
    path.chmod(0o600)
    monkeypatch.setenv("CRCM_KEY_FILE", str(path))
    return path


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.delenv("CRCM_KEY_FILE", raising=False)
    monkeypatch.setattr(pseudonyms, "ROOT", tmp_path)
    return tmp_path


# Pseudonyms


def test_the_hash_is_hmac_sha_256_of_rfc_4231_test_cases_1_and_2():
    assert pseudonyms.keyed_hash(b"\x0b" * 20, "Hi There") == (
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
    )
    assert pseudonyms.keyed_hash(b"Jefe", "what do ya want for nothing?") == (
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )


def test_a_pseudonym_is_the_hash_of_the_id_under_the_key_file(key_file):
    key_file.write_bytes(b"Jefe" + b"\0" * 60)  # HMAC fills a short key with zeros, so this is RFC 4231's key
    assert pseudonymise(["what do ya want for nothing?"], REAL) == ["C-5BDCC146BF60"]


def test_ids_are_exact_text():
    assert len(set(pseudonymise(["00123", "123", "123 ", "NA", "na", "客户"], SYNTHETIC))) == 6


def test_a_customer_has_one_pseudonym_wherever_listed(key_file):
    alone, among = pseudonymise(["K7"], REAL), pseudonymise(["K1", "K7", "K1", "K7"], REAL)
    assert among[1] == among[3] == alone[0]


def test_another_key_gives_other_pseudonyms(key_file):
    before = pseudonymise(["K7"], REAL)
    key_file.write_bytes(b"j" * 32)
    assert pseudonymise(["K7"], REAL) != before


def test_synthetic_data_never_use_the_secret_key(key_file):
    assert pseudonymise(["K7"], SYNTHETIC) != pseudonymise(["K7"], REAL)
    key_file.unlink()
    assert pseudonymise(["K7"], SYNTHETIC)


def test_two_customers_never_share_a_pseudonym(monkeypatch):
    monkeypatch.setattr(pseudonyms, "DIGITS", 1)
    with pytest.raises(GateError, match=r"1[0-9] pseudonym\(s\) stand for two customers"):
        pseudonymise([f"K{number}" for number in range(30)], SYNTHETIC)


def test_a_missing_id_has_no_pseudonym():
    with pytest.raises(ValueError, match="1 of 2 ids are missing"):
        pseudonymise(["K1", None], SYNTHETIC)


def test_the_first_use_makes_a_private_key_and_the_next_use_reads_it(project):
    first = pseudonymise(["K7"], REAL)
    assert pseudonymise(["K7"], REAL) == first
    files = list((project / ".crcm").iterdir())
    assert [file.name for file in files] == ["key"]
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600
    assert len(files[0].read_bytes()) >= 64


def test_a_key_that_another_process_made_meanwhile_is_kept(project):
    pseudonymise(["K7"], REAL)
    key = (project / ".crcm" / "key").read_bytes()
    pseudonyms._make_key(project / ".crcm" / "key")
    assert (project / ".crcm" / "key").read_bytes() == key


def test_a_missing_key_file_is_named(key_file):
    key_file.unlink()
    with pytest.raises(UsageError, match="cannot be read"):
        pseudonymise(["K7"], REAL)


def test_a_short_key_is_refused(key_file):
    key_file.write_bytes(b"secret")
    with pytest.raises(UsageError, match="6 bytes; at least 32"):
        pseudonymise(["K7"], REAL)


def test_a_key_file_that_others_can_read_is_refused(key_file):
    key_file.chmod(0o644)
    with pytest.raises(UsageError, match="others can read it"):
        pseudonymise(["K7"], REAL)


# Small cells in a list of groups

careful = settings(max_examples=60, deadline=None)
COUNTS = st.lists(st.integers(0, 12) | st.integers(0, 400), min_size=1, max_size=12)


def groups(counts, **columns) -> pd.DataFrame:
    return pd.DataFrame({"customers": counts, **columns})


@careful
@given(COUNTS, st.integers(2, 8))
def test_groups_below_the_threshold_are_hidden(counts, at_least):
    shown = hide_small(groups(counts), at_least=at_least)["customers"].dropna()
    assert not ((shown > 0) & (shown < at_least)).any()


@careful
@given(COUNTS, st.integers(3, 8))
def test_the_total_less_what_is_shown_leaves_every_hidden_group_in_the_dark(counts, at_least):
    if (total := sum(counts)) < at_least:
        return  # such a total may not be shown
    shown = hide_small(groups(counts), at_least=at_least)["customers"]
    hidden = int(shown.isna().sum())
    rest = total - shown.sum()
    least = 0 if any(count == 0 for count, gap in zip(counts, shown.isna(), strict=True) if gap) else 1
    if 0 < hidden < len(counts):
        assert rest - least * (hidden - 1) >= at_least  # the most that any of them can be


@careful
@given(COUNTS, st.randoms())
def test_the_order_of_the_rows_does_not_matter(counts, random):
    frame = groups(counts)
    order = random.sample(range(len(counts)), len(counts))
    pd.testing.assert_frame_equal(hide_small(frame.iloc[order]), hide_small(frame).iloc[order])


@careful
@given(COUNTS)
def test_what_needs_no_hiding_is_left_alone(counts):
    large = groups([count + 5 for count in counts], spend=[1.5] * len(counts))
    pd.testing.assert_frame_equal(
        hide_small(large, money=["spend"]), large.astype({"customers": "Int64"}), check_dtype=False
    )


def test_a_single_small_group_takes_the_next_smallest_with_it():
    assert hide_small(groups([40, 2, 9, 30]))["customers"].isna().tolist() == [False, True, True, False]


def test_five_groups_of_one_are_not_safe_although_they_are_five():
    assert hide_small(groups([1, 1, 1, 1, 1, 40, 60]))["customers"].isna().tolist() == [True] * 6 + [False]


def test_equal_groups_are_hidden_together():
    assert hide_small(groups([9, 2, 9, 30]))["customers"].isna().tolist() == [True, True, True, False]


def test_empty_groups_are_shown_while_others_can_hide():
    assert hide_small(groups([0, 2, 9, 30]))["customers"].isna().tolist() == [False, True, True, False]


def test_a_hidden_count_takes_shares_means_and_dates_of_its_row_with_it():
    frame = groups(
        [40, 2, 9],
        share=[0.78, 0.04, 0.18],
        first_day=pd.to_datetime(["2025-01-01"] * 3),
        spend=[1.0, 2.0, 3.0],
        name=["a", "b", "c"],
    )
    shown = hide_small(frame, money=["spend"])
    assert shown.loc[1:2].isna().all().to_dict() == {
        "customers": True,
        "share": True,
        "first_day": True,
        "spend": True,
        "name": False,
    }
    assert shown.loc[0].notna().all()


def test_the_table_itself_is_left_alone():
    frame = groups([40, 2, 9])
    hide_small(frame)
    assert frame["customers"].tolist() == [40, 2, 9]


# Money that one customer dominates


def test_money_that_one_customer_dominates_is_hidden_but_not_the_count():
    frame = groups([40, 20, 9], spend=[900.0, 500.0, 400.0], largest_share=[0.1, 0.9, 0.1])
    shown = hide_small(frame, money=["spend"])
    assert shown["spend"].isna().tolist() == [False, True, True]
    assert shown["customers"].tolist() == [40, 20, 9]


def test_the_largest_share_itself_is_never_shown():
    assert "largest_share" not in hide_small(groups([40], spend=[1.0], largest_share=[0.1]), money=["spend"])


def test_all_columns_about_money_are_hidden_together():
    frame = groups([40, 20, 9], spend=[9.0, 5.0, 4.0], mean=[0.2, 0.3, 0.4], largest_share=[0.1, 0.9, 0.1])
    shown = hide_small(frame, money=["spend", "mean"])
    assert (shown["spend"].isna() == shown["mean"].isna()).all()


@careful
@given(
    st.lists(st.tuples(st.integers(5, 90), st.floats(1, 1e5), st.floats(0.01, 0.99)), min_size=2, max_size=9)
)
def test_hidden_money_taken_together_is_not_dominated_either(money):
    counts, spend, largest = (np.array(column) for column in zip(*money, strict=True))
    frame = groups(counts, spend=spend, largest_share=largest)
    hidden = hide_small(frame, money=["spend"])["spend"].isna().to_numpy()
    assert hidden[largest > suppression.MAX_DOMINANT_SHARE].all()
    if hidden.any() and not hidden.all():
        assert hidden.sum() >= 2
        assert (spend * largest)[hidden].max() <= suppression.MAX_DOMINANT_SHARE * spend[hidden].sum()


# Two-way tables

TABLES = st.tuples(st.integers(2, 5), st.integers(2, 5)).flatmap(
    lambda shape: st.lists(
        st.integers(0, 9) | st.integers(0, 60), min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]
    ).map(lambda cells: np.array(cells).reshape(shape))
)


def most_possible(people: np.ndarray, hidden: np.ndarray, at_least: int) -> np.ndarray:
    """For each cell, the most it can be, if all totals are known that may be shown."""
    from scipy.optimize import linprog

    cells, most = np.argwhere(hidden), people.astype(float)
    totals, rests = [], []
    for axis in (0, 1):
        for line in range(people.shape[axis]):
            if people.take(line, axis).sum() >= at_least and not hidden.take(line, axis).all():
                totals.append((cells[:, axis] == line).astype(float))
                rests.append(people.take(line, axis)[hidden.take(line, axis)].sum())
    least = 0 if (people[hidden] == 0).any() else 1
    for place, cell in enumerate(cells):
        known = {"A_eq": totals, "b_eq": rests} if totals else {}
        found = linprog(-np.eye(len(cells))[place], bounds=(least, 1e6), **known)
        most[tuple(cell)] = found.x[place]
    return most


@careful
@given(TABLES)
def test_no_combination_of_totals_tells_that_a_cell_of_a_two_way_table_is_small(people):
    frame = pd.DataFrame(people).add_prefix("c")
    hidden = hide_small(frame, counts=list(frame)).isna().to_numpy()
    assert hidden[(people > 0) & (people < 5)].all()
    if hidden.any() and not hidden.all():
        assert most_possible(people, hidden, 5)[hidden].min() >= 5 - 1e-6


def test_a_two_way_table_that_its_lines_alone_would_leave_open_is_closed():
    """Rows 0 and 1 less column 0 would say that the two ones are two together."""
    people = np.array([[5, 1, 50], [5, 1, 50], [60, 4, 4], [70, 4, 4]])
    lines = np.array([[1, 1, 0], [1, 1, 0], [0, 1, 1], [0, 1, 1]], dtype=bool)
    assert most_possible(people, lines, 5)[0, 1] == 1
    frame = pd.DataFrame(people).add_prefix("c")
    hidden = hide_small(frame, counts=list(frame)).isna().to_numpy()
    assert most_possible(people, hidden, 5)[hidden].min() >= 5
    assert not hidden.all()


def test_a_small_cell_of_a_two_way_table_takes_no_more_with_it_than_a_block():
    people = pd.DataFrame([[2, 11, 52, 61], [12, 13, 53, 62], [54, 55, 56, 63], [57, 58, 59, 64]])
    shown = hide_small(people.add_prefix("c"), counts=["c0", "c1", "c2", "c3"])
    assert np.argwhere(shown.isna()).tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert people.notna().all(axis=None)


# Words, and the search for what slipped through


def test_how_much_is_hidden_is_said():
    frame = groups([40, 2, 9], spend=[1.0, 2.0, np.nan])
    hidden = count_hidden(frame, hide_small(frame, money=["spend"]))
    assert hidden == 3
    words = describe_hidden(hidden, at_least=5)
    assert words.startswith("3 number(s) are hidden, because they tell of fewer than 5 customers")
    assert describe_hidden(count_hidden(frame, frame), at_least=5) == ""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<td>K10042</td>", ["K10042"]),
        ("客户K10042的", ["K10042"]),
        ("report_K10042.html", ["K10042"]),
        ("&#75;10042", ["K10042"]),
        ("AK10042 K100421", []),
        ("order 客户七 today", ["客户七"]),
        ("AB-12/7;", ["AB-12/7"]),
        ("id 00123, not 123", ["00123"]),
        ("NA of 1234", []),
        ("mail buyer@example.com now", ["buyer@example.com"]),
        ("call 13800138000.", ["13800138000"]),
        ("手机13800138000或010-55551234", ["010-55551234", "13800138000"]),
        ("+1 (555) 123-4567", ["+1 (555) 123-4567"]),
        ("sha 9f13800138000ab, 0.13800138000, 2025-12-31", []),
        ('<img src="data:image/png;base64,iVBO/K10042/AAA=">', []),
        ("C-7F3A92B1C04D spent 1,234.56 on 2025-12-31", []),
    ],
)
def test_identifiers_are_found_and_nothing_else(text, found):
    assert find_identifiers(text, ["K10042", "00123", "123", "NA", "1234", "客户七", "AB-12/7"]) == found


def test_pseudonyms_are_not_mistaken_for_ids():
    ids = [f"K{number}" for number in range(10_000, 12_000)]
    assert find_identifiers(" ".join(pseudonymise(ids, SYNTHETIC)), ids) == []


def test_private_means_for_the_owner_only(tmp_path):
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "actions.csv").write_text("x")
    make_private(tmp_path)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in [tmp_path, tmp_path / "private"]}
    assert modes == {0o700}
    assert stat.S_IMODE((tmp_path / "private" / "actions.csv").stat().st_mode) == 0o600
