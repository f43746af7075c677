"""What every notebook shows: a picture that says what is on it, a table, a takeaway. All of them inert."""

import base64
import datetime
import html
import io
import re
import textwrap
import warnings
from decimal import Decimal
from functools import cache
from numbers import Number
from pathlib import Path

import pandas as pd

from crcm_lib.errors import unknown_name
from crcm_lib.i18n import _

PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#6E6E6E")  # Okabe & Ito 2008
INK, MUTED, GRID = "#1f2933", "#616e7c", "#e4e7eb"
FONTS = Path(__file__).parent / "fonts"
FAMILIES = ["CRCM Sans", "DejaVu Sans", "CRCM Any"]  # tried in this order, character by character
DPI, SCREEN_DPI = 120, 96  # drawn sharper than shown
TICKS = {"color": INK, "labelsize": 11.5, "major.size": 6, "minor.size": 4}  # sizes in points
COLOURS = 64  # in a stored picture
MOST_ROWS = 30  # of a table that are shown
LINE = 90  # characters of a sentence on a line of a figure


# Anywhere; at a line's start, where it makes a heading or a list; in an address, which becomes a link.
ACTIVE = re.compile(r"[\\`*_{}\[\]|~$<>&]|^[#=]|^[-+](?=[\s+-]|$)|:(?=//)|(?<=www)\.|@")


@cache
def _styled():
    from matplotlib import cycler, font_manager, rcParams

    for file in sorted(FONTS.glob("*.otf")):
        font_manager.fontManager.addfont(file)
    rcParams.update(
        {
            "font.family": FAMILIES,
            "font.size": 12,
            "text.parse_math": False,
            "text.color": INK,
            "figure.figsize": (7.2, 4.0),
            "figure.dpi": DPI,
            "axes.axisbelow": True,
            "axes.edgecolor": GRID,
            "axes.grid": True,
            "axes.labelcolor": MUTED,
            "axes.labelpad": 6,
            "axes.labelsize": 12,
            "axes.linewidth": 1.25,
            "axes.prop_cycle": cycler("color", PALETTE),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlelocation": "left",
            "axes.titlesize": 12.5,
            "grid.color": GRID,
            "grid.linewidth": 1,
            "legend.fontsize": 11.5,
            "legend.frameon": False,
            "legend.title_fontsize": 12,
            "lines.solid_capstyle": "round",
            "patch.edgecolor": "white",
            "patch.force_edgecolor": True,
        }
        | {f"{axis}.{key}": value for axis in ("xtick", "ytick") for key, value in TICKS.items()}
        | {"xtick.bottom": False, "ytick.left": False}
    )


def new_figure(width: float = 7.2, height: float = 4.0, **subplots):
    """A figure and its axes in the house style; width and height in inches."""
    _styled()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(**subplots)


class Picture:
    """A figure with the words that say what is on it; notebooks store both, nbval compares the words."""

    def __init__(self, figure, alt: str):
        self.figure, self.alt = figure, alt

    def _repr_mimebundle_(self, include=None, exclude=None):
        png = base64.b64encode(self.png()).decode()
        width, height = (round(inches * SCREEN_DPI) for inches in self.figure.get_size_inches())
        about = {"alt": self.alt, "width": width, "height": height}
        return {"image/png": png, "text/plain": self.alt}, {"image/png": about}

    def png(self) -> bytes:
        """The picture's bytes: few colours, no date, equal for equal content."""
        from PIL import Image

        drawn, stored = io.BytesIO(), io.BytesIO()
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="Glyph .* missing")
            self.figure.savefig(drawn, format="png", dpi=DPI, metadata={"Software": None})
        colours = Image.open(drawn).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        colours.save(stored, "png", optimize=True)
        return stored.getvalue()


def add_subtitle(figure, words: str) -> None:
    """Write sentences above a drawing, across its width; the figure grows by the lines."""
    lines = textwrap.wrap(words, LINE)
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + 0.21 * len(lines))
    figure.suptitle("\n".join(lines), x=0.01, ha="left", fontsize=11.5, color=INK, linespacing=1.3)


def empty_figure(why: str) -> Picture:
    """Where there is nothing to draw, a picture that says why."""
    lines, why = textwrap.wrap(why, LINE), why.rstrip(".")
    figure, axes = new_figure(height=1.4 + 0.2 * len(lines))
    written = {"ha": "center", "va": "center", "color": MUTED, "transform": axes.transAxes}
    axes.text(0.5, 0.5, "\n".join(lines), **written)
    axes.set_axis_off()
    return Picture(figure, _("No picture: {why}.").format(why=why))


FORMATS = {
    "count": "{:,.0f}",
    "money": "{:,.0f}",
    "cents": "{:,.2f}",
    "share": "{:.1%}",
    "number": "{:,.2f}",
    "days": "{:,.0f}",
    "plain": "{}",
}


class TableView:
    """A small table for people: escaped, sortable in the report; the first rows of a long one."""

    def __init__(self, cells: pd.DataFrame, raw: pd.DataFrame, caption: str, *, rows: int):
        self.cells, self.raw, self.caption, self.more = cells, raw, caption, rows - len(cells)

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/html": self._html(), "text/plain": self._text()}

    def _rest(self) -> str:
        if self.cells.empty:
            return _("no rows")
        return _("… and {more} more rows").format(more=f"{self.more:,}") if self.more else ""

    def _text(self) -> str:
        cells = "" if self.cells.empty else self.cells.to_string(index=False)
        return "\n".join(filter(None, [self.caption, cells, self._rest()]))

    def _html(self) -> str:
        numeric = [_is_numeric(self.raw[column]) for column in self.raw]
        heads = "".join(
            f'<th scope="col"{" class=num" if number else ""}>{html.escape(str(column))}</th>'
            for column, number in zip(self.cells, numeric, strict=True)
        )
        rows = "".join(
            "<tr>" + "".join(map(_cell, shown, raw, numeric)) + "</tr>"
            for shown, raw in zip(
                self.cells.itertuples(index=False, name=None),
                self.raw.itertuples(index=False, name=None),
                strict=True,
            )
        )
        caption = f"<caption>{html.escape(self.caption)}</caption>" if self.caption else ""
        rest = self._rest()
        foot = f'<tfoot><tr><td colspan="{len(numeric)}">{rest}</td></tr></tfoot>' if rest else ""
        return (
            f'<table class="crcm">{caption}<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody>{foot}</table>'
        )


def _is_numeric(values: pd.Series) -> bool:
    if pd.api.types.is_bool_dtype(values):
        return False
    known = values.dropna()
    return pd.api.types.is_numeric_dtype(values) or (
        len(known) > 0 and all(isinstance(value, Decimal) for value in known)
    )


def _cell(shown: str, raw, number: bool) -> str:
    if number and pd.notna(raw):
        return f'<td class=num data-value="{float(raw):.7g}">{html.escape(shown)}</td>'
    whole = "-" in shown and " " not in shown and len(shown) <= 20  # a day, a pseudonym: not to be broken
    kind = "num" if number else "whole" if whole else "long" if len(shown) > 30 else ""
    return f"<td{f' class={kind}' if kind else ''}>{html.escape(shown)}</td>"


def table(frame: pd.DataFrame, caption: str = "", **formats: str) -> TableView:
    """Show a frame; `formats` names a format of `FORMATS` for a column. A named index is shown.

    Of a long table the first `MOST_ROWS` rows are shown, and how many more there are.

    >>> sizes = pd.DataFrame({"tier": ["key", "watch"], "spend_share": [0.75, 0.25]})
    >>> print(table(sizes, spend_share="share")._text())
     tier spend share
      key       75.0%
    watch       25.0%
    """
    raw = frame.reset_index() if any(frame.index.names) else frame
    shown = raw.head(MOST_ROWS)
    cells = pd.DataFrame(
        {column: [_shown(value, formats.get(str(column))) for value in shown[column]] for column in shown}
    )
    cells.columns = [str(column).replace("_", " ") for column in shown]
    return TableView(cells, shown, caption, rows=len(raw))


def _shown(value, name: str | None) -> str:
    if name and name not in FORMATS:
        raise ValueError(unknown_name("format", name, FORMATS))
    if pd.isna(value):
        return "–"
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    if pd.api.types.is_bool(value):
        return _("yes") if value else _("no")
    if not isinstance(value, Number | Decimal):
        return str(value)
    default = "{:,}" if pd.api.types.is_integer(value) else FORMATS["number"]
    words = (FORMATS[name] if name else default).format(value)
    return words.removeprefix("-") if not re.search("[1-9]", words) else words  # no minus zero


class Takeaway:
    """A computed sentence or two, as Markdown whose inserted values can neither mark up nor script."""

    def __init__(self, markdown: str):
        self.markdown = markdown

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/markdown": self.markdown, "text/plain": self.markdown}


class _Inert(str):
    """Text from data on one line: a character that Markdown or HTML would act on is escaped."""

    def __new__(cls, value):
        line = " ".join(str(value).split())
        return super().__new__(cls, ACTIVE.sub(lambda found: f"&#{ord(found[0])};", line))


def takeaway(template: str, **values) -> Takeaway:
    """Fill a Markdown template with computed values; whatever is not a number or a day is made inert.

    >>> takeaway("**{name}** buys most: {share:.0%}.", name="<b>Ann</b>", share=0.4).markdown
    '**&#60;b&#62;Ann&#60;/b&#62;** buys most: 40%.'
    """
    safe = (Number, Decimal, datetime.date)
    return Takeaway(
        template.format(**{k: v if isinstance(v, safe) else _Inert(v) for k, v in values.items()})
    )
