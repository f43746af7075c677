"""The table that `crcm check` prints."""

from collections.abc import Iterator

import pandas as pd

from crcm_lib.i18n import _

WIDTH = 34  # characters of what stands in the file


def write_check_report(tables: list[dict]) -> str:
    """The report of `ingest.cleaning.describe_source` as text for a terminal."""
    return "\n".join(line for table in tables for line in _write_table(table))


def write_unknown_names(unknown: pd.DataFrame) -> str:
    """A line for each row of `measured_indicators.list_unknown_names`; "" without any."""
    words = {
        "no_column": _("criteria.{criterion}: {indicator!r} is left out, no `{column}` in `{table}`.{hint}"),
        "words": _("criteria.{criterion}: {indicator!r} is left out, `{column}` holds words: give `levels`."),
    }
    hint = _(" Did you mean {nearest!r}?")
    return "\n".join(
        words[row["absence"]].format(**row, hint=hint.format(**row) if row["nearest"] else "")
        for row in unknown.to_dict("records")
    )


def write_unknown_profiles(unknown: pd.DataFrame) -> str:
    """A line for each row of `profiles.list_unknown_profiles`; "" without any."""
    words = _("playbook.{action}: no customer is of {asked!r} ({condition}).{hint}")
    hint = _(" Did you mean {nearest!r}?")
    return "\n".join(
        words.format(**row, hint=hint.format(**row) if row["nearest"] else "")
        for row in unknown.to_dict("records")
    )


def _write_table(table: dict) -> Iterator[str]:
    files = ", ".join(f"{file} ({records:,})" for file, records in table["files"].items())
    days = _(", {first} to {last}").format(**table) if table["first"] else ""
    head = _("{table}: {files}; {kept:,} records kept{days}")
    customers = _("; {ids:,} customers").format(ids=table["ids"]) if table["ids"] else ""
    yield head.format(table=table["table"], files=files, kept=table["kept"], days=days) + customers
    if table["table"] != "transactions" and table["ids"]:
        shared = _("  {shared:,} of its {ids:,} ids are in the transactions")
        yield shared.format(shared=table["shared"], ids=table["ids"])
    for part in table["parts"]:
        yield f"  {_('ours'):<16} {_('theirs'):<{WIDTH}} {_('filled'):>7}  {_('in the file → read as')}"
        for column in part["columns"]:
            share = f"{column['filled'] / part['kept']:.0%}" if part["kept"] else "–"
            examples = " | ".join(
                raw if raw == read else f"{raw} → {read}" for raw, read in column["examples"]
            )
            yield f"  {column['ours']:<16} {_shorten(column['theirs']):<{WIDTH}} {share:>7}  {examples}"
    yield from (f"  {note}" for note in table["notes"])
    for words, key in ((_("set aside"), "set_aside"), (_("kept with a remark"), "remarks")):
        if table[key]:
            yield f"  {words}: " + "; ".join(f"{rule} ({count:,})" for rule, count in table[key])


def _shorten(text: str) -> str:
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"
