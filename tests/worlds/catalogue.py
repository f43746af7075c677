"""All worlds."""

from worlds.customers import INTERVALS
from worlds.groups import CLOUD, GROUPS
from worlds.renewals import RENEWALS
from worlds.valuation import ALIKE, BETTER, TIES, UNLIKE

WORLDS = (INTERVALS, RENEWALS, CLOUD, GROUPS, TIES, BETTER, ALIKE, UNLIKE)
