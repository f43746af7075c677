"""Customers -> what each will be worth, how sure that is, and whether such predictions were right before.

`search` finds maxima of likelihoods; `cnbd`, `pareto` and `gamma_gamma` hold them, `expectations` says
what BG/NBD expects of a history, `processes` puts the purchase models behind one interface, `ladder`
chooses what the data can carry, `correction` and `recalibration` learn what a model misses of customers and
of totals, `model` scores customers, `accuracy` measures predictions, `lookback` and `tournament` judge by
the past, `ranges` says how sure, `whatif` changes the assumptions, `telling` puts it into words.
`contracts` learns how subscriptions last, `renewals` values them, `profit` follows spend to what remains.
"""

from crcm_lib.models.clv.backtest import Backtest, backtest
from crcm_lib.models.clv.diagnostics import compare_counts, tell_assumptions, tell_model
from crcm_lib.models.clv.fit import fit_value
from crcm_lib.models.clv.model_selection import Tournament, compete
from crcm_lib.models.clv.prediction_intervals import check_ranges, draw_ranges
from crcm_lib.models.clv.sensitivity import vary
from crcm_lib.models.clv.value_model import ValueModel

__all__ = [
    "Backtest",
    "Tournament",
    "ValueModel",
    "backtest",
    "check_ranges",
    "compare_counts",
    "compete",
    "draw_ranges",
    "fit_value",
    "tell_assumptions",
    "tell_model",
    "vary",
]
