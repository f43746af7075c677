"""What the pages say of risk, gathered in one list: concentration, leaving, credit and what is owed."""

import math

import pandas as pd

from crcm_lib.models.churn import summarise_states
from crcm_lib.models.churn.alerts import SILENT
from crcm_lib.models.customer_base import measure_concentration

COLUMNS = ["risk", "page", "customers", "amount", "share"]


def gather_risks(
    known: dict[str, pd.DataFrame], exposure: pd.DataFrame, late: pd.DataFrame, *, at_least: int
) -> pd.DataFrame:
    """The risk register (风险): each risk by the figures of the page that measures it.

    Parameters
    ----------
    known
        The tables `customer_features`, `churn`, `tiers` and `value`.
    exposure
        From `receivables.measure_exposure`; no rows where nobody knows what is owed.
    late
        From `open_invoices.list_overdue`.
    at_least
        The smallest group that may be shown.

    Returns
    -------
    One row per risk: `risk`, `page` (that measures it), `customers`, `amount` (currency), `share`.

    - `top_tenth` (02): what the tenth of buyers who spend most have spent, of all spend
    - `leaving` (05): the value at risk of those who bought within the horizon
    - `silent` (05): who bought nothing for longer, and what they spent so far
    - `terms_withheld` (08): for credit, and their predicted value, of all
    - `owed` and `overdue` (17): the latter of what is owed; `called` (09): overdue for longer than the policy
      allows, of what is owed
    - `largest` (17): the largest debtors together, of all exposure

    A risk of which the data hold nothing has no row.
    """
    customers, churn, tiers = known["customer_features"], known["churn"], known["tiers"]
    buyers = customers.loc[customers["purchases"] > 0, "spend_total"].astype("float64").clip(lower=0)
    top = math.ceil(len(buyers) / 10)
    share = measure_concentration(customers, at_least=at_least)["top_10_share"]
    rows = [("top_tenth", "02", top, float(buyers.nlargest(top).sum()), share)]
    states = summarise_states(churn, customers).set_index("state")
    within = states.drop(index=SILENT)
    rows.append(("leaving", "05", int(within["customers"].sum()), within["value_at_risk"].sum(), math.nan))
    silent = states.loc[SILENT]
    rows.append(("silent", "05", int(silent["customers"]), float(silent["spend_so_far"]), math.nan))
    value = known["value"]["value"].reindex(tiers.index).fillna(0.0)
    withheld = tiers["terms_withheld"].to_numpy(bool)
    if withheld.any():
        part = float(value[withheld].sum())
        rows.append(("terms_withheld", "08", int(withheld.sum()), part, part / (value.sum() or math.nan)))
    if len(exposure):
        rows += _list_debts(exposure, late, at_least)
    return pd.DataFrame(rows, columns=COLUMNS)


def _list_debts(exposure: pd.DataFrame, late: pd.DataFrame, at_least: int) -> list[tuple]:
    owed, total = exposure["owed"], round(float(exposure["owed"].sum()), 4)
    rows: list[tuple] = [("owed", "17", int((owed > 0).sum()), total, math.nan)]
    parts = {"overdue": exposure.loc[exposure["overdue"] > 0, "overdue"], "called": late["owed"]}
    for name, amounts in parts.items():
        page = "09" if name == "called" else "17"
        part = round(float(amounts.sum()), 4)
        rows.append((name, page, len(amounts), part, part / total if total else math.nan))
    largest = exposure["exposure"].nlargest(at_least)
    if (exposure["exposure"] > 0).sum() >= 2 * at_least:
        part = float(largest.sum())
        rows.append(("largest", "17", at_least, part, part / float(exposure["exposure"].sum())))
    return rows
