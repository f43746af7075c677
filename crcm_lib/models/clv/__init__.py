"""Customer lifetime value: expected purchases and spend of each customer, their uncertainty, and backtests.

A purchase model (`bgnbd`, `pareto_nbd`, `constant_rate`) and a spend model (`gamma_gamma`) make a
`ValueModel`. `select_model` chooses the purchase model by a backtest over windows of the past, `fit_value`
fits a given one. `residual_boosting` corrects predictions per customer, `calibration` their total.
"""

from crcm_lib.models.clv.diagnostics import check_assumptions, compare_counts
from crcm_lib.models.clv.fit import fit_value
from crcm_lib.models.clv.model_selection import ModelSelection, select_model
from crcm_lib.models.clv.prediction_intervals import (
    backtest_intervals,
    predict_intervals,
    relative_totals,
)
from crcm_lib.models.clv.sensitivity import compare_scenarios
from crcm_lib.models.clv.value_model import ValueModel, sum_tenths

__all__ = [
    "ModelSelection",
    "ValueModel",
    "backtest_intervals",
    "check_assumptions",
    "compare_counts",
    "compare_scenarios",
    "fit_value",
    "predict_intervals",
    "relative_totals",
    "select_model",
    "sum_tenths",
]
