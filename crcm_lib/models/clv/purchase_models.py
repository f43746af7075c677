"""The purchase models behind one interface: protocol, ids and registry; and which of them data can carry."""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from crcm_lib.models.clv.bgnbd import BGCNBD
from crcm_lib.models.clv.constant_rate import ConstantRate, SameRate
from crcm_lib.models.clv.pareto_nbd import ParetoNBD
from crcm_lib.models.histories import Numbers, WeightedHistories
from crcm_lib.models.mle import Fit, Objective
from crcm_lib.models.reasons import Reason

MAX_ERLANG_SHAPE = 8
MIN_FACTS = {"customers": 100, "repeaters": 30, "history_days": 90}  # below which no dropout model is fitted


class PurchaseModel(Protocol):
    """A model of when customers buy and when they stop for good (drop out).

    A history is (x, t_x, T): repeat purchases, days from the first to the last purchase, days from the first
    purchase to the last day observed; each an array of shape (n,). `params` are those that `fit` returns.
    """

    @property
    def name(self) -> str:
        """The model's id, its name in the papers."""
        ...

    @property
    def k(self) -> int:
        """Erlang shape of the days between purchases while a customer is active; 1 is a Poisson process."""
        ...

    @property
    def param_names(self) -> tuple[str, ...]:
        """The parameters of the likelihood, in the order of `objective`."""
        ...

    @property
    def objective(self) -> Callable[..., Objective] | None:
        """The likelihood; None where the model is not fitted by likelihood.

        Makes, from (x, t_x, T, weight), the negative mean log-likelihood and its gradient in the logarithms
        of the parameters.
        """
        ...

    def fit(self, histories: WeightedHistories, *, seed: int = 0) -> Fit:
        """Fit to the different histories; `seed` is that of the starting points."""
        ...

    def p_alive(self, params: dict[str, float], x: Numbers, t_x: Numbers, T: Numbers) -> Numbers:
        """P(active at T), shape (n,); NaN where dropout is not modelled."""
        ...

    def expected_purchases(
        self, params: dict[str, float], x, t_x, T, horizon_days, discount_rate: float = 0.0
    ) -> Numbers:
        """Expected purchases within `horizon_days` *if active at T*, shape (n,).

        Each is discounted from its own day at the continuous daily `discount_rate`.
        """
        ...

    def p_no_purchase(self, params: dict[str, float], x, t_x, T, horizon_days: float) -> Numbers:
        """P(no purchase within `horizon_days`) *if active at T*, shape (n,)."""
        ...

    def count_distribution(self, params: dict[str, float], T: Numbers, weight, max_count: int) -> Numbers:
        """Share of customers expected to have 0, 1, … `max_count` or more repeat purchases by T."""
        ...

    def sample(self, params: dict[str, float], x, t_x, T, horizon_days, rate_factor, random) -> Numbers:
        """One draw of each customer's purchases within the horizon if active at T, shape (n,).

        `rate_factor` multiplies each customer's purchase rate; `random` is a numpy Generator.
        """
        ...


MODELS: tuple[PurchaseModel, ...] = (
    ConstantRate(),
    SameRate(),
    BGCNBD(k=1, first_dropout=0),
    BGCNBD(k=1, first_dropout=1),
    ParetoNBD(),
    *(BGCNBD(k, first_dropout) for first_dropout in (0, 1) for k in range(2, MAX_ERLANG_SHAPE + 1)),
)
PURCHASE_MODELS = {model.name: model for model in MODELS}

CONSTANT_RATE, BGNBD, MBGNBD, PARETO = "constant_rate", "BG/NBD", "MBG/NBD", "Pareto/NBD"
REGULAR = "MBG/CNBD-k"  # the member of that family whose k is measured on the customers
SAME_RATE, LAST_PERIOD = "same_rate", "last_period"
PLAIN = (SAME_RATE, BGNBD, MBGNBD, PARETO, REGULAR)  # the simplest first
CORRECTED = "Pareto/NBD, corrected"  # with the factors of `residual_boosting`
CANDIDATES = (*PLAIN, CORRECTED)
BASELINES = (SAME_RATE, LAST_PERIOD)


def plain_model(candidate: str) -> str:
    """The plain model whose totals a candidate has: its own, or that of the model which it corrects.

    >>> plain_model("BG/NBD"), plain_model("Pareto/NBD, corrected")
    ('BG/NBD', 'Pareto/NBD')
    """
    return candidate if candidate in PLAIN else PARETO


def regular_model(shape: float) -> str:
    """The MBG model for gaps between purchases of this Erlang shape.

    Examples
    --------
    >>> regular_model(2.4), regular_model(0.7)
    ('MBG/CNBD-2', 'MBG/NBD')
    """
    return BGCNBD(int(np.clip(np.floor(shape + 0.5), 1, MAX_ERLANG_SHAPE)), first_dropout=1).name


def fit_purchases(
    name: str, histories: WeightedHistories, facts: dict[str, float], *, seed: int = 0
) -> tuple[str, Fit, tuple[Reason, ...]]:
    """Fit a model of `PURCHASE_MODELS`, or the constant rate where the data are too few or it does not fit.

    Parameters
    ----------
    facts
        `customers`, `repeaters` and `history_days` of the data.

    Returns
    -------
    The model used, its fit, and why the model asked for is not used, or remarks on its fit.
    """
    reasons = [
        Reason(f"too_few_{fact}", {"model": name, fact: facts[fact], "needed": needed})
        for fact, needed in MIN_FACTS.items()
        if name not in (CONSTANT_RATE, SAME_RATE) and facts[fact] < needed
    ]
    if not reasons:
        fit = PURCHASE_MODELS[name].fit(histories, seed=seed)
        if not fit.problems:
            at_bound = Reason("parameters_at_bound", {"model": name, "parameters": list(fit.remarks)})
            return name, fit, (at_bound,) if fit.remarks else ()
        reasons = [Reason("model_does_not_fit", {"model": name, "problems": list(fit.problems)})]
    return CONSTANT_RATE, PURCHASE_MODELS[CONSTANT_RATE].fit(histories), tuple(reasons)
