"""The catalogue of criteria (分类标准): each indicator with definition, unit, direction, source and weight.

`python -m crcm_lib.config.criteria_catalogue` writes that of `policy.yaml` to docs/policy.md again.
"""

import pandas as pd

from crcm_lib.config.indicator_rules import describe_column
from crcm_lib.config.policy import Indicator, Policy, read_policy
from crcm_lib.i18n import _
from crcm_lib.schema.tables import ROOT

PAGE = ROOT / "docs/policy.md"
BEGIN, END = "<!-- criteria: generated from here -->\n", "<!-- criteria: to here -->\n"


def list_criteria(policy: Policy) -> pd.DataFrame:
    """One row per indicator: what it measures is said by the policy, or else by the schema.

    Returns
    -------
    `criterion`, `indicator`, `zh`, `definition`, `unit`, `better` (`higher`, `lower` or `levels`: as the
    points given to words say), `source` (table and column), `weight` (share of the score, 0…1, by the
    objective in force).
    """
    shares = policy.weights
    return pd.DataFrame(
        [
            {
                "criterion": criterion.name,
                "indicator": indicator.name,
                "zh": indicator.zh,
                **_define(indicator),
                "better": "levels" if indicator.levels is not None else indicator.better,
                "source": f"{indicator.table}.{indicator.column}",
                "weight": shares[criterion.name] * indicator.weight,
            }
            for criterion in policy.criteria
            for indicator in criterion.indicators
        ]
    )


def _define(indicator: Indicator) -> dict[str, str]:
    column = describe_column(indicator.table, indicator.column)
    meaning, unit = (column.meaning, column.unit) if column else ("", "")
    return {"definition": indicator.definition or meaning, "unit": indicator.unit or unit}


def write_catalogue(policy: Policy) -> str:
    """The catalogue as a table in Markdown."""
    head = [_("criterion"), _("indicator"), _("what it is"), _("unit"), _("better"), _("from"), _("weight")]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for row in list_criteria(policy).to_dict("records"):
        named = " ".join(filter(None, [row["indicator"], row["zh"]]))
        better = {"higher": _("more"), "lower": _("less"), "levels": _("by word")}[row["better"]]
        weight = f"{100 * row['weight']:.3g} %"
        cells = [
            row["criterion"],
            named,
            row["definition"],
            row["unit"],
            better,
            f"`{row['source']}`",
            weight,
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def renew(text: str, policy: Policy) -> str:
    """The page with the catalogue as the policy has it now."""
    before, _begin, rest = text.partition(BEGIN)
    return before + BEGIN + write_catalogue(policy) + END + rest.partition(END)[2]


if __name__ == "__main__":
    PAGE.write_text(renew(PAGE.read_text("utf-8"), read_policy("policy.yaml")), "utf-8")
