"""A value model in words: what it learned, and how well it fits."""

import numpy as np
import pandas as pd

from crcm_lib.language import _
from crcm_lib.models.value.model import ValueModel
from crcm_lib.models.value.processes import PARETO, YEAR

LARGEST_COUNT = 7


def tell_model(model: ValueModel) -> pd.DataFrame:
    """What was learned, one row each: `what` and `found`, in words."""
    facts, params, spend = model.facts, model.params, model.spend_params
    rows = [
        (_("model"), model.name),
        (_("learned from"), _("{n:,} customers, {again:,} of them repeat buyers, {days:,.0f} days").format(
            n=facts["customers"], again=facts["repeaters"], days=facts["history_days"])),
        (_("pace"), _("{pace:.2f} purchase days in 30 days, averaged over customers while they stay").format(
            pace=30 * params["r"] / params["alpha"] / model.process.k)),
        (_("leaving"), _tell_leaving(model)),
        (_("spend"), _("{level:,.2f} per purchase day is expected of a stranger, and weighs as much as "
            "{worth:.2f} own purchases").format(level=spend["level"], worth=spend["worth"])),
        (_("margin"), _("cost is unknown: value is revenue") if model.margin is None
            else _("{margin:.1%} of spend, from known cost").format(margin=model.margin)),
        *((_("remark"), reason) for reason in model.reasons),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["what", "found"])


def _tell_leaving(model: ValueModel) -> str:
    params = model.params
    if "a" in params:
        share = params["a"] / (params["a"] + params["b"])
        return _("{chance:.1%} leave after a purchase, on average").format(chance=share)
    if model.purchases == PARETO:
        half = params["beta"] * np.expm1(np.log(2) / params["s"]) if params["s"] > 0.02 else np.inf
        if half > 100 * YEAR:
            return _("half of all customers stay for longer than can be told")
        return _("half of all customers leave within {days:,.0f} days of their first purchase").format(
            days=half
        )
    return _("not modelled: the simple rate takes everybody to stay")


def compare_counts(model: ValueModel, customers: pd.DataFrame) -> pd.DataFrame:
    """Share of buyers by purchases after the first one: `purchases` (0, 1, … 7+), `actual`, `expected`."""
    again = customers.loc[customers["purchases"] > 0, "purchases"].to_numpy(float) - 1
    actual = np.bincount(np.minimum(again, LARGEST_COUNT).astype(int), minlength=LARGEST_COUNT + 1)
    names = [*map(str, range(LARGEST_COUNT)), f"{LARGEST_COUNT}+"]
    return pd.DataFrame(
        {
            "purchases": names,
            "customers": actual,
            "actual": actual / max(len(again), 1),
            "expected": model.expect_counts(customers, LARGEST_COUNT),
        }
    )
