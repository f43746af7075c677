"""Time until something happens, those to whom it has not happened yet counted as far as they are known."""

import numpy as np
import pandas as pd

from crcm_lib.stats import Z_95, normal_p

MIN_AT_RISK = 10  # of fewer still followed no share is said
MIN_EXPECTED = 5.0  # events expected in a group, at least, for the chi-squared limit of the log-rank test


def follow_events(days: np.ndarray, happened: np.ndarray) -> pd.DataFrame:
    """The share to whom it has happened by each day, with its 95 % interval.

    Kaplan & Meier (1958, Journal of the American Statistical Association 53, 457-481), whoever is followed no
    longer counting until then (right censoring). The interval is Greenwood's variance on the scale of
    log(-log), which stays within 0 and 1 (Kalbfleisch & Prentice 2002, The Statistical Analysis of Failure
    Time Data, eq. 1.13 and section 1.4.1).

    Parameters
    ----------
    days
        Until it happened, or as long as it has not; whole days.
    happened
        Whether it has.

    Returns
    -------
    One row per day from 0 on for as long as `MIN_AT_RISK` are followed: `days`, `at_risk` (count), `share`
    (0…1), `low`, `high` (0…1; missing while the share is 0 or once it is 1).

    Examples
    --------
    Weeks in remission under 6-MP (Freireich et al. 1963, Blood 21, 699-716); published are S(10) = 0.753 of
    15 at risk:

    >>> weeks = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
    >>> relapse = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
    >>> curve = follow_events(np.array(weeks), np.array(relapse, dtype=bool))
    >>> round(1 - float(curve["share"][10]), 3), int(curve["at_risk"][10])
    (0.753, 15)
    """
    days = np.asarray(days, dtype="int64")
    longest = int(np.sort(days)[-MIN_AT_RISK]) if len(days) >= MIN_AT_RISK else -1
    ended = np.bincount(days, minlength=longest + 1)
    events = np.bincount(days[happened], minlength=len(ended))[: longest + 1].astype(float)
    at_risk = ended[::-1].cumsum()[::-1][: longest + 1].astype(float)
    still = np.cumprod(1 - events / np.maximum(at_risk, 1))
    left = at_risk * (at_risk - events)
    variance = np.cumsum(np.divide(events, left, out=np.zeros_like(events), where=left > 0))
    inside = (still > 0) & (still < 1)
    log = np.log(np.where(inside, still, 0.5))
    half = Z_95 * np.sqrt(variance) / -log
    low, high = (np.where(inside, 1 - still ** np.exp(side * half), np.nan) for side in (-1, 1))
    frame = {"days": np.arange(longest + 1), "at_risk": at_risk.astype("int64"), "share": 1 - still}
    return pd.DataFrame(frame | {"low": low, "high": high})


def compare_groups(days: np.ndarray, happened: np.ndarray, groups: np.ndarray) -> float:
    """The p of the log-rank test that it happens in all groups alike, however long each is followed.

    Mantel (1966, Cancer Chemotherapy Reports 50, 163-170), by the chi-squared limit. Groups in which fewer
    than `MIN_EXPECTED` events are expected are left out; with fewer than two others it is unknown (NaN).

    Parameters
    ----------
    days, happened
        As in `follow_events`.
    groups
        Each one's group, as a number.

    Examples
    --------
    The same trial, 6-MP beside placebo; the published chi-squared is 16.79 with one degree of freedom:

    >>> drug = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
    >>> relapse = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
    >>> placebo = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
    >>> both = np.array(drug + placebo), np.array(relapse + [1] * 21, dtype=bool)
    >>> f"{compare_groups(*both, np.repeat([0, 1], 21)):.1e}"
    '4.2e-05'
    """
    from scipy.special import chdtrc

    names, difference, spread = _rank_comparable(days, happened, groups)
    if len(names) < 2:
        return float("nan")
    statistic = float(difference[1:] @ np.linalg.pinv(spread[1:, 1:]) @ difference[1:])
    return float(chdtrc(len(names) - 1, statistic))


def compare_in_order(days: np.ndarray, happened: np.ndarray, groups: np.ndarray) -> tuple[float, float]:
    """Whether it happens ever sooner or ever later from group to group: z, above 0 for sooner, and its p.

    The log-rank test for trend with the groups' numbers as scores (Tarone 1975, Biometrika 62, 679-682);
    parameters and what is unknown as in `compare_groups`.
    """
    names, difference, spread = _rank_comparable(days, happened, groups)
    if len(names) < 2:
        return float("nan"), float("nan")
    scores = names.astype(float) - names.mean()
    total, error = float(scores @ difference), float(np.sqrt(max(scores @ spread @ scores, 0.0)))
    return (total / error if error > 0 else 0.0), normal_p(total, error)


def _rank_comparable(
    days: np.ndarray, happened: np.ndarray, groups: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The groups in which enough events are expected among them; observed less expected; covariances."""
    names = np.unique(groups)
    while len(names):
        kept = np.isin(groups, names)
        difference, spread, expected = _rank_logs(days[kept], happened[kept], groups[kept], names)
        if (expected >= MIN_EXPECTED).all():
            return names, difference, spread
        names = names[expected >= MIN_EXPECTED]
    return names, np.zeros(0), np.zeros((0, 0))


def _rank_logs(
    days: np.ndarray, happened: np.ndarray, groups: np.ndarray, names: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Events observed less expected in each group, their covariances, and the events expected."""
    size = int(days.max()) + 1
    ended = np.array([np.bincount(days[groups == name], minlength=size) for name in names], dtype=float)
    events = np.array([np.bincount(days[(groups == name) & happened], minlength=size) for name in names])
    at_risk = ended[:, ::-1].cumsum(axis=1)[:, ::-1]
    all_events, all_at_risk = events.sum(axis=0).astype(float), at_risk.sum(axis=0)
    when = all_events > 0
    share = at_risk[:, when] / all_at_risk[when]
    each = all_events[when] * (all_at_risk[when] - all_events[when]) / np.maximum(all_at_risk[when] - 1, 1)
    spread = np.diag(share @ each) - (share * each) @ share.T
    expected = share @ all_events[when]
    return events.sum(axis=1) - expected, spread, expected
