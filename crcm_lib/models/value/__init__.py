"""Customers -> what each will be worth, and whether such predictions were right before.

`likelihoods` finds parameters, `expectations` says what they mean for a history, `model` scores customers,
`ladder` chooses what the data can carry, `accuracy` measures predictions, `lookback` judges by the past,
`whatif` changes the assumptions, `telling` puts it into words.
"""

from crcm_lib.models.value.ladder import fit_value
from crcm_lib.models.value.lookback import Backtest, backtest
from crcm_lib.models.value.model import ValueModel
from crcm_lib.models.value.telling import compare_counts, tell_assumptions, tell_model
from crcm_lib.models.value.whatif import vary

__all__ = [
    "Backtest",
    "ValueModel",
    "backtest",
    "compare_counts",
    "fit_value",
    "tell_assumptions",
    "tell_model",
    "vary",
]
