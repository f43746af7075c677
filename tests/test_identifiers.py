"""What identifies a person is found however it is written; our own amounts, counts and days never are."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crcm_lib.privacy import find_identifiers, keyed_hash
from crcm_lib.reporting.text.numbers import KINDS, write


@pytest.mark.parametrize(
    "text",
    [
        "13800138000",
        "139 1234 5678",
        "139-1234-5678",
        "139.1234.5678",
        "139\u00a01234\u00a05678",
        "１３９１２３４５６７８",
        "139\u200b1234\u200b5678",
        "+86 139 1234 5678",
        "+8613912345678",
        "008613912345678",
        "86-13912345678",
        "+44 7700 900123",
        "07700 900123",
        "07700900123",
        "020 7946 0958",
        "(020) 7946 0958",
        "(021)87654321",
        "（021）87654321",
        "021-87654321",
        "010 8765 4321",
        "+1 (555) 123-4567",
        "(212) 555-0100",
        "11010519491231002X",
        "11010519491231002x",
        "110105 19491231 002X",
        "440524188001010014",
        "4111111111111111",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "6222 0212 3456 7890 128",
        "3782 822463 10005",
        "GB82 WEST 1234 5698 7654 32",
        "DE89370400440532013000",
        "微信：lihua_88",
        "微信号 lihuaxx",
        "WeChat: li_hua88",
        "wx:lihua1988",
        "QQ号: 12345678",
        "京A12345",
        "沪A·D12345",
        "粤B 12345",
        "jane.doe+shop@mail.example.co.uk",
    ],
)
def test_it_is_found_alone_in_a_sentence_and_in_a_cell(text):
    for place in ("{}", "call {} now", "客户{}，", "<td>{}</td>", "a,{},b", "'{}'"):
        assert len(find_identifiers(place.format(text), [])) == 1, place


@pytest.mark.parametrize(
    "text",
    [
        "110105194912310021",  # a wrong check digit
        "4111 1111 1111 1112",
        "GB83 WEST 1234 5698 7654 32",
        "2019 2020 2021 2022",
        "channel: wechat campaign 12",
        "phone 3, wechat: granted 5",
        "+114800.0%, +18%",
        "2024-01-05 2024-02-05",
        "10.13912345678",
        "13,912,345,678.00",
        "9f13800138000ab",
        "https://example.org/2024",
        "京都2024",
    ],
)
def test_what_is_alike_is_not(text):
    assert find_identifiers(text, []) == []


SEPARATORS = (", ", "; ", " ", "  ", "</td><td>", " to ", " – ", " (", "/", ": ")
amounts = (
    st.floats(-1e15, 1e15) | st.integers(-(10**15), 10**15) | st.sampled_from([0, 4e6, 13912345678, 6.2e15])
)
written = st.builds(write, amounts, st.sampled_from(sorted(KINDS - {"text", "day"})))
days = st.dates().map(lambda day: write(pd.Timestamp(day), "day"))
times = st.datetimes().map(lambda moment: f"{moment:%Y-%m-%d %H:%M}")
pseudonyms = st.integers(0, 10**9).map(lambda n: f"C-{keyed_hash(b'k', str(n))[:12].upper()}")


@settings(max_examples=300, deadline=None)
@given(st.lists(written | days | times | pseudonyms, min_size=1, max_size=12), st.sampled_from(SEPARATORS))
def test_amounts_counts_and_days_as_pages_print_them_never_trip_the_gate(parts, separator):
    assert find_identifiers(separator.join(parts), []) == []


@pytest.mark.parametrize("part", ["x", "1", "0 ", "+1 ", "a@", "GB82 "])
def test_no_text_takes_longer_than_its_length(part):
    """A search that grew with the square of the length would not come to an end here."""
    assert isinstance(find_identifiers(part * 300_000, []), list)
