"""All worlds."""

from worlds.customers import INTERVALS
from worlds.groups import CLOUD, GROUPS
from worlds.leaving import LEAVING
from worlds.renewals import RENEWALS

WORLDS = (INTERVALS, RENEWALS, CLOUD, GROUPS, *LEAVING)
