"""Pictures, tables and takeaways: legible, small, and inert whatever the data holds."""

import base64
import io
from datetime import date
from decimal import Decimal

import pandas as pd
import pytest
from PIL import Image

from crcm_lib.reporting import charts
from crcm_lib.reporting.charts import style

HOSTILE = "<img src=x onerror=alert(1)>"


def draw(*names: str) -> style.Picture:
    figure, axes = style.new_figure()
    axes.barh(list(names), range(1, len(names) + 1))
    axes.set_xlabel("spend (CNY)")
    return style.Picture(figure, f"Spend of {', '.join(names)}.")


def html_of(frame: pd.DataFrame, caption: str = "", **formats: str) -> str:
    return charts.table(frame, caption, **formats)._repr_mimebundle_()["text/html"]


@pytest.mark.parametrize(
    "name", ["华东", "鑫晟贸易", "Ñandú, Łódź", "Москва", "😀 𠮷 ไทย", "$5 and $6", "_hidden"]
)
def test_every_name_can_be_drawn_without_a_missing_glyph(name):
    assert draw(name).png()


def test_a_missing_glyph_is_an_error_not_a_box(monkeypatch):
    style._styled()
    monkeypatch.setitem(__import__("matplotlib").rcParams, "font.family", ["DejaVu Sans"])
    with pytest.raises(UserWarning, match="Glyph .* missing"):
        draw("华东").png()


def test_chinese_is_drawn_with_our_font_not_with_question_marks():
    assert draw("华东").png() != draw("??").png()
    assert draw("𠮷𠮷").png() == draw("??").png()  # the last resort


def test_a_long_sentence_is_written_on_lines_that_fit_and_the_figure_grows():
    words = "Of all that was predicted some came and some did not. " * 5
    picture = draw("North", "South")
    before = picture.figure.get_size_inches()[1]
    style.add_subtitle(picture.figure, words)
    picture.png()
    written = picture.figure._suptitle
    assert written.get_text().replace("\n", " ") == words.strip()
    box = written.get_window_extent()
    assert box.width < picture.figure.bbox.width
    assert box.height < (picture.figure.get_size_inches()[1] - before + 0.1) * picture.figure.dpi
    assert len(style.empty_figure(words).figure.axes[0].texts[0].get_text().splitlines()) > 2


def test_text_is_at_least_10_points():
    from matplotlib.text import Text

    figure, axes = style.new_figure()
    axes.plot([1, 2], label="seen")
    axes.set(xlabel="days", ylabel="share", title="a panel")
    axes.legend(title="tier")
    sizes = [text.get_fontsize() for text in figure.findobj(Text) if text.get_text()]
    assert min(sizes) >= 10


def test_a_picture_is_small_sharp_and_described():
    data, about = draw("North", "South")._repr_mimebundle_()
    png = base64.b64decode(data["image/png"])
    assert len(png) < 15_000
    assert Image.open(io.BytesIO(png)).width > about["image/png"]["width"] > 600
    assert about["image/png"]["alt"] == data["text/plain"] == "Spend of North, South."


def test_the_same_figure_gives_the_same_bytes():
    assert draw("a", "b").png() == draw("a", "b").png()


def test_a_rare_colour_survives_the_palette():
    figure, axes = style.new_figure()
    axes.fill_between(range(2000), range(2000), color=style.PALETTE[0])
    axes.plot([0, 1999], [1900, 1900], color=style.PALETTE[5], lw=2)
    shown = Image.open(io.BytesIO(style.Picture(figure, "a line").png())).convert("RGB")
    wanted = tuple(int(style.PALETTE[5][n : n + 2], 16) for n in (1, 3, 5))
    nearest = min(
        max(abs(a - b) for a, b in zip(colour, wanted, strict=True)) for _, colour in shown.getcolors(10**6)
    )
    assert nearest <= 8


def test_hostile_cells_heads_index_and_caption_are_escaped():
    frame = pd.DataFrame({HOSTILE: [HOSTILE]}, index=pd.Index(["</script>"], name="<b>"))
    page = html_of(frame, caption=HOSTILE)
    assert "<img" not in page
    assert "</script>" not in page
    assert "<b>" not in page
    assert page.count("&lt;img src=x onerror=alert(1)&gt;") == 3


def test_numbers_keep_their_value_for_sorting():
    page = html_of(pd.DataFrame({"spend": [1234.5, None], "name": ["a", "b"]}), spend="money")
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
    assert charts.table(pd.DataFrame({"x": [value]})).cells.iloc[0, 0] == shown


def test_decimals_are_numbers_and_flags_are_not():
    page = html_of(pd.DataFrame({"money": [Decimal("2.50")], "flag": [True]}))
    assert 'data-value="2.5"' in page
    assert "<td>yes</td>" in page


def test_days_and_pseudonyms_are_not_broken_and_long_reasons_have_room():
    page = html_of(
        pd.DataFrame({"day": [pd.Timestamp("2024-02-29")], "id": ["C-0A1B2C3D"], "why": ["so " * 20]})
    )
    assert page.count("<td class=whole>") == 2
    assert page.count("<td class=long>") == 1


def test_a_long_table_says_how_many_rows_are_left_out():
    view = charts.table(pd.DataFrame({"n": range(1000)}))
    words = view._repr_mimebundle_()
    assert words["text/html"].count("<tr>") == style.MOST_ROWS + 2  # head and foot
    assert "… and 970 more rows" in words["text/html"]
    assert words["text/plain"].endswith("… and 970 more rows")


def test_a_table_at_the_limit_is_whole():
    assert "more" not in html_of(pd.DataFrame({"n": range(style.MOST_ROWS)}))


def test_an_empty_table_has_its_heads_and_says_so():
    page = html_of(pd.DataFrame({"tier": pd.Series(dtype="str"), "customers": pd.Series(dtype="int")}))
    assert page.count("<th ") == 2
    assert "no rows</td></tr></tfoot>" in page


def test_an_unknown_format_names_the_nearest():
    with pytest.raises(ValueError, match="unknown format 'mony'. Did you mean 'money'"):
        charts.table(pd.DataFrame({"x": [1]}), x="mony")


def test_a_takeaway_formats_numbers_and_days_and_disarms_all_else():
    words = charts.takeaway(
        "**{share:.0%}** on {day:%d.%m.} by {name}, {list}",
        share=0.25,
        day=date(2024, 2, 1),
        name=HOSTILE,
        list=["[a](b)"],
    ).markdown
    assert words.startswith("**25%** on 01.02. by &#60;img")
    assert not set("<>[]") & set(words)
    assert "](" not in words


def test_a_takeaway_value_stays_on_its_line():
    assert "\n" not in charts.takeaway("{name}", name="a\n\n# b").markdown


MARKUP = ["# a", "- a", "+ a", "-", "--", "=", "*a*", "_a_", "~~a~~", "`a`", "a|b", "$a$", "&lt;b>", "<b>"]
LINKS = ["[a](b)", "![a](b)", "https://example.org", "www.example.org", "a@example.org"]


@pytest.mark.parametrize("value", MARKUP + LINKS)
def test_a_takeaway_value_reads_as_it_is(value):
    """Rendered by a strict and by a generous reader of Markdown."""
    import html
    import re

    from nbconvert.filters import markdown2html

    from crcm_lib.reporting.sanitize import Page

    words = charts.takeaway("{value}", value=value).markdown
    for page in (markdown2html(words), Page().render(words)):
        assert re.fullmatch(r"<p>[^<]*</p>", page.strip()), page
        assert html.unescape(page.strip()[3:-4]) == value


def test_a_takeaway_leaves_signs_and_brackets_of_numbers_readable():
    assert charts.takeaway("by {share} {note}", share="-19.3%", note="(RMSE)").markdown == "by -19.3% (RMSE)"
