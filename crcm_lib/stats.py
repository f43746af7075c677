"""95 % intervals and tests of means, shares and their differences; scipy's where it has them."""

from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple

import numpy as np

Estimate = tuple[float, float, float]  # the estimate, and the lower and upper end of its 95 % interval
Z_95 = 1.959963984540054  # two-sided 95 % of the normal distribution
POWER_80 = 0.8416212335729143  # one-sided 80 %: what a power of 80 % adds to it
TOGETHER = 0.2  # level at which copies differ by more than their customers, each alone, would make
LEVEL = 0.05  # chance of any false claim of one kind, and of an interval that misses


class Comparison(NamedTuple):
    """The difference of two arms.

    Attributes
    ----------
    difference, low, high
        First arm less second, and its own 95 % interval, in the unit of the values.
    p
        Two-sided: twice the smaller tail, so that a difference is as rarely found upwards as downwards.
    smallest_p
        The smallest p that any outcome could have had, in arms of these sizes.
    """

    difference: float
    low: float
    high: float
    p: float
    smallest_p: float


def wilson(hits: float, trials: float) -> tuple[float, float]:
    """The interval of a share (Wilson 1927, Journal of the American Statistical Association 22, 209-212).

    >>> low, high = wilson(5, 10)
    >>> round(low, 3), round(high, 3)
    (0.237, 0.763)
    """
    from scipy.stats import binomtest

    interval = binomtest(int(hits), int(trials)).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def newcombe(one: np.ndarray, other: np.ndarray) -> Estimate:
    """Difference of two shares of ones, and its interval.

    Newcombe (1998), Statistics in Medicine 17, 873-890, method 10; his example of 56/70 against 48/80:

    >>> ones = [np.repeat([1.0, 0.0], counts) for counts in ([56, 14], [48, 32])]
    >>> [round(number, 4) for number in newcombe(*ones)]
    [0.2, 0.0524, 0.3339]
    """
    p, q = float(one.mean()), float(other.mean())
    (low_p, high_p), (low_q, high_q) = (wilson(values.sum(), len(values)) for values in (one, other))
    down, up = np.hypot(p - low_p, high_q - q), np.hypot(high_p - p, q - low_q)
    return p - q, float(p - q - down), float(p - q + up)


def count_effective(hits: np.ndarray, events: np.ndarray) -> float:
    """How many independent events those of several customers are as good as.

    Their number by the design effect, never more than there are. Where all are alike their spread says
    nothing, and each customer counts once.

    Parameters
    ----------
    hits, events
        Per customer, of two or more; each has an event.

    Examples
    --------
    Of eighty customers with an event each half are hits; then of forty with two events each:

    >>> count_effective(np.repeat([1.0, 0.0], 40), np.ones(80))
    80.0
    >>> count_effective(np.tile([2.0, 0.0], 20), np.full(40, 2.0))
    39.493671
    """
    customers, total = len(events), float(events.sum())
    share = float(hits.sum()) / total
    if share in (0, 1):
        return float(customers)
    variance = float((((hits - events * share) / total) ** 2).sum()) * customers / (customers - 1)
    if_apart = share * (1 - share) / (total - 1)
    return float(round(total * if_apart / max(variance, if_apart), 6))


def share_of_events(hits: np.ndarray, events: np.ndarray) -> Estimate:
    """Share of events that are hits, and its interval, where events of one customer go together.

    Wilson's interval for as many events as would give the variance between customers, with Student's t
    (effective sample size: Korn & Graubard 1998, Survey Methodology 24, 193-201). Where all customers are
    alike, each counts as one event. Unknown (NaN) for fewer than two customers.

    Parameters
    ----------
    hits, events
        Per customer; those without an event do not count.

    Examples
    --------
    Ten customers with an event each, half of them hits; then each of them with the same ten times over:

    >>> one = np.repeat([1.0, 0.0], 5)
    >>> [round(number, 2) for number in share_of_events(one, np.ones(10))]
    [0.5, 0.21, 0.79]
    >>> [round(number, 2) for number in share_of_events(10 * one, np.full(10, 10.0))]
    [0.5, 0.2, 0.8]
    """
    from scipy.stats import t

    counted = events > 0
    hits, events = hits[counted].astype(float), events[counted].astype(float)
    customers, total = len(events), float(events.sum())
    share = float(hits.sum()) / total if total else float("nan")
    if customers < 2:
        return share, float("nan"), float("nan")
    square = float(t.ppf(0.975, customers - 1)) ** 2 / count_effective(hits, events)
    half = np.sqrt(square * share * (1 - share) + square**2 / 4)
    low, high = ((share + square / 2 + side * half) / (1 + square) for side in (-1, 1))
    return share, float(max(low, 0.0)), float(min(high, 1.0))


def compare_events(hits: np.ndarray, events: np.ndarray, other: np.ndarray, of: np.ndarray) -> Comparison:
    """Difference of two ratios of sums over the same customers: sum of hits by events, less other by of.

    By linearisation (Cochran 1977, Sampling Techniques, section 6.4) with customers as the units, so that
    the events of one customer may go together, and both ratios may share customers. Student's t with as many
    degrees of freedom as customers of equal parts would give the sum of squares (Satterthwaite 1946,
    Biometrics Bulletin 2, 110-114), so that a few large customers make no claim.

    >>> ones, none = np.array([1.0, 1.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0, 0.0])
    >>> found = compare_events(ones, np.ones(4), none, np.ones(4))
    >>> round(found.difference, 2), round(found.p, 2)
    (0.5, 0.18)
    """
    from scipy.stats import t

    parts = np.zeros(len(hits))
    difference = 0.0
    for numerator, whole, sign in ((hits, events, 1.0), (other, of, -1.0)):
        ratio = float(numerator.sum() / whole.sum()) if whole.sum() else float("nan")
        difference += sign * ratio
        parts = parts + sign * (numerator - whole * ratio) / (whole.sum() or 1.0)
    squares = parts**2
    freedom = int(squares.sum() ** 2 / (squares**2).sum()) - 1 if squares.sum() > 0 else 0
    if freedom < 1:
        return Comparison(difference, float("nan"), float("nan"), 1.0, 1.0)
    error = float(np.sqrt(squares.sum() * len(parts) / (len(parts) - 1)))
    half = float(t.ppf(0.975, freedom)) * error
    p = student_p(difference, error, freedom)
    return Comparison(difference, difference - half, difference + half, p, 0.0)


def total(values: np.ndarray) -> Comparison:
    """Sum of one number per customer, as a difference from nothing.

    How many customers there are is taken as chance too: the variance of a sum of so many draws as a Poisson
    number says is the expected sum of squares. Student's t with as many degrees of freedom as customers of
    equal parts would give it, at least one, as in `compare_events`, so that a few large customers make no
    claim. Where all numbers have one sign, the interval is that of the sum's logarithm, which never holds
    zero and lies as far out as skewed amounts do.

    >>> found = total(np.array([3.0, -1.0, 2.0, 0.0]))
    >>> round(found.difference, 2), round(found.low, 2), round(found.p, 2)
    (4.0, -43.54, 0.48)
    >>> [round(end, 1) for end in total(np.full(100, 2.0))[1:3]]
    [164.0, 243.9]
    """
    from scipy.stats import t

    values = np.asarray(values, dtype=float)
    squares, difference = values**2, float(values.sum())
    if (squares > 0).sum() < 2:
        return Comparison(difference, float("nan"), float("nan"), 1.0, 1.0)
    freedom = max(int(squares.sum() ** 2 / (squares**2).sum()) - 1, 1)
    error = float(np.sqrt(squares.sum()))
    half = float(t.ppf(0.975, freedom)) * error
    p, ends = student_p(difference, error, freedom), [difference - half, difference + half]
    if (values >= 0).all() or (values <= 0).all():
        ends = sorted(difference * np.exp(np.array([-1.0, 1.0]) * half / abs(difference)))
    return Comparison(difference, float(ends[0]), float(ends[1]), p, 0.0)


def student(values: np.ndarray) -> Estimate:
    """Mean and its interval by Student's t; the interval of one value is unknown (NaN).

    >>> [round(number, 3) for number in student(np.array([1.0, 2.0, 3.0]))]
    [2.0, -0.484, 4.484]
    """
    from scipy.stats import t

    mean = float(values.mean())
    if len(values) < 2:
        return mean, float("nan"), float("nan")
    half = float(t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    return mean, mean - half, mean + half


def holm(p: np.ndarray, smallest_p: np.ndarray | float = 0.0) -> np.ndarray:
    """The p of all claims of one kind, adjusted: read at a level, any is false with at most that chance.

    Holm (1979), Scandinavian Journal of Statistics 6, 65-70. A comparison that could not have reached `LEVEL`
    whatever came is not counted (Tarone 1990, Biometrics 46, 515-522); its adjusted p is missing (NaN).

    >>> holm(np.array([0.01, 0.04, 0.03, 0.9])).round(3).tolist()
    [0.04, 0.09, 0.09, 0.9]
    >>> holm(np.array([0.02, 0.3]), smallest_p=np.array([0.001, 0.3])).tolist()
    [0.02, nan]
    """
    p = np.asarray(p, dtype=float)
    smallest: np.ndarray = np.where(np.isnan(p), np.inf, smallest_p)
    numbers = range(1, len(p) + 1)
    least = next((LEVEL / number for number in numbers if (smallest <= LEVEL / number).sum() <= number), 0.0)
    counted = np.flatnonzero(smallest <= least)
    counted = counted[np.argsort(p[counted], kind="stable")]
    adjusted = np.full(len(p), np.nan)
    adjusted[counted] = np.maximum.accumulate(p[counted] * np.arange(len(counted), 0, -1)).clip(max=1)
    return adjusted


def exact_p(hits: int, strata: Sequence[tuple[int, int, int]]) -> tuple[float, float]:
    """The p of so many hits in one arm, and the smallest p that any number of them could have had.

    Fisher's exact test, over strata (Gart 1970, Biometrika 57, 471-475). Where arms are drawn at random, or
    tiers shuffled, it is the permutation test itself; mid-p would find more, and false ones more often than
    it says. Two-sided: twice the smaller tail.

    Parameters
    ----------
    hits
        In the one arm, over all strata.
    strata
        Of each stratum: its customers, the hits among them, and how many customers are in the one arm.

    Examples
    --------
    Fisher's lady, who tells three of four cups of tea; the chance of three or more is 17/70:

    >>> [round(p, 4) for p in exact_p(3, [(8, 4, 4)])]
    [0.4857, 0.0286]
    """
    from scipy.stats import hypergeom

    lowest, chances = 0, []
    for customers, of_all, drawn in strata:
        low = max(0, drawn + of_all - customers)
        lowest += low
        chances.append(hypergeom.pmf(np.arange(low, min(of_all, drawn) + 1), customers, of_all, drawn))
    chance = reduce(np.convolve, chances)
    place = hits - lowest
    tail = min(chance[: place + 1].sum(), chance[place:].sum())
    return min(1.0, float(2 * tail)), min(1.0, float(2 * min(chance[0], chance[-1])))


def compare_shares(values: np.ndarray, first: np.ndarray, strata: np.ndarray) -> Comparison:
    """Difference of the shares of ones of two arms, with the exact p and Newcombe's interval.

    Strata are weighted by their customers of the first arm; their intervals are put together by the squares
    of their sides (Zou & Donner 2008, Statistics in Medicine 27, 1693-1702), as Newcombe's itself is.

    Parameters
    ----------
    values
        1 or 0 per customer.
    first
        True for the first arm.
    strata
        Within which the arms were drawn; both arms are in each.
    """
    inside = [strata == stratum for stratum in np.unique(strata)]
    counts = [(int(rows.sum()), int(values[rows].sum()), int(first[rows].sum())) for rows in inside]
    p, smallest_p = exact_p(int(values[first].sum()), counts)
    weights = np.array([drawn for _customers, _hits, drawn in counts]) / first.sum()
    intervals = np.array([newcombe(values[rows & first], values[rows & ~first]) for rows in inside])
    difference = float(weights @ intervals[:, 0])
    down, up = (float(np.linalg.norm(weights * (intervals[:, 0] - intervals[:, end]))) for end in (1, 2))
    return Comparison(difference, difference - down, difference + up, p, smallest_p)


def normal_p(difference: float, error: float) -> float:
    """The two-sided p of a difference with this standard error, by the normal limit; 1 without any error.

    >>> round(normal_p(1.96, 1.0), 3), normal_p(5.0, 0.0)
    (0.05, 1.0)
    """
    from scipy.special import ndtr

    return float(2 * ndtr(-abs(difference) / error)) if error > 0 else 1.0


def student_p(difference: float, error: float, freedom: int) -> float:
    """The two-sided p of a difference whose standard error has so many degrees of freedom; 1 without error.

    >>> round(student_p(2.365, 1.0, 7), 3)
    0.05
    """
    from scipy.special import stdtr

    return float(2 * stdtr(freedom, -abs(difference) / error)) if error > 0 else 1.0


def exceed_copies(measured: np.ndarray) -> tuple[float, float, float]:
    """By how much the mean of what was observed exceeds the mean of its copies; its standard error; p.

    Parameters
    ----------
    measured
        A row per customer: what was observed, then the same of each copy, which chance alone has made.

    Returns
    -------
    The excess, its standard error and two-sided p value. Customers may go together, as equal ones do over a
    border of points: where whole copies differ by more than their customers, each alone, would make (by a
    chi-squared test, at `TOGETHER`), their spread is the measure, with Student's t; else as in
    `exceed_alone`. Without any spread p is 1.
    """
    from scipy.special import chdtrc

    excess, error, p = exceed_alone(measured)
    copies = measured.shape[1] - 1
    spread = float(measured[:, 1:].mean(axis=0).var(ddof=1) * (1 + 1 / copies)) if copies > 1 else 0.0
    if not error > 0 or chdtrc(copies - 1, (copies - 1) * spread / error**2) > TOGETHER:
        return excess, error, p
    return excess, float(np.sqrt(spread)), student_p(excess, float(np.sqrt(spread)), copies - 1)


def exceed_alone(measured: np.ndarray) -> tuple[float, float, float]:
    """The same of what a customer does whatever others do, by the normal limit of many customers.

    Where nobody changed, each of a row's numbers is as likely to be the observed one (Lehmann & Romano 2005,
    Testing Statistical Hypotheses, section 15.2).
    """
    copies = measured.shape[1] - 1
    excess = float(np.mean(measured[:, 0] - measured[:, 1:].mean(axis=1)))
    error = float(np.sqrt(measured.var(axis=1, ddof=1).sum() * (1 + 1 / copies))) / len(measured)
    return excess, error, normal_p(excess, error)
