"""What a policy must be beyond its types. Part of `policy.py`; used by nothing else.

The checks read the file's raw content, so that one mistyped entry does not hide the others.
"""

from itertools import pairwise
from math import isclose

from crcm_lib.config.yaml_loader import Settings
from crcm_lib.errors import unknown_name
from crcm_lib.i18n import _
from crcm_lib.schema.inputs import INPUTS
from crcm_lib.schema.results import RESULTS

# What an indicator may read beside the result tables: made from input tables by `decisions.evidence`.
DERIVED = {
    "payments": ("paid_on_time_share", "days_late_mean"),
    "renewals": ("renewed_share",),
    "judgements": ("strategic_fit", "benchmark_customer", "growth_outlook"),
}
SCORABLE = ("customer_features", "rfm", "value", "churn", "satisfaction")
SCORES = ("recency_score", "frequency_score", "monetary_score")
GRADES = ("watch", "warning", "urgent")


def known_columns(table: str) -> dict[str, str] | None:
    """The columns an indicator may read from a table, with their kind; None where it may read nothing.

    >>> known_columns("renewals")
    {'renewed_share': 'number'}
    """
    if table in DERIVED:
        return dict.fromkeys(DERIVED[table], "number")
    if table not in SCORABLE:
        return None
    columns = RESULTS[table].columns | (INPUTS["customers"].columns if table == "customer_features" else {})
    return {
        name: "text" if column.kind == "text" else "number"
        for name, column in columns.items()
        if name != "customer_id" and column.kind not in ("day", "time")
    }


def _check_counts(settings: Settings) -> None:
    tiers = _get(settings.content, "tiers")
    if isinstance(tiers, list) and not 3 <= len(tiers) <= 5:
        settings.say(("tiers",), _("{count} tier(s); give three to five"), count=len(tiers))
    if _get(settings.content, "criteria") == []:
        settings.say(("criteria",), _("give at least one criterion"))


def _check_weights(settings: Settings) -> None:
    criteria = settings.rows("criteria")
    groups = [(("criteria",), _("criteria"), criteria)]
    groups += [
        ((*at, "indicators"), row.get("name"), _rows_in(row, at, "indicators")) for at, row in criteria
    ]
    for where, owner, rows in groups:
        weights = [row.get("weight") for _at, row in rows]
        if weights and all(map(_number, weights)) and not isclose(sum(weights), 1, abs_tol=1e-9):
            settings.say(where, _("{owner}: the weights add up to {total:.4g}, not 1"),
                         owner=owner, total=sum(weights))  # fmt: skip


def _check_names(settings: Settings) -> None:
    indicators = [pair for at, row in settings.rows("criteria") for pair in _rows_in(row, at, "indicators")]
    sections = [settings.rows(section) for section in ("criteria", "tiers", "playbook")]
    for rows in (*sections, settings.rows("rfm", "segments"), indicators):
        seen: dict[str, tuple] = {}
        for at, row in rows:
            name = str(row.get("name"))
            if name in seen:
                settings.say((*at, "name"), _("the name {name!r} is taken on line {line}"),
                             name=name, line=settings.line(seen[name]))  # fmt: skip
            seen.setdefault(name, (*at, "name"))
    for at, row in settings.rows("criteria"):
        if row.get("name") == "score":
            settings.say((*at, "name"), _("'score' is the name of the whole; name the criterion otherwise"))


def _check_indicators(settings: Settings) -> None:
    protected = _get(_get(settings.content, "fairness"), "protected")
    protected = {str(name).lower() for name in protected} if isinstance(protected, list) else set()
    for where, criterion in settings.rows("criteria"):
        for at, row in _rows_in(criterion, where, "indicators"):
            table, column = str(row.get("table")), str(row.get("column"))
            known = known_columns(table)
            if column.lower() in protected:
                settings.say((*at, "column"), _("{column!r} is protected (fairness.protected): it may be "
                                                "audited, never scored"), column=column)  # fmt: skip
            elif known is None:
                settings.say((*at, "table"), unknown_name(_("table"), table, (*SCORABLE, *DERIVED)))
            elif column not in known:
                settings.say((*at, "column"), unknown_name(_("indicator column"), column, known))
            elif known[column] == "text" and not row.get("levels"):
                settings.say(at, _("{column!r} holds words: give `levels`, points for each"), column=column)
            _check_points(settings, at, row)


def _check_points(settings: Settings, at: tuple, row: dict) -> None:
    anchors = row.get("points")
    if anchors is not None and row.get("levels") is not None:
        settings.say(at, _("give points or levels, not both"))
    pairs = [pair for pair in anchors if isinstance(pair, list)] if isinstance(anchors, list) else []
    if anchors is None or not all(len(pair) == 2 and all(map(_number, pair)) for pair in pairs):
        return
    raw, points = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    falls = row.get("better") == "lower"
    if len(raw) < 2 or any(later <= earlier for earlier, later in pairwise(raw)):
        settings.say((*at, "points"), _("points: give two or more anchors with rising raw numbers"))
    elif points != sorted(points, reverse=falls):
        settings.say((*at, "points"), _("points: run against `better: {better}`"),
                     better="lower" if falls else "higher")  # fmt: skip


def _check_ordered(settings: Settings, rows: list, what: str) -> None:
    """First match wins: only the last may be, and must be, without a `when`."""
    for n, (at, row) in enumerate(rows):
        last = n == len(rows) - 1
        if last and row.get("when"):
            problem = _("the last {what}, {name!r}, has a `when`; leave it out, so that nobody is left over")
            settings.say((*at, "when"), problem, what=what, name=row.get("name"))
        if not last and not row.get("when"):
            settings.say(at, _("{name!r} has no `when` and takes everyone: the {what}s after it can never be "
                               "reached"), what=what, name=row.get("name"))  # fmt: skip


def _check_segments(settings: Settings) -> None:
    rows = settings.rows("rfm", "segments")
    _check_ordered(settings, rows, _("segment"))
    for at, row in rows:
        for column, band in (row.get("when") if isinstance(row.get("when"), dict) else {}).items():
            if column not in SCORES:
                settings.say((*at, "when", column), unknown_name(_("score"), str(column), SCORES))
            _refuse_empty(settings, (*at, "when", column), band)


def _check_tiers(settings: Settings) -> None:
    rows = settings.rows("tiers")
    measured = ("score", *(str(row.get("name")) for _at, row in settings.rows("criteria")))
    _check_ordered(settings, rows, _("tier"))
    for n, (at, row) in enumerate(rows):
        when = row.get("when") if isinstance(row.get("when"), dict) else {}
        for column, condition in when.items():
            if column not in measured:
                settings.say((*at, "when", column), unknown_name(_("criterion"), str(column), measured))
            _refuse_empty(settings, (*at, "when", column), condition)
        for _at, earlier in rows[:n]:
            if when and isinstance(earlier.get("when"), dict) and _takes_all(earlier["when"], when):
                problem = _("{name!r} can never be reached: {earlier!r} before it takes all of its customers")
                settings.say(at, problem, name=row.get("name"), earlier=earlier.get("name"))
                break


def _refuse_empty(settings: Settings, at: tuple, condition) -> None:
    if not isinstance(condition, dict):
        return
    low, high = condition.get("at_least"), condition.get("below")
    if "top_share" in condition and (low is not None or high is not None):
        settings.say(at, _("give top_share, or at_least and below, not both"))
    elif not condition:
        settings.say(at, _("asks for nothing; give at_least, below or top_share"))
    elif _number(low) and _number(high) and low >= high:
        settings.say(at, _("nobody is at least {low} and below {high}"), low=low, high=high)


def _takes_all(earlier: dict, later: dict) -> bool:
    """Does everyone who meets `later` also meet `earlier`? Where it cannot be seen from the numbers: no."""
    return all(column in later and _wider(wide, later[column]) for column, wide in earlier.items())


def _wider(wide, narrow) -> bool:
    if not isinstance(wide, dict) or not isinstance(narrow, dict):
        return False
    if "top_share" in wide or "top_share" in narrow:
        given = wide.get("top_share"), narrow.get("top_share")
        return all(map(_number, given)) and given[0] >= given[1]
    low, high, narrow_low, narrow_high = (
        condition.get(side, end)
        for condition in (wide, narrow)
        for side, end in (("at_least", 0), ("below", 101))
    )
    return (
        all(map(_number, (low, high, narrow_low, narrow_high))) and low <= narrow_low and high >= narrow_high
    )


def _check_windows(settings: Settings) -> None:
    lifecycle, churn = (_get(settings.content, section) for section in ("lifecycle", "churn"))
    order = ("at_risk_quantile", "lost_quantile")
    _refuse_overlap(settings, ("lifecycle",), {name: _get(lifecycle, name) for name in order})
    for part in ("overdue_ratio", "spend_drop"):
        _refuse_overlap(settings, ("churn",), {name: _get(_get(churn, name), part) for name in GRADES}, part)
    alive = {name: _get(_get(churn, name), "p_alive") for name in reversed(GRADES)}
    _refuse_overlap(settings, ("churn",), alive, "p_alive")


def _refuse_overlap(settings: Settings, at: tuple, values: dict, part: str = "") -> None:
    for (low, a), (high, b) in pairwise(values.items()):
        if _number(a) and _number(b) and a >= b:
            settings.say((*at, high, *([part] if part else [])), _("{high} ({b}) must lie above {low} ({a}): "
                         "the windows overlap"), high=high, b=b, low=low, a=a)  # fmt: skip


def _check_playbook(settings: Settings) -> None:
    tiers = [str(row.get("name")) for _at, row in settings.rows("tiers")]
    rows = settings.rows("playbook")
    for at, row in rows:
        named = row.get("tiers") if isinstance(row.get("tiers"), list) else []
        for n, tier in enumerate(named):
            if tier not in tiers:
                settings.say((*at, "tiers", n), unknown_name(_("tier"), str(tier), tiers))
        if row.get("for_persons") and set(named) != set(tiers[: len(named)]):
            settings.say((*at, "tiers"), _("{name!r} gives natural persons terms and leaves out a better "
                         "tier: the more loyal would get worse terms"), name=row.get("name"))  # fmt: skip
        if row.get("lever") == "price" and row.get("terms") is not True:
            settings.say(
                (*at, "lever"), _("{name!r} pulls the price lever: say terms: true"), name=row.get("name")
            )
    if rows and sum(row.get("standard") is True for _at, row in rows) != 1:
        settings.say(
            ("playbook",), _("exactly one action must say standard: true; who refuses profiling gets it")
        )


def _rows_in(row: dict, where: tuple, key: str) -> list[tuple[tuple, dict]]:
    inner = row.get(key)
    if not isinstance(inner, list):
        return []
    return [((*where, key, n), item) for n, item in enumerate(inner) if isinstance(item, dict)]


def _get(mapping, key):
    return mapping.get(key) if isinstance(mapping, dict) else None


def _number(value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


CHECKS = (
    _check_counts,
    _check_weights,
    _check_names,
    _check_indicators,
    _check_tiers,
    _check_segments,
    _check_windows,
    _check_playbook,
)
