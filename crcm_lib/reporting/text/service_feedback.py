"""Words of the service notebook: complaints, waits against what was promised, who waits for a word."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from crcm_lib.config.service_policy import Topic
from crcm_lib.i18n import _
from crcm_lib.models.satisfaction.further_topics import FurtherTopics
from crcm_lib.privacy import SMALL_GROUPS
from crcm_lib.reporting.takeaway import Takeaway, takeaway
from crcm_lib.reporting.text.numbers import fill, fill_rows

SURE = 0.05  # of finding a leading cause where two are alike


def write_causes(causes: pd.DataFrame) -> pd.DataFrame:
    """`count_causes` with words where no cause was stated or few customers did, and the running share."""
    named = (
        causes["cause"].astype("object").fillna(_("not stated")).replace(SMALL_GROUPS, _("(small groups)"))
    )
    tickets, share = causes["tickets"], causes["share"]
    if tickets.notna().all():
        share = tickets.astype("float64") / tickets.sum()  # so that what is shown adds up to the whole
    return causes.assign(cause=named.astype("str"), share=share, cumulative_share=share.cumsum())


def describe_causes(causes: pd.DataFrame, why: str) -> str:
    """What the bars of complaints show, or why there are none; small cells are missing."""
    shown = causes.dropna(subset="tickets")
    if shown.empty:
        return why or _("No causes given, or too few complaints.")
    parts = fill_rows("{cause} {tickets:count} ({cumulative_share:share})", shown)
    return fill(_("Bars, complaints by cause with running share. {parts}."), parts=parts)


def write_waits(waits: pd.DataFrame, teams: pd.DataFrame) -> pd.DataFrame:
    """`measure_waits_by_group` with a column per step and quantile, in words; one row per group.

    Where `compare_teams` has teams, `in_time` says how often a team is so beside the others.
    """
    if waits.empty:
        return pd.DataFrame(columns=["by", "group", "customers"])
    groups = waits.drop_duplicates(["by", "group"])[["by", "group"]]
    customers = waits.groupby(["by", "group"])["customers"].max(min_count=1).rename("customers")
    table = groups.join(customers, on=["by", "group"])
    for step, part in waits.groupby("step", sort=False):
        hours = part.set_index(["by", "group"])[["p50_hours", "p90_hours"]]
        name = _name_steps(pd.Series([step])).iloc[0]
        table = table.join(
            hours.rename(columns=lambda column, name=name: f"{name} {column[:3]}"), on=["by", "group"]
        )
    if len(teams):
        verdicts = _name_verdicts(teams.set_index("team")["verdict"])
        table["in_time"] = table["group"].where(table["by"] == "team").map(verdicts).fillna("")
    by = {"all": _("all"), "tier": _("tier"), "kind": _("kind"), "channel": _("channel"), "team": _("team")}
    return table.assign(by=table["by"].map(by).astype("str"))


def write_ages(ages: pd.DataFrame) -> pd.DataFrame:
    """`age_open` with the ages in words."""
    words = {"up_to_7_days": _("up to a week"), "up_to_30_days": _("up to 30 days"), "longer": _("longer")}
    return ages.replace({"age": words})


def write_leading_causes(leading: Mapping) -> str:
    """The sentence on `find_leading_causes`, to be filled with it; ties and chance are said as such."""
    if leading["p_value"] < SURE:
        return _("**{causes}** leads the causes of complaint: {tickets:count} of {complaints:count}.")
    if len(leading["causes"]) > 1:
        return _("Of {complaints:count} complaints, {causes} have {tickets:count} each: no cause leads.")
    return _(
        "Of {complaints:count} complaints, {causes} has {tickets:count}, no more beyond the next cause than "
        "chance explains."
    )


def write_repeats(repeats: pd.DataFrame) -> pd.DataFrame:
    """`count_repeats` with words where few customers complained of a cause."""
    return repeats.replace({"cause": {SMALL_GROUPS: _("(small groups)")}})


def _name_steps(steps: pd.Series) -> pd.Series:
    return steps.map({"first_response": _("first response"), "resolution": _("resolution")}).astype("str")


def _name_verdicts(verdicts: pd.Series) -> pd.Series:
    words = {
        "below": _("below, beyond chance"),
        "near": _("below, within chance"),
        "reached": _("reached"),
        "too_few": _("too few customers"),
        "more": _("more, beyond chance"),
        "fewer": _("fewer, beyond chance"),
        "rises": _("rises, beyond chance"),
        "falls": _("falls, beyond chance"),
        "less": _("less after it, beyond chance"),
        "keeps_less": _("less often than the others, beyond chance"),
        "keeps_more": _("more often than the others, beyond chance"),
        "too_early": _("too early"),
        "cannot_tell": _("cannot tell"),
    }
    return verdicts.map(words).astype("str")


def write_levels(attainment: pd.DataFrame) -> pd.DataFrame:
    """`measure_attainment` or `measure_floors` with steps and verdicts in words, the p left out."""
    written = attainment.drop(columns="p_value")
    if "step" in written:
        written = written.assign(step=_name_steps(written["step"]))
    first = [name for name in ("tier", "floor") if name in written]
    rest = [name for name in written if name not in first]
    return written.assign(verdict=_name_verdicts(written["verdict"]))[first + rest]


def describe_levels(attainment: pd.DataFrame, why: str) -> str:
    """What the dots of kept service levels show, or why there are none; small cells are missing."""
    shown = attainment.dropna(subset=["kept_share", "low"])
    if shown.empty:
        return why or _("Too few tickets for any tier.")
    rows = shown.assign(step=_name_steps(shown["step"]))
    words = "{tier}, {step} {kept_share:share} ({low:share} to {high:share}), {promised} {target_share:share}"
    parts = fill_rows(words, rows, promised=_("promised"))
    return fill(_("Dots with 95 % intervals beside a mark for what was promised. {parts}."), parts=parts)


def name_topics(names: pd.Series, topics: Sequence[Topic]) -> pd.Series:
    """Topics with their Chinese name beside the English one; words for texts that mention none."""
    words = {topic.name: " ".join(filter(None, [topic.name, topic.zh])) for topic in topics}
    return names.astype("object").map(words).fillna(_("no keyword found")).astype("str")


def describe_quarters(quarters: pd.DataFrame, why: str) -> str:
    """What the lines of topics by quarter show, or why there are none; small cells are missing."""
    shown = quarters.dropna(subset="share")
    if shown.empty:
        return why or _("Too few texts.")
    by_topic = shown.groupby("topic", sort=False)["share"]
    lines = by_topic.agg(quarters="size", first="first", last="last")
    parts = fill_rows("{topic} {first:share} → {last:share}", lines)
    words = _("Lines of topics' shares of texts by quarter, first and last shown: {parts}.")
    return fill(words, parts=parts)


def write_changes(changes: pd.DataFrame, topics: Sequence[Topic]) -> pd.DataFrame:
    """`compare_periods` with topics and verdicts in words, without p."""
    named = name_topics(changes["topic"], topics)
    return changes.drop(columns="p_value").assign(topic=named, verdict=_name_verdicts(changes["verdict"]))


def write_improvements(evaluated: pd.DataFrame, topics: Sequence[Topic]) -> pd.DataFrame:
    """`evaluate_improvements` with topics and verdicts in words, without p."""
    verdicts = _name_verdicts(evaluated["verdict"])
    verdicts = verdicts.mask(evaluated["verdict"] == "more", _("more after it, beyond chance"))
    named = name_topics(evaluated["topic"], topics)
    return evaluated.drop(columns="p_value").assign(topic=named, verdict=verdicts)


def caption_further(found: FurtherTopics, *, at_least: int) -> str:
    """What the table of further topics shows, or that none can be told; a sentence where it has no rows."""
    if len(found.topics):
        words = _(
            "Words that customers use together in texts without a keyword, each of {k} customers or more"
        )
    elif found.customers < at_least:
        words = _("Fewer than {k} customers wrote a text without a keyword.")
    else:
        words = _(
            "No further topic can be told: in the texts of {n:count} customers that hold no keyword, no "
            "words go together more than in shuffled texts."
        )
    return fill(words, k=at_least, n=found.customers)


def write_leaving(compared: pd.DataFrame) -> pd.DataFrame:
    """`compare_leaving` with subjects and verdicts in words, without p; empty where nobody complained."""
    compared = compared[compared["customers"].ne(0).fillna(True)]
    subject = compared["subject"].replace({"all": _("any of these")})
    written = compared.drop(columns=["p_value", "others"])
    return written.assign(subject=subject, verdict=_name_verdicts(compared["verdict"]))


def explain_lacking(lacking: list[str]) -> str:
    """What the data lack to say who is still waiting for a word; "" where nothing."""
    names = ", ".join(f"`{name}`" for name in lacking)
    return fill(_("Not available: no {names}."), names=names) if lacking else ""


@dataclass(frozen=True)
class ServiceFacts:
    """What the takeaway is made of.

    Attributes
    ----------
    waits, attainment, floors, leading, leaving
        From `measure_waits_by_group` (of all), `measure_attainment`, `measure_floors`, `find_leading_causes`
        (counts rounded as shown) and `compare_leaving`.
    teams
        From `compare_teams`, small ones hidden.
    changes
        From `compare_periods`, topics in words.
    waiting
        How many customers complained and were not approached since; None where the data cannot say.
    """

    waits: pd.DataFrame
    attainment: pd.DataFrame
    floors: pd.DataFrame
    leading: Mapping
    leaving: pd.DataFrame
    teams: pd.DataFrame
    changes: pd.DataFrame
    waiting: int | None


def describe_service(facts: ServiceFacts, missing: list[str], *, at_least: int = 5) -> Takeaway:
    """How long customers wait and whether that is what they were promised; what they complain of; who stays.

    Parameters
    ----------
    facts
        What was found.
    missing
        From `list_missing`.
    at_least
        What fewer customers did is left out.
    """
    if "tickets" in missing:
        said = [_("Not available: no `tickets` table."), _write_rising(facts.changes)]
        return takeaway(" ".join(filter(None, said)))
    words = [_write_wait(facts.waits, at_least), *_write_shortfalls(facts), _write_slow_team(facts.teams)]
    if facts.waiting is not None and facts.waiting >= at_least:
        words.append(
            fill(
                _(
                    "**{n:count} customers** complained in the last 90 days and nobody has approached them "
                    "since; they come first in the calendar."
                ),
                n=facts.waiting,
            )
        )
    causes = {}
    if facts.leading["causes"]:
        words.append(write_leading_causes(facts.leading))
        causes = {**facts.leading, "causes": _(" and ").join(facts.leading["causes"])}
    words += [_write_rising(facts.changes), _write_left(facts.leaving)]
    said = " ".join(filter(None, words))
    return takeaway(said or _("Too few tickets to say anything."), **causes)


def _write_slow_team(teams: pd.DataFrame) -> str:
    slow = teams[teams["verdict"] == "keeps_less"].dropna(subset="kept_share")
    if slow.empty:
        return ""
    last = slow.sort_values("kept_share").iloc[0]
    return fill(
        _(
            "Team **{team}** is in time less often than the other teams, {mine:share} of its steps against "
            "{others:share}: slower work, or harder tickets."
        ),
        team=last["team"],
        mine=last["kept_share"],
        others=last["others_kept_share"],
    )


def _write_wait(waits: pd.DataFrame, at_least: int) -> str:
    known = waits.dropna().iloc[-1:]
    if not len(known) or known["tickets"].iloc[0] < at_least:
        return ""
    words = _(
        "Half of the tickets take {p50_hours:count} hours or less until {step}, one in ten more than "
        "{p90_hours:count}."
    )
    return fill_rows(words, known.assign(step=_name_steps(known["step"])))


def _write_shortfalls(facts: ServiceFacts) -> list[str]:
    """Which tiers got less than promised, beyond chance, of service and of satisfaction; or that none did."""
    found = []
    judged = facts.attainment[facts.attainment["verdict"] != "too_few"]
    short = judged[judged["verdict"] == "below"]
    if len(short):
        part = "{tier}, {step}: {kept_share:share} ({target_share:share})"
        parts = fill_rows(part, short.assign(step=_name_steps(short["step"])))
        words = _("Fewer tickets than promised were in time, beyond chance (promised): {parts}.")
        found.append(fill(words, parts=parts))
    elif len(judged):
        found.append(_("No tier's tickets were later than promised beyond what chance explains."))
    low = facts.floors[facts.floors["verdict"] == "below"]
    if len(low):
        parts = fill_rows("{tier} {mean:points} ({floor:points})", low)
        words = _("Satisfaction is below its floor, beyond chance, in: {parts}.")
        found.append(fill(words, parts=parts))
    return found


def _write_rising(changes: pd.DataFrame) -> str:
    """Which topics take a larger share of texts than half a year before, beyond chance; "" where none."""
    rising = changes[changes["verdict"] == "rises"]
    if rising.empty:
        return ""
    parts = fill_rows("{topic} {share_before:share} → {share_now:share}", rising)
    return fill(_("More texts than half a year before are about: {parts}."), parts=parts)


def _write_left(leaving: pd.DataFrame) -> str:
    """What became of those who complained, as a comparison; "" where chance explains it or they are few."""
    row = leaving.iloc[0]
    words = {
        "more": _(
            "Of {customers:count} buyers who complained half a year ago or before, {left_share:share} bought "
            "no more since; of others who had bought as lately {others_left_share:share}."
        ),
        "fewer": _(
            "Of {customers:count} buyers who complained half a year ago or before, only {left_share:share} "
            "bought no more since; of others who had bought as lately {others_left_share:share}."
        ),
    }
    return fill(words[row["verdict"]], **row) if row["verdict"] in words else ""
