"""95 % intervals of means, shares and their differences; scipy's, save Newcombe's, which scipy lacks."""

import numpy as np

Estimate = tuple[float, float, float]  # the estimate, and the lower and upper end of its 95 % interval
Z_95 = 1.959963984540054  # two-sided 95 % of the normal distribution
POWER_80 = 0.8416212335729143  # one-sided 80 %: what a power of 80 % adds to it


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


def welch(one: np.ndarray, other: np.ndarray) -> Estimate:
    """Difference of two means and its interval (Welch 1947, Biometrika 34, 28-35).

    The interval is unknown (NaN) where a side has fewer than two values, or neither side any spread.
    Not `scipy.stats.ttest_ind`, which gives the same interval to 1e-12 but warns where one side is constant:
    a group in which nobody bought is an ordinary group here.
    """
    from scipy.stats import t

    difference = float(one.mean() - other.mean())
    if min(len(one), len(other)) < 2 or not (np.ptp(one) or np.ptp(other)):
        return difference, float("nan"), float("nan")
    parts = [values.var(ddof=1) / len(values) for values in (one, other)]
    freedom = sum(parts) ** 2 / sum(p**2 / (len(v) - 1) for p, v in zip(parts, (one, other), strict=True))
    half = float(t.ppf(0.975, freedom) * np.sqrt(sum(parts)))
    return difference, difference - half, difference + half


def holm(p_values: list[float]) -> list[float]:
    """P values adjusted for several claims (Holm 1979, Scandinavian Journal of Statistics 6, 65-70).

    >>> [round(p, 2) for p in holm([0.04, 0.01, 0.5])]
    [0.08, 0.03, 0.5]
    """
    order, adjusted, largest = np.argsort(p_values, kind="stable"), [1.0] * len(p_values), 0.0
    for place, which in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[which]))
        adjusted[which] = largest
    return adjusted


def exceed_copies(measured: np.ndarray) -> tuple[float, float, float]:
    """By how much the mean of what was observed exceeds the mean of its copies; its standard error; p.

    Parameters
    ----------
    measured
        A row per customer: what was observed, then the same of each copy, which chance alone has made.

    Returns
    -------
    The excess, its standard error and two-sided p value, by the normal limit of the permutation distribution:
    where a customer did not change, each of the row's numbers is as likely to be the observed one
    (Lehmann & Romano 2005, Testing Statistical Hypotheses, section 15.2). Without any spread p is 1.
    """
    from scipy.special import ndtr

    copies = measured.shape[1] - 1
    excess = float(np.mean(measured[:, 0] - measured[:, 1:].mean(axis=1)))
    spread = measured.var(axis=1, ddof=1).sum() * (1 + 1 / copies)
    error = float(np.sqrt(spread)) / len(measured)
    return excess, error, float(2 * ndtr(-abs(excess) / error)) if error > 0 else 1.0
