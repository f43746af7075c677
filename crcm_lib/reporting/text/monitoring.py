"""Words of the monitoring notebook: who moved and why, what chance would move, what came after."""

import pandas as pd

from crcm_lib.decisions.outcomes import tier_order_verdict
from crcm_lib.decisions.tier_moves import Movement
from crcm_lib.i18n import _
from crcm_lib.privacy import SMALL_GROUPS
from crcm_lib.reporting.takeaway import Takeaway, takeaway
from crcm_lib.reporting.text.numbers import fill, fill_cells, fill_rows, write, write_rows

CUPED = ["cuped", "cuped_low", "cuped_high"]
MEASURES = ["treated_mean", "control_mean", "difference", "low", "high", *CUPED]


def describe_matrix(cells: pd.DataFrame) -> str:
    """What the matrix of tiers in force, before by now, shows; small cells are missing."""
    rows = fill_cells("{value:count}", cells, missing=_("hidden"))
    words = _("Matrix, tier in force before by now ({tiers}). {rows}.")
    return fill(words, tiers=list(cells.columns), rows=rows)


def describe_chance(summary: pd.DataFrame) -> str:
    """What the bars of movement beside chance show; too small tiers are left out of `summary`."""
    if summary.empty:
        return _("No tier had enough customers to compare.")
    row = _(
        "{tier_before}: stayed {stayed:share} ({stayed_by_chance:share}), rose {rose:share} "
        "({rose_by_chance:share}), fell {fell:share} ({fell_by_chance:share})"
    )
    words = _("Bars per past tier, with a mark for chance alone. {rows}.")
    return fill(words, rows=fill_rows(row, summary))


def describe_comparison(earlier: str, past: pd.Timestamp, *, same_policy: bool) -> str:
    """What today's tiers are compared with, and why.

    Parameters
    ----------
    earlier
        The earlier run's name; empty: there is none.
    past
        The comparison day.
    same_policy
        Whether the earlier run gave its tiers by today's policy.
    """
    if earlier and same_policy:
        words = _("Compared are the tiers in force by the run {earlier}, as of {past:day}.")
    elif earlier:
        words = _(
            "The earlier run {earlier} gave its tiers by another policy; so {past:day} and today are "
            "measured by one method."
        )
    else:
        words = _(
            "There is no earlier run to compare with; so {past:day} and today are measured by one method."
        )
    return fill(words, earlier=earlier, past=past)


def describe_order(followed: pd.DataFrame, currency: str) -> str:
    """What the points of later spend and retention show; tiers that are too small are left out."""
    if followed.empty:
        return _("No tier had enough customers to follow.")
    row = _("{tier_before}: {spend_later_mean:money} {currency}, {retained_share:share}")
    words = _("Points with intervals per past tier: mean spend since, share who bought again. {rows}.")
    return fill(words, rows=fill_rows(row, followed, currency=currency))


def caption_followed(followed: pd.DataFrame, currency: str) -> str:
    """From which past days on the customers of a tier are followed, or that there is none.

    `followed` is the table `past_tiers`, or the tiers that an earlier run published.
    """
    if followed.empty:
        return _("No past day could be scored, so no tier can be followed.")
    days = [fill(_("{start:day} to {end:day}"), start=start, end=end) for start, end in _list_days(followed)]
    words = _("From {days}; spend in {currency}; low and high are 95 % intervals")
    return fill(words, days=days, currency=currency)


def _list_days(followed: pd.DataFrame) -> list[tuple]:
    return sorted(set(zip(followed["start"], followed["end"], strict=True)))


def write_verdicts(compared: pd.DataFrame) -> pd.DataFrame:
    """`compare_neighbours` or `compare_arms` in words: amounts as money, buying again as a share.

    Of a difference whose own interval leaves out zero, but which is within chance once all are counted, this
    is said.
    """
    outcomes = {"spend": _("spend"), "bought_again": _("bought again")}
    kinds = {"spend": "money", "bought_again": "share"}
    written = {
        name: write_rows(compared, lambda row, name=name: write(row[name], kinds[row["outcome"]]))
        for name in compared.columns.intersection(MEASURES)
    }
    low, high = compared["low"], compared["high"]
    if "cuped" in compared:
        low, high = compared["cuped_low"].fillna(low), compared["cuped_high"].fillna(high)
    beside_zero = (low > 0) | (high < 0)
    counted = beside_zero & (compared["verdict"] == "cannot_tell")
    verdicts = compared["verdict"].replace(_verdicts()).mask(counted, _("within chance once all are counted"))
    p = write_rows(compared, lambda row: write(row["p_adjusted"], "p"))
    words = compared.assign(**written, p_adjusted=p, verdict=verdicts).drop(columns="p")
    return words.replace({"outcome": outcomes, "action": {SMALL_GROUPS: _("(small groups)")}})


def caption_order(pairs: pd.DataFrame, currency: str) -> str:
    """What the table of tiers against the ones below holds."""
    words = _("Each tier against the one below; spend in {currency}, buying again as a share")
    return fill(words, currency=currency) + _write_counted(pairs)


def caption_actions(effects: pd.DataFrame, currency: str) -> str:
    """What the table of earlier actions holds, or that there is none."""
    if effects.empty:
        return _(
            "Not available: no `assignments` table, and no earlier run whose plan has been followed for four "
            "weeks, so no earlier action can be judged."
        )
    words = _(
        "Earlier actions: treated beside controls; spend in {currency}, buying again as a share; cuped: what "
        "earlier spend foretells is taken off"
    )
    return fill(words, currency=currency) + _write_counted(effects)


def _write_counted(compared: pd.DataFrame) -> str:
    """How chance was counted, where anything could be compared."""
    counted = compared["p_adjusted"].notna().sum()
    if not counted:
        return ""
    words = _(
        ". Each interval holds by itself in 95 % of cases; p adjusted counts the comparisons that could have "
        "shown anything ({counted:count}, Holm), and up to 0.05 is more than chance"
    )
    return fill(words, counted=counted)


def describe_actions(effects: pd.DataFrame) -> Takeaway:
    """Which earlier actions made a difference beyond chance; "" where there was none to be judged.

    That the action did it is said only where there were controls, as these were drawn at random.
    """
    claimed = effects[effects["verdict"].isin(("higher", "lower"))]
    unsound = effects.loc[effects["verdict"] == "unsound", "action"].nunique()
    compared = effects.loc[effects["p"].notna() & (effects["verdict"] != "too_few"), "action"].nunique()
    if effects.empty:
        return takeaway("")
    if len(claimed):
        words = _("More than chance, beside controls drawn at random: {effects}.")
    elif compared:
        words = _(
            "Between treated and controls of earlier actions ({compared:count}) no difference is more than "
            "chance."
        )
    elif (effects["verdict"] == "too_few").any():
        words = _("The control groups of earlier actions are too small to tell what these did.")
    elif unsound == effects["action"].nunique():
        words = _("The arms of earlier actions are not what was drawn, so nothing is read from them.")
    else:
        words = _("No earlier action had a control group, so nothing is said of what they did.")
    if 0 < unsound < effects["action"].nunique():
        words += _(" Of {unsound:count} others the arms are not what was drawn, and are not read.")
    row = _("{action} ({outcome} {verdict})")
    return takeaway(
        words, compared=compared, unsound=unsound, effects=fill_rows(row, write_verdicts(claimed))
    )


def caption_programme(programme: pd.DataFrame, checks: pd.DataFrame, currency: str) -> str:
    """What the table of the programme holds, after what the checks of its two groups say.

    Parameters
    ----------
    programme
        The table `programme_effect`.
    checks
        From `outcomes.check_arms`, of the same customers.
    currency
        Of spend.
    """
    if programme.empty:
        return ""
    words = _(
        "Checked first: {controls:count} customers are held out, where the draw makes "
        "{controls_expected:count} (p {ratio_p:p}); earlier spend of both groups alike (p {balance_p:p}). "
        "Spend in {currency}, buying again as a share"
    )
    if not checks["sound"].all():
        words = _(
            "Not read: {controls:count} customers are held out, where the draw makes "
            "{controls_expected:count} (p {ratio_p:p}); earlier spend of both groups alike (p {balance_p:p})"
        )
    return fill(words, currency=currency, **checks.iloc[0].to_dict()) + _write_counted(programme)


def explain_no_programme(share: float) -> str:
    """What stands in place of the programme's table."""
    if share > 0:
        return _("Nobody has been held out of the programme for four weeks yet.")
    return _(
        "The policy holds nobody out of the programme (`control.holdout_share`), so what it brings is "
        "unknown."
    )


def describe_programme(programme: pd.DataFrame) -> Takeaway:
    """What the whole programme brought beside those held out; "" where nobody has been for long enough."""
    if programme.empty:
        return takeaway("")
    by_outcome = programme.set_index("outcome")
    spend = by_outcome.loc["spend"]
    words = {
        "higher": _(
            "Beside customers held out, the programme brought {total:count} more in spend "
            "({total_low:count} to {total_high:count})."
        ),
        "lower": _("Beside customers held out, customers of the programme spent less."),
        "cannot_tell": _(
            "Whether the programme pays cannot be told yet: beside customers held out its spend differs by "
            "{total_low:count} to {total_high:count}."
        ),
        "too_few": _("Too few customers are held out to tell whether the programme pays."),
        "no_controls": _("Nobody is held out, so whether the programme pays is unknown."),
        "unsound": _("Those held out are not what was drawn, so nothing is said of the whole programme."),
    }
    return takeaway(words[spend["verdict"]], **spend[["total", "total_low", "total_high"]])


def describe_movement(movement: Movement, buyers: int, past: pd.Timestamp) -> str:
    """How many changed tier, beside how many had nobody changed, and whether customers buy at another pace.

    Parameters
    ----------
    movement
        From `tier_moves.judge_movement`.
    buyers
        Customers who had bought by the comparison day.
    past
        The comparison day.
    """
    if movement.moved == "cannot_tell":
        return fill(_("Too few customers had bought by {past:day} to tell movement from chance."), past=past)
    who = (
        _(
            "Since {past:day}, {moved:share} of {n:count} customers who had bought by then have clearly left "
            "the tier proposed then"
        )
        if movement.customers >= buyers
        else _(
            "Since {past:day}, {moved:share} of {n:count} buyers drawn from {buyers:count} have clearly left "
            "the tier proposed then"
        )
    )
    beside = {
        "more": _(": more than the {chance:share} that chance alone would move."),
        "fewer": _(": fewer than the {chance:share} that would have moved at one pace all along."),
        "as_by_chance": _(", about as many as chance alone would move ({chance:share})."),
    }
    pace = {
        "more": _(" More of them than by chance now buy more or less often than before."),
        "fewer": _(" They keep to their own pace more evenly than by chance."),
    }
    words = who + beside[movement.moved] + pace.get(movement.pace, "")
    shares = {"moved": movement.share, "chance": movement.share_by_chance}
    return fill(words, past=past, n=movement.customers, buyers=buyers, **shares)


def describe_monitoring(
    moves: pd.DataFrame, moved: str, pairs: pd.DataFrame, effects: pd.DataFrame, programme: pd.DataFrame
) -> Takeaway:
    """How many moved beside chance, whether the past tiers kept their order, and who waits for a person.

    Parameters
    ----------
    moves
        From `compare_tiers`.
    moved
        From `describe_movement`.
    pairs
        From `compare_neighbours`; empty where no tiers could be followed.
    effects
        The table `action_effects`.
    programme
        The table `programme_effect`.
    """
    said = {name: _verdicts()[tier_order_verdict(pairs, name)] for name in ("spend", "bought_again")}
    order = (
        _("Did the past tiers keep their order? Later spend: **{spend}**; buying again: **{bought_again}**.")
        if len(pairs)
        else _("Whether tiers keep their order cannot be told yet.")
    )
    down = takeaway(
        _("Moves down that wait for a named person: {down:count}."), down=moves["waits_for_review"].sum()
    )
    parts = (takeaway("{moved:text}", moved=moved), takeaway(order, **said), down, describe_actions(effects))
    parts = (*parts, describe_programme(programme))
    return Takeaway(" ".join(part.markdown for part in parts if part.markdown))


def _verdicts() -> dict[str, str]:
    return {
        "kept": _("kept"),
        "reversed": _("reversed"),
        "kept_in_part": _("kept where it can be told"),
        "mixed": _("kept in part, reversed in part"),
        "cannot_tell": _("cannot tell"),
        "higher": _("higher with the action"),
        "lower": _("lower with the action"),
        "unsound": _("not read: the arms are not what was drawn"),
        "no_controls": _("no control group: nothing can be said of an effect"),
        "too_few": _("too few to tell: even the clearest difference could be chance"),
    }
