"""Customers -> what each will be worth, how sure that is, and whether such predictions were right before.

`search` finds maxima of likelihoods; `cnbd`, `pareto` and `gamma_gamma` hold them, `expectations` says
what BG/NBD expects of a history, `processes` puts the purchase models behind one interface, `ladder`
chooses what the data can carry, `correction` and `recalibration` learn what a model misses of customers and
of totals, `model` scores customers, `accuracy` measures predictions, `lookback` and `tournament` judge by
the past, `ranges` says how sure, `whatif` changes the assumptions, `telling` puts it into words.
`contracts` learns how subscriptions last, `renewals` values them, `profit` follows spend to what remains.
"""

from crcm_lib.models.clv.backtest import Backtest, backtest_once
from crcm_lib.models.clv.diagnostics import check_assumptions, compare_counts, describe_model
from crcm_lib.models.clv.fit import fit_value
from crcm_lib.models.clv.model_selection import ModelSelection, select_model
from crcm_lib.models.clv.prediction_intervals import describe_coverage, predict_intervals
from crcm_lib.models.clv.sensitivity import vary
from crcm_lib.models.clv.value_model import ValueModel

__all__ = [
    "Backtest",
    "ModelSelection",
    "ValueModel",
    "backtest_once",
    "check_assumptions",
    "compare_counts",
    "describe_coverage",
    "describe_model",
    "fit_value",
    "predict_intervals",
    "select_model",
    "vary",
]
