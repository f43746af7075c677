"""Words on other weights of the criteria than the policy's."""

from collections.abc import Mapping

import pandas as pd

from crcm_lib.decisions.objectives import WITHOUT
from crcm_lib.decisions.weighting_methods import CONSISTENT, complete, weigh_by_comparisons
from crcm_lib.i18n import _
from crcm_lib.reporting.text.numbers import fill
from crcm_lib.stats import LEVEL


def name_methods() -> dict[str, str]:
    """The methods of `criterion_weights.find_weights` in words."""
    return {
        "policy": _("the policy's"),
        "equal": _("equal"),
        "entropy": _("entropy 熵权法"),
        "critic": _("CRITIC"),
        "ahp": _("pairs compared, AHP 层次分析法"),
        "learned": _("learned on past days"),
        "retain": _("objective retain 留存"),
        "grow": _("objective grow 增长"),
        "cut cost": _("objective cut cost 降本"),
        WITHOUT: _("without the objective"),
    }


def write_methods(compared: pd.DataFrame) -> pd.DataFrame:
    """`compare_methods` or `judge_weights` with the methods in words."""
    return compared.assign(weights=compared["weights"].map(name_methods()))


def describe_methods(compared: pd.DataFrame) -> str:
    """Whether other weights would have chosen better on the latest day; they are shown and not used.

    Parameters
    ----------
    compared
        From `criterion_weights.compare_methods` or `judge_weights`.
    """
    if compared["caught"].isna().all():
        return _(
            "Fewer than two past days, or too few customers: no past day tells which weights choose better."
        )
    words = {
        "better": _("{kind} weights would have chosen better (by {difference:change} of later spend)"),
        "worse": _("{kind} weights would have chosen worse (by {difference:change} of it)"),
    }
    names = {
        "equal": _("equal"),
        "entropy": _("entropy"),
        "critic": "CRITIC",
        "ahp": "AHP",
        "learned": _("learned"),
    }
    parts = [
        fill(
            words["better" if row["difference"] > 0 else "worse"],
            kind=names[row["weights"]],
            **row.drop("weights"),
        )
        for _n, row in compared[compared["p"] <= LEVEL].iterrows()
    ]
    found = "; ".join(parts) or _("no others would have chosen better beyond chance")
    return fill(
        _("On the latest day held out {found}. Weights are changed by who signs the policy."), found=found
    )


def describe_comparisons(ahp: Mapping[str, Mapping[str, float]], criteria: list[str]) -> str:
    """How far the policy's comparisons of criteria agree with each other; "" where it has none.

    Parameters
    ----------
    ahp
        The policy's `weighting.ahp`.
    criteria
        Those that the data have.
    """
    if not ahp:
        return ""
    found = weigh_by_comparisons(complete(ahp, criteria))
    words = _(
        "The policy's comparisons agree: consistency ratio {ratio:number}, no more than {most:number} (Saaty "
        "1980)."
    )
    if not found.is_consistent:
        words = _(
            "The policy's comparisons contradict each other: consistency ratio {ratio:number}, above "
            "{most:number} (Saaty 1980). Look at them again before anybody reads their weights."
        )
    return fill(words, ratio=found.consistency_ratio, most=CONSISTENT)
