"""Exported files -> a drafted description: what is proven with its evidence, what is unsure to confirm."""

from crcm_lib.ingest.drafting.confirming import confirm as confirm
from crcm_lib.ingest.drafting.confirming import list_unconfirmed as list_unconfirmed
from crcm_lib.ingest.drafting.draft_file import refuse_existing as refuse_existing
from crcm_lib.ingest.drafting.draft_file import write_draft as write_draft
from crcm_lib.ingest.drafting.source_draft import draft_source as draft_source
