"""Pictures of what cleaning set aside."""

import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.reporting.charts.style import PALETTE
from crcm_lib.reporting.text.numbers import write

REASON = 34  # characters of a rule that stand beside its bar


def draw_tables(axes, tables: pd.DataFrame):
    """Draw the share of each table's records that was set aside, the number beside it.

    Parameters
    ----------
    tables
        By table: `read` and `set_aside` (records). Where nothing was set aside, nothing is drawn.
    """
    if not tables["set_aside"].any():
        return axes
    shares = tables["set_aside"] / tables["read"].clip(lower=1)
    bars = axes.barh(tables.index, shares, color=PALETTE[5])
    axes.bar_label(bars, tables["set_aside"].map(write), padding=4)
    axes.invert_yaxis()
    axes.set_xlabel(_("share of the records read that was set aside; the number says how many"))
    axes.set_xlim(0, 1.2 * shares.max())
    axes.xaxis.set_major_formatter("{x:.2%}")
    axes.grid(visible=False, axis="y")
    return axes


def draw_rules(axes, records: pd.Series):
    """Draw how many records each rule set aside; `records` by rule, nothing where it is empty."""
    if records.empty:
        return axes
    names = [rule[:REASON] for rule in records.index]  # two may begin alike
    bars = axes.barh(range(len(records)), records, tick_label=names, color=PALETTE[5], edgecolor=PALETTE[5])
    axes.bar_label(bars, records.map(write), padding=4)
    axes.margins(x=0.12)
    axes.invert_yaxis()
    axes.set_xlabel(_("records set aside"))
    axes.xaxis.get_major_locator().set_params(integer=True, nbins=5)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.grid(visible=False, axis="y")
    return axes
