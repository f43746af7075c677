"""Source descriptions: which files and databases hold which input table, and how to read them."""

from crcm_lib.ingest.sources.description import Source as Source
from crcm_lib.ingest.sources.description import read_source as read_source
from crcm_lib.ingest.sources.paths import find_files as find_files
from crcm_lib.ingest.sources.progress import progress_to as progress_to
