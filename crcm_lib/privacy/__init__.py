"""What people may see of persons: pseudonyms for ids, no small cells, a search for what slipped through."""

from crcm_lib.privacy.identifiers import find_identifiers
from crcm_lib.privacy.pseudonyms import keyed_hash, load_key, make_private, pseudonymise
from crcm_lib.privacy.suppression import LARGEST_SHARE, MAX_DOMINANT_SHARE, hide_small, say_hidden

__all__ = [
    "LARGEST_SHARE",
    "MAX_DOMINANT_SHARE",
    "find_identifiers",
    "hide_small",
    "keyed_hash",
    "load_key",
    "make_private",
    "pseudonymise",
    "say_hidden",
]
