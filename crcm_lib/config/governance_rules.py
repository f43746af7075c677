"""What the policy's objective, benchmarks and inventory must be beyond their types; for `policy_rules`."""

from crcm_lib.config.governance_policy import CARDS
from crcm_lib.config.yaml_loader import SettingsFile, get_entry
from crcm_lib.errors import unknown_name
from crcm_lib.i18n import _
from crcm_lib.schema.inputs import INPUTS
from crcm_lib.schema.results import RESULTS


def check_objective(settings: SettingsFile) -> None:
    """The objective is declared, and names criteria, cards and notebooks that there are."""
    declared = settings.get("objectives")
    declared = declared if isinstance(declared, dict) else {}
    chosen = settings.get("objective")
    if isinstance(chosen, str) and chosen not in declared:
        words = _("say under `objectives` what {objective!r} changes, or leave it out")
        settings.note(("objective",), words, objective=chosen)
    known = {
        "multipliers": (_("criterion"), [str(row.get("name")) for _at, row in settings.rows("criteria")]),
        "cards": (_("card"), list(CARDS)),
        "answers": (_("notebook"), sorted({table.written_by for table in RESULTS.values()})),
    }
    for name, emphasis in declared.items():
        for part, (kind, names) in known.items():
            given = get_entry(emphasis, part)
            for each in given if isinstance(given, dict | list) else ():
                if str(each) not in names:
                    settings.note(("objectives", name, part), unknown_name(kind, str(each), names))


def check_benchmarks(settings: SettingsFile) -> None:
    """No benchmark twice."""
    seen: set[str] = set()
    for at, row in settings.rows("benchmarks"):
        name = str(row.get("name"))
        if name in seen:
            settings.note((*at, "name"), _("{name!r} is there already"), name=name)
        seen.add(name)


def check_inventory(settings: SettingsFile) -> None:
    """Each entry is of an input table, or of a column that it has or may have."""
    inventory = settings.get("privacy", "inventory")
    for place in inventory if isinstance(inventory, dict) else ():
        table, _dot, column = str(place).partition(".")
        at = ("privacy", "inventory", str(place))
        if table not in INPUTS:
            settings.note(at, unknown_name(_("table"), table, INPUTS))
        elif column and column not in INPUTS[table].columns and not INPUTS[table].open:
            settings.note(at, unknown_name(_("column"), column, INPUTS[table].columns))
