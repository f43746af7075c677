"""What came after: did past tiers keep their order, and did earlier actions make a difference?"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.features.customers import spend_between
from crcm_lib.features.holdout_windows import MIN_HOLDOUT_DAYS
from crcm_lib.permutation import compare_means
from crcm_lib.privacy import MAX_DOMINANT_SHARE, SMALL_GROUPS
from crcm_lib.schema.engine import Engine
from crcm_lib.stats import LEVEL, Comparison, Estimate, compare_shares, holm, normal_p, student, wilson

MIN_ARM = 5  # customers of each arm, to compare them at all
BEFORE = 365  # days of earlier spend that an arm's later spend is compared with
UNSOUND = 0.001  # p of a check of the arms, below which nothing is read from them
MIN_IN_WAVE = 2  # of each arm: one customer alone has no spread
OUTCOMES = ("bought_again", "spend")
COMPARED = list(Comparison._fields)
FOLLOWED_BY_ARM = ("spend", "bought_again", "spend_before", "followed_share")
CUPED = ["cuped", "cuped_low", "cuped_high", "total", "total_low", "total_high"]
FOLLOWED = [
    *("tier_before", "days", "customers", "spend_later_mean", "spend_later_low", "spend_later_high"),
    *("retained_share", "retained_low", "retained_high"),
]

Day = str | pd.Timestamp


def follow_day(tiers: pd.Series, later: pd.DataFrame, *, start: Day, end: Day) -> pd.DataFrame:
    """One day of the table `past_tiers`: who had which tier on `start`, and what came until `end`.

    `later` is from `spend_between`; who has no row there bought nothing.
    """
    spend, again = _outcomes(tiers.index, later)
    followed = {"tier": tiers.to_numpy(), "spend": spend, "bought_again": again}
    days = {"start": pd.Timestamp(start), "end": pd.Timestamp(end), "customer_id": tiers.index}
    return pd.DataFrame(days | followed)


def choose_followed(published: pd.DataFrame | None, past_tiers: pd.DataFrame) -> pd.DataFrame:
    """The tiers to follow: those published by an earlier run, if 28 days have passed since; else 08's own.

    Both as from `follow_day`; None where no earlier run gave its tiers by this policy. In fewer days hardly
    anything can have come of a tier, and runs may be nightly.
    """
    if published is None or published.empty:
        return past_tiers
    days = (published["end"] - published["start"]).min()
    return published if days >= pd.Timedelta(days=MIN_HOLDOUT_DAYS) else past_tiers


def follow_tiers(followed: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """The table `effects`: each past tier's later spend and share who bought again, averaged over the days.

    Parameters
    ----------
    followed
        The table `past_tiers`.
    policy
        Orders the tiers; a tier that nobody had is left out.

    Notes
    -----
    The 95 % intervals are the means of the days', of means Student's, of shares Wilson's (1927): as the days
    share their customers, they count as if all told the same, which is never too narrow. With one customer
    there is no interval of the mean.
    """
    rows = []
    for tier in policy.tiers:
        days = [day for _start, day in followed[followed["tier"] == tier.name].groupby("start")]
        if not days:
            continue
        spend = np.mean([student(day["spend"].to_numpy(float)) for day in days], axis=0)
        again = np.mean([_share(day["bought_again"]) for day in days], axis=0)
        size = {"days": len(days), "customers": round(float(np.mean([len(day) for day in days])))}
        spent = dict(zip(("spend_later_mean", "spend_later_low", "spend_later_high"), spend, strict=True))
        kept = dict(zip(("retained_share", "retained_low", "retained_high"), again, strict=True))
        rows.append({"tier_before": tier.name, **size, **spent, **kept})
    return pd.DataFrame(rows, columns=FOLLOWED)


def _share(ones: pd.Series) -> Estimate:
    return float(ones.mean()), *wilson(ones.sum(), len(ones))


def compare_neighbours(followed: pd.DataFrame, tiers: Sequence[str], *, seed: int) -> pd.DataFrame:
    """Each past tier against the one below: difference of later spend and retention, with a verdict.

    Parameters
    ----------
    followed
        The table `past_tiers`.
    tiers
        Those to compare, best first; tiers too small to be shown may be left out.
    seed
        Of the permutations.

    Returns
    -------
    `tier`, `below`, `outcome`, the `difference` with its own 95 % interval from `low` to `high`, `p`, and
    `p_adjusted` over all pairs and outcomes (Holm). `verdict`: `kept` or `reversed` where `p_adjusted` is at
    most 5 % and the interval is above or below zero, else `cannot_tell`, or `too_few`: even the clearest
    difference could have been chance.

    Notes
    -----
    The days share their customers. So each is compared by itself; the difference, the ends of its interval
    and the z scores of p are averaged over the days, as if all days told the same: however they depend on
    each other, a mean varies no more than that.
    """
    pairs, rows = list(pairwise(tiers)), []
    claims = len(OUTCOMES) * len(pairs)  # the days of a pair make one claim
    for upper, lower in pairs:
        arms = followed[followed["tier"].isin((upper, lower))].assign(stratum=0)
        arms = arms.assign(first=arms["tier"] == upper)
        of_both = (group for _start, group in arms.groupby("start"))
        days = [day for day in of_both if min(day["first"].sum(), (~day["first"]).sum()) >= MIN_ARM]
        for outcome in OUTCOMES:
            compared = _average([_compare(day, outcome, claims, seed) for day in days])
            verdict = None if days else "too_few"
            rows.append({"tier": upper, "below": lower, "outcome": outcome, "verdict": verdict, **compared})
    columns = ["tier", "below", "outcome", *COMPARED, "verdict"]
    return _judge(pd.DataFrame(rows, columns=columns), ["tier", "below"], ("kept", "reversed"))


def _average(days: list[dict[str, float]]) -> dict[str, float]:
    """Comparisons of the same customers on several days as one."""
    from scipy.special import ndtr, ndtri

    if len(days) < 2:
        return days[0] if days else {}
    each = pd.DataFrame(days)
    z = -ndtri(each["p"] / 2) * np.sign(each["difference"])
    largest = -ndtri(each["smallest_p"] / 2)
    p = {"p": 2 * ndtr(-abs(z.mean())), "smallest_p": 2 * ndtr(-largest.mean())}
    return {**each.mean(skipna=False), **p}


def tier_order_verdict(pairs: pd.DataFrame, outcome: str) -> str:
    """Did the tiers keep their order later?

    `kept` by all pairs, `kept_in_part` (of the others nothing can be said), `reversed` likewise, `mixed`
    (kept by some, reversed by some) or `cannot_tell`.

    >>> tier_order_verdict(pd.DataFrame({"outcome": ["spend"] * 2, "verdict": ["kept", "reversed"]}), "spend")
    'mixed'
    """
    verdicts = set(pairs.loc[pairs["outcome"] == outcome, "verdict"])
    found = verdicts & {"kept", "reversed"}
    if len(found) == 2:
        return "mixed"
    if found == {"kept"}:
        return "kept" if verdicts == found else "kept_in_part"
    return "reversed" if found else "cannot_tell"


def measure_actions(engine: Engine, arms: pd.DataFrame, *, as_of: Day, seed: int) -> pd.DataFrame:
    """The table `action_effects`: earlier treatments beside their controls, from their start on.

    Parameters
    ----------
    engine
        Holds the clean table `transactions`.
    arms
        From `decision_inputs.find_arms`.
    as_of
        Last day known.
    seed
        Of the permutations.
    """
    return compare_arms(follow_arms(engine, arms, as_of=as_of), seed=seed)


def follow_arms(engine: Engine, arms: pd.DataFrame, *, as_of: Day) -> pd.DataFrame:
    """What the customers of each arm did, for each action.

    A wave is an action and its start: within it the arms were drawn. All of a wave are followed from its
    start to its last end or to `as_of`, whatever became of them (intention to treat); a wave that began less
    than `MIN_HOLDOUT_DAYS` ago, and is not over, is left for later. Of arms that a run has drawn anew
    (`drawn_anew`) every wave counts; of others the first one of an action and a customer, as later ones
    depend on it. Who is in both arms of a wave was not drawn, and is left out.

    Parameters
    ----------
    engine
        Holds the clean table `transactions`.
    arms
        From `decision_inputs.find_arms`, `assignment_history.read_as_drawn` or `programme_holdout`.
    as_of
        Last day known.

    Returns
    -------
    `arms` with `spend`, 1 where they `bought_again`, `spend_before` of the `BEFORE` days before the wave,
    `followed_share` of the planned days, and `stratum`: the wave, or, of arms drawn with one chance, all
    waves of a quarter.
    """
    first = arms["start"] == arms.groupby(["customer_id", "action"])["start"].transform("min")
    anew = arms["drawn_anew"].astype(bool) if "drawn_anew" in arms else pd.Series(False, arms.index)
    arms = arms[first | anew]
    arms = arms[~arms.duplicated(["customer_id", "action", "start"], keep=False)]
    parts = [arms.head(0).assign(**dict.fromkeys(FOLLOWED_BY_ARM, 0.0), stratum="")]
    for _action_and_start, wave in arms.groupby(["action", "start"], sort=True):
        start, planned = wave["start"].iloc[0], wave["end"].max()
        until = min(planned, pd.Timestamp(as_of))
        if until < planned and until < start + pd.Timedelta(days=MIN_HOLDOUT_DAYS - 1):
            continue
        ids, eve = pd.Index(wave["customer_id"]), start - pd.Timedelta(days=1)
        spend, again = _outcomes(ids, spend_between(engine, after=eve, until=until))
        before = spend_between(engine, after=eve - pd.Timedelta(days=BEFORE), until=eve)
        seen = {"spend": spend, "bought_again": again, "spend_before": _outcomes(ids, before)[0]}
        share = ((until - start).days + 1) / ((planned - start).days + 1)
        parts.append(wave.assign(**seen, followed_share=share, stratum=_name_strata(wave, start)))
    return pd.concat(parts[1:] or parts)


def _name_strata(wave: pd.DataFrame, start: pd.Timestamp) -> pd.Series:
    """Among whom the arms may be drawn again: of one chance, all of a quarter; else the wave."""
    if "control_share" not in wave:
        return pd.Series(f"{start:%Y-%m-%d}", wave.index)
    quarter = f"{start.year} {start.quarter} "
    chance = wave["control_share"].map("{:.4f}".format)
    return (quarter + chance).where(wave["control_share"].notna(), f"{start:%Y-%m-%d}")


def check_arms(followed: pd.DataFrame) -> pd.DataFrame:
    """Whether arms are what was drawn, before anything is read from them.

    Parameters
    ----------
    followed
        From `follow_arms`.

    Returns
    -------
    One row per action: `action`, `controls` (customers), `controls_expected` by the chance they were drawn
    with, and `ratio_p` of as large a difference (chi-square with one degree of freedom: sample ratio
    mismatch; missing where the chance is unknown); `balance_p` that the earlier spend of the arms differs as
    much (rank sums within strata, as normal: van Elteren 1960); `sound`, unless one of these is below
    `UNSOUND`: so few of a thousand sound draws are refused.
    """
    from scipy.special import chdtrc

    rows = []
    for action, mine in followed.groupby("action"):
        control = (mine["arm"] == "control").to_numpy()
        chance = mine.get("control_share", pd.Series(np.nan, mine.index)).to_numpy("float64")
        known = np.isfinite(chance)
        expected, variance = chance[known].sum(), (chance[known] * (1 - chance[known])).sum()
        found = control[known].sum()
        ratio_p = chdtrc(1, (found - expected) ** 2 / variance) if variance > 0 else np.nan
        balance_p = _compare_ranks(mine, control)
        sound = not min(np.nan_to_num(ratio_p, nan=1), np.nan_to_num(balance_p, nan=1)) < UNSOUND
        expected = expected if known.all() else np.nan
        sizes = {"action": action, "controls": int(control.sum()), "controls_expected": expected}
        rows.append(sizes | {"ratio_p": ratio_p, "balance_p": balance_p, "sound": sound})
    return pd.DataFrame(
        rows, columns=["action", "controls", "controls_expected", "ratio_p", "balance_p", "sound"]
    )


def _compare_ranks(arms: pd.DataFrame, control: np.ndarray) -> float:
    """The p of the rank sum of the controls' earlier spend, over strata; missing where nothing varies."""
    distance, variance = 0.0, 0.0
    if "spend_before" not in arms:
        return float("nan")
    for _stratum, rows in arms["spend_before"].reset_index(drop=True).groupby(_strata(arms).to_numpy()):
        ranks, mine = rows.rank().to_numpy(), control[rows.index]
        drawn, size = mine.sum(), len(ranks)
        if 0 < drawn < size:
            distance += ranks[mine].sum() - drawn * ranks.mean()
            variance += drawn * (size - drawn) / size * ranks.var(ddof=1)
    return normal_p(distance, float(np.sqrt(variance))) if variance > 0 else float("nan")


def _strata(arms: pd.DataFrame) -> pd.Series:
    return arms["stratum"] if "stratum" in arms else arms["start"]


def compare_arms(followed: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """The table `action_effects`, from `follow_arms`.

    Returns
    -------
    Per action and outcome the sizes of the arms, their means (of the controls: each stratum counts by its
    treated), the `difference` with its own 95 % interval; `cuped`, the same of spend less what earlier spend
    foretells, with `cuped_low` and `cuped_high`; `p` (of spend: of `cuped`), and `p_adjusted` over all
    actions and outcomes (Holm). `verdict`: `higher` or `lower` with the action where `p_adjusted` is at most
    5 % and the interval it belongs to is above or below zero, else `cannot_tell`, `no_controls`, `unsound`
    (`check_arms` fails: nothing is read), or `too_few`: even the clearest difference could have been chance.

    Notes
    -----
    `action_choice.choose_actions` makes every customer of a wave a control with the same chance, each by a
    draw of their own. So, given how many controls there are, every choice of them was as likely, and
    permuting the arms within strata is what the draw could have done; but that where capacity ended a wave,
    its last customer is treated. Strata with fewer than two customers of an arm are left out. Without
    controls nothing is said of an effect. Whether arms of another origin were drawn at random is for whoever
    drew them to say.

    Earlier spend is taken off by one slope for both arms within strata (CUPED: Deng, Xu, Kohavi & Walker
    2013, WSDM, eq. 4): it does not depend on who is in which arm, so the permutation test stays exact.
    """
    claims = len(OUTCOMES) * followed["action"].nunique()
    sound = check_arms(followed).set_index("action")["sound"]
    rows = [
        {"action": action, "outcome": outcome, **_compare_arms(waves, outcome, claims, seed)}
        for action, waves in followed[followed["action"].map(sound).astype(bool)].groupby("action")
        for outcome in OUTCOMES
    ]
    for action, waves in followed[~followed["action"].map(sound).astype(bool)].groupby("action"):
        sizes = {
            "treated": (waves["arm"] == "treatment").sum(),
            "controls": (waves["arm"] == "control").sum(),
        }
        rows += [{"action": action, "outcome": each, **sizes, "verdict": "unsound"} for each in OUTCOMES]
    columns = ["action", "outcome", "treated", "controls", "treated_mean", "control_mean"]
    columns += ["difference", "low", "high", "cuped", "cuped_low", "cuped_high", "p", "smallest_p", "verdict"]
    rows = sorted(rows, key=lambda row: (row["action"], OUTCOMES.index(row["outcome"])))
    judged = _judge(pd.DataFrame(rows, columns=columns), ["action"], ("higher", "lower"))
    return judged.astype({"treated": "int64", "controls": "int64"})


def take_off_earlier(arms: pd.DataFrame, outcome: str = "spend") -> pd.Series:
    """An outcome less what the spend before the wave foretells, by one slope within strata."""
    if "spend_before" not in arms:
        return arms[outcome]
    groups = _strata(arms)
    before = arms["spend_before"] - arms["spend_before"].groupby(groups).transform("mean")
    later = arms[outcome] - arms[outcome].groupby(groups).transform("mean")
    squares = float((before**2).sum())
    return arms[outcome] - (float((before * later).sum()) / squares if squares > 0 else 0.0) * before


def hide_small_actions(effects: pd.DataFrame, followed: pd.DataFrame, *, at_least: int) -> pd.DataFrame:
    """The table `action_effects` as people may see it, but for small arms, which `hide_small` hides.

    Parameters
    ----------
    effects, followed
        From `compare_arms` and from `follow_arms`.
    at_least
        Actions of fewer customers are one, `SMALL_GROUPS`, without numbers: the label of an action that was
        taken for hardly anybody can name them. Of spend, the numbers are missing too where one customer
        brings more than `MAX_DOMINANT_SHARE` of an arm's.
    """
    numbers = ["treated", "controls", "treated_mean", "control_mean", *COMPARED, *CUPED, "p_adjusted"]
    numbers = [name for name in numbers if name in effects]
    customers = followed.groupby("action")["customer_id"].nunique()
    few = effects["action"].map(customers).fillna(0) < at_least
    shown = effects.astype(dict.fromkeys(numbers, "float64"))
    folded = shown[few].drop_duplicates("outcome").assign(action=SMALL_GROUPS, verdict="too_few")
    folded[numbers] = np.nan
    arms = followed.groupby(["action", "arm"])["spend"].agg(["max", "sum"])
    largest = (arms["max"] / arms["sum"].where(arms["sum"] > 0)).groupby("action").max()
    dominated = (shown["outcome"] == "spend") & (shown["action"].map(largest) > MAX_DOMINANT_SHARE)
    money = shown.columns.intersection(["treated_mean", "control_mean", *COMPARED, *CUPED])
    hidden = int(shown.loc[dominated & ~few, money].notna().to_numpy().sum())
    shown.loc[dominated, money] = np.nan
    shown = pd.concat([part for part in (shown[~few], folded) if len(part)] or [shown], ignore_index=True)
    shown.attrs["hidden"] = hidden
    return shown


def keep_comparable(waves: pd.DataFrame) -> pd.DataFrame:
    """The arms of one action without the strata in which an arm has fewer than `MIN_IN_WAVE` customers."""
    arms = waves.assign(first=waves["arm"] == "treatment", stratum=_strata(waves))
    in_arm = arms.groupby(["stratum", "first"])["first"].transform("size")
    in_other = arms.groupby("stratum")["first"].transform("size") - in_arm
    return arms[(in_arm >= MIN_IN_WAVE) & (in_other >= MIN_IN_WAVE)]


def _compare_arms(waves: pd.DataFrame, outcome: str, claims: int, seed: int) -> dict[str, object]:
    treated = waves["arm"] == "treatment"
    sizes = {"treated": int(treated.sum()), "controls": int((~treated).sum())}
    if not sizes["controls"]:
        return {**sizes, "treated_mean": waves[outcome].mean(), "verdict": "no_controls"}
    arms = keep_comparable(waves)
    compared = {"treated": int(arms["first"].sum()), "controls": int((~arms["first"]).sum())}
    if min(compared.values()) < MIN_ARM:
        return {**sizes, "verdict": "too_few"}
    means = arms.groupby(["first", "stratum"])[outcome].mean().unstack()  # noqa: PD010
    weights = arms[arms["first"]].groupby("stratum").size() / compared["treated"]
    of_arms = {"treated_mean": means.loc[True] @ weights, "control_mean": means.loc[False] @ weights}
    found = _compare(arms, outcome, claims, seed)
    if outcome == "spend":
        less = found
        if "spend_before" in arms:
            less = _compare(arms.assign(spend=take_off_earlier(arms)), outcome, claims, seed)
        cuped = {"cuped": less["difference"], "cuped_low": less["low"], "cuped_high": less["high"]}
        found = found | cuped | {"p": less["p"], "smallest_p": less["smallest_p"]}
    return {**compared, **of_arms, **found, "verdict": None}


def _outcomes(customers: pd.Index, later: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Spend, and 1 where they bought again; no row means neither."""
    of_each = later.reindex(customers)
    spend = of_each["spend"].fillna(0.0).to_numpy(float)
    return spend, (of_each["purchases"].fillna(0) > 0).to_numpy(float)


def _compare(arms: pd.DataFrame, outcome: str, claims: int, seed: int) -> dict[str, float]:
    """The arm `first` less the other, within each `stratum`: shares exactly, means by permutation."""
    values, first, strata = (arms[name].to_numpy() for name in (outcome, "first", "stratum"))
    if outcome == "bought_again":
        return compare_shares(values, first, strata)._asdict()
    return compare_means(values, first, strata, claims=claims, seed=seed)._asdict()


def _judge(compared: pd.DataFrame, arms: list[str], names: tuple[str, str]) -> pd.DataFrame:
    """With `p_adjusted`, and a `verdict` where there is none: the first name above zero, the second below.

    A claim asks for the adjusted p and the interval that is shown, so that they cannot contradict each other.
    Arms of which even spend, the finer outcome, could not have reached the level are too few.
    """
    adjusted = holm(compared["p"].to_numpy(float), compared["smallest_p"].to_numpy(float))
    out_of_reach = (compared["outcome"] == "spend") & compared["p"].notna() & np.isnan(adjusted)
    too_few = out_of_reach.groupby([compared[name] for name in arms]).transform("any").astype(bool)
    low, high = compared["low"], compared["high"]
    if "cuped" in compared:
        low = compared["cuped_low"].fillna(low)
        high = compared["cuped_high"].fillna(high)
    claimed = adjusted <= LEVEL
    conditions = [too_few, claimed & (low > 0), claimed & (high < 0)]
    verdicts = np.select(conditions, ["too_few", *names], "cannot_tell")
    verdicts = np.where(compared["verdict"].isna(), verdicts, compared["verdict"])
    judged = compared.drop(columns=["smallest_p", "verdict"])
    return judged.assign(p_adjusted=adjusted, verdict=verdicts)
