"""What the policy's service levels and topics must be beyond their types. Used by `policy_rules.py` alone."""

from crcm_lib.config.yaml_loader import SettingsFile, get_entry
from crcm_lib.errors import unknown_name
from crcm_lib.i18n import _


def check_service_levels(settings: SettingsFile) -> None:
    """Each is of a tier that there is, and answers no later than it resolves."""
    tiers = [str(row.get("name")) for _at, row in settings.rows("tiers")]
    levels = settings.get("service_levels")
    for tier, level in levels.items() if isinstance(levels, dict) else ():
        at = ("service_levels", str(tier))
        if tier not in tiers:
            settings.note(at, unknown_name(_("tier"), str(tier), tiers))
        first, last = (get_entry(level, step) for step in ("first_response_hours", "resolution_hours"))
        if isinstance(first, int | float) and isinstance(last, int | float) and first > last:
            problem = _("a first response within {first} h comes after a resolution within {last} h")
            settings.note(at, problem, first=first, last=last)


def check_topics(settings: SettingsFile) -> None:
    """No topic twice, and no keyword in two of them."""
    names: dict[str, str] = {}
    words: dict[str, str] = {}
    for at, row in settings.rows("topics"):
        name = str(row.get("name"))
        if name in names:
            settings.note((*at, "name"), _("the topic {name!r} is there already"), name=name)
        names[name] = name
        listed = row.get("words")
        for number, word in enumerate(listed if isinstance(listed, list) else ()):
            owner = words.setdefault(str(word).casefold(), name)
            if owner != name:
                problem = _("the keyword {word!r} is of the topic {owner!r} already")
                settings.note((*at, "words", number), problem, word=word, owner=owner)


def check_improvements(settings: SettingsFile) -> None:
    """Each is about a topic that there is."""
    topics = [str(row.get("name")) for _at, row in settings.rows("topics")]
    for at, row in settings.rows("improvements"):
        if str(row.get("topic")) not in topics:
            settings.note((*at, "topic"), unknown_name(_("topic"), str(row.get("topic")), topics))


def check_survey(settings: SettingsFile) -> None:
    """The scale rises, and the target lies on it."""
    scale, target = settings.get("survey", "item_scale"), settings.get("survey", "item_target")
    if not isinstance(scale, list) or not all(isinstance(end, int | float) for end in scale):
        return
    if len(scale) == 2 and scale[0] >= scale[1]:
        settings.note(("survey", "item_scale"), _("give the lowest answer and then the highest"))
    elif len(scale) == 2 and isinstance(target, int | float) and not scale[0] < target <= scale[1]:
        problem = _("the target {target} is not on the scale from {low} to {high}")
        settings.note(("survey", "item_target"), problem, target=target, low=scale[0], high=scale[1])
