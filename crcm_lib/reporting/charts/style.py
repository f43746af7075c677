"""The house style of every picture: one theme, words for those who cannot see it, and its file format.

Stored notebooks hold PNG. In a run, where the environment variable CRCM_PICTURES is `svg`, the same call
gives SVG in its place: sharp at any size, light and dark, equal bytes for equal content.
"""

import base64
import hashlib
import io
import os
import re
import textwrap
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from crcm_lib.reporting.charts.bounds import find_outside

PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#6E6E6E")  # Okabe & Ito 2008
INK, MUTED, GRID, PAPER = "#1f2933", "#616e7c", "#e4e7eb", "#ffffff"
DARK = {INK: "#e6e9ec", MUTED: "#a3adb8", GRID: "#3b4550", PAPER: "#14181d"}
HIDDEN = "#d5d9de"  # the colour of a cell that is too small to show
FONTS = Path(__file__).parent / "fonts"
FAMILIES = ["CRCM Sans", "DejaVu Sans", "CRCM Any"]  # tried in this order, character by character
DPI, SCREEN_DPI = 110, 96  # drawn sharper than shown
MAX_VECTOR_POINTS = 2000  # a cloud of more points is rasterised inside an SVG
WIDTH = 7.2  # inches
LINE = 90  # characters of a sentence on a line of a figure
STYLE = {
    "font.family": FAMILIES,
    "font.size": 12,
    "text.parse_math": False,
    "text.color": INK,
    "figure.figsize": (WIDTH, 4.0),
    "figure.dpi": DPI,
    "axes.axisbelow": True,
    "axes.formatter.limits": (-9, 12),  # no powers of ten beside an axis of money
    "axes.edgecolor": GRID,
    "axes.grid": True,
    "axes.labelcolor": MUTED,
    "axes.labelpad": 6,
    "axes.labelsize": 12,
    "axes.linewidth": 1.25,
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
    "svg.fonttype": "path",
    "xtick.bottom": False,
    "ytick.left": False,
} | {
    f"{axis}.{key}": value
    for axis in ("xtick", "ytick")
    for key, value in {"color": INK, "labelsize": 11.5, "major.size": 6, "minor.size": 4}.items()
}


@cache
def set_house_style() -> None:
    """Set seaborn's theme and matplotlib's settings for the whole process, once."""
    import seaborn as sns
    from matplotlib import font_manager, rcParams

    for file in sorted(FONTS.glob("*.otf")):
        font_manager.fontManager.addfont(file)
    sns.set_theme(style="white", palette=PALETTE)
    rcParams.update(STYLE)  # the list of fonts after the theme, which would put one of its own there


def new_axes(rows: int = 1, columns: int = 1, *, height: float = 4.0, **subplots: Any):
    """An empty picture in the house style, to draw on; `height` in inches.

    Returns
    -------
    One Axes, or an array of them where `rows` or `columns` is above 1.
    """
    set_house_style()
    from matplotlib import pyplot

    _figure, axes = pyplot.subplots(rows, columns, figsize=(WIDTH, height), layout="constrained", **subplots)
    return axes


def describe(axes, words: str):
    """Say in words what a picture shows, for those who cannot see it; returns the axes.

    Notebooks store the words beside the picture, and tests compare them.
    """
    figure_of(axes).set_label(" ".join(words.split()))
    return np.ravel(axes)[0]


def empty_axes(why: str):
    """A picture that says why there is nothing to draw."""
    lines = textwrap.wrap(why, LINE)
    axes = new_axes(height=1.4 + 0.2 * len(lines))
    axes.text(0.5, 0.5, "\n".join(lines), ha="center", va="center", color=MUTED, transform=axes.transAxes)
    axes.set_axis_off()
    return describe(axes, why)


def figure_of(shown):
    """The Figure of an Axes, of an array of Axes, of a seaborn grid, or of itself."""
    return np.ravel(shown)[0].figure


def words_of(shown) -> str:
    """The words that `describe` gave a picture."""
    from crcm_lib.i18n import _

    return str(figure_of(shown).get_label()) or _("A picture without a description.")


def to_png(shown) -> tuple[str, dict[str, Any]] | None:
    """A picture as PNG in base64, with its size on a screen and its words; None in runs."""
    if _is_run():
        return None
    figure = figure_of(shown)
    _close(figure)
    figure.set_dpi(DPI)  # IPython's is another, and `find_outside` measures in the pixels of what was saved
    stored = _save(figure, "png")
    about = _describe(figure)
    if outside := find_outside(figure):
        about["outside"] = outside  # no stored notebook may have it
    return base64.b64encode(stored).decode(), about


def to_svg(shown) -> tuple[str, dict[str, Any]] | None:
    """A picture as SVG whose ink and paper follow the reader's light or dark mode; None outside of runs."""
    if not _is_run():
        return None
    figure = figure_of(shown)
    _close(figure)
    for axes in figure.axes:
        for cloud in axes.collections:
            cloud.set_rasterized(len(cloud.get_offsets()) > MAX_VECTOR_POINTS)
    salt = hashlib.sha256(words_of(figure).encode()).hexdigest()[:8]
    from matplotlib import rc_context

    with rc_context({"svg.hashsalt": salt}):
        drawn = _save(figure, "svg").decode("utf-8")
    return _follow_mode(re.sub(r"<metadata>.*?</metadata>", "", drawn, flags=re.S)), _describe(figure)


def _describe(figure) -> dict[str, Any]:
    """Its words, and its size in a page's pixels."""
    width, height = (round(inches * SCREEN_DPI) for inches in figure.get_size_inches())
    return {"alt": words_of(figure), "width": width, "height": height}


def _is_run() -> bool:
    return os.environ.get("CRCM_PICTURES") == "svg"


def _save(figure, kind: str) -> bytes:
    """Save to memory without dates; a character that no font has is an error, not an empty box."""
    drawn, metadata = io.BytesIO(), {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Glyph .* missing")
        figure.savefig(drawn, format=kind, dpi=DPI, metadata=metadata[kind])
    return drawn.getvalue()


def _follow_mode(svg: str) -> str:
    names = {INK: "ink", MUTED: "muted", GRID: "grid", PAPER: "paper"}
    for colour, name in names.items():
        svg = re.sub(colour, f"var(--{name})", svg, flags=re.I)
    light, dark = (
        ";".join(f"--{name}:{tone(colour)}" for colour, name in names.items())
        for tone in (str, DARK.__getitem__)
    )
    style = f"<style>svg{{{light}}}@media(prefers-color-scheme:dark){{svg{{{dark}}}}}</style>"
    return re.sub(r"(<svg[^>]*>)", lambda tag: tag[0] + style, svg, count=1)


def _close(figure) -> None:
    """Let pyplot forget the figure, or IPython would show it a second time at the end of the cell."""
    from matplotlib import pyplot

    pyplot.close(figure)
