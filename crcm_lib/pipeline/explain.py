"""`crcm explain`: the card of one customer of a run, as text."""

import json
import re
from pathlib import Path

from crcm_lib.errors import UsageError
from crcm_lib.i18n import _
from crcm_lib.pipeline import kept_policy
from crcm_lib.privacy.pseudonyms import DEMO_KEY, find_present_key, make_pseudonym
from crcm_lib.reporting import customer_card
from crcm_lib.schema import tables

PSEUDONYM = re.compile(r"C-[0-9A-F]{12}")


def explain(run: Path, customer: str) -> str:
    """What a run knows and decided of a customer, why, and whom to ask.

    Parameters
    ----------
    run
        The folder of a published run.
    customer
        The id exactly as in the data, or the pseudonym; an id that looks like a pseudonym is an id.

    Raises
    ------
    UsageError
        If the run has no such customer, or a pseudonym is given without the key that it was made with. Ids
        that look alike are not named: whoever guesses learns of nobody.
    """
    policy = kept_policy.read(run)
    if missing := [name for name in ("tiers", "scorecard") if not tables.exists(run, name)]:
        problem = _("{run}: gives no tiers (no table {tables}), so there is nothing to explain")
        raise UsageError(problem.format(run=run.name, tables=", ".join(missing)))
    known, key = customer_card.read_customers(run, policy), _find_key(run)
    id_ = customer if customer in known.ids else _find_by_pseudonym(customer.upper(), known, key)
    if id_ is None:
        problem = _(
            "{run}: has no customer of this id or pseudonym. Ids are exact text (00123 is not 123): copy it "
            "from the data or from a list. Whoever objects to profiling, or was forgotten, is in no run."
        )
        raise UsageError(problem.format(run=run.name))
    (card,) = customer_card.make_cards(known, [id_], has_key=key is not None)
    return customer_card.write_text(card, known.run)


def _find_by_pseudonym(name: str, known: customer_card.KnownCustomers, key: bytes | None) -> str | None:
    if not PSEUDONYM.fullmatch(name):
        return None
    if key is None:
        problem = _(
            "a pseudonym leads to a customer only with the key that it was made with; set CRCM_KEY_FILE to "
            "that, or give the id"
        )
        raise UsageError(problem)
    return next((id_ for id_ in known.ids if make_pseudonym(key, id_) == name), None)


def _find_key(run: Path) -> bytes | None:
    """The key of the run's pseudonyms, if it is here; none is made."""
    key = DEMO_KEY if tables.read_about(run).synthetic else find_present_key()
    record = json.loads((run / "run.json").read_text("utf-8"))
    its_key = record["evidence"].get("pseudonyms", "")
    return key if key is not None and make_pseudonym(key, "with which key") == its_key else None
