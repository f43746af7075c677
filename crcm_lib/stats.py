"""95 % intervals of means, shares and their differences. Part of `fairness.py` and `monitor.py`."""

import numpy as np

Z = 1.959963984540054  # two-sided 95 % of the normal distribution


def wilson(hits: float, trials: float) -> tuple[float, float]:
    """The interval of a share (Wilson 1927, Journal of the American Statistical Association 22, 209-212).

    >>> low, high = wilson(5, 10)
    >>> round(low, 3), round(high, 3)
    (0.237, 0.763)
    """
    share = hits / trials
    middle = (share + Z**2 / (2 * trials)) / (1 + Z**2 / trials)
    half = Z / (1 + Z**2 / trials) * np.sqrt(share * (1 - share) / trials + Z**2 / (4 * trials**2))
    return max(float(middle - half), 0.0), min(float(middle + half), 1.0)


def newcombe(one: np.ndarray, other: np.ndarray) -> tuple[float, float, float]:
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


def student(values: np.ndarray) -> tuple[float, float, float]:
    """Mean and its interval; the interval of one value is unknown."""
    from scipy.special import stdtrit

    mean = float(values.mean())
    if len(values) < 2:
        return mean, float("nan"), float("nan")
    half = float(stdtrit(len(values) - 1, 0.975) * values.std(ddof=1) / np.sqrt(len(values)))
    return mean, mean - half, mean + half


def welch(one: np.ndarray, other: np.ndarray) -> tuple[float, float, float]:
    """Difference of two means and its interval (Welch 1947, Biometrika 34, 28-35); unknown without spread."""
    from scipy.special import stdtrit

    difference, nothing = float(one.mean() - other.mean()), float("nan")
    if min(len(one), len(other)) < 2:
        return difference, nothing, nothing
    parts = [values.var(ddof=1) / len(values) for values in (one, other)]
    if not sum(parts):
        return difference, nothing, nothing
    freedom = sum(parts) ** 2 / sum(p**2 / (len(v) - 1) for p, v in zip(parts, (one, other), strict=True))
    half = float(stdtrit(freedom, 0.975) * np.sqrt(sum(parts)))
    return difference, difference - half, difference + half
