"""What moved since a past day, what chance alone would move, and whether tiers and actions held up."""

import numpy as np
import pandas as pd

from crcm_lib.data.customers import spend_between
from crcm_lib.decisions.intervals import newcombe, student, welch, wilson
from crcm_lib.decisions.policy import Policy
from crcm_lib.language import _

SLICES = 400  # per tier, of the normal distribution that chance is drawn from
FEWEST = 5  # of each arm, to compare them at all


def choose_past(first_day, as_of, *, compare_days: int) -> pd.Timestamp:
    """The day to compare with: `compare_days` before `as_of`, or the middle of a shorter history.

    >>> choose_past("2024-01-01", "2024-01-31", compare_days=180).date().isoformat()
    '2024-01-16'
    """
    start, end = pd.Timestamp(first_day), pd.Timestamp(as_of)
    return max(end - pd.Timedelta(days=compare_days), start + (end - start).days // 2 * pd.Timedelta(days=1))


def compare_tiers(before: pd.DataFrame, now: pd.DataFrame, cards: tuple, policy: Policy) -> pd.DataFrame:
    """The table `moves`: everyone with a tier on both days, measured with one ruler.

    Parameters
    ----------
    before, now
        The table `tiers` on either day.
    cards
        The scorecards of either day; `because` names the criteria that changed most.
    policy
        Orders the tiers; a move down waits for a named person.
    """
    both = before.index.intersection(now.index)
    order = {tier.name: number for number, tier in enumerate(policy.tiers)}
    moves = pd.DataFrame({"tier_before": before["tier"].reindex(both), "tier_now": now["tier"].reindex(both)})
    names = [name.name for name in policy.criteria if name.name in cards[0] and name.name in cards[1]]
    changes = (cards[1].reindex(both)[names] - cards[0].reindex(both)[names]).to_dict("records")
    scores = (frame["score"].reindex(both) for frame in (before, now))
    reasons = [_say_change(*row) for row in zip(*scores, changes, strict=True)]
    moves["because"] = pd.Series(reasons, index=both, dtype="str")
    moves["waits_for_review"] = moves["tier_now"].map(order) > moves["tier_before"].map(order)
    return moves


def cross_moves(moves: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """Tier before (rows) by tier now (columns): how many customers."""
    order = [tier.name for tier in policy.tiers]
    crossed = pd.crosstab(moves["tier_before"], moves["tier_now"])
    return crossed.reindex(index=order, columns=order, fill_value=0)


def split_history(engine, *, as_of, seed: int) -> list:
    """Two engines, each with a random half of every customer's purchase days: the same behaviour, seen twice.

    A purchase day, with all its lines, goes to one half by a hash of customer, day and `seed`; the other
    input tables are seen by both.
    """
    day, halves = f"date '{pd.Timestamp(as_of):%Y-%m-%d}'", []
    for number in (0, 1):
        schema = f"half_{number}_of_{seed}"
        engine.execute(f"create schema if not exists {schema}")
        engine.execute(f"""
            create or replace view {schema}.transactions as select * from main.transactions
            where day <= {day} and {number} =
                ascii(md5(customer_id || '|' || coalesce(purchase_day, day) || '|{seed}')) % 2""")
        cursor = engine.cursor()
        cursor.execute(f"set search_path = '{schema},main'")
        halves.append(cursor)
    return halves


def measure_reliability(one: pd.Series, other: pd.Series) -> float:
    """How well a score repeats itself on another sample of the same behaviour, 0…1; NaN if unseen.

    The rank correlation of the two halves' scores, stepped up to the full history by Spearman and Brown
    (1910, British Journal of Psychology 3, 271-322). Who bought in one half only has the other half's lowest
    score.
    """
    everyone = one.index.union(other.index)
    if min(one.nunique(), other.nunique()) < 2:
        return float("nan")
    ranks = [scores.reindex(everyone).fillna(scores.min()).rank() for scores in (one, other)]
    correlation = float(np.clip(np.corrcoef(*ranks)[0, 1], 0, 1))
    return round(2 * correlation / (1 + correlation), 6)


def share_evidence(reliability: float, *, days_apart: int, window_days: int = 365) -> float:
    """Correlation of two measurements of an unchanged customer whose windows of `window_days` overlap.

    What both windows saw is in both measurements; only the rest is drawn anew.

    >>> share_evidence(0.6, days_apart=365), round(share_evidence(0.6, days_apart=73), 2)
    (0.6, 0.92)
    """
    overlap = max(0.0, 1 - days_apart / window_days)
    return reliability + (1 - reliability) * overlap


def expect_moves(crossed: pd.DataFrame, correlation: float) -> pd.DataFrame:
    """The movement matrix that chance alone would show: nobody changed, everyone is merely measured again.

    Two measurements of an unchanged customer are taken as bivariate normal with this `correlation`,
    the tiers as steps of one scale with the sizes they had before. That is regression to the mean: the
    top tier can only lose.
    """
    from scipy.special import ndtr, ndtri

    sizes = crossed.sum(axis=1).to_numpy(dtype=float)
    edges = np.append(0.0, np.cumsum(sizes) / max(sizes.sum(), 1.0))
    cuts, spread = ndtri(np.clip(edges, 0, 1)), np.sqrt(max(1 - correlation**2, 1e-12))
    expected = np.zeros((len(sizes), len(sizes)))
    for row, size in enumerate(sizes):
        inside = edges[row] + (np.arange(SLICES) + 0.5) / SLICES * (edges[row + 1] - edges[row])
        reached = ndtr((cuts - correlation * ndtri(inside)[:, None]) / spread)
        expected[row] = size * np.diff(reached, axis=1).mean(axis=0) if size else 0.0
    return pd.DataFrame(expected, index=crossed.index, columns=crossed.columns).round(6)


def summarise_moves(crossed: pd.DataFrame, chance: pd.DataFrame) -> pd.DataFrame:
    """Per tier: customers before, the shares that stayed, rose and fell, each beside chance's."""
    counts, expected = crossed.to_numpy(dtype=float), chance.to_numpy(dtype=float)
    sizes = counts.sum(axis=1)
    share = np.where(sizes > 0, 1 / np.maximum(sizes, 1), np.nan)
    shown = {"tier_before": list(crossed.index), "customers": sizes.astype(int)}
    for name, part in (("stayed", np.diag), ("rose", _lower), ("fell", _upper)):
        shown[name], shown[f"{name}_by_chance"] = part(counts) * share, part(expected) * share
    return pd.DataFrame(shown)


def follow_tiers(before: pd.DataFrame, later: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """The table `effects`: each past tier's later spend and share who bought again, with 95 % intervals.

    Parameters
    ----------
    before
        The table `tiers` of the past day.
    later
        From `spend_between`: `spend` and `purchases` since; who has no row there bought nothing.
    policy
        Orders the tiers; a tier that nobody had is left out.

    Notes
    -----
    Means have Student intervals, shares Wilson's (1927); with one customer there is no interval of the mean.
    """
    spend, again = _outcomes(before.index, later)
    rows = []
    for tier in policy.tiers:
        members = (before["tier"] == tier.name).to_numpy()
        if not members.any():
            continue
        mean, mean_low, mean_high = student(spend[members])
        low, high = wilson(again[members].sum(), members.sum())
        rows.append(
            {
                "tier_before": tier.name, "customers": int(members.sum()),
                "spend_later_mean": mean, "spend_later_low": mean_low, "spend_later_high": mean_high,
                "retained_share": float(again[members].mean()), "retained_low": low, "retained_high": high,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def compare_neighbours(before: pd.DataFrame, later: pd.DataFrame, effects: pd.DataFrame) -> pd.DataFrame:
    """Each past tier against the one below: difference of later spend and retention, with a verdict.

    Welch's interval for the spend, Newcombe's (1998, Statistics in Medicine 17, 873-890, method 10) for the
    share. A pair is `kept` if the interval lies above zero, `reversed` below, else `cannot tell`.
    """
    spend, again = _outcomes(before.index, later)
    tiers, rows = before["tier"].to_numpy(), []
    for upper, lower in zip(effects["tier_before"][:-1], effects["tier_before"][1:], strict=True):
        one, other = tiers == upper, tiers == lower
        for outcome, compare, values in (("spend", welch, spend), ("bought again", newcombe, again)):
            difference, low, high = compare(values[one], values[other])
            rows.append((upper, lower, outcome, difference, low, high, _judge(low, high)))
    columns = ["tier", "below", "outcome", "difference", "low", "high", "verdict"]
    return pd.DataFrame(rows, columns=columns)


def judge_order(pairs: pd.DataFrame, outcome: str) -> str:
    """Did the tiers keep their order later? `kept`, `partly` or `cannot tell`.

    >>> judge_order(pd.DataFrame({"outcome": ["spend"] * 2, "verdict": ["kept", "reversed"]}), "spend")
    'partly'
    """
    verdicts = set(pairs.loc[pairs["outcome"] == outcome, "verdict"])
    if verdicts == {"kept"}:
        return _("kept")
    return _("partly") if verdicts & {"kept", "reversed"} else _("cannot tell")


def measure_actions(engine, arms: pd.DataFrame, *, as_of) -> pd.DataFrame:
    """The table `action_effects`: earlier treatments beside their controls, from their start on.

    Parameters
    ----------
    engine
        Holds the clean table `transactions`.
    arms
        From `evidence.find_arms`; each wave (action, start, end) is followed to its end, or to `as_of`.
    as_of
        Last day known.

    Notes
    -----
    Without controls nothing is said of an effect. Whether the arms were drawn at random is for
    whoever drew them to say; ours are.
    """
    parts = []
    for (_action, start, end), wave in arms.groupby(["action", "start", "end"], sort=True):
        later = spend_between(engine, after=start - pd.Timedelta(days=1), until=min(end, pd.Timestamp(as_of)))
        spend, again = _outcomes(pd.Index(wave["customer_id"]), later)
        parts.append(wave.assign(spend=spend, again=again))
    followed = pd.concat(parts) if parts else arms.assign(spend=0.0, again=0.0)
    rows = []
    for action, wave in followed.groupby("action"):
        treated, control = (wave[wave["arm"] == arm] for arm in ("treatment", "control"))
        for outcome, compare, column in (("bought again", newcombe, "again"), ("spend", welch, "spend")):
            rows.append(_compare_arms(action, outcome, compare, (treated[column], control[column])))
    columns = [
        "action",
        "outcome",
        "treated",
        "controls",
        "treated_mean",
        "control_mean",
        "difference",
        "low",
        "high",
        "verdict",
    ]
    return pd.DataFrame(rows, columns=columns)


def _compare_arms(action: str, outcome: str, compare, arms: tuple) -> tuple:
    treated, control = (arm.to_numpy(dtype=float) for arm in arms)
    sizes = (action, outcome, len(treated), len(control))
    if not len(control):
        return (
            *sizes,
            treated.mean(),
            *[np.nan] * 4,
            _("no control group: nothing can be said of an effect"),
        )
    if min(len(treated), len(control)) < FEWEST:
        return (*sizes, *[np.nan] * 5, _("too few to compare"))
    difference, low, high = compare(treated, control)
    words = {"kept": _("higher with the action"), "reversed": _("lower with the action")}
    verdict = words.get(_judge(low, high), _("cannot tell: the interval holds zero"))
    return (*sizes, treated.mean(), control.mean(), difference, low, high, verdict)


def _outcomes(customers: pd.Index, later: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Spend, and 1 where they bought again; no row means neither."""
    found = later.reindex(customers)
    return found["spend"].fillna(0.0).to_numpy(float), (found["purchases"].fillna(0) > 0).to_numpy(float)


def _judge(low: float, high: float) -> str:
    if low > 0:
        return "kept"
    return "reversed" if high < 0 else "cannot tell"


def _say_change(was: float, now: float, changes: dict) -> str:
    parts = sorted(((abs(v), k, v) for k, v in changes.items() if v == v and abs(v) >= 0.05), reverse=True)
    told = ", ".join(f"{name} {value:+.1f}" for _size, name, value in parts[:3])
    return _("score {was:.1f} → {now:.1f}; {told}").format(
        was=was, now=now, told=told or _("no criterion moved")
    )


def _lower(matrix: np.ndarray) -> np.ndarray:
    return np.tril(matrix, -1).sum(axis=1)


def _upper(matrix: np.ndarray) -> np.ndarray:
    return np.triu(matrix, 1).sum(axis=1)
