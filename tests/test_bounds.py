"""Words on pictures lie where their readers see them; a planted annotation outside of its axes is found."""

import numpy as np
import pandas as pd
import pytest
import seaborn as sns

from crcm_lib.models.lifecycle import Windows
from crcm_lib.reporting.charts import bounds, profile_charts, style


def find_outside(figure):
    figure.draw_without_rendering()
    return bounds.find_outside(figure)


@pytest.fixture
def ax():
    ax = style.new_axes(height=3)
    ax.plot([1, 10], [0.2, 1], label="a line")
    ax.set(xlabel="days", ylabel="share", title="a title")
    yield ax
    style.to_png(ax)  # which closes it


def test_a_picture_whose_words_are_all_in_sight_has_none_outside(ax):
    ax.legend()
    ax.annotate("on the line", (5, 0.6))
    ax.text(10, 0.9, "crosses the edge", ha="center")
    ax.figure.legend(loc="outside upper left")
    ax.figure.suptitle("above all")
    assert find_outside(ax.figure) == []


def test_labels_of_lines_drawn_below_the_axis_are_found(ax):
    """As on 02 once: at a height of 0.03 in the data's own units, on an axis that began higher."""
    ax.annotate("at risk: 254 days", (5, 0.03), rotation=90, va="bottom")
    assert find_outside(ax.figure) == ["at risk: 254 days"]


def test_words_beside_the_axes_and_beyond_the_picture_are_found(ax):
    ax.text(10.5, 0.5, "beside the axes")
    ax.legend(["a legend"], bbox_to_anchor=(9, 9)).set_in_layout(False)
    ax.figure.text(1.5, 0.5, "beyond the picture")
    assert find_outside(ax.figure) == ["beside the axes", "a legend", "beyond the picture"]


def test_a_stored_picture_says_what_lies_outside(ax):
    assert "outside" not in style.to_png(ax)[1]
    ax.text(5, 9, "far above").set_in_layout(False)
    assert style.to_png(ax)[1]["outside"] == ["far above"]


def test_legends_are_measured_in_the_pixels_of_the_stored_picture(ax):
    """In IPython, figures begin with another resolution than the one they are stored with."""
    ax.figure.set_dpi(72)
    ax.legend(loc="lower right")
    assert "outside" not in style.to_png(ax)[1]


def test_cells_and_bars_of_seaborn_are_in_sight(ax):
    cells = pd.DataFrame(np.arange(12).reshape(3, 4), index=list("abc"))
    heat = sns.heatmap(cells, annot=True, ax=style.new_axes(height=3))
    assert find_outside(heat.figure) == []
    style.to_png(heat)


def test_the_learned_windows_are_labelled_inside_the_axes(ax):
    windows = Windows(9, 99, 1.0, 3.0, 6.0, 9.0, 2.0, 4.0)
    profile_charts.draw_windows(ax, windows)
    assert [text.get_text() for text in ax.texts] == ["new: 3 days", "at risk: 6 days", "lost: 9 days"]
    assert find_outside(ax.figure) == []
    nobody = profile_charts.draw_windows(style.new_axes(height=3), Windows(0, 0, *[None] * 6))
    assert not nobody.texts
    style.to_png(nobody)


def test_grey_on_the_map_of_cohorts_means_too_few_and_nothing_else():
    months = pd.DataFrame(
        {
            "cohort": pd.to_datetime(["2024-01-01"] * 3 + ["2024-02-01"] * 2),
            "months_later": [1, 2, 3, 1, 2],
            "retained_share": [0.5, np.nan, 0.3, 0.2, 0.4],
            "hidden": [False, True, False, False, False],
        }
    )
    ax = profile_charts.draw_retention(months)
    grey, shares = ax.collections
    assert grey.get_array().compressed().tolist() == [1.0]
    assert grey.get_array().mask.tolist() == [[True, False, True], [True, True, True]]
    assert shares.get_array().compressed().tolist() == [0.5, 0.3, 0.2, 0.4]
    assert grey.get_cmap()(0)[:3] == pytest.approx(
        tuple(int(style.HIDDEN[n : n + 2], 16) / 255 for n in (1, 3, 5))
    )
    assert find_outside(ax.figure) == []
    style.to_png(ax)
