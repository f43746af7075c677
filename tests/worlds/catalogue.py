"""All worlds."""

from worlds.customers import INTERVALS
from worlds.effects import (
    EFFECTS,
    EQUAL_MEANS,
    NO_EFFECT,
    NO_ORDER,
    NO_ORDER_OF_DAYS,
    ORDER,
    ORDER_OF_DAYS,
)
from worlds.groups import CLOUD, GROUPS
from worlds.leaving import LEAVING
from worlds.movement import MOVEMENT
from worlds.plan import ENOUGH, TOO_SMALL
from worlds.prospects import PROSPECTS
from worlds.quarters import LEARNING
from worlds.renewals import RENEWALS
from worlds.service import ALIKE, LEADING
from worlds.tiering import BETTER_CRITERIA, GROWTH, NO_BETTER_CRITERIA, NO_GROWTH, WORSE_CRITERIA
from worlds.unfairness import SHUFFLED, UNFAIR
from worlds.valuation import ALIKE_COHORTS, BETTER, TIES, UNLIKE_COHORTS
from worlds.year_of_runs import YEAR_OF_RUNS

WORLDS = (
    *(INTERVALS, RENEWALS, CLOUD, GROUPS),
    *(TIES, BETTER, ALIKE_COHORTS, UNLIKE_COHORTS),
    *LEAVING,
    *MOVEMENT,
    *YEAR_OF_RUNS,
    *(NO_BETTER_CRITERIA, BETTER_CRITERIA, WORSE_CRITERIA, NO_GROWTH, GROWTH),
    *(NO_EFFECT, EFFECTS, NO_ORDER, EQUAL_MEANS, ORDER, NO_ORDER_OF_DAYS, ORDER_OF_DAYS),
    *(SHUFFLED, UNFAIR),
    *(ALIKE, LEADING, ENOUGH, TOO_SMALL, PROSPECTS, LEARNING),
)
