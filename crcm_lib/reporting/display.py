"""How notebooks show frames and pictures: inert, under pseudonyms, without small cells, one form of numbers.

`register` puts this into the running IPython, so that a cell that ends in a DataFrame, a Styler, an Axes or
a seaborn grid shows it, and the analyst goes on with the object itself. pandas' own HTML is not used for
frames: a Styler cannot give the numbers that the report's tables are sorted by, and gives every cell an id.
"""

import hashlib
import html
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.privacy import count_hidden, hide_small, pseudonymise
from crcm_lib.reporting.charts import style
from crcm_lib.reporting.takeaway import Takeaway
from crcm_lib.reporting.text import numbers
from crcm_lib.schema.labels import COUNTS, kind_of, label
from crcm_lib.schema.tables import About

MAX_ROWS = 30
ID = "customer_id"
LONG, WHOLE = 30, 20  # characters from which a cell may wrap; up to which a word with a hyphen may not


@dataclass(frozen=True)
class Audience:
    """What those who will see the page may see.

    Attributes
    ----------
    about
        Whose data these are: the key of the pseudonyms follows from it.
    min_cell
        Groups of fewer customers are hidden.
    buyers
        How many customers have bought; None while that is not known.
    """

    about: About
    min_cell: int
    buyers: int | None = None


def caption(frame: pd.DataFrame, words: str = "", *, otherwise: str = "", **kinds: str) -> pd.DataFrame:
    """The frame with a caption; `kinds` names the kind of number of columns whose name does not say it.

    `otherwise` is the sentence that stands in place of the table where it has no rows; so does a caption that
    is a sentence, which ends in a full stop.
    Kinds: count, money, units, cents, share, days, number (`reporting.text.numbers.KINDS`).
    """
    named = frame.copy(deep=False)
    kinds = {**frame.attrs.get("kinds", {}), **kinds}
    named.attrs = {**frame.attrs, "caption": words, "otherwise": otherwise, "kinds": kinds}
    return named


def prepare(frame: pd.DataFrame, audience: Audience) -> pd.DataFrame:
    """The frame as its audience may see it: under pseudonyms, without small cells and what tells of them."""
    shown = hide_small_rows(frame, audience.min_cell)
    if ID in shown.columns:
        shown = shown.assign(**{ID: _pseudonyms(shown[ID], audience)})
    if ID not in shown.index.names:
        return shown
    levels = [shown.index.get_level_values(n) for n in range(shown.index.nlevels)]
    named = [
        pd.Index(_pseudonyms(level, audience), name=ID) if level.name == ID else level for level in levels
    ]
    return shown.set_axis(named[0] if len(named) == 1 else pd.MultiIndex.from_arrays(named))


def hide_small_rows(frame: pd.DataFrame, min_cell: int) -> pd.DataFrame:
    """Hide counts of fewer customers than the smallest cell, and what would give them away.

    A frame with a column that counts customers has one group per row; a frame of whole numbers whose columns
    are named together, as `pd.crosstab` gives it, is a two-way table of counts.
    """
    if ID in (*frame.columns, *frame.index.names) or not frame.columns.is_unique:
        return frame
    if _is_two_way(frame):
        return hide_small(frame, counts=list(frame.columns), at_least=min_cell)
    counts = [name for name in COUNTS if name in frame and pd.api.types.is_numeric_dtype(frame[name])]
    if not counts:
        return frame
    money = [name for name in frame.select_dtypes("number") if name not in (*counts, "largest_share")]
    return hide_small(frame, counts=counts[0], money=money, at_least=min_cell)


def _is_two_way(frame: pd.DataFrame) -> bool:
    named = frame.columns.name is not None and len(frame.columns) > 0
    return named and all(pd.api.types.is_integer_dtype(kind) for kind in frame.dtypes)


def _as_frame(series: pd.Series) -> pd.DataFrame:
    """A Series as a frame; that of `groupby(…).size()`, whole numbers without a name, is a count."""
    if series.name is not None:
        return series.to_frame()
    counted = pd.api.types.is_integer_dtype(series) and any(name is not None for name in series.index.names)
    return series.to_frame("count" if counted else "value")


def frame_to_html(frame: pd.DataFrame, audience: Audience) -> str:
    """A table for people: escaped, sortable in the report; the first rows of a long one, why it has none."""
    if not len(frame):
        return f"<p>{html.escape(_write_empty(frame))}</p>"
    raw, cells = _cells(frame, audience)
    numeric = [_is_numeric(raw.iloc[:, n]) for n in range(raw.shape[1])]
    heads = "".join(
        f'<th scope="col"{" class=num" if number else ""}>{html.escape(name)}</th>'
        for name, number in zip(cells.columns, numeric, strict=True)
    )
    rows = "".join(
        "<tr>" + "".join(map(_cell, shown, values, numeric)) + "</tr>"
        for shown, values in zip(
            cells.itertuples(index=False, name=None), raw.itertuples(index=False, name=None), strict=True
        )
    )
    words, rest = frame.attrs.get("caption", ""), html.escape(_remarks(frame, audience))
    above = f"<caption>{html.escape(words)}</caption>" if words else ""
    foot = f'<tfoot><tr><td colspan="{len(numeric)}">{rest}</td></tr></tfoot>' if rest else ""
    return f'<table class="crcm">{above}<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody>{foot}</table>'


def frame_to_text(frame: pd.DataFrame, audience: Audience) -> str:
    """The same table as plain text; tests compare it."""
    if not len(frame):
        return _write_empty(frame)
    _raw, cells = _cells(frame, audience)
    above = frame.attrs.get("caption", "")
    return "\n".join(filter(None, [above, cells.to_string(index=False), _remarks(frame, audience)]))


def _write_empty(frame: pd.DataFrame) -> str:
    """What stands in place of a table without rows."""
    words = frame.attrs.get("otherwise") or frame.attrs.get("caption", "")
    return words if words.endswith(".") else (f"{words}: " if words else "") + _("no rows")


def limit_takeaway(found: Takeaway, audience: Audience) -> Takeaway:
    """The takeaway; of a company that is itself a small cell only that it is one."""
    few = audience.buyers is not None and 0 < audience.buyers < audience.min_cell
    return Takeaway(numbers.describe_few(audience.min_cell)) if few else found


def styler_to_html(styler: Any, audience: Audience) -> str:
    """An analyst's Styler with its colours, but escaped, under pseudonyms, without small cells and ids."""
    from pandas.io.formats.style import Styler

    shown = prepare(styler.data, audience).head(MAX_ROWS)
    names = {
        axis: [None if name is None else html.escape(str(name)) for name in labels.names]
        for axis, labels in (("index", shown.index), ("columns", shown.columns))
    }
    content = hashlib.sha256(shown.to_json(default_handler=str).encode()).hexdigest()[:8]
    safe = Styler(shown.rename_axis(**names), uuid=content, uuid_len=8, cell_ids=False)
    if shown.index.equals(styler.data.index):  # otherwise what was styled by label finds no label
        safe.use({key: value for key, value in styler.export().items() if key == "apply"})
    safe.format(lambda value: html.escape(numbers.write(value)))
    for axis in ("index", "columns"):
        safe.format_index(lambda name: html.escape(str(name)), axis=axis)
    return safe.to_html()


def register(shell: Any, audience: Audience) -> None:
    """Let a running IPython show frames and pictures in this way from now on."""
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas.io.formats.style import Styler

    formatters = shell.display_formatter.formatters

    def show_text(kind: type, to_text: Callable[[Any], str]) -> None:
        formatters["text/plain"].for_type(kind, lambda shown, printer, _cycle: printer.text(to_text(shown)))

    def show_frame(kind: type, as_frame: Callable[[Any], pd.DataFrame]) -> None:
        formatters["text/html"].for_type(kind, lambda shown: frame_to_html(as_frame(shown), audience))
        show_text(kind, lambda shown: frame_to_text(as_frame(shown), audience))

    show_frame(pd.DataFrame, lambda frame: frame)
    show_frame(pd.Series, _as_frame)
    show_frame(pd.Index, lambda index: index.to_frame(index=False))
    show_frame(Styler, lambda styler: styler.data)
    formatters["text/html"].for_type(Styler, lambda styler: styler_to_html(styler, audience))
    for kind in (Axes, Figure):
        show_text(kind, style.words_of)
    shell.display_formatter.mimebundle_formatter.for_type(
        Takeaway, lambda found: limit_takeaway(found, audience)._repr_mimebundle_()
    )
    for mime, write in (("image/png", style.to_png), ("image/svg+xml", style.to_svg)):
        for kind in (Axes, Figure):
            formatters[mime].for_type(kind, write)
        for grid in ("FacetGrid", "PairGrid", "JointGrid"):
            formatters[mime].for_type_by_name("seaborn.axisgrid", grid, write)


def _pseudonyms(ids: Iterable, audience: Audience) -> list[str | None]:
    names = pd.Series(list(ids), dtype="object")
    known = names.notna()
    names[known] = pseudonymise(names[known].astype("str"), audience.about)
    return list(names)


def _cells(frame: pd.DataFrame, audience: Audience) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The first rows as values and as words, a named index in front."""
    kinds = frame.attrs.get("kinds", {})
    shown = prepare(frame, audience)
    whole = shown.reset_index() if any(name is not None for name in shown.index.names) else shown
    whole = whole.set_axis([_flat(name) for name in whole.columns], axis=1)
    raw = whole.head(MAX_ROWS)
    words = {n: _write_column(raw.iloc[:, n], kinds.get(name, "")) for n, name in enumerate(raw.columns)}
    heads = [_("customer") if name == ID else label(name) for name in raw.columns]
    return raw, pd.DataFrame(words, index=raw.index).set_axis(heads, axis=1)


def _write_column(values: pd.Series, kind: str) -> list[str]:
    """A column in words; amounts all in whole units, or all with cents where some are small."""
    kind = kind or kind_of(str(values.name), values)
    if kind == "money":
        sizes = values.abs()
        kind = "units" if sizes.max() >= 100 and not (sizes.gt(0) & sizes.lt(0.5)).any() else "cents"
    return [numbers.write(value, kind) for value in values]


def _flat(name: Any) -> str:
    return " · ".join(str(part) for part in name if str(part)) if isinstance(name, tuple) else str(name)


def _remarks(frame: pd.DataFrame, audience: Audience) -> str:
    """How many rows are not shown, how many numbers are hidden, and how the rest are rounded."""
    more = len(frame) - MAX_ROWS
    rest = numbers.fill(_("… and {more:count} more rows"), more=more) if more > 0 else ""
    hidden = frame.attrs.get("hidden", 0) + count_hidden(frame, hide_small_rows(frame, audience.min_cell))
    rounded = numbers.describe_rounded(audience.min_cell) if frame.attrs.get("rounded") else ""
    hides = numbers.describe_hidden(hidden, at_least=audience.min_cell)
    return " ".join(filter(None, [rest, hides, rounded]))


def _is_numeric(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def _cell(shown: str, raw: Any, number: bool) -> str:
    if number and pd.notna(raw):
        digits = 6 if abs(raw) >= 1 else 4  # what it is sorted by; further ones differ between processors
        return f'<td class=num data-value="{float(raw):.{digits}g}">{html.escape(shown)}</td>'
    unbroken = "-" in shown and " " not in shown and len(shown) <= WHOLE  # a day, a pseudonym
    kind = "num" if number else "whole" if unbroken else "long" if len(shown) > LONG else ""
    return f"<td{f' class={kind}' if kind else ''}>{html.escape(shown)}</td>"
