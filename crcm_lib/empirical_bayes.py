"""Rates of many customers, each known from few trials: how much they vary, and what is left of each."""

import numpy as np
import pandas as pd

MEAN, SIZE = (-12, 12), (-3, 10)  # bounds of the fit: logit of the mean, logarithm of the number of trials


def fit_rates(events: pd.Series, trials: pd.Series) -> tuple[float, float] | None:
    """a and b of the beta distribution from which customers' rates are drawn: of highest likelihood.

    Beta-binomial empirical Bayes; Casella (1985), The American Statistician 39, 83-87. Events may be parts of
    trials; a customer with more events than trials counts as many trials. None where all or none of the
    trials are events.
    """
    from scipy.optimize import minimize
    from scipy.special import betaln

    n = np.maximum(trials.fillna(0), events.fillna(0)).astype(float)
    x = events.fillna(0).astype(float)
    total, tried = x.sum(), n.sum()
    if total in (0, tried):
        return None
    pairs, weights = np.unique(np.column_stack([x, n])[n > 0].round(6), axis=0, return_counts=True)

    def negative_log_likelihood(parameters):
        a, b = _beta(*parameters)
        likelihood = betaln(pairs[:, 0] + a, pairs[:, 1] - pairs[:, 0] + b) - betaln(a, b)
        return -(weights * likelihood).sum() / weights.sum()

    start = [np.log(total / (tried - total)), np.log(10)]
    fit = minimize(negative_log_likelihood, start, method="Nelder-Mead", bounds=[MEAN, SIZE])
    return _beta(*fit.x)


def shrink_rates(events: pd.Series, trials: pd.Series) -> pd.Series:
    """Events per trial, each customer's rate shrunk towards the mean by how much rates vary.

    (events + a) / (trials + a + b), with a and b from `fit_rates`.

    >>> shrink_rates(pd.Series([0, 0, 30]), pd.Series([1, 40, 40])).round(2).to_list()
    [0.08, 0.0, 0.74]
    """
    n = np.maximum(trials.fillna(0), events.fillna(0)).astype(float)
    x = events.fillna(0).astype(float)
    fitted = fit_rates(events, trials)
    if fitted is None:
        return pd.Series(x.sum() / n.sum() if n.sum() else np.nan, index=events.index)
    a, b = fitted
    return ((x + a) / (n + a + b)).round(6)


def shrink_means(means: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Each mean drawn towards that of all by how much of their spread is error.

    Normal empirical Bayes (Morris 1983, Journal of the American Statistical Association 78, 47-55), with the
    variance between means of DerSimonian & Laird (1986, Controlled Clinical Trials 7, 177-188). A mean
    without error (all its values equal) stays; so do fewer than three.

    >>> shrink_means(np.array([1.0, 2.0, 9.0]), np.array([1.0, 1.0, 1.0])).round(2).tolist()
    [1.16, 2.11, 8.74]
    >>> shrink_means(np.array([1.0, 2.0, 3.0]), np.array([5.0, 5.0, 5.0])).tolist()
    [2.0, 2.0, 2.0]
    """
    known = errors > 0
    if known.sum() < 3:
        return means.copy()
    x, variance = means[known], errors[known] ** 2
    weights = 1 / variance
    centre = (weights * x).sum() / weights.sum()
    excess = (weights * (x - centre) ** 2).sum() - (len(x) - 1)
    between = max(0.0, excess / (weights.sum() - (weights**2).sum() / weights.sum()))
    together = 1 / (variance + between)
    centre = (together * x).sum() / together.sum()
    shrunk = means.astype(float).copy()
    shrunk[known] = centre + between / (between + variance) * (x - centre)
    return shrunk


def _beta(logit_mean: float, log_size: float) -> tuple[float, float]:
    mean, size = 1 / (1 + np.exp(-logit_mean)), np.exp(log_size)
    return mean * size, (1 - mean) * size
