"""Customers -> what each will be worth, and whether such predictions were right before.

`likelihoods` finds parameters, `expectations` says what they mean for a history, `model` scores customers,
`ladder` chooses what the data can carry, `accuracy` measures predictions, `lookback` judges by the past.
"""

from crcm_lib.models.value.ladder import fit_value
from crcm_lib.models.value.lookback import Backtest, backtest
from crcm_lib.models.value.model import ValueModel

__all__ = ["Backtest", "ValueModel", "backtest", "fit_value"]
