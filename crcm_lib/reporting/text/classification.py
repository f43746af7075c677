"""Words of the classification notebook: indicators, scores, tiers and the reasons for them, fairness."""

from collections.abc import Mapping

import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.decisions.scorecard import Cutoff, ScorecardModel
from crcm_lib.decisions.tiers import find_needs
from crcm_lib.i18n import _
from crcm_lib.reporting.takeaway import Takeaway, takeaway
from crcm_lib.reporting.text import numbers
from crcm_lib.reporting.text.profile import name_groups


def write_weights(weights: pd.DataFrame) -> pd.DataFrame:
    """`explain_weights` with a `remark` where an indicator is not available."""
    words = {
        "": "",
        "no_table": _("not available: no `{table}`"),
        "no_column": _("not available: no `{column}` in `{table}`"),
        "no_value": _("not available: `{column}` is empty"),
    }
    remarks = [words[row.absence].format(table=row.table, column=row.column) for row in weights.itertuples()]
    return weights.drop(columns=["absence", "table", "column"]).assign(remark=remarks)


def score_borders(model: ScorecardModel) -> dict[str, float]:
    """The lowest score of each tier that asks for the score alone and can be reached."""
    asked = {tier: cutoffs for tier, cutoffs in model.cutoffs[0].items() if list(cutoffs) == ["score"]}
    scores = {tier: cutoffs["score"].at_least for tier, cutoffs in asked.items()}
    return {tier: score for tier, score in scores.items() if score is not None}


def describe_scores(counts: pd.DataFrame, borders: Mapping[str, float], *, at_least: int) -> str:
    """What the columns of scores show; `counts` of fewer than `at_least` customers are 0."""
    named = ", ".join(f"{name} {numbers.number(border)}" for name, border in borders.items()) or _("none")
    fullest = counts.sum(axis=1)
    return _(
        "Columns of customers by score, coloured by tier; most of them from {start} points. Lowest scores of "
        "tiers: {borders}. Columns of fewer than {least} customers are not drawn."
    ).format(start=fullest.idxmax(), borders=named, least=at_least)


def name_shares() -> dict[str, str]:
    """Headings of the shares of `summarise_tiers`."""
    return {
        "customers_share": _("of customers"),
        "spend_share": _("of last year's spend"),
        "value_share": _("of predicted value"),
    }


def describe_tiers(shown: pd.DataFrame) -> str:
    """What the bars of each tier's shares show; small tiers are missing."""
    columns = {column: words for column, words in name_shares().items() if column in shown}
    rows = "; ".join(
        f"{row['tier']}: "
        + ", ".join(f"{_share_or_hidden(row[column])} {words}" for column, words in columns.items())
        for row in shown.to_dict("records")
    )
    return _("Bars per tier. {rows}.").format(rows=rows)


def describe_parts(parts: pd.DataFrame) -> str:
    """What the bars of examples show: `customer` (a pseudonym and the tier) and the sum of `adds`."""
    scores = parts.groupby("customer", sort=False)["adds"].sum()
    rows = "; ".join(f"{name} {numbers.number(score)}" for name, score in scores.items()).replace("\n", ", ")
    return _("Bars, the scores of example customers added up: {rows}.").format(rows=rows)


def write_reasons(
    placed: pd.DataFrame, card: pd.DataFrame, policy: Policy, model: ScorecardModel
) -> pd.DataFrame:
    """Why each of these customers has their tier, and what would change it.

    Parameters
    ----------
    placed
        Rows of the table `tiers`; give those that are shown.
    card
        The table `scorecard`.
    policy, model
        Say what each tier asks for, and what was learned for it.

    Returns
    -------
    `because`: the policy's words, the score against the tier's and all better tiers' conditions, and the
    parts that add up to the score, so that anyone can check the rule by hand. `next_needs`: the points that
    are missing to `next_tier`.
    """
    names = [tier.name for tier in policy.tiers]
    against = {name: _write_conditions(policy, model.cutoffs[0], names.index(name)) for name in names}
    words = {tier.name: tier.because for tier in policy.tiers}
    template = _("{because}; score {score} ({conditions}) = {parts}")
    points = card.loc[placed.index, list(model.weights[0])]
    because = [
        template.format(
            because=words[tier],
            score=numbers.number(score),
            conditions=against[tier],
            parts=_write_parts(model.weights[0], dict(of_each)),
        )
        for tier, score, of_each in zip(
            placed["tier"], placed["score"], points.to_dict("records"), strict=True
        )
    ]
    needs = [
        ", ".join(f"{name} +{numbers.number(missing)}" for name, missing in row.items() if pd.notna(missing))
        for row in find_needs(placed, card, model).to_dict("records")
    ]
    return pd.DataFrame({"because": because, "next_needs": needs}, index=placed.index, dtype="str")


def _write_conditions(policy: Policy, cutoffs: Mapping[str, Mapping[str, Cutoff]], number: int) -> str:
    """The tier's own conditions and those of the better tiers."""
    conditions = []
    for tier in policy.tiers[number::-1]:
        asked = " & ".join(_write_cutoff(*each) for each in cutoffs[tier.name].items())
        conditions.append(_("{tier}: {asked}").format(tier=tier.name, asked=asked or _("everyone else")))
    return "; ".join(conditions)


def _write_cutoff(column: str, cutoff: Cutoff) -> str:
    if cutoff.at_least is None:
        return _("{name} out of reach").format(name=column)
    upper = "" if cutoff.below is None else f" < {numbers.number(cutoff.below)}"
    return f"{column} ≥ {numbers.number(cutoff.at_least)}{upper}"


def _write_parts(weights: Mapping[str, float], points: Mapping) -> str:
    known = {name: value for name, value in points.items() if pd.notna(value)}
    total = sum(weights[name] for name in known)
    parts = [
        f"{name} {numbers.number(value)} × {numbers.share(weights[name] / total)}"
        for name, value in known.items()
    ]
    unknown = [name for name in weights if name not in known]
    tail = _("; not known: {names}").format(names=", ".join(unknown)) if unknown else ""
    return (" + ".join(parts) or _("nothing known")) + tail


def describe_sensitivity(changes: pd.DataFrame) -> str:
    """What the bars of changed tiers show; `changes` is from `compare_weights`."""
    rows = "; ".join(
        f"{row.criterion} ({numbers.share(row.weight)}) "
        f"{numbers.share(row.changed_up)} / {numbers.share(row.changed_down)}"
        for row in changes.itertuples()
    )
    return _("Bars, tiers changed by 10 % more / less weight: {rows}.").format(rows=rows)


def write_audit(audit: pd.DataFrame) -> pd.DataFrame:
    """`audit_tiers` with the names of groups that are ids, and a `label` of attribute and group."""
    group = pd.Series(name_groups(pd.Index(audit["group"])), index=audit.index, dtype="str")
    return audit.assign(group=group, label=audit["attribute"] + ": " + group)


def describe_audit(audit: pd.DataFrame) -> str:
    """What the points with intervals show; `audit` is from `write_audit`."""
    if audit.empty:
        return _("The data have none of the policy's audit attributes.")
    different = audit[audit["differs"]]
    named = [f"{row.attribute} {row.group} {numbers.share(row.share)}" for row in different.itertuples()]
    words = _("Points with intervals for {groups} groups. Clearly different from everyone else: {named}.")
    return words.format(groups=len(audit), named=", ".join(named) or _("none"))


def describe_classification(shown: pd.DataFrame, placed: pd.DataFrame) -> Takeaway:
    """How large the best two tiers are, what they bring, and how firm all tiers are.

    Parameters
    ----------
    shown
        From `summarise_tiers`, small tiers hidden.
    placed
        The table `tiers`.
    """
    top = shown.head(2)
    hidden = top[["customers_share", "spend_share"]].isna().any(axis=None)
    words = _("**{names}** are {people} of {count} customers and {spend} of last year's spend. ")
    if hidden:
        words = _("{count} customers have a tier and a reason; **{names}** are too few to be shown. ")
    return takeaway(
        words + _("{firm} keep their tier under every 10 % change of the weights."),
        names=_(" and ").join(top["tier"]),
        count=numbers.count(len(placed)),
        people="" if hidden else numbers.share(top["customers_share"].sum()),
        spend="" if hidden else numbers.share(top["spend_share"].sum()),
        firm=numbers.share((placed["firmness"] == 1).mean() if len(placed) else 0),
    )


def _share_or_hidden(share: float) -> str:
    return _("hidden") if pd.isna(share) else numbers.share(share)
