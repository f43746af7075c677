"""The data dictionary in `data/README.md`; `python -m crcm_lib.schema.dictionary` writes it again."""

from crcm_lib.i18n import _
from crcm_lib.schema.columns import Column
from crcm_lib.schema.indicators import INDICATORS, OF_A_NAME
from crcm_lib.schema.inputs import INPUTS
from crcm_lib.schema.results import RESULTS
from crcm_lib.schema.tables import ROOT

README = ROOT / "data/README.md"
OF_INDICATORS = (
    "What an indicator of the policy may read beside `customer_features`, `rfm`, `value`, `churn` and "
    "`satisfaction`: made of the input table of like name (`service` of tickets, `payments` of invoices, "
    "`renewals` of contracts, `answers` of surveys) as of a day. Where … stands, the data give the name."
)
MARK = "<!-- generated from here on -->\n\n"


def dictionary() -> str:
    """The data dictionary as Markdown, generated from the schema."""
    parts = []
    groups = {_("Input tables"): INPUTS, _("Result tables"): RESULTS, _("Indicator tables"): INDICATORS}
    for heading, group in groups.items():
        parts.append(f"## {heading}\n")
        if group is INDICATORS:
            parts.append(f"{_(OF_INDICATORS)}\n")
        for name, table in group.items():
            parts.append(f"### `{name}` — {_('one row is')} {table.row}\n")
            if table.lights:
                parts.append(f"{_('Lights up')} {', '.join(table.lights)}.\n")
            parts.append(f"| {_('column')} | {_('kind')} | {_('unit')} | {_('meaning')} |\n|---|---|---|---|")
            parts.extend(_row(f"`{column}`", spec) for column, spec in table.columns.items())
            if group is INDICATORS and name in OF_A_NAME:
                parts.append(_row("…", OF_A_NAME[name]))
            parts.append("")
    return "\n".join(parts)


def _row(name: str, column: Column) -> str:
    return f"| {name}{' *' if column.required else ''} | {column.kind} | {column.unit} | {column.meaning} |"


def renew(text: str) -> str:
    """The page with the dictionary as the schema has it now."""
    return text.partition(MARK)[0] + MARK + dictionary()


if __name__ == "__main__":
    README.write_text(renew(README.read_text(encoding="utf-8")), encoding="utf-8")
