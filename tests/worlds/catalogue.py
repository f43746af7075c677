"""All worlds."""

from worlds.customers import INTERVALS
from worlds.groups import CLOUD, GROUPS
from worlds.plan import ENOUGH, TOO_SMALL
from worlds.prospects import PROSPECTS
from worlds.renewals import RENEWALS
from worlds.service import ALIKE, LEADING

WORLDS = (INTERVALS, RENEWALS, CLOUD, GROUPS, ALIKE, LEADING, ENOUGH, TOO_SMALL, PROSPECTS)
