"""Whether the customers of two runs differ: the population stability index of what is measured of them."""

import numpy as np
import pandas as pd

from crcm_lib.stats import LEVEL, holm

BINS = 10
MIN_CUSTOMERS = 50  # on either day, to tell anything


def measure_drift(before: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    """How far each numeric column of two days has moved.

    The population stability index is the sum over bins of (share now - share before) × log(share now / share
    before), with the tenths of `before` as bins and half a customer added to each (so that an empty one has
    a logarithm). Without drift it is about (1/n + 1/m) times a chi-squared variable with bins - 1 degrees of
    freedom, n and m being the customers of both days (Yurdakul & Naranjo 2020, Journal of Risk Model
    Validation 14(4), 89-100, theorem 1): so chance explains much in a small company, and little in a large
    one. Where most customers are the same on both days chance explains less, so that the test errs towards
    `as_by_chance`.

    Parameters
    ----------
    before, now
        By customer; columns that both have and that are numbers on both are compared.

    Returns
    -------
    A row per column, the largest `psi` first: `column`, `customers_before`, `customers_now` (known), `psi`,
    `by_chance` (the 95 % point without drift), `p` (all columns counted, Holm), `verdict`: `drifted`,
    `as_by_chance`, or `cannot_tell` of fewer than `MIN_CUSTOMERS` or of one value.
    """
    from scipy.stats import chi2

    rows = []
    columns = [name for name in before.select_dtypes("number") if name in now.select_dtypes("number")]
    for name in columns:
        old, new = before[name].dropna().to_numpy(float), now[name].dropna().to_numpy(float)
        edges = (
            np.unique(np.quantile(old, np.linspace(0, 1, BINS + 1)[1:-1], method="lower"))
            if len(old)
            else np.array([])
        )
        edges = edges[edges < old.max(initial=-np.inf)]
        row = {"column": name, "customers_before": len(old), "customers_now": len(new)}
        if min(len(old), len(new)) < MIN_CUSTOMERS or not len(edges):
            rows.append(row | {"psi": np.nan, "by_chance": np.nan, "p": np.nan})
            continue
        shares = [
            (np.bincount(np.searchsorted(edges, each), minlength=len(edges) + 1) + 0.5)
            / (len(each) + 0.5 * (len(edges) + 1))
            for each in (old, new)
        ]
        psi = float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())
        spread = 1 / len(old) + 1 / len(new)
        rows.append(
            row
            | {
                "psi": psi,
                "by_chance": float(spread * chi2.ppf(1 - LEVEL, len(edges))),
                "p": float(chi2.sf(psi / spread, len(edges))),
            }
        )
    names = ["column", "customers_before", "customers_now", "psi", "by_chance", "p"]
    drift = pd.DataFrame(rows, columns=names)
    drift["p"] = holm(drift["p"].to_numpy(float))
    verdict = np.select([drift["p"].isna(), drift["p"] <= LEVEL], ["cannot_tell", "drifted"], "as_by_chance")
    drift = drift.assign(verdict=verdict)
    return drift.sort_values("psi", ascending=False, kind="stable", ignore_index=True)
