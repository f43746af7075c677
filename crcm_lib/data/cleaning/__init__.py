"""Raw files -> clean tables + rejects, with every record and every cent accounted for."""

from crcm_lib.data.cleaning.pipeline import check_source as check_source
from crcm_lib.data.cleaning.pipeline import clean as clean
