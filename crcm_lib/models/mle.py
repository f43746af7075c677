"""Different histories, and the maxima of likelihoods over them.

Every likelihood runs over the *different* histories, each with the number of customers who have it, so that
its cost follows the variety of a customer base and not its size.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crcm_lib.i18n import _

Numbers = NDArray[np.float64]
Objective = Callable[[Numbers], tuple[float, Numbers]]
LOG_PARAM_BOUND = np.log(1e4)  # of a log parameter, in scaled units: beyond it, a fit has run away
PILOT_CUSTOMERS = 1500  # customers on whom the starting points compete
BOOTSTRAP_RESAMPLES = 60  # resamples that the spread of parameters is learned from
TIME_PARAMETERS = {"alpha", "beta"}  # parameters in the unit of time
GRADIENT_TOL = 1e-5  # largest gradient of the mean log-likelihood at an optimum


@dataclass(frozen=True)
class WeightedHistories:
    """The different rows among some columns, in sorted order."""

    columns: tuple[Numbers, ...]
    weight: Numbers  # how many rows are like this one
    which: NDArray[np.int64]  # for each original row, the number of its different row

    def __len__(self) -> int:
        return len(self.weight)


def weighted_histories(*columns: Numbers) -> WeightedHistories:
    """Collect the different rows; their order does not depend on the order of the rows.

    Examples
    --------
    >>> different = weighted_histories(np.array([2., 0., 2.]), np.array([7., 1., 7.]))
    >>> different.weight.tolist(), different.which.tolist()
    ([1.0, 2.0], [1, 0, 1])
    """
    key = np.zeros(len(columns[0]), dtype=np.int64)
    values = []
    for column in columns:
        codes, levels = pd.factorize(np.asarray(column, dtype=float), sort=True)
        key = key * max(len(levels), 1) + codes
        values.append(levels)
    which, keys = pd.factorize(key, sort=True)
    rows = []
    for levels in reversed(values):
        keys, codes = np.divmod(keys, max(len(levels), 1))
        rows.append(levels[codes])
    return WeightedHistories(
        tuple(reversed(rows)), np.bincount(which, minlength=len(keys)).astype(float), which
    )


@dataclass(frozen=True)
class Fit:
    """A maximum of a likelihood, what is wrong with it if anything, and what else there is to know of it."""

    params: dict[str, float]
    loglik: float
    problems: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def fit_histories(
    likelihood: Callable[..., Objective],
    histories: WeightedHistories,
    names: tuple[str, ...],
    seed: int,
    *,
    may_run_off: tuple[str, ...],
    phases: int = 1,
) -> Fit:
    """Fit a purchase model to different (x, t_x, T) in any unit of time, as `maximise` does in scaled time.

    Parameters
    ----------
    phases
        Densities per unit of time that each repeat purchase brings into the likelihood.
    """
    columns, scale = scale_histories(histories)
    best = maximise(likelihood, columns, names, seed, may_run_off=may_run_off)
    # A density per scaled time is `scale` times one per day.
    shift = phases * float(histories.weight @ histories.columns[0]) * np.log(scale)
    return Fit(scale_times(best.params, scale), float(best.loglik - shift), best.problems, best.remarks)


def scale_histories(histories: WeightedHistories) -> tuple[tuple[Numbers, ...], float]:
    """(x, t_x, T, weight) with the mean T as the unit of time, and that unit."""
    x, t_x, age = histories.columns
    scale = float(np.average(age, weights=histories.weight)) or 1.0
    return (x, t_x / scale, age / scale, histories.weight), scale


def scale_times(params: dict[str, float], factor: float) -> dict[str, float]:
    """The parameters with those in the unit of time times a factor."""
    return {name: value * factor if name in TIME_PARAMETERS else value for name, value in params.items()}


def maximise(
    likelihood: Callable[..., Objective],
    columns: tuple[Numbers, ...],
    names: tuple[str, ...],
    seed: int,
    *,
    may_run_off: tuple[str, ...] = (),
) -> Fit:
    """Let several starting points compete on a part of the histories; climb from the best on all of them.

    On one thread: the sums are short, and how many threads share them must not show in the last digit.

    Parameters
    ----------
    likelihood
        Makes, from `columns`, the negative mean log-likelihood and its gradient in the logarithms of `names`.
    columns
        Scaled to about 1; the last one holds the weights.
    may_run_off
        Parameters whose running to the limit is a remark (a simpler model lies there), not a problem.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return _search(likelihood, columns, names, seed, may_run_off)


def _search(likelihood, columns, names, seed: int, may_run_off) -> Fit:
    rng = np.random.default_rng(seed)
    part = columns
    if len(columns[0]) > PILOT_CUSTOMERS:  # as many customers, drawn by how many have each history
        *histories, weight = columns
        drawn = rng.multinomial(PILOT_CUSTOMERS, weight / weight.sum())
        part = (*(column[drawn > 0] for column in histories), drawn[drawn > 0].astype(float))
    starts = [np.zeros(len(names)), *rng.uniform(-1.5, 1.5, (3, len(names)))]
    pilot = likelihood(*part)
    ends = [minimise(pilot, start, steps=40) for start in starts]
    objective = likelihood(*columns)
    point = newton_polish(objective, minimise(objective, min(ends, key=lambda end: pilot(end)[0])))
    height, slope = objective(point)
    return Fit(
        dict(zip(names, np.exp(point).tolist(), strict=True)),
        float(-height * columns[-1].sum()),
        tuple(_find_problems(point, slope, names, set(names) - {*may_run_off})),
        tuple(_at_limit(point, names, may_run_off)),
    )


def minimise(objective: Objective, start: Numbers, steps: int = 500) -> Numbers:
    """The point within `LOG_PARAM_BOUND` where `objective` is smallest, by L-BFGS-B from `start`."""
    from scipy.optimize import minimize

    box = [(-LOG_PARAM_BOUND, LOG_PARAM_BOUND)] * len(start)
    options = {"maxiter": steps, "ftol": 1e-13, "gtol": 1e-8}
    return minimize(objective, start, jac=True, method="L-BFGS-B", bounds=box, options=options).x


def newton_polish(objective: Objective, point: Numbers) -> Numbers:
    """A few Newton steps, so that the optimum does not depend on the path that led there.

    A parameter that ran to its limit stays there.
    """
    for _round in range(4):
        slope, free = objective(point)[1], abs(point) <= LOG_PARAM_BOUND - 0.01
        if abs(slope[free]).max(initial=0) < 1e-11:
            break
        bend = hessian(objective, point)[np.ix_(free, free)]
        if not np.isfinite(bend).all() or np.linalg.eigvalsh(bend).min() <= 0:
            break
        better = point.copy()
        better[free] -= np.linalg.solve(bend, slope[free])
        if not abs(better[free]).max() < LOG_PARAM_BOUND:
            break
        if not abs(objective(better)[1][free]).max() < abs(slope[free]).max():
            break
        point = better
    return point


def _find_problems(point: Numbers, slope: Numbers, names: tuple[str, ...], fixed: set[str]):
    if not np.isfinite(np.append(point, slope)).all():
        yield _("the likelihood is not a number")
        return
    yield from _at_limit(point, names, fixed)
    free = abs(point) <= LOG_PARAM_BOUND - 0.01
    if abs(slope[free]).max(initial=0) > GRADIENT_TOL:
        yield _("no maximum was found, the steepest slope is {slope:.1e}").format(
            slope=abs(slope[free]).max()
        )


def _at_limit(point: Numbers, names: tuple[str, ...], among):
    for name, log in zip(names, point, strict=True):
        if name in among and abs(log) > LOG_PARAM_BOUND - 0.01:
            yield _("{name} ran to its limit").format(name=name)


def sample_parameters(
    likelihood: Callable[..., Objective],
    columns: tuple[Numbers, ...],
    params: dict[str, float],
    random: np.random.Generator,
    *,
    draws: int,
    sample: int,
) -> list[dict[str, float]]:
    """Draw parameters as uncertain as the data leave them, around their estimate.

    The bootstrap of weighted histories by one Newton step each: theta - H^-1 g, g the gradient under
    resampled weights, so that a model that does not quite hold is as uncertain as it should be. A parameter
    at its limit stays there.

    Parameters
    ----------
    likelihood, columns
        As for `maximise`; the last column holds the weights.
    params
        The estimate, in the order of the likelihood's arguments.
    sample
        Different histories used, at most; the spread is then brought to the size of the whole.
    """
    *histories, weight = columns
    people = weight.sum()
    if len(weight) > sample:
        drawn = random.multinomial(sample, weight / people)
        histories, weight = [column[drawn > 0] for column in histories], drawn[drawn > 0].astype(float)
    point = np.log(list(params.values()))
    free = abs(point) <= LOG_PARAM_BOUND - 0.01
    inverse = np.zeros((len(point), len(point)))
    inverse[np.ix_(free, free)] = np.linalg.pinv(
        hessian(likelihood(*histories, weight), point)[np.ix_(free, free)]
    )
    size = weight.sum()
    steps = []
    for _draw in range(BOOTSTRAP_RESAMPLES):
        again = random.multinomial(int(size), weight / size)
        seen = again > 0
        slope = likelihood(*(column[seen] for column in histories), again[seen].astype(float))(point)[1]
        steps.append(inverse @ slope)
    covariance = np.atleast_2d(np.cov(np.array(steps).T)) * size / people
    moves = random.multivariate_normal(np.zeros(len(point)), covariance, size=draws, method="svd")
    drawn = np.exp(np.clip(point + moves, -LOG_PARAM_BOUND, LOG_PARAM_BOUND))
    return [dict(zip(params, row.tolist(), strict=True)) for row in drawn]


def hessian(objective: Objective, point: Numbers, step: float = 1e-4) -> Numbers:
    """The matrix of second derivatives, from differences of the gradient."""
    moves = step * np.eye(len(point))
    bend = np.array([objective(point + move)[1] - objective(point - move)[1] for move in moves])
    return (bend + bend.T) / (4 * step)
