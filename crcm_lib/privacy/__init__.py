"""What people may see of persons: pseudonyms for ids, no small cells, and a search for raw identifiers."""

from crcm_lib.privacy.forgotten import read_forgotten
from crcm_lib.privacy.identifiers import find_identifiers
from crcm_lib.privacy.pseudonyms import draw_shares, keyed_hash, load_key, make_private, pseudonymise
from crcm_lib.privacy.rounding import round_cells, round_count
from crcm_lib.privacy.suppression import (
    LARGEST_SHARE,
    MAX_DOMINANT_SHARE,
    SMALL_GROUPS,
    count_hidden,
    hide_small,
)

__all__ = [
    "LARGEST_SHARE",
    "MAX_DOMINANT_SHARE",
    "SMALL_GROUPS",
    "count_hidden",
    "draw_shares",
    "find_identifiers",
    "hide_small",
    "keyed_hash",
    "load_key",
    "make_private",
    "pseudonymise",
    "read_forgotten",
    "round_cells",
    "round_count",
]
