"""Words of the clustering notebook: what groups are called, why there are none, what its pictures show."""

import numpy as np
import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.models.clustering import ClusteringResult, GroupModel
from crcm_lib.models.clustering.group_model import ALL_BUYERS, HIGH, LOW, NO_GROUPS, NO_PURCHASE
from crcm_lib.models.reasons import Reason
from crcm_lib.reporting.takeaway import Takeaway, takeaway
from crcm_lib.reporting.text.numbers import fill, fill_cells, fill_rows, write_rows
from crcm_lib.schema.labels import label


def name_group(traits: str) -> str:
    """A group's name from its traits.

    >>> name_group("purchases:high discount_share:low #2")
    'frequent, full-price (2)'
    """
    whole = {
        NO_GROUPS: _("no natural groups"),
        NO_PURCHASE: _("not clustered: no purchase"),
        ALL_BUYERS: _("all buyers"),
    }
    if traits in whole:
        return whole[traits]
    words = _trait_words()
    *named, last = traits.split(" ")
    number = f" ({last[1:]})" if last.startswith("#") else ""
    named += [] if number or not last else [last]
    return (", ".join(words[trait] for trait in named) or _("like most")) + number


def name_groups(traits: pd.Series) -> pd.Series:
    """The names of groups, from the column `traits`."""
    return traits.map({each: name_group(each) for each in traits.unique()}).astype("str")


def _trait_words() -> dict[str, str]:
    words = {
        "purchases": (_("frequent"), _("seldom")),
        "spend_mean": (_("big baskets"), _("small baskets")),
        "days_since_last": (_("long silent"), _("recently active")),
        "gap_mean_days": (_("long pauses"), _("short pauses")),
        "categories": (_("broad"), _("narrow")),
        "discount_share": (_("discount-driven"), _("full-price")),
        "returns_share": (_("returning goods"), _("keeping goods")),
        "channel_main_share": (_("one channel"), _("mixed channels")),
        "spend_trend": (_("rising"), _("falling")),
    }
    return {
        column + side: word
        for column, both in words.items()
        for side, word in zip((HIGH, LOW), both, strict=True)
    }


def write_features(features: pd.DataFrame) -> pd.DataFrame:
    """`choose_features` in words: `column`, `used`, `because`."""
    words = {
        "used": _("used"),
        "protected": _("protected by the policy"),
        "not_available": _("not available"),
        "often_unknown": _("unknown for {unknown_share:share} of buyers"),
        "hardly_varies": _("the same for more than 95% of buyers"),
        "repeats_another": _("says the same as {other}"),
    }
    because = write_rows(features, lambda row: fill(words[row["reason"]], **row))
    return features[["column", "used"]].join(because)


def describe_absence(reason: Reason) -> str:
    """Why there are no groups."""
    words = {
        "too_few": _("too little to separate groups: {buyers} buyers, {features} features that differ"),
        "no_better_than_chance": _(
            "no number of groups is both better separated and more stable than chance"
        ),
        "not_reproduced": _("the groups found do not all reappear in another sample"),
    }
    return fill(words.get(reason.rule, ""), **reason.facts)


def describe_criteria(findings: ClusteringResult) -> str:
    """What the lines of silhouette and stability show, or why there are none."""
    if findings.criteria.empty:
        return describe_absence(findings.reason)
    row = _(
        "k {k}: {silhouette:number} against {silhouette one cloud high:number}, stability {stability:number} "
        "against {stability one cloud high:number}"
    )
    words = _("Lines, silhouette and stability against the upper edge of one cloud. {rows}.")
    return fill(words, rows=fill_rows(row, findings.criteria))


def caption_criteria(findings: ClusteringResult) -> str:
    """What the table of criteria was measured on."""
    words = _("Sample of {n:count} buyers. Gap and lead: ahead of the nearer of the two kinds of chance.")
    return fill(words, n=findings.sample)


def tabulate_centres(model: GroupModel) -> pd.DataFrame:
    """The centres in standard deviations, one row per group under its number and name."""
    names = [f"{number}: {name_group(each)}" for number, each in enumerate(model.traits, start=1)]
    centres = np.array(model.centres).reshape(len(names), len(model.scales))
    return pd.DataFrame(centres, index=names, columns=[label(column) for column in model.scales])


def describe_centres(findings: ClusteringResult, centres: pd.DataFrame) -> str:
    """What the map of centres shows, or why there is none; `centres` is from `tabulate_centres`."""
    if not findings.found:
        return describe_absence(findings.reason)
    rows = fill_cells("{column} {value:points_change}", centres)
    return fill(_("Map of the groups' centres in standard deviations. {rows}."), rows=rows)


def write_profile(profile: pd.DataFrame) -> pd.DataFrame:
    """`clustering.profile` with the groups' names in place of their traits."""
    named = profile.rename(columns={"traits": "group"})
    return named.assign(group=name_groups(profile["traits"]))


def describe_groups(findings: ClusteringResult, parts: pd.DataFrame) -> Takeaway:
    """Which groups there are and how firm they are, or that there are none and why.

    `parts` is `clustering.profile` without its last row, small groups hidden.
    """
    if not findings.found:
        return takeaway(
            _("**No natural groups**: {because}. Use stages, scores and tiers; do not invent types."),
            because=describe_absence(findings.reason),
        )
    words = _(
        "Buyers fall into **{k} groups** that chance does not explain ({method}; Jaccard overlap with "
        "resamples at least {weakest:number})."
    )
    top = parts.iloc[0]
    if pd.notna(top["spend_share"]):
        words += " " + _("**{name}** is {people:share} of buyers and {spend:share} of spend.")
    return takeaway(
        words,
        k=len(findings.model.traits),
        method=findings.model.method,
        weakest=findings.jaccard.min(),
        name=name_group(top["traits"]),
        people=top["customer_share"],
        spend=top["spend_share"],
    )
