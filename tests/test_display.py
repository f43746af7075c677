"""What a cell that ends in a frame shows: inert, under pseudonyms, without small cells, easy to read."""

import re
from decimal import Decimal

import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell

from crcm_lib.reporting import display
from crcm_lib.reporting.takeaway import takeaway
from crcm_lib.schema.tables import About

HOSTILE = "<img src=x onerror=alert(1)>"
ABOUT = About("shop", "A shop", "2024-12-31", "2023-01-01", "CNY", synthetic=True)
AUDIENCE = display.Audience(ABOUT, min_cell=5)


@pytest.fixture(scope="module")
def shell():
    """An IPython of its own, so that no other test sees these formatters."""
    made = InteractiveShell()
    display.register(made, AUDIENCE)
    yield made
    made.history_manager.end_session()


@pytest.fixture
def show(shell):
    def outputs(value) -> dict[str, str]:
        return shell.display_formatter.format(value)[0]

    return outputs


def html_of(frame: pd.DataFrame) -> str:
    return display.frame_to_html(frame, AUDIENCE)


def cells_of(frame: pd.DataFrame) -> list[str]:
    return re.findall(r"<td[^>]*>(.*?)</td>", html_of(frame))


def test_a_company_that_is_a_small_cell_has_no_takeaways():
    found = takeaway("**{n}** customers are expected to spend {money:money} EUR.", n=2, money=503.0)
    said = "Fewer than 5 customers have bought: what is true of them all would tell of each."
    for buyers, words in ((2, said), (5, found.markdown), (None, found.markdown), (0, found.markdown)):
        audience = display.Audience(ABOUT, 5, buyers)
        assert display.limit_takeaway(found, audience).markdown == words


def test_notebooks_show_takeaways_as_their_audience_may_read_them():
    made = InteractiveShell()
    display.register(made, display.Audience(ABOUT, 5, 2))
    shown = made.display_formatter.format(takeaway("{n} customers", n=2))[0]
    made.history_manager.end_session()
    assert set(shown) == {"text/markdown", "text/plain"}
    assert all(words.startswith("Fewer than 5") for words in shown.values())


# ---------------------------------------------------------------- inert


def test_hostile_cells_heads_index_and_caption_are_escaped():
    frame = pd.DataFrame({HOSTILE: [HOSTILE]}, index=pd.Index(["</script>"], name="<b>"))
    page = html_of(display.caption(frame, HOSTILE))
    assert "<img" not in page
    assert "</script>" not in page
    assert "<b>" not in page
    assert page.count("&lt;img src=x onerror=alert(1)&gt;") == 3


def test_hostile_levels_of_grouped_columns_and_rows_are_escaped(show):
    columns = pd.MultiIndex.from_tuples([(HOSTILE, "mean"), ("spend", HOSTILE)], names=[HOSTILE, None])
    rows = pd.MultiIndex.from_tuples([(HOSTILE, "a")], names=[HOSTILE, "b"])
    frame = pd.DataFrame([[1.0, 2.0]], index=rows, columns=columns)
    assert "<img" not in show(frame)["text/html"]
    assert "<img" not in show(frame.style)["text/html"]


def test_a_styler_keeps_its_colours_and_nothing_that_scripts(show):
    frame = pd.DataFrame(
        {HOSTILE: [1.0, 2.0], "b": [HOSTILE, "x"]}, index=pd.Index([HOSTILE, "y"], name=HOSTILE)
    )
    page = show(frame.style.highlight_max(subset=[HOSTILE], color="#009E73"))["text/html"]
    assert "<img" not in page
    assert "#009E73" in page


def test_equal_stylers_give_equal_pages(show):
    frame = pd.DataFrame({"spend": [1.0, 2.0]})
    pages = {show(frame.style.highlight_max())["text/html"] for _ in range(3)}
    assert len(pages) == 1


# ---------------------------------------------------------------- pseudonyms


@pytest.mark.parametrize("place", ["column", "index", "level"])
def test_a_customer_is_shown_by_pseudonym_wherever_the_id_stands(show, place):
    frame = pd.DataFrame({"customer_id": ["K-RAW-1", "K-RAW-2"], "year": [1, 2], "spend": [3.0, 4.0]})
    keys = {"column": [], "index": ["customer_id"], "level": ["customer_id", "year"]}[place]
    frame = frame.set_index(keys) if keys else frame
    for shown in (frame, frame.style, frame["spend"] if keys else frame):
        for words in show(shown).values():
            assert "RAW" not in words
            assert words.count("C-") == 2


def test_an_index_of_customers_is_shown_by_pseudonym(show):
    ids = pd.Index(["K-RAW-1", "K-RAW-2"], name="customer_id")
    assert all("RAW" not in words and "C-" in words for words in show(ids).values())


def test_a_missing_customer_stays_missing():
    frame = pd.DataFrame({"customer_id": ["K1", None]})
    assert cells_of(frame)[1] == "–"


# ---------------------------------------------------------------- small cells


def test_a_group_of_three_and_the_next_smallest_are_hidden(show):
    groups = pd.DataFrame({"tier": list("abc"), "customers": [40, 3, 9], "spend": [900.0, 77.0, 200.0]})
    for shown in (groups, groups.style, groups.set_index("tier")):
        for words in show(shown).values():
            assert "900" in words
            assert not re.search(r"(>|\b)(3|9|77|200)(<|$)", words, flags=re.M)


@pytest.mark.parametrize("count", ["value_counts", "size", "crosstab"])
def test_counts_that_pandas_makes_are_hidden_too(show, count):
    tier = pd.Series(["a"] * 40 + ["b"] * 2 + ["c"] * 9, name="tier")
    frame = tier.to_frame().assign(stage="loyal")
    made = {
        "value_counts": tier.value_counts,
        "size": frame.groupby("tier").size,
        "crosstab": lambda: pd.crosstab(frame["tier"], frame["stage"]),
    }[count]()
    for words in show(made).values():
        assert "40" in words
        assert not re.search(r"\b[29](\.00)?(<|$)", words, flags=re.M)


def test_what_is_hidden_is_counted_and_explained_below_the_table(show):
    groups = pd.DataFrame({"tier": list("abc"), "customers": [40, 3, 9], "spend": [900.0, 77.0, 200.0]})
    for words in show(groups).values():
        assert "4 number(s) are hidden, because they tell of fewer than 5 customers" in words
    assert "hidden" not in html_of(groups.iloc[[0]])
    already = groups.assign(customers=[40, None, None], spend=[900.0, None, None])
    already.attrs["hidden"] = 4  # by the workspace
    assert "4 number(s) are hidden" in html_of(already)


def test_customers_are_no_groups():
    """A customer's own count of answers is not a cell: hiding it would hide everybody."""
    frame = pd.DataFrame({"customer_id": ["K1"], "answers": [2]})
    assert cells_of(frame)[1] == "2"


# ---------------------------------------------------------------- numbers


def test_numbers_keep_their_value_for_sorting():
    page = html_of(pd.DataFrame({"spend_total": [1234.5, None], "name": ["a", "b"]}))
    assert '<td class=num data-value="1234.5">1,234</td>' in page
    assert "<td class=num>–</td>" in page
    assert "<td>a</td>" in page


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1234567, "1,234,567"),
        (1234.567, "1,234.57"),
        (-0.001, "0.00"),
        (-0.5, "-0.50"),
        (Decimal("1234.5000"), "1,234.50"),
        (True, "yes"),
        (pd.Timestamp("2024-02-29"), "2024-02-29"),
        (None, "–"),
        ("00123", "00123"),
    ],
)
def test_a_value_reads_well_without_a_format(value, shown):
    assert cells_of(pd.DataFrame({"x": [value]})) == [shown]


@pytest.mark.parametrize(
    ("amounts", "shown"),
    [([9.0, 1000.0], ["9", "1,000"]), ([9.0, 1.5], ["9.00", "1.50"]), ([0.2, 150.0], ["0.20", "150.00"])],
)
def test_amounts_of_a_column_have_one_form(amounts, shown):
    assert cells_of(pd.DataFrame({"spend_total": amounts})) == shown


@pytest.mark.parametrize(
    ("name", "shown"),
    [("spend_share", "50.0%"), ("p_alive", "50.0%"), ("spend_total", "0.50"), ("x", "0.50")],
)
def test_the_kind_of_number_follows_from_the_columns_name(name, shown):
    assert cells_of(pd.DataFrame({name: [0.5]})) == [shown]


def test_a_caption_names_the_kind_where_the_name_does_not():
    assert cells_of(display.caption(pd.DataFrame({"low": [0.5]}), "interval", low="share")) == ["50.0%"]


def test_days_and_pseudonyms_are_not_broken_and_long_reasons_have_room():
    row = {"day": [pd.Timestamp("2024-02-29")], "id": ["C-0A1B2C3D"], "why": ["so " * 20]}
    page = html_of(pd.DataFrame(row))
    assert page.count("<td class=whole>") == 2
    assert page.count("<td class=long>") == 1


# ---------------------------------------------------------------- long and empty tables


def test_a_long_table_says_how_many_rows_are_left_out(show):
    words = show(pd.DataFrame({"n": range(1000)}))
    assert words["text/html"].count("<tr>") == display.MAX_ROWS + 2  # head and foot
    assert "… and 970 more rows" in words["text/html"]
    assert words["text/plain"].endswith("… and 970 more rows")


def test_a_table_at_the_limit_is_whole():
    assert "more" not in html_of(pd.DataFrame({"n": range(display.MAX_ROWS)}))


def test_in_place_of_an_empty_table_stands_the_reason(show):
    empty = pd.DataFrame({"tier": pd.Series(dtype="str"), "customers": pd.Series(dtype="int")})
    assert html_of(empty) == "<p>no rows</p>"
    assert html_of(display.caption(empty, "Tiers")) == "<p>Tiers: no rows</p>"
    assert html_of(display.caption(empty, "No tiers.")) == "<p>No tiers.</p>"
    told = display.caption(empty, "Tiers", otherwise="Nobody <buys>.")
    assert html_of(told) == "<p>Nobody &lt;buys&gt;.</p>"
    assert show(told)["text/plain"] == "Nobody <buys>."
    filled = display.caption(pd.DataFrame({"n": [1]}), "Tiers", otherwise="Nobody buys.")
    assert "Nobody" not in html_of(filled)
    assert "Tiers" in html_of(filled)


def test_showing_a_frame_leaves_it_as_it_was(show):
    frame = pd.DataFrame({"customer_id": ["K1"], "spend": [1.0]})
    before = frame.copy()
    show(display.caption(frame, "words"))
    pd.testing.assert_frame_equal(frame, before)
    assert frame.attrs == {}


# ---------------------------------------------------------------- pictures


def test_axes_and_seaborn_grids_are_pictures_with_words(show):
    import seaborn as sns

    from crcm_lib.reporting.charts.style import describe, new_axes

    ax = new_axes()
    ax.barh(["a"], [1])
    assert show(describe(ax, "One bar."))["text/plain"] == "One bar."
    grid = sns.relplot(pd.DataFrame({"x": [1, 2], "y": [1, 2]}), x="x", y="y")
    assert show(grid)["image/png"]
