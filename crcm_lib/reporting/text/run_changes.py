"""What differs between two runs, in words for a terminal."""

from typing import TYPE_CHECKING

import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.reporting.text.numbers import fill, write

if TYPE_CHECKING:
    from crcm_lib.pipeline.run_diff import RunDiff

MAX_DRIFTS = 10  # columns named


def describe_runs(diff: "RunDiff") -> list[str]:
    """The lines that `crcm diff` prints; signs that a terminal would obey are shown as blanks."""
    old, new = diff.before, diff.now
    lines = [fill(_("{before} → {now}"), before=old["run"], now=new["run"])]
    rules = ", ".join(diff.rules)
    lines.append(
        fill(_("rules that differ: {rules}"), rules=rules)
        if rules
        else _("rules: the same policy, source description, code and parameters")
    )
    files = "; ".join(f"{row.file} {row.change}" for row in diff.inputs.itertuples())
    lines.append(fill(_("input files: {files}"), files=files) if files else _("input files: the same"))
    lines += [
        "",
        _("rows of the clean tables, where they differ"),
        _table(diff.rows[diff.rows["before"] != diff.rows["now"]]),
    ]
    lines += ["", _("numbers of the first page"), _table(diff.numbers)]
    who = _(
        "customers: {both:count} in both, {came:count} came, {went:count} went; tier in force before and now"
    )
    lines += ["", fill(who, **diff.customers), _table(diff.tiers.reset_index())]
    proposed = _(
        "another tier is proposed of {proposed:count}; the same for another reason of {reasons:count}"
    )
    lines.append(fill(proposed, **diff.customers))
    learned = diff.models[(diff.models["changed"] > 0) | (diff.models["state"] != "in both")]
    lines += ["", _("what was learned, where it differs"), _table(learned)]
    lines += ["", _describe_drift(diff.drift)]
    return ["".join(sign if sign.isprintable() or sign == "\n" else " " for sign in line) for line in lines]


def _describe_drift(drift: pd.DataFrame) -> str:
    """Which measures of customers moved further than chance explains."""
    drifted = drift[drift["verdict"] == "drifted"]
    if drifted.empty:
        return _("no measure of the customers drifted more than chance explains")
    words = _("{n:count} of {all:count} measures of the customers drifted more than chance explains")
    shown = drifted.head(MAX_DRIFTS)[["column", "psi", "by_chance"]]
    return f"{fill(words, n=len(drifted), all=len(drift))}\n{_table(shown)}"


def _table(frame: pd.DataFrame) -> str:
    """A frame as aligned text; "none" where it has no rows."""
    if frame.empty:
        return "  " + _("none that differ")
    written = frame.map(lambda value: write(value) if not isinstance(value, str) else value)
    return "\n".join(f"  {line}" for line in written.to_string(index=False).splitlines())
