"""The data dictionary in `data/README.md`; `python -m crcm_lib.schema.dictionary` writes it again."""

from crcm_lib.i18n import _
from crcm_lib.schema.inputs import INPUTS
from crcm_lib.schema.results import RESULTS
from crcm_lib.schema.tables import ROOT

README = ROOT / "data/README.md"
MARK = "<!-- generated from here on -->\n\n"


def dictionary() -> str:
    """The data dictionary as Markdown, generated from the schema."""
    parts = []
    for heading, group in ((_("Input tables"), INPUTS), (_("Result tables"), RESULTS)):
        parts.append(f"## {heading}\n")
        for name, table in group.items():
            parts.append(f"### `{name}` — {_('one row is')} {table.row}\n")
            parts.append(f"| {_('column')} | {_('kind')} | {_('unit')} | {_('meaning')} |\n|---|---|---|---|")
            parts.extend(
                f"| `{column}`{' *' if spec.required else ''} | {spec.kind} | {spec.unit} | {spec.meaning} |"
                for column, spec in table.columns.items()
            )
            parts.append("")
    return "\n".join(parts)


def renew(text: str) -> str:
    """The page with the dictionary as the schema has it now."""
    return text.partition(MARK)[0] + MARK + dictionary()


if __name__ == "__main__":
    README.write_text(renew(README.read_text(encoding="utf-8")), encoding="utf-8")
