"""What a policy must be beyond its types. Part of `policy.py`; used by nothing else.

The checks read the file's raw content, so that one mistyped entry does not hide the others.
"""

from itertools import combinations, pairwise
from math import isclose

from crcm_lib.config.governance_rules import check_benchmarks, check_inventory, check_objective
from crcm_lib.config.indicator_rules import check_indicators, is_number
from crcm_lib.config.market_policy import check_markets
from crcm_lib.config.service_rules import (
    check_improvements,
    check_service_levels,
    check_survey,
    check_topics,
)
from crcm_lib.config.yaml_loader import Mapping, Place, SettingsFile, get_entry, rows_in
from crcm_lib.errors import unknown_name
from crcm_lib.i18n import _

PROFILE = {  # what an action may ask of a profile -> the attribute that it reads
    "industries": "industry",
    "sizes": "size",
    "regions": "region",
    "company_age": "founded",
}
SCORES = ("recency_score", "frequency_score", "monetary_score", "absence", "first_bought_lately")


def _check_counts(settings: SettingsFile) -> None:
    tiers = settings.get("tiers")
    if isinstance(tiers, list) and not 3 <= len(tiers) <= 5:
        settings.note(("tiers",), _("{count} tier(s); give three to five"), count=len(tiers))
    if settings.get("criteria") == []:
        settings.note(("criteria",), _("give at least one criterion"))


def _check_weights(settings: SettingsFile) -> None:
    criteria = settings.rows("criteria")
    _check_sum(settings, ("criteria",), _("criteria"), criteria)
    for at, criterion in criteria:
        rows = rows_in(criterion, at, "indicators")
        _check_sum(settings, (*at, "indicators"), str(criterion.get("name")), rows)


def _check_sum(settings: SettingsFile, where: Place, owner: str, rows: list[tuple[Place, Mapping]]) -> None:
    weights = [row.get("weight") for _at, row in rows]
    numbers = [weight for weight in weights if is_number(weight)]
    if rows and len(numbers) == len(rows) and not isclose(sum(numbers), 1, abs_tol=1e-9):
        problem = _("{owner}: the weights add up to {total:.4g}, not 1")
        settings.note(where, problem, owner=owner, total=sum(numbers))


def _check_names(settings: SettingsFile) -> None:
    indicators = [pair for at, row in settings.rows("criteria") for pair in rows_in(row, at, "indicators")]
    sections = [settings.rows(section) for section in ("criteria", "tiers", "playbook")]
    for rows in (*sections, settings.rows("rfm", "segments"), indicators):
        seen: dict[str, Place] = {}
        for at, row in rows:
            name = str(row.get("name"))
            if name in seen:
                problem = _("the name {name!r} is taken on line {line}")
                settings.note((*at, "name"), problem, name=name, line=settings.line(seen[name]))
            seen.setdefault(name, (*at, "name"))
    for at, row in settings.rows("criteria"):
        if row.get("name") == "score":
            settings.note((*at, "name"), _("'score' is the name of the whole; name the criterion otherwise"))


def _check_ordered(settings: SettingsFile, rows: list[tuple[Place, Mapping]], what: str) -> None:
    """First match wins: only the last may be, and must be, without a `when`."""
    for n, (at, row) in enumerate(rows):
        last = n == len(rows) - 1
        if last and row.get("when"):
            problem = _("the last {what}, {name!r}, has a `when`; leave it out, so that nobody is left over")
            settings.note((*at, "when"), problem, what=what, name=row.get("name"))
        if not last and not row.get("when"):
            problem = _(
                "{name!r} has no `when` and takes everyone: the {what}s after it can never be reached"
            )
            settings.note(at, problem, what=what, name=row.get("name"))


def _check_segments(settings: SettingsFile) -> None:
    rows = settings.rows("rfm", "segments")
    _check_ordered(settings, rows, _("segment"))
    for at, row in rows:
        for column, band in _conditions(row).items():
            if column not in SCORES:
                settings.note((*at, "when", column), unknown_name(_("score"), str(column), SCORES))
            _refuse_empty(settings, (*at, "when", column), band)


def _check_tiers(settings: SettingsFile) -> None:
    rows = settings.rows("tiers")
    measured = ("score", *(str(row.get("name")) for _at, row in settings.rows("criteria")))
    _check_ordered(settings, rows, _("tier"))
    for n, (at, row) in enumerate(rows):
        when = _conditions(row)
        for column, condition in when.items():
            if column not in measured:
                settings.note((*at, "when", column), unknown_name(_("criterion"), str(column), measured))
            _refuse_empty(settings, (*at, "when", column), condition)
        for _at, earlier in rows[:n]:
            if when and isinstance(earlier.get("when"), dict) and _takes_all(earlier["when"], when):
                problem = _("{name!r} can never be reached: {earlier!r} before it takes all of its customers")
                settings.note(at, problem, name=row.get("name"), earlier=earlier.get("name"))
                break


def _conditions(row: Mapping) -> Mapping:
    when = row.get("when")
    return when if isinstance(when, dict) else {}


def _refuse_empty(settings: SettingsFile, at: Place, condition: object) -> None:
    if not isinstance(condition, dict):
        return
    low, high = condition.get("at_least"), condition.get("below")
    if "top_share" in condition and (low is not None or high is not None):
        settings.note(at, _("give top_share, or at_least and below, not both"))
    elif not condition:
        settings.note(at, _("asks for nothing; give at_least, below or top_share"))
    elif is_number(low) and is_number(high) and low >= high:
        settings.note(at, _("nobody is at least {low} and below {high}"), low=low, high=high)


def _takes_all(earlier: Mapping, later: Mapping) -> bool:
    """Does everyone who meets `later` also meet `earlier`? Where it cannot be seen from the numbers: no."""
    return all(column in later and _is_wider(wide, later[column]) for column, wide in earlier.items())


def _is_wider(wide: object, narrow: object) -> bool:
    if not isinstance(wide, dict) or not isinstance(narrow, dict):
        return False
    if "top_share" in wide or "top_share" in narrow:
        return _is_at_least(wide.get("top_share"), narrow.get("top_share"))
    starts_lower = _is_at_least(narrow.get("at_least", 0), wide.get("at_least", 0))
    return starts_lower and _is_at_least(wide.get("below", 101), narrow.get("below", 101))


def _is_at_least(value: object, other: object) -> bool:
    return is_number(value) and is_number(other) and value >= other


def _check_comparisons(settings: SettingsFile) -> None:
    """Every pair of criteria is compared once, or none at all."""
    given = settings.get("weighting", "ahp")
    criteria = [str(row.get("name")) for _at, row in settings.rows("criteria")]
    if not isinstance(given, dict) or not given:
        return
    compared: set[frozenset[str]] = set()
    for one, others in given.items():
        for other in others if isinstance(others, dict) else ():
            at, pair = ("weighting", "ahp", one, other), frozenset((str(one), str(other)))
            for name in sorted(pair - set(criteria)):
                settings.note(at, unknown_name(_("criterion"), name, criteria))
            if one == other or pair in compared:
                problem = _("{one!r} and {other!r}: give each pair of criteria once")
                settings.note(at, problem, one=one, other=other)
            compared.add(pair)
    for one, other in combinations(criteria, 2):
        if frozenset((one, other)) not in compared:
            problem = _("compare {one!r} with {other!r} too: all pairs, or none")
            settings.note(("weighting", "ahp"), problem, one=one, other=other)


def _check_windows(settings: SettingsFile) -> None:
    lifecycle = settings.get("lifecycle")
    order = ("at_risk_quantile", "lost_quantile")
    _refuse_overlap(settings, ("lifecycle",), {name: get_entry(lifecycle, name) for name in order})


def _refuse_overlap(settings: SettingsFile, at: Place, values: Mapping, part: str = "") -> None:
    for (low, a), (high, b) in pairwise(values.items()):
        if is_number(a) and is_number(b) and a >= b:
            problem = _("{high} ({b}) must lie above {low} ({a}): the windows overlap")
            where = (*at, high, part) if part else (*at, high)
            settings.note(where, problem, high=high, b=b, low=low, a=a)


def _check_playbook(settings: SettingsFile) -> None:
    tiers = [str(row.get("name")) for _at, row in settings.rows("tiers")]
    rows = settings.rows("playbook")
    for at, row in rows:
        named = row.get("tiers")
        named = named if isinstance(named, list) else []
        for n, tier in enumerate(named):
            if tier not in tiers:
                settings.note((*at, "tiers", n), unknown_name(_("tier"), str(tier), tiers))
        _check_conditions(settings, at, row)
        if row.get("for_persons"):
            _check_persons_terms(settings, at, row, tiers)
        if row.get("lever") == "price" and row.get("terms") is not True:
            problem = _("{name!r} pulls the price lever: say terms: true")
            settings.note((*at, "lever"), problem, name=row.get("name"))
    if rows and sum(row.get("standard") is True for _at, row in rows) != 1:
        problem = _("exactly one action must say standard: true; who refuses marketing gets it")
        settings.note(("playbook",), problem)


def _check_conditions(settings: SettingsFile, at: Place, row: Mapping) -> None:
    """Whom an action is for beside tiers: criteria that there are, and bands that somebody can be in."""
    criteria = [str(each.get("name")) for _at, each in settings.rows("criteria")]
    limits = {"leaving": (0, 1), "points": (0, 100), "nps": (0, 10), "csat": (1, 5), "company_age": (0, 1000)}
    bands: list[tuple[Place, object, tuple[int, int]]] = [
        ((*at, key), row[key], limits[key]) for key in ("leaving", "company_age") if key in row
    ]
    for key in ("points", "answers"):
        named = row.get(key)
        for name, band in named.items() if isinstance(named, dict) else ():
            if key == "points" and name not in criteria:
                settings.note((*at, key, name), unknown_name(_("criterion"), str(name), criteria))
            bands.append(((*at, key, name), band, limits.get(str(name), limits["points"])))
    for where, band, (least, most) in bands:
        _refuse_empty(settings, where, band)
        for bound in band.values() if isinstance(band, dict) else ():
            if is_number(bound) and not least <= bound <= most:
                problem = _("{bound} is outside {least} to {most}")
                settings.note(where, problem, bound=bound, least=least, most=most)


def _check_profile(settings: SettingsFile) -> None:
    """What is protected decides on no action."""
    named = settings.get("fairness", "protected")
    protected = {str(name).lower() for name in named} if isinstance(named, list) else set()
    for at, row in settings.rows("playbook"):
        for key, attribute in PROFILE.items():
            if row.get(key) and attribute in protected:
                problem = _("{name!r} asks for {attribute!r}, which `fairness.protected` names")
                settings.note((*at, key), problem, name=row.get("name"), attribute=attribute)


def _check_persons_terms(settings: SettingsFile, at: Place, row: Mapping, tiers: list[str]) -> None:
    """Terms of natural persons are the same for all who meet the rule, and the rule is the tiers alone."""
    name, named = row.get("name"), row.get("tiers")
    if isinstance(named, list) and set(named) != set(tiers[: len(named)]):
        problem = _(
            "{name!r} gives natural persons terms and leaves out a better tier: "
            "the more loyal would get worse terms"
        )
        settings.note((*at, "tiers"), problem, name=name)
    narrowing = (
        "stages",
        "alerts",
        "capacity",
        "classes",
        "leaving",
        "points",
        "answers",
        "owned",
        "new_members",
        "needs",
        "asks_for_help",
        "advocates",
        "new_to_community",
        *PROFILE,
    )
    for key in narrowing:
        given = row.get(key)
        if given is not None and given is not False and given not in ([], {}):
            problem = _(
                "{name!r} gives natural persons terms, the same for all in its tiers: leave out {key!r}, "
                "which would keep some of them from it"
            )
            settings.note((*at, key), problem, name=name, key=key)
    if row.get("contact") is not False:
        problem = _(
            "{name!r} gives natural persons terms, which are published and hold without any approach: "
            "say contact: false"
        )
        settings.note((*at, "for_persons"), problem, name=name)
    if row.get("terms") is not True:
        problem = _("{name!r} has a rule for_persons and is no terms action: say terms: true")
        settings.note((*at, "for_persons"), problem, name=name)
    start, end = (str(get_entry(row, "for_persons", day)) for day in ("start", "end"))
    if start >= end:
        problem = _("for_persons ends ({end}) before it has started ({start})")
        settings.note((*at, "for_persons", "end"), problem, start=start, end=end)


def _check_budget(settings: SettingsFile) -> None:
    tiers = [str(row.get("name")) for _at, row in settings.rows("tiers")]
    actions = settings.rows("playbook")
    roles = [str(row.get("owner_role")) for _at, row in actions]
    for part, names, kind in (("tiers", tiers, _("tier")), ("hours", roles, _("owner role"))):
        limited = settings.get("budget", part)
        for name in limited if isinstance(limited, dict) else ():
            if name not in names:
                settings.note(("budget", part, str(name)), unknown_name(kind, str(name), set(names)))
    limited = settings.get("budget", "hours")
    for at, row in actions:
        role = row.get("owner_role")
        known = row.get("hours") is not None or row.get("standard") is True
        if isinstance(limited, dict) and role in limited and not known:
            problem = _("{name!r} says no `hours`, and budget.hours limits those of {role!r}")
            settings.note(at, problem, name=row.get("name"), role=role)


def _check_contacts(settings: SettingsFile) -> None:
    most = settings.get("contact", "max_contacts")
    for at, row in settings.rows("playbook"):
        weeks, days = row.get("every_weeks"), row.get("days", 90)
        if is_number(weeks) and is_number(days) and is_number(most) and row.get("contact") is not False:
            contacts = 1 + (int(days) - 1) // (7 * max(int(weeks), 1))
            if contacts > most:
                problem = _(
                    "{name!r} is {contacts} contacts, more than contact.max_contacts ({most}): "
                    "nobody could ever get it"
                )
                settings.note(
                    (*at, "every_weeks"), problem, name=row.get("name"), contacts=contacts, most=most
                )


def _check_approvals(settings: SettingsFile) -> None:
    tiers = [str(row.get("name")) for _at, row in settings.rows("tiers")]
    for at, row in settings.rows("approvals", "rules"):
        known = [str(row.get(end)) for end in ("before", "after")]
        for end, name in zip(("before", "after"), known, strict=True):
            if name not in tiers:
                settings.note((*at, end), unknown_name(_("tier"), name, tiers))
        if set(known) <= set(tiers) and tiers.index(known[0]) >= tiers.index(known[1]):
            problem = _("{after!r} is no worse than {before!r}: a move up needs no approval")
            settings.note((*at, "after"), problem, before=known[0], after=known[1])


def _check_control(settings: SettingsFile) -> None:
    least, most = settings.get("control", "share"), settings.get("control", "most")
    if is_number(least) and is_number(most) and most < least <= 0.5:
        problem = _("{least} is more than `most`, {most}")
        settings.note(("control", "share"), problem, least=least, most=most)


def _check_country(settings: SettingsFile) -> None:
    from holidays.registry import COUNTRIES

    country = settings.get("calendar", "country")
    if isinstance(country, str) and not any(country == names[1] for names in COUNTRIES.values()):
        words = _("the holidays of {country!r} are not known; give a code of two letters such as CN, or null")
        settings.note(("calendar", "country"), words, country=country)


def _check_care(settings: SettingsFile) -> None:
    tiers = [str(row.get("name")) for _at, row in settings.rows("tiers")]
    actions = [row.get("name") for _at, row in settings.rows("playbook")]
    for at, row in settings.rows("care"):
        if row.get("name") in actions:
            settings.note((*at, "name"), _("{name!r} is an action of the playbook too"), name=row.get("name"))
        named = row.get("tiers")
        for n, tier in enumerate(named if isinstance(named, list) else []):
            if tier not in tiers:
                settings.note((*at, "tiers", n), unknown_name(_("tier"), str(tier), tiers))
        expires = settings.get("loyalty_programme", "expire_days")
        if row.get("occasion") == "points_expiry" and expires is None:
            settings.note(
                (*at, "occasion"), _("when do points expire? say `expire_days` under `loyalty_programme`")
            )
        if row.get("occasion") == "holiday" and not row.get("holidays"):
            settings.note((*at, "occasion"), _("name the `holidays`, like [Mid-Autumn]"))
        if row.get("occasion") == "holiday" and settings.get("calendar", "country") is None:
            settings.note((*at, "occasion"), _("whose holidays? name the country under `calendar`"))
        _check_event(settings, at, row)


def _check_event(settings: SettingsFile, at: Place, row: Mapping) -> None:
    """An event has a day, and nothing else has its fields."""
    if row.get("occasion") == "event":
        if row.get("day") is None:
            settings.note((*at, "occasion"), _("on which day is the event? say `day`, like 2026-03-20"))
        if row.get("days_after"):
            settings.note((*at, "days_after"), _("nobody is invited after an event: say `days_before`"))
        return
    for key in ("day", "seats", "members_only"):
        if row.get(key):
            settings.note((*at, key), _("{key!r} is of an `occasion: event`"), key=key)


CHECKS = (
    _check_country,
    _check_care,
    _check_counts,
    _check_weights,
    _check_names,
    check_indicators,
    _check_comparisons,
    _check_tiers,
    _check_segments,
    _check_windows,
    _check_approvals,
    _check_playbook,
    _check_profile,
    _check_budget,
    _check_contacts,
    _check_control,
    check_service_levels,
    check_topics,
    check_improvements,
    check_survey,
    check_objective,
    check_benchmarks,
    check_inventory,
    check_markets,
)
