"""What stands in place of a table that has no rows."""

from crcm_lib.i18n import _


def explain_no_rows(table: str) -> str:
    """Why a table that a page shows has no rows."""
    sentences = {
        "set_aside": _("Every record was kept."),
        "limits": _("The description raises no limit of what may be set aside."),
        "remarks": _("No record was kept with a remark."),
        "lacking": _("Nothing that this table can hold is lacking."),
        "places": _("The data name no region, city or channel."),
        "categories": _("The transactions name no category."),
        "answers": _("No answer and no ticket is known."),
        "groups": _("Nobody's answer is known."),
        "causes": _("No complaint with a cause is known."),
        "waits": _("No ticket is known."),
        "open": _("No ticket is open."),
        "levels": _("The policy promises no service level of which the tickets tell."),
        "floors": _("The policy sets no floor of satisfaction of which the answers tell."),
        "repeats": _("No complaint with a cause is known of which there could be a repeat."),
        "leaving": _("No complaint is known of anybody who was buying half a year ago."),
        "texts": _("Neither tickets nor surveys hold a text."),
        "topics": _("The policy names no topic."),
        "changes": _("Too few customers wrote in the last half-year, or in that before, to compare."),
        "items": _("Too few customers answered CES or an item of a questionnaire."),
        "priorities": _(
            "Too few customers answered several items and overall satisfaction to rank the items."
        ),
        "expectations": _(
            "Too few customers said of the same thing what they expected and what they experienced."
        ),
        "drivers": _("Too few customers answered csat to say what goes with it."),
        "weighted": _("Too few answers to weight them."),
        "improvements": _("The policy names no measure of improvement that has begun."),
        "writers": _("Too few wrote, of those who were buying half a year ago, to compare what about."),
        "waiting": _("Everybody who complained lately was approached since."),
        "rules": _("No earlier day could be held out by which to judge the tiers."),
        "growth": _("No earlier day shows what customers in a tier with a criterion of its own spent later."),
        "first": _("No action is planned beyond the standard offer."),
        "reached": _("No action is planned for enough customers to show."),
        "offers": _("The transactions name no category and no product to offer."),
        "terms": _("Nobody gets price, discount, fee or credit terms that others do not have."),
        "calendar": _("No contact is planned."),
        "arms": _("No action has two arms that are large enough to compare."),
        "models": _("No model could be tried on the past."),
        "value": _("Nobody's value is predicted."),
        "intervals": _("No window of the past could be judged."),
        "newcomers": _("No newcomer and no prospect is in a class."),
        "later_newcomers": _("No class could be tried on later newcomers."),
        "order": _("No two tiers could be followed."),
        "remaining": _("Nothing that the way to contribution needs is lacking."),
        "answers_to_needs": _("No action of the playbook asks for a need."),
        "subscriptions": _("No subscription is running."),
    }
    return sentences[table]
