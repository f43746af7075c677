"""The policy as documents, each in English and in Chinese: beside the report, and for the law.

Their sentences are in both languages whatever the language of the run; so they do not go through `_`.
"""

from crcm_lib.reporting.documents.document_files import DOCUMENTS, write_documents
from crcm_lib.reporting.documents.review_calendars import write_review_calendars

__all__ = ["DOCUMENTS", "write_documents", "write_review_calendars"]
