"""Customers -> natural groups, or the finding that there are none."""

from crcm_lib.models.clusters.ruler import GroupModel as GroupModel
from crcm_lib.models.clusters.ruler import choose_features as choose_features
from crcm_lib.models.clusters.ruler import name_groups as name_groups
from crcm_lib.models.clusters.ruler import profile as profile
from crcm_lib.models.clusters.search import Findings as Findings
from crcm_lib.models.clusters.search import find_groups as find_groups
