"""What people may see of persons: pseudonyms for ids, no small cells, a search for what slipped through."""

from crcm_lib.data.privacy.cells import DOMINATES, LARGEST_SHARE, hide_small, say_hidden
from crcm_lib.data.privacy.keys import keyed_hash, load_key, make_private, pseudonyms
from crcm_lib.data.privacy.leaks import find_identifiers

__all__ = [
    "DOMINATES",
    "LARGEST_SHARE",
    "find_identifiers",
    "hide_small",
    "keyed_hash",
    "load_key",
    "make_private",
    "pseudonyms",
    "say_hidden",
]
