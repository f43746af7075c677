"""Pictures: legible, small, described, the same bytes for the same content."""

import base64
import io

import pandas as pd
import pytest
from matplotlib import rcParams
from matplotlib.colors import to_hex
from matplotlib.text import Text
from PIL import Image

from crcm_lib.reporting.charts import cleaning_charts, style


def draw(*names: str):
    ax = style.new_axes()
    ax.barh(list(names), range(1, len(names) + 1))
    ax.set_xlabel("spend (CNY)")
    return style.describe(ax, f"Spend of {', '.join(names)}.")


def png_of(*names: str) -> bytes:
    return base64.b64decode(style.to_png(draw(*names))[0])


@pytest.mark.parametrize(
    "name", ["华东", "鑫晟贸易", "Ñandú, Łódź", "Москва", "😀 𠮷 ไทย", "$5 and $6", "_hidden"]
)
def test_every_name_can_be_drawn_without_a_missing_glyph(name):
    assert png_of(name)


def test_a_missing_glyph_is_an_error_not_a_box(monkeypatch):
    style.set_house_style()
    monkeypatch.setitem(rcParams, "font.family", ["DejaVu Sans"])
    ax = draw("华东")
    with pytest.raises(UserWarning, match="Glyph .* missing"):
        style.to_png(ax)


def test_chinese_is_drawn_with_our_font_not_with_question_marks():
    assert png_of("华东") != png_of("??")
    assert png_of("𠮷𠮷") == png_of("??")  # the last resort


def test_seaborn_draws_with_our_fonts_and_colours_too():
    import pandas as pd
    import seaborn as sns

    frame = pd.DataFrame({"region": ["华东", "North"], "customers": [2, 1]})
    ax = sns.barplot(frame, x="customers", y="region", hue="region", ax=style.new_axes())
    assert style.to_png(style.describe(ax, "Two bars."))[0]
    assert rcParams["font.family"] == style.FAMILIES
    assert [to_hex(colour).upper() for colour in sns.color_palette()] == list(style.PALETTE)


def test_text_is_at_least_10_points():
    ax = style.new_axes()
    ax.plot([1, 2], label="seen")
    ax.set(xlabel="days", ylabel="share", title="a panel")
    ax.legend(title="tier")
    sizes = [text.get_fontsize() for text in ax.figure.findobj(Text) if text.get_text()]
    assert min(sizes) >= 10
    style.to_png(ax)


def test_a_picture_without_data_says_why_on_lines_that_fit():
    words = "Of all that was predicted some came and some did not. " * 5
    ax = style.empty_axes(words)
    _data, about = style.to_png(ax)
    assert about["alt"] == words.strip()
    assert "outside" not in about
    assert len(ax.texts[0].get_text().splitlines()) > 2
    assert ax.texts[0].get_window_extent().width < ax.figure.bbox.width


def test_a_picture_is_small_sharp_and_described():
    data, about = style.to_png(draw("North", "South"))
    png = base64.b64decode(data)
    assert len(png) < 15_000
    assert Image.open(io.BytesIO(png)).width > about["width"] > 600
    assert about["alt"] == "Spend of North, South."


def test_the_same_picture_gives_the_same_bytes(monkeypatch):
    assert png_of("a", "b") == png_of("a", "b")
    monkeypatch.setenv("CRCM_PICTURES", "svg")
    assert style.to_svg(draw("a", "b")) == style.to_svg(draw("a", "b"))


def test_colours_are_stored_as_drawn():
    """Sixty-four colours were not enough once: a light grey that means "too few" came into other bars."""
    ax = style.new_axes()
    ax.fill_between(range(2000), range(2000), color=style.PALETTE[0])
    ax.plot([0, 1999], [1900, 1900], color=style.PALETTE[5], lw=2)
    png = base64.b64decode(style.to_png(ax)[0])
    shown = {colour for _count, colour in Image.open(io.BytesIO(png)).convert("RGB").getcolors(10**6)}
    assert {tuple(int(colour[n : n + 2], 16) for n in (1, 3, 5)) for colour in style.PALETTE[0:6:5]} <= shown


def test_stored_notebooks_hold_no_svg_and_runs_do(monkeypatch):
    monkeypatch.delenv("CRCM_PICTURES", raising=False)
    assert style.to_svg(draw("a")) is None
    monkeypatch.setenv("CRCM_PICTURES", "svg")
    drawn, about = style.to_svg(draw("华东"))
    assert drawn.lstrip().startswith("<?xml")
    assert about == {"alt": "Spend of 华东.", "width": 691, "height": 384}
    assert style.to_png(draw("a")) is None
    assert "prefers-color-scheme:dark" in drawn
    assert "var(--ink)" in drawn
    assert style.INK not in drawn.replace(f"--ink:{style.INK}", "")
    assert "<metadata" not in drawn


def test_a_cloud_of_many_points_is_rasterised_inside_an_svg(monkeypatch):
    monkeypatch.setenv("CRCM_PICTURES", "svg")
    sizes = {}
    for points in (style.MAX_VECTOR_POINTS, 10 * style.MAX_VECTOR_POINTS):
        ax = style.new_axes()
        ax.scatter(range(points), range(points))
        drawn, _about = style.to_svg(style.describe(ax, "Points."))
        sizes[points] = len(drawn), "<image" in drawn
    few, many = sizes.values()
    assert few[1] is False
    assert many[1] is True
    assert many[0] < 300_000


def test_nothing_is_drawn_where_nothing_was_set_aside():
    tables = pd.DataFrame({"read": [90, 9], "set_aside": [0, 0]}, index=["contacts", "invoices"])
    assert not cleaning_charts.draw_tables(style.new_axes(), tables).patches
    assert len(cleaning_charts.draw_tables(style.new_axes(), tables.assign(set_aside=[0, 3])).patches) == 2
    assert not cleaning_charts.draw_rules(style.new_axes(), pd.Series(dtype="int64")).patches
    alike = pd.Series({f"excluded: goods that are outside the catalogue {n}": 2 for n in range(2)})
    assert len(cleaning_charts.draw_rules(style.new_axes(), alike).patches) == 2
