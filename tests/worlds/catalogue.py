"""All worlds."""

from worlds.customers import INTERVALS
from worlds.effects import EFFECTS, EQUAL_MEANS, NO_EFFECT, NO_ORDER, ORDER
from worlds.groups import CLOUD, GROUPS
from worlds.renewals import RENEWALS
from worlds.unfairness import SHUFFLED, UNFAIR
from worlds.valuation import ALIKE, BETTER, TIES, UNLIKE

WORLDS = (
    *(INTERVALS, RENEWALS, CLOUD, GROUPS),
    *(TIES, BETTER, ALIKE, UNLIKE),
    *(NO_EFFECT, EFFECTS, NO_ORDER, EQUAL_MEANS, ORDER),
    *(SHUFFLED, UNFAIR),
)
