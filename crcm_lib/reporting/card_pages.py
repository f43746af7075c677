"""The cards of a run's customers as private pages, each found by its id or pseudonym without a server.

A customer's card lies in the page whose number follows from the id by a small hash, which `report.js`
computes too. In the page whose number follows from the pseudonym lies a link to it. So what is typed leads to
one page.
"""

from collections.abc import Iterable
from pathlib import Path

from crcm_lib.config.policy import Policy
from crcm_lib.i18n import _
from crcm_lib.privacy import pseudonymise
from crcm_lib.reporting import exports, pages
from crcm_lib.reporting.customer_card import Card, KnownCustomers, make_cards, read_customers
from crcm_lib.reporting.text.customer_dealings import write_method
from crcm_lib.reporting.text.numbers import fill
from crcm_lib.schema import tables

CARDS = "private/customers"  # in a run
SHARDS = 16  # pages, whatever the number of customers: a link to a card needs no more than the id
MAX_CARDS = 20_000  # of a run: 100 MB
FNV_BASIS, FNV_PRIME = 2166136261, 16777619  # FNV-1a, 32 bits: http://www.isthe.com/chongo/tech/comp/fnv/
MADE_FROM = ("tiers", "scorecard", "customer_features")


def write_cards(folder: Path, policy: Policy, run: dict) -> None:
    """Write the pages of cards into a run's private folder, if the run has tiers.

    Of more than `MAX_CARDS` customers those have one for whom something is planned, the most urgent first;
    the pages say so.

    Parameters
    ----------
    folder
        A run.
    policy
        Its policy.
    run
        The content of its `run.json`.
    """
    if not all(tables.exists(folder, name) for name in MADE_FROM):
        return
    target = folder / CARDS
    target.mkdir(parents=True, exist_ok=True)
    if tables.read(folder, "tiers").empty:
        return
    known = read_customers(folder, policy)
    chosen = choose_customers(known)
    shards: list[list[Card]] = [[] for _number in range(SHARDS)]
    links: list[list[tuple[str, str]]] = [[] for _number in range(SHARDS)]
    for card in make_cards(known, chosen):
        home, named = find_shard(card.customer_id), find_shard(card.pseudonym)
        shards[home].append(card)
        if home != named:
            links[named].append((card.pseudonym, f"{name_page(home)}#{card.pseudonym}"))
    shared = {
        "has_lists": (folder / exports.EXPORTS).exists(),
        "method": write_method(known.run),
        "left_out": _describe_left_out(known, chosen),
    }
    for number, cards in enumerate(shards):
        page = pages.fill_page(
            "cards.html.j2",
            run=run,
            cards=cards,
            links=links[number],
            **shared,
            **search_box(folder, ""),
        )
        (target / name_page(number)).write_text(page, "utf-8")


def card_link(customer_id: str, about: tables.About) -> str:
    """Where a customer's card is, seen from the folder `private` of a run."""
    (pseudonym,) = pseudonymise([customer_id], about)
    return f"{Path(CARDS).name}/{name_page(find_shard(customer_id))}#{pseudonym}"


def search_box(run: Path, seen_from: str) -> dict[str, str | int]:
    """What `card_search.html.j2` needs to find a card; `card_shards` is 0 where the run has no cards.

    Parameters
    ----------
    run
        The folder of a run.
    seen_from
        The folder of the cards as seen from the page with the box, like "customers/".
    """
    return {"card_folder": seen_from, "card_shards": SHARDS if (run / CARDS).exists() else 0}


def find_shard(text: str) -> int:
    """The number of the page for an id or a pseudonym: FNV-1a of its UTF-8, by `SHARDS`.

    >>> find_shard("00123"), find_shard("123"), find_shard("客户")
    (3, 11, 3)
    """
    digest = FNV_BASIS
    for byte in text.encode("utf-8"):
        digest = (digest ^ byte) * FNV_PRIME % 2**32
    return digest % SHARDS


def name_page(number: int) -> str:
    """The file of a page of cards.

    >>> name_page(3)
    'cards_03.html'
    """
    return f"cards_{number:02d}.html"


def choose_customers(known: KnownCustomers) -> list[str]:
    """Whose cards become pages: all; of too many those for whom something is planned, most urgent first."""
    if len(known.ids) <= MAX_CARDS or "actions" not in known.frames:
        return list(known.ids[:MAX_CARDS])
    standard = [action.name for action in known.run.policy.playbook if action.standard]
    actions = known.frames["actions"]
    planned = actions[~actions["action"].isin(standard)].sort_values(["priority", "customer_id"])
    return sorted(planned["customer_id"].drop_duplicates().head(MAX_CARDS))


def _describe_left_out(known: KnownCustomers, chosen: Iterable[str]) -> str:
    """Who has no page; "" where everybody has one."""
    left_out = len(known.ids) - len(list(chosen))
    words = _(
        "{n:count} customers for whom nothing is planned, or nothing urgent, have no page here: "
        "crcm explain shows their cards."
    )
    return fill(words, n=left_out) if left_out else ""
