"""Customers -> natural groups, or the finding that there are none."""

from crcm_lib.models.clustering.group_model import GroupModel as GroupModel
from crcm_lib.models.clustering.group_model import choose_features as choose_features
from crcm_lib.models.clustering.group_model import find_traits as find_traits
from crcm_lib.models.clustering.group_model import profile as profile
from crcm_lib.models.clustering.search import ClusteringResult as ClusteringResult
from crcm_lib.models.clustering.search import find_clusters as find_clusters
