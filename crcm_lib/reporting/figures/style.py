"""What every notebook shows: a picture that says what is on it, a table, a takeaway. All of them inert."""

import base64
import html
import io
import re
from functools import cache

import pandas as pd

PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#6E6E6E")  # Okabe & Ito 2008
MARKUP = r"[\\`*_{}\[\]()#+!|~$<>&-]"
INK, MUTED, GRID = "#1f2933", "#616e7c", "#e4e7eb"


@cache
def _styled():
    import seaborn as sns
    from matplotlib import rcParams

    sns.set_theme(context="notebook", style="whitegrid", palette=PALETTE)
    rcParams.update(
        {
            "text.parse_math": False,
            "figure.figsize": (7.2, 4.0),
            "figure.dpi": 110,
            "axes.edgecolor": GRID,
            "axes.labelcolor": INK,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlelocation": "left",
            "axes.titleweight": "bold",
            "grid.color": GRID,
            "legend.frameon": False,
        }
    )


def new_figure(width: float = 7.2, height: float = 4.0, **subplots):
    """A figure and its axes in the house style."""
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
        buffer = io.BytesIO()
        self.figure.savefig(buffer, format="png", metadata={"Software": None})
        png = base64.b64encode(buffer.getvalue()).decode()
        return {"image/png": png, "text/plain": self.alt}, {"image/png": {"alt": self.alt}}


FORMATS = {
    "count": "{:,.0f}",
    "money": "{:,.0f}",
    "cents": "{:,.2f}",
    "share": "{:.1%}",
    "number": "{:,.2f}",
    "days": "{:,.0f}",
}


class TableView:
    """A small table for people: escaped, right-aligned numbers, sortable in the report."""

    def __init__(self, cells: pd.DataFrame, raw: pd.DataFrame, caption: str):
        self.cells, self.raw, self.caption = cells, raw, caption

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/html": self._html(), "text/plain": self._text()}

    def _text(self) -> str:
        return f"{self.caption}\n{self.cells.to_string(index=False)}".strip()

    def _html(self) -> str:
        numeric = [pd.api.types.is_numeric_dtype(self.raw[column]) for column in self.raw]
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
        return f'<table class="crcm">{caption}<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'


def _cell(shown: str, raw, number: bool) -> str:
    if number and pd.notna(raw):
        return f'<td class=num data-value="{float(raw):.10g}">{html.escape(shown)}</td>'
    return f"<td{' class=num' if number else ''}>{html.escape(shown)}</td>"


def table(frame: pd.DataFrame, caption: str = "", **formats: str) -> TableView:
    """Show a frame; `formats` names a format of `FORMATS` for a column. A named index is shown."""
    raw = frame.reset_index() if any(frame.index.names) else frame
    cells = pd.DataFrame(
        {column: [_shown(value, formats.get(str(column))) for value in raw[column]] for column in raw}
    )
    return TableView(cells, raw, caption)


def _shown(value, name: str | None) -> str:
    if pd.isna(value):
        return "–"
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    if name:
        return FORMATS[name].format(value)
    return f"{value:,.2f}" if isinstance(value, float) else str(value)


class Takeaway:
    """A computed sentence or two, as Markdown whose inserted values can neither mark up nor script."""

    def __init__(self, markdown: str):
        self.markdown = markdown

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/markdown": self.markdown, "text/plain": self.markdown}


class _Inert(str):
    """Text from data: every character that Markdown or HTML could act on is escaped."""

    def __new__(cls, value):
        return super().__new__(
            cls, re.sub(r"([\\`*_{}\[\]()#+!|~$<>&-])", lambda m: f"&#{ord(m[0])};", str(value))
        )


def takeaway(template: str, **values) -> Takeaway:
    """Fill a Markdown template with computed values; text values are made inert."""
    return Takeaway(template.format(**{k: _Inert(v) if isinstance(v, str) else v for k, v in values.items()}))
