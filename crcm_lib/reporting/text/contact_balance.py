"""Words of the interaction notebook: who answers, where effort goes, who is silent, how channels shift."""

from collections.abc import Mapping

import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.models.interaction import DID_NOT_ASK, NOBODY
from crcm_lib.reporting.takeaway import Takeaway, takeaway
from crcm_lib.reporting.text.numbers import fill, fill_rows


def describe_missing(interaction: pd.DataFrame) -> str:
    """That there are no contacts; "" where there are."""
    return "" if len(interaction.columns) else _("Not available: no `contacts` table.")


def caption_channels(unknown: pd.DataFrame, *, at_least: int) -> str:
    """The title of the contacts by channel, and which words of the export are not understood.

    Parameters
    ----------
    unknown
        From `interaction_counts.list_unknown_words`; a word of fewer than `at_least` customers is not shown.
    """
    title = _("Contacts of the last 365 days by channel")
    if unknown.empty:
        return title
    words = _(
        "{title}. Counted as unknown are {contacts:count} whose direction or outcome is in no list of "
        "words{shown}"
    )
    known = unknown[unknown["customers"] >= at_least]
    shown = fill(_(": {words}"), words=known["word"].to_list()) if len(known) else ""
    return fill(words, title=title, contacts=unknown["contacts"].sum(), shown=shown)


def describe_response(response: pd.DataFrame, why: str) -> str:
    """What the dots of answered shares by channel show, or why there are none; small channels are missing."""
    shown = response.dropna(subset=["answered_share", "low"])
    if shown.empty:
        return why or _("Too few outbound contacts have a known outcome.")
    part = _("{channel} {answered_share:share} ({low:share} to {high:share}, {tried:count} customers)")
    words = _("Dots with 95 % intervals, share of outbound contacts that were answered: {parts}.")
    return fill(words, parts=fill_rows(part, shown))


def write_response(response: pd.DataFrame) -> str:
    """Which channels are answered more or less often than all others together, beyond chance."""
    if response.dropna(subset="difference").empty:
        return _("Whether channels are answered differently cannot be told: too few customers.")
    more = _("{names}: answered more often than the other channels together")
    said = _say_sides(response, "channel", more, _("{names}: less often"))
    if not said:
        return _("No channel is answered more or less often than the others beyond chance.")
    return fill("{said}.", said="; ".join(said))


def _named(table: pd.DataFrame, name: str) -> tuple[list[str], list[str]]:
    """The names whose verdict is more, and those whose verdict is less; hidden ones are left out."""
    shown = table.dropna(subset="difference")
    more, less = (shown.loc[shown["verdict"] == verdict, name].to_list() for verdict in ("more", "less"))
    return more, less


def _say_sides(table: pd.DataFrame, name: str, more: str, less: str) -> list[str]:
    """The sentence on those with more and the one on those with less, each only where there are any."""
    sides = zip((more, less), _named(table, name), strict=True)
    return [fill(words, names=names) for words, names in sides if names]


def caption_effort(effort: pd.DataFrame) -> str:
    """Which tiers get more or less of the contacts than they hold of the value, beyond chance."""
    if effort["difference"].isna().all():
        return _("Whether contacts go where the value is cannot be told.")
    larger = _("A larger share of the contacts than of the value: {names}")
    words = _say_sides(effort, "tier", larger, _("A smaller share: {names}"))
    return ". ".join(words) or _("No tier gets more or less of the contacts than of the value beyond chance")


def describe_effort(effort: pd.DataFrame, why: str) -> str:
    """What the paired bars of effort and value show, or why there are none."""
    shown = effort.dropna(subset=["effort_share", "value_share"])
    if shown.empty:
        return why or _("No picture: no value is predicted, or too few customers.")
    part = _("{tier} {effort_share:share} of the contacts, {value_share:share} of the value")
    return fill(_("Bars by tier: {parts}."), parts=fill_rows(part, shown))


def write_owners(owners: pd.DataFrame) -> pd.DataFrame:
    """`models.interaction.size_owners` with a word for those without an owner."""
    return owners.assign(owner=owners["owner"].replace({NOBODY: _("(no owner)")}))


def write_states(states: pd.DataFrame, group: str, order: list[str] | None = None) -> pd.DataFrame:
    """Active customers of each group who are silent and in contact, and the share of the silent.

    Parameters
    ----------
    states
        Of `models.interaction.list_states`, crossed and hidden by `Workspace.counts`.
    group
        What the groups are: tier or owner.
    order
        The groups in order; None: by name.
    """
    shown = states.reindex(columns=["silent", "in_contact"])
    shown = shown.reindex(order) if order else shown.rename(index={NOBODY: _("(no owner)")})
    table = shown.astype("float64").reset_index(names=group)
    return table.assign(silent_share=table["silent"] / (table["silent"] + table["in_contact"]))


def caption_silent(days: int) -> str:
    """Who counts as silent."""
    words = _(
        "Silent (沉默客户): has bought and is not lost, and no contact either way for more than {days} days"
    )
    return fill(words, days=days)


def name_asked(pairs: pd.DataFrame) -> pd.DataFrame:
    """`models.interaction.list_pairs` with a word for those who asked through no channel."""
    return pairs.replace({"asked": {DID_NOT_ASK: _("did not ask")}})


def name_kinds(kinds: pd.DataFrame) -> pd.DataFrame:
    """`models.interaction.count_channels_used` in words, in the order of their number."""
    bought = {"one": _("bought through one"), "more": _("bought through several")}
    asked = {
        "none": _("asked through none"),
        "one": _("asked through one"),
        "more": _("asked through several"),
    }
    words = {"bought": bought, "asked": asked}
    named = {
        name: pd.Categorical(
            kinds[name].map(of), [each for key, each in of.items() if key in set(kinds[name])]
        )
        for name, of in words.items()
    }
    return pd.DataFrame(named, kinds.index)


def write_mix(mix: pd.DataFrame) -> pd.DataFrame:
    """`models.interaction.compare_mix` with the verdict in words."""
    words = {"more": _("a larger share"), "less": _("a smaller share"), "cannot_tell": _("cannot tell")}
    compared = mix["verdict"].map(words).where(mix["difference"].notna(), _("cannot tell"))
    return mix.assign(compared=compared.astype("str")).drop(columns=["verdict", "p_adjusted"])


def describe_interaction(
    answers: Mapping,
    response: pd.DataFrame,
    effort: pd.DataFrame,
    states: pd.DataFrame,
    mix: pd.DataFrame,
    *,
    why: str = "",
    at_least: int = 5,
) -> Takeaway:
    """Who answers, where the effort goes, who is silent, what shifts; as shown, small cells hidden.

    Parameters
    ----------
    answers
        From `models.interaction.measure_answers`.
    response, effort, states, mix
        Of `models.interaction`: `measure_channels`, `share_effort`, `list_states` by tier, and `compare_mix`
        of the contacts.
    why
        From `describe_missing`.
    at_least
        Of fewer silent customers, or fewer others, nothing is said.
    """
    if why:
        return takeaway(why)
    words, values = ["{response}", "{effort}."], {}
    if pd.notna(answers["low"]):
        words.insert(
            0,
            _(
                "Of the outbound contacts with a known outcome **{answered_share:share}** are answered "
                "(95 % between {low:share} and {high:share})."
            ),
        )
        values |= answers
    silent = int((states["state"] == "silent").sum())
    if min(silent, len(states) - silent) >= at_least:
        words.append(_("**{silent:count}** active customers of {active:count} are silent."))
        values |= {"silent": silent, "active": len(states)}
    shifted = [name for names in _named(mix, "channel") for name in names]
    if shifted:
        words.append(_("Beyond chance another share of the contacts than the year before have: {channels}."))
    elif len(mix):
        words.append(_("No channel's share of the contacts has changed beyond chance."))
    values |= {"response": write_response(response), "effort": caption_effort(effort).rstrip(".")}
    return takeaway(" ".join(words), **values, channels=", ".join(shifted))
