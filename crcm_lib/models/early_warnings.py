"""Signs of earlier days and what came -> which of them warn, beyond chance and beyond a simple rule."""

import numpy as np
import pandas as pd

from crcm_lib.features.risk_signs import SIGNS
from crcm_lib.stats import LEVEL, exact_p, holm, student_p, wilson

ENOUGH = 20  # customers warned on the earlier days, and as many not warned
MIN_CAME = 5  # of either, to whom it came
MANY = 2000  # customers with a sign from which the other test needs no exact one beside it
COLUMNS = [
    *("of", "warning", "is_rule", "days", "customers", "others", "came", "low", "high", "others_came"),
    *(
        "alike_came",
        "difference",
        "difference_low",
        "difference_high",
        "days_higher",
        "p",
        "p_beyond",
        "verdict",
    ),
]


def grade_warnings(history: pd.DataFrame) -> pd.DataFrame:
    """Of those warned on earlier days, to how many it came, beside those not warned.

    A sign `warns` where it came to more of those with it than of those without, on the same days, and to more
    than of those without it who were alike by the rule of one column, both beyond chance: p at most 5 % with
    all signs of the kind counted (Holm), the larger of two. One is Fisher's, exact, over days (and levels of
    the rule); the other takes the days of a customer together (linearisation, Cochran 1977, Sampling
    Techniques, section 6.4; standardised to those warned), as they come again and again. `as_rule`: the first
    holds and the second does not, so that the rule says as much. The rule itself needs the first alone.

    Parameters
    ----------
    history
        From `risk_signs.list_past_signs`.

    Returns
    -------
    One row per sign that the data hold: `of`, `warning`, `is_rule` (the one-column rule), `days`,
    `customers` and `others` (with and without the sign, of all days; who comes twice counts twice), `came`
    (share of the first to whom it came) with 95 % interval `low`, `high` (Wilson), `others_came`,
    `alike_came` (of others alike by the rule), `difference` of came and others_came on the same days with
    interval, `days_higher` (on how many of the days it was higher), `p`, `p_beyond` (adjusted), `verdict`.
    """
    rows = []
    for of, names in SIGNS.items():
        mine = history[history["of"] == of]
        known = [name for name in names if len(mine) and mine[name].notna().any()]
        rows += [_grade(mine[mine[name].notna()], of, name, is_rule=name == names[0]) for name in known]
    table = pd.DataFrame(rows, columns=[*COLUMNS[:-1], "enough", "smallest"])
    for name in ("p", "p_beyond"):
        adjusted = pd.Series(np.nan, table.index)
        for _of, group in table[table["enough"].astype(bool)].groupby("of"):
            adjusted[group.index] = holm(group[name].to_numpy(float))
        table[name] = adjusted
    higher = (table["difference"] > 0) & (table["p"] <= LEVEL)
    beyond = table["is_rule"].astype(bool) | (
        (table["p_beyond"] <= LEVEL) & (table["came"] > table["alike_came"])
    )
    verdict = np.select(
        [~table["enough"].astype(bool), higher & beyond, higher],
        ["too_few", "warns", "as_rule"],
        "cannot_tell",
    )
    return table.assign(verdict=verdict)[COLUMNS].astype({"verdict": "str"})


def find_warned(signs: pd.DataFrame, grades: pd.DataFrame) -> pd.DataFrame:
    """Who has a sign today that has warned before: `customer_id`, `of`, `warning`, in order.

    Parameters
    ----------
    signs
        From `risk_signs.list_signs`.
    grades
        From `grade_warnings`.
    """
    parts = []
    for row in grades[grades["verdict"] == "warns"].itertuples():
        mine = signs[(signs["of"] == row.of) & signs[row.warning].eq(True)]
        parts.append(pd.DataFrame({"customer_id": mine["customer_id"], "of": row.of, "warning": row.warning}))
    found = pd.concat(parts) if parts else pd.DataFrame(columns=["customer_id", "of", "warning"])
    return found.sort_values(["customer_id", "of", "warning"], ignore_index=True)


def _grade(rows: pd.DataFrame, of: str, name: str, *, is_rule: bool) -> dict:
    with_sign = rows[name].astype(bool).to_numpy()
    came, who = rows["came"].to_numpy(float), rows["customer_id"].to_numpy()
    day = rows.groupby("day").ngroup().to_numpy()
    alike = rows.groupby(["day", "rule"]).ngroup().to_numpy()
    warned, hits = int(with_sign.sum()), float(came[with_sign].sum())
    others = len(rows) - warned
    facts = {"of": of, "warning": name, "is_rule": is_rule, "days": int(day.max()) + 1}
    facts |= {"customers": warned, "others": others, "came": hits / warned if warned else np.nan}
    facts |= dict(zip(("low", "high"), wilson(hits, warned) if warned else (np.nan, np.nan), strict=True))
    facts["others_came"] = float(came[~with_sign].mean()) if others else np.nan
    people = len(set(who[with_sign])), len(set(who[~with_sign]))
    facts["enough"] = min(people) >= ENOUGH and min(came.sum(), (1 - came).sum()) >= MIN_CAME
    plain = _compare(came, with_sign, day, who)
    beyond = plain if is_rule else _compare(came, with_sign, alike, who)
    facts |= {
        "difference": plain["difference"],
        "difference_low": plain["low"],
        "difference_high": plain["high"],
    }
    facts |= {"p": plain["p"], "p_beyond": beyond["p"], "alike_came": facts["came"] - beyond["difference"]}
    facts["alike_came"] = np.nan if is_rule else facts["alike_came"]
    by_day = [_mean(came[(day == n) & with_sign]) - _mean(came[(day == n) & ~with_sign]) for n in set(day)]
    return facts | {"days_higher": int(sum(each > 0 for each in by_day))}


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _compare(
    came: np.ndarray, with_sign: np.ndarray, stratum: np.ndarray, who: np.ndarray
) -> dict[str, float]:
    """Share of those with the sign less that of others in the same strata, weighted by those with it."""
    from scipy.stats import t

    size = int(stratum.max()) + 1 if len(stratum) else 0
    mine = np.bincount(stratum[with_sign], minlength=size)
    others = np.bincount(stratum[~with_sign], minlength=size)
    both = (mine > 0) & (others > 0)
    kept = both[stratum]
    came, with_sign, stratum, who = came[kept], with_sign[kept], stratum[kept], who[kept]
    warned = int(with_sign.sum())
    if not warned:
        return dict.fromkeys(("difference", "low", "high"), float("nan")) | {"p": 1.0}
    of_others = np.bincount(stratum[~with_sign], came[~with_sign], minlength=size)
    of_mine = np.bincount(stratum[with_sign], came[with_sign], minlength=size)
    expected = np.divide(of_others, others, out=np.zeros(size), where=others > 0)
    share = mine / warned
    difference = float(came[with_sign].sum() / warned - (share * expected)[both].sum())
    own = np.divide(of_mine, mine, out=np.zeros(size), where=mine > 0)
    rest = came - np.where(with_sign, own[stratum], expected[stratum])
    weight = np.where(with_sign, 1 / warned, -share[stratum] / np.maximum(others[stratum], 1))
    parts = pd.Series(rest * weight).groupby(who).sum().to_numpy()
    squares = parts**2
    freedom = int(squares.sum() ** 2 / (squares**2).sum()) - 1 if squares.sum() > 0 else 0
    strata = [
        (int(mine[n] + others[n]), int(of_mine[n] + of_others[n]), int(mine[n])) for n in np.flatnonzero(both)
    ]
    exact = exact_p(int(came[with_sign].sum()), strata)[0] if warned <= MANY else 0.0
    if freedom < 1:
        return {"difference": difference, "low": float("nan"), "high": float("nan"), "p": 1.0}
    error = float(np.sqrt(squares.sum()))
    half = float(t.ppf(0.975, freedom)) * error
    together = student_p(difference, error, freedom)
    return {
        "difference": difference,
        "low": difference - half,
        "high": difference + half,
        "p": max(exact, together),
    }
