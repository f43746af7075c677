"""Maximum likelihood over weighted histories: fits, Newton's method, the uncertainty of parameters."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crcm_lib.models.histories import Numbers, WeightedHistories

Objective = Callable[[Numbers], tuple[float, Numbers]]
LOG_PARAM_BOUND = np.log(1e4)  # largest size of a log parameter, with time in units of the mean T
BOUND_MARGIN = 0.01  # distance to the bound below which a log parameter counts as being at it
PILOT_CUSTOMERS = 1500  # customers on whom the starting points are compared
BOOTSTRAP_RESAMPLES = 60  # resamples that the covariance of the parameters is estimated from
TIME_PARAMETERS = {"alpha", "beta"}  # parameters in the unit of time
GRADIENT_TOL = 1e-5  # largest gradient of the mean log-likelihood at an optimum
NEWTON_STEPS = 30  # of Newton's method, at most
LONGEST_STEP, SHORTEST_STEP = 1.0, 1e-10  # of a log parameter, in Newton's method
SMALLEST_CURVATURE = 1e-11  # what the noise of a Hessian from differences reaches
LOSS_NOISE = 1e-14  # differences of mean log-likelihoods that are rounding


@dataclass(frozen=True)
class Fit:
    """A maximum of a likelihood.

    Attributes
    ----------
    params
        The estimates, by name.
    loglik
        The log-likelihood of all customers there.
    problems
        Why it is not to be used, as ids: `not_finite`, `no_maximum`, `mean_not_finite`, or the name of a
        parameter and `_at_bound`.
    remarks
        Parameters at their bound where a simpler model lies there, as ids like `a_at_bound`.
    """

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
    may_reach_bound: tuple[str, ...],
    phases: int = 1,
) -> Fit:
    """Fit a purchase model to different (x, t_x, T) in any unit of time, as `maximise` does in scaled time.

    Parameters
    ----------
    phases
        Densities per unit of time that each repeat purchase brings into the likelihood.
    """
    columns, scale = scale_histories(histories)
    best = maximise(likelihood, columns, names, seed, may_reach_bound=may_reach_bound)
    # A density per scaled time is `scale` times one per day.
    shift = phases * float(histories.weight @ histories.columns[0]) * np.log(scale)
    return Fit(scale_times(best.params, scale), float(best.loglik - shift), best.problems, best.remarks)


def scale_histories(histories: WeightedHistories) -> tuple[tuple[Numbers, ...], float]:
    """(x, t_x, T, weight) with the mean T as the unit of time, and that unit."""
    x, t_x, T = histories.columns
    scale = float(np.average(T, weights=histories.weight)) or 1.0
    return (x, t_x / scale, T / scale, histories.weight), scale


def scale_times(params: dict[str, float], factor: float) -> dict[str, float]:
    """The parameters, those in the unit of time multiplied by a factor."""
    return {name: value * factor if name in TIME_PARAMETERS else value for name, value in params.items()}


def maximise(
    likelihood: Callable[..., Objective],
    columns: tuple[Numbers, ...],
    names: tuple[str, ...],
    seed: int,
    *,
    may_reach_bound: tuple[str, ...] = (),
) -> Fit:
    """Compare several starting points on a sample of the histories; maximise from the best on all of them.

    On one thread: the sums are short, and their last digit must not depend on the number of threads.

    Parameters
    ----------
    likelihood
        Makes, from `columns`, the negative mean log-likelihood and its gradient in the logarithms of `names`.
    columns
        Scaled to about 1; the last one holds the weights.
    may_reach_bound
        Parameters that may end at their bound: a simpler model lies there, which is a remark, no problem.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        rng = np.random.default_rng(seed)
        pilot = likelihood(*_sample_customers(columns, rng))
        starts = [np.zeros(len(names)), *rng.uniform(-1.5, 1.5, (3, len(names)))]
        ends = [minimise(pilot, start, steps=40) for start in starts]
        objective = likelihood(*columns)
        point = newton_polish(objective, minimise(objective, min(ends, key=lambda end: pilot(end)[0])))
        loss, gradient = objective(point)
    at_bound = [name for name, reached in zip(names, _at_bound(point), strict=True) if reached]
    return Fit(
        dict(zip(names, np.exp(point).tolist(), strict=True)),
        float(-loss * columns[-1].sum()),
        tuple(_find_problems(point, gradient, [name for name in at_bound if name not in may_reach_bound])),
        tuple(f"{name}_at_bound" for name in at_bound if name in may_reach_bound),
    )


def _sample_customers(columns: tuple[Numbers, ...], rng: np.random.Generator) -> tuple[Numbers, ...]:
    """At most `PILOT_CUSTOMERS`, drawn by how many customers have each history."""
    if len(columns[0]) <= PILOT_CUSTOMERS:
        return columns
    *histories, weight = columns
    drawn = rng.multinomial(PILOT_CUSTOMERS, weight / weight.sum())
    return (*(column[drawn > 0] for column in histories), drawn[drawn > 0].astype(float))


def minimise(objective: Objective, start: Numbers, steps: int = 500) -> Numbers:
    """The point within `LOG_PARAM_BOUND` where `objective` is smallest, by L-BFGS-B from `start`."""
    from scipy.optimize import minimize

    bounds = [(-LOG_PARAM_BOUND, LOG_PARAM_BOUND)] * len(start)
    options = {"maxiter": steps, "ftol": 1e-13, "gtol": 1e-8}
    return minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x


def newton_polish(objective: Objective, x: Numbers) -> Numbers:
    """Newton's method from `x` to the optimum, so that it does not depend on the path that led there.

    Eigenvalues of the Hessian count by their size (Nocedal & Wright 2006, Numerical Optimization, section
    3.4), so that a flat valley is followed to its lowest point or to the first bound. A parameter at its
    bound stays there. A step is taken only if it makes the objective or its gradient smaller.
    """
    x = _put_on_bound(x)
    for _step in range(NEWTON_STEPS):
        value, gradient = objective(x)
        free = ~_at_bound(x)
        curvature = hessian(objective, x)[np.ix_(free, free)]
        if not free.any() or not np.isfinite(curvature).all():
            break
        sizes, directions = np.linalg.eigh(curvature)
        shares = directions.T @ gradient[free] / np.maximum(abs(sizes), SMALLEST_CURVATURE)
        step = np.zeros(len(x))
        step[free] = -directions @ shares
        step *= min(1.0, LONGEST_STEP / max(abs(step).max(), SHORTEST_STEP))
        better = _put_on_bound(x + step * _share_within_bound(x, step))
        lower, slope = objective(better)
        slope, steepest = abs(slope[~_at_bound(better)]).max(initial=0), abs(gradient[free]).max()
        if abs(step).max() < SHORTEST_STEP or not (lower < value - LOSS_NOISE or slope < steepest):
            break
        x = better
    return x


def _share_within_bound(x: Numbers, step: Numbers) -> float:
    """The share of a step, at most 1, that leads to the first bound in its way."""
    moving = step != 0
    room = np.where(step > 0, LOG_PARAM_BOUND - x, LOG_PARAM_BOUND + x)[moving]
    return float(min(1.0, (room / abs(step[moving])).min(initial=1.0)))


def _put_on_bound(x: Numbers) -> Numbers:
    """Log parameters that count as being at their bound, put on it."""
    return np.where(_at_bound(x), np.sign(x) * LOG_PARAM_BOUND, x)


def _at_bound(log_params: Numbers) -> NDArray[np.bool_]:
    """Which log parameters are at their bound."""
    return abs(log_params) > LOG_PARAM_BOUND - BOUND_MARGIN


def _find_problems(x: Numbers, gradient: Numbers, at_bound: list[str]):
    if not np.isfinite(np.append(x, gradient)).all():
        yield "not_finite"
        return
    yield from (f"{name}_at_bound" for name in at_bound)
    if abs(gradient[~_at_bound(x)]).max(initial=0) > GRADIENT_TOL:
        yield "no_maximum"


def sample_parameters(
    likelihood: Callable[..., Objective],
    columns: tuple[Numbers, ...],
    params: dict[str, float],
    random: np.random.Generator,
    *,
    draws: int,
    sample: int,
) -> list[dict[str, float]]:
    """Draw parameters from the distribution of their estimate.

    The bootstrap of weighted histories by one Newton step each: theta - H^-1 g, g the gradient under
    resampled weights, so that the spread is right also where the model does not quite hold. A parameter at
    its bound stays there.

    Parameters
    ----------
    likelihood, columns
        As for `maximise`; the last column holds the weights.
    params
        The estimate, in the order of the likelihood's arguments.
    draws
        How many parameter sets to draw.
    sample
        Different histories used, at most; the covariance is then brought to the size of the whole.
    """
    *histories, weight = columns
    customers = weight.sum()
    if len(weight) > sample:
        drawn = random.multinomial(sample, weight / customers)
        histories, weight = [column[drawn > 0] for column in histories], drawn[drawn > 0].astype(float)
    point = np.log(list(params.values()))
    free = ~_at_bound(point)
    inverse = np.zeros((len(point), len(point)))
    curvature = hessian(likelihood(*histories, weight), point)
    inverse[np.ix_(free, free)] = np.linalg.pinv(curvature[np.ix_(free, free)])
    size = weight.sum()
    steps = []
    for _resample in range(BOOTSTRAP_RESAMPLES):
        counts = random.multinomial(int(size), weight / size)
        objective = likelihood(
            *(column[counts > 0] for column in histories), counts[counts > 0].astype(float)
        )
        steps.append(inverse @ objective(point)[1])
    covariance = np.atleast_2d(np.cov(np.array(steps).T)) * size / customers
    moves = random.multivariate_normal(np.zeros(len(point)), covariance, size=draws, method="svd")
    drawn = np.exp(np.clip(point + moves, -LOG_PARAM_BOUND, LOG_PARAM_BOUND))
    return [dict(zip(params, row.tolist(), strict=True)) for row in drawn]


def hessian(objective: Objective, x: Numbers, step: float = 1e-4) -> Numbers:
    """Central-difference Hessian of `objective` at `x`, shape (k, k), from its gradient."""
    moves = step * np.eye(len(x))
    slopes = np.array([objective(x + move)[1] - objective(x - move)[1] for move in moves])
    return (slopes + slopes.T) / (4 * step)
