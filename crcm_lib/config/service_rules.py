"""What the policy's service levels must be beyond their types. Used by `policy_rules.py` alone."""

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
