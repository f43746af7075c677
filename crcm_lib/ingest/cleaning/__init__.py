"""Raw files -> clean tables + rejects, with every record and every cent accounted for."""

from crcm_lib.ingest.cleaning.clean_tables import check as check
from crcm_lib.ingest.cleaning.clean_tables import clean as clean
