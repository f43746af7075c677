"""Words of industries, sizes, regions and attitudes as markets: what each shows beyond chance."""

import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.models.market_segments import ATTITUDE
from crcm_lib.reporting.takeaway import Takeaway, takeaway
from crcm_lib.reporting.text.numbers import fill, fill_rows
from crcm_lib.reporting.text.profile import name_groups

MOST = 4  # segments that a sentence names
OLD = 365  # days after which what people have judged is old


def name_attribute(attribute: str) -> str:
    """An attribute in words; an item of a survey is the answer to it."""
    words = {
        "subject_type": _("business type"),
        "industry": _("industry"),
        "size": _("size"),
        "company_age": _("company age"),
        "region": _("region"),
    }
    if attribute.startswith(ATTITUDE):
        return fill(_("answer to {item}"), item=attribute.removeprefix(ATTITUDE))
    return words.get(attribute, attribute)


def name_level(level: str) -> str:
    """A segment in words; the words of the data stay."""
    words = {
        "company": _("companies (B2B)"),
        "person": _("persons (B2C)"),
        "under_3_years": _("under 3 years"),
        "3_to_9_years": _("3 to 9 years"),
        "10_to_19_years": _("10 to 19 years"),
        "20_years_and_over": _("20 years and over"),
        "under_10_years": _("under 10 years"),
        "10_years_and_over": _("10 years and over"),
        "low_answers": _("low answers"),
        "middle_answers": _("middle answers"),
        "high_answers": _("high answers"),
    }
    return str(name_groups(pd.Index([words.get(level, level)]))[0])


def explain_absence(segments: pd.DataFrame) -> str:
    """Why nothing can be said of markets; "" where something can."""
    if len(segments.columns):
        return ""
    words = _(
        "Not available: the data sort customers by no industry, size, region, company age or business type, "
        "and ask for no attitude."
    )
    return words


def name_segments(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame with `attribute` and `level` in words."""
    names = {"attribute": frame["attribute"].map(name_attribute), "level": frame["level"].map(name_level)}
    return frame.assign(**names)


def keep_shown(compared: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    """Rows of `compare_segments` without the money of segments whose money `summary` hides.

    A segment whose number of customers is hidden is left out altogether.
    """
    keyed = summary.set_index(["attribute", "level"])
    places = pd.MultiIndex.from_frame(compared[["attribute", "level"]])
    people, money = (keyed[name].reindex(places).notna().to_numpy() for name in ("customers", "spend"))
    is_money = compared["measure"].isin(["spend", "growth"]).to_numpy()
    return compared[people & (money | ~is_money)]


def label_segments(shown: pd.DataFrame) -> pd.DataFrame:
    """Rows of one measure with `label` and the `estimate` drawn towards the others, most of all first."""
    named = name_segments(shown)
    label = named["attribute"] + ": " + named["level"]
    return named.assign(label=label).sort_values(
        ["attribute", "shrunk"], ascending=[True, False], kind="stable"
    )


def describe_spend(shown: pd.DataFrame, currency: str, why: str) -> str:
    """What the picture of spend per customer shows, or why there is none."""
    if shown.empty:
        return why or _("Too few customers of any segment to compare what they spend.")
    words = _(
        "Spend of a year per customer in {currency} by segment, drawn towards the mean of all (dot), with "
        "95 % intervals (bar). {claims}"
    )
    return fill(words, currency=currency, claims=_write_claims(shown, "money"))


def describe_growth(shown: pd.DataFrame, years: bool, why: str) -> str:
    """What the picture of growth shows, or why there is none."""
    if why:
        return why
    if not years:
        return _("Growth over a year cannot be seen: the history is shorter than two years.")
    if shown.empty:
        return _("Too few customers of any segment to compare how it grows.")
    words = _(
        "Spend of the last year over that of the year before, less one, by segment, drawn towards the mean "
        "of all (dot), with 95 % intervals (bar). {claims}"
    )
    return fill(words, claims=_write_claims(shown, "change"))


def _write_claims(shown: pd.DataFrame, kind: str) -> str:
    claimed = shown[shown["verdict"] != "cannot_tell"]
    if claimed.empty:
        return _("No segment differs from the others beyond chance.")
    named = claimed.assign(verdict=claimed["verdict"].map(name_verdict))
    parts = fill_rows("{label} {verdict} ({estimate:" + kind + "})", named.head(MOST))
    return fill(_("Beyond chance: {parts}."), parts=parts)


def name_verdict(verdict: str) -> str:
    """A verdict of `compare_segments` in words."""
    words = {"higher": _("higher"), "lower": _("lower"), "cannot_tell": _("cannot tell"), "": ""}
    return words[verdict]


def write_stays(compared: pd.DataFrame) -> pd.DataFrame:
    """Of each segment what is known beside money: a row per segment and measure, in words."""
    names = {
        "retained": _("bought again, share"),
        "satisfaction": _("satisfaction, mean answer"),
        "gap_days": _("days between purchases, mean"),
    }
    shown = name_segments(compared[compared["measure"].isin(names)])
    written = shown.assign(measure=shown["measure"].map(names), verdict=shown["verdict"].map(name_verdict))
    return written[["attribute", "level", "measure", "customers", "estimate", "low", "high", "verdict"]]


def caption_stays(satisfaction: str) -> str:
    """What the numbers beside money are, and by which answer satisfaction is measured."""
    by = {"csat": _("csat, 1 to 5"), "nps": _("nps, 0 to 10"), "": _("nobody was asked")}
    words = _(
        "Bought again: of who bought in the year before the last. Satisfaction: {by}. Verdict: beside the "
        "others"
    )
    return fill(words, by=by[satisfaction])


def explain_no_stays() -> str:
    """Why no segment stands in the table of what is known beside money."""
    return _("Too few customers of any segment bought in two years, answered, or bought twice.")


def name_attention(attention: str) -> str:
    """What follows for a segment, in words."""
    words = {
        "invest": _("win more of them"),
        "repair": _("mend first what makes them leave or spend less"),
        "develop": _("try what wins more of them"),
        "hold": _("keep well served"),
        "select": _("only where it pays"),
        "watch": _("watch"),
        "look_into": _("look into why"),
        "cannot_tell": _("cannot tell: as the others"),
    }
    return words[attention]


def name_potential(potential: str) -> str:
    """The potential of a segment, measured or judged, in words."""
    words = {
        "higher": _("grows more"),
        "judged_higher": _("judged to grow more"),
        "lower": _("grows less"),
        "judged_lower": _("judged to grow less"),
        "disputed": _("measured and judged differently"),
        "cannot_tell": _("cannot tell"),
    }
    return words[potential]


def write_attention(rated: pd.DataFrame) -> pd.DataFrame:
    """`rate_segments` in words; of segments of which nothing can be told only those that people judged."""
    known = rated[(rated["attention"] != "cannot_tell") | rated["outlook"].notna()]
    positions = {
        "strong": _("strong"),
        "weak": _("weak"),
        "mixed": _("mixed"),
        "cannot_tell": _("as the others"),
    }
    named = name_segments(known)
    return named.assign(
        potential=named["potential"].map(name_potential),
        position=named["position"].map(positions),
        attention=named["attention"].map(name_attention),
    )[["attribute", "level", "potential", "position", "outlook", "competition", "judged", "attention"]]


def caption_attention(rated: pd.DataFrame, as_of: pd.Timestamp) -> str:
    """Of how many segments nothing can be told, and whether what people judged is old."""
    silent = int((rated["attention"] == "cannot_tell").sum())
    words = _("Of {silent:count} of {all:count} segments nothing can be told beyond chance")
    said = fill(words, silent=silent, all=len(rated))
    judged = rated["judged"].dropna()
    if judged.empty:
        return said + _("; nobody has judged an outlook (`markets` in the policy)")
    old = (pd.Timestamp(as_of) - judged).dt.days > OLD
    if not old.any():
        return said
    return said + fill(_("; {n:count} outlook(s) judged more than a year ago"), n=int(old.sum()))


def explain_no_attention(rated: pd.DataFrame, why: str) -> str:
    """Why no segment stands in the table."""
    if why:
        return why
    if rated.empty:
        return _("No segment has enough customers to be compared.")
    return _("No segment differs from the others beyond chance, and nobody has judged an outlook.")


def describe_markets(compared: pd.DataFrame, rated: pd.DataFrame, why: str) -> Takeaway:
    """Which segments deserve attention, and that of the others nothing can be told.

    Parameters
    ----------
    compared
        From `keep_shown`.
    rated
        From `rate_segments` of these.
    why
        From `explain_absence`.
    """
    if why or rated.empty:
        return takeaway(explain_no_attention(rated, why))
    total, shown = len(rated), rated[rated["attention"] != "cannot_tell"]
    if shown.empty:
        words = _(
            "**No segment deserves other attention than the rest**: of {total:count} industries, sizes, "
            "regions and other segments none differs from the others beyond chance."
        )
        return takeaway(words, total=total)
    first, rest = _order(shown).head(MOST), total - len(shown)
    parts = "; ".join(_write_segment(row, compared) for row in first.to_dict("records"))
    words = _("**{n:count} of {total:count} segments differ from the others**, most of all: {parts}.")
    if rest:
        words += _(" Of the other {rest:count} nothing can be told beyond chance.")
    return takeaway(words, n=len(shown), total=total, parts=parts, rest=rest)


def _order(rated: pd.DataFrame) -> pd.DataFrame:
    """What asks for most attention first."""
    order = ["invest", "repair", "develop", "look_into", "hold", "select", "watch", "cannot_tell"]
    place = rated["attention"].map(order.index)
    return (
        rated.assign(place=place)
        .sort_values(["place", "attribute", "level"], kind="stable")
        .drop(columns="place")
    )


def _write_segment(row: dict, compared: pd.DataFrame) -> str:
    """A segment, what it shows, and what follows."""
    own = compared[(compared["attribute"] == row["attribute"]) & (compared["level"] == row["level"])]
    claimed = own[own["verdict"].isin(["higher", "lower"])]
    words = {
        ("spend", "higher"): _("spend more ({estimate:money} a year)"),
        ("spend", "lower"): _("spend less ({estimate:money} a year)"),
        ("growth", "higher"): _("grow more ({estimate:change})"),
        ("growth", "lower"): _("grow less ({estimate:change})"),
        ("retained", "higher"): _("stay more often ({estimate:share})"),
        ("retained", "lower"): _("stay less often ({estimate:share})"),
        ("satisfaction", "higher"): _("are more satisfied ({estimate:number})"),
        ("satisfaction", "lower"): _("are less satisfied ({estimate:number})"),
        ("gap_days", "higher"): _("take longer between purchases ({estimate:days} days)"),
        ("gap_days", "lower"): _("come back sooner ({estimate:days} days)"),
    }
    facts = [fill(words[each["measure"], each["verdict"]], **each) for each in claimed.to_dict("records")]
    if pd.notna(row["outlook"]):
        facts.append(fill(_("have an outlook judged {points:points}"), points=row["outlook"]))
    named = _name_customers(str(row["attribute"]), str(row["level"]))
    return f"{named} {', '.join(facts)}: {name_attention(row['attention'])}"


def _name_customers(attribute: str, level: str) -> str:
    """The customers of a segment, as the subject of a sentence."""
    if attribute == "subject_type":
        return name_level(level)
    if attribute == "company_age":
        return fill(_("companies of {level}"), level=name_level(level))
    if attribute.startswith(ATTITUDE):
        words = _("customers with {level} to {item}")
        return fill(words, level=name_level(level), item=attribute.removeprefix(ATTITUDE))
    words = _("customers of {level} ({attribute})")
    return fill(words, level=name_level(level), attribute=name_attribute(attribute))
