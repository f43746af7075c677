"""Texts that a picture's reader cannot see because they lie outside of its axes or of the picture itself."""

from collections.abc import Iterator
from typing import Any

MIN_INSIDE = 0.5  # of a text's area; a label that only crosses the edge can still be read


def find_outside(figure: Any) -> list[str]:
    """Words drawn on a matplotlib Figure that lie mostly outside of their box.

    The box of an annotation, or of another text drawn on an Axes, is that Axes; of titles, axis labels, tick
    labels and legends it is the figure. The figure must have been drawn: `savefig` or
    `draw_without_rendering` puts its parts in their places.
    """
    return [
        text.get_text()
        for text, box in _texts_and_boxes(figure)
        if text.get_visible() and text.get_text().strip()
        if _share_inside(text.get_window_extent(), box) < MIN_INSIDE
    ]


def _texts_and_boxes(figure: Any) -> Iterator[tuple[Any, Any]]:
    from matplotlib.text import Text

    for ax in figure.axes:
        yield from ((text, ax.bbox) for text in ax.texts)
        titles = [child for child in ax.get_children() if isinstance(child, Text) and child not in ax.texts]
        yield from ((title, figure.bbox) for title in titles)
        for axis in (ax.xaxis, ax.yaxis) if ax.axison else ():
            low, high = sorted(axis.get_view_interval())
            ticks = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
            yield from ((tick.label1, figure.bbox) for tick in ticks)
            yield axis.label, figure.bbox
    legends = [*figure.legends, *filter(None, (ax.get_legend() for ax in figure.axes))]
    yield from ((text, figure.bbox) for legend in legends for text in legend.get_texts())
    yield from ((text, figure.bbox) for text in figure.texts)


def _share_inside(extent: Any, box: Any) -> float:
    """Share of a text's area that lies inside of a box, both in pixels."""
    from matplotlib.transforms import Bbox

    overlap, area = Bbox.intersection(extent, box), extent.width * extent.height
    return overlap.width * overlap.height / area if overlap is not None and area else 0.0
