"""Lists for those who work: per role and per owner a workbook, a CSV file and a calendar, with real ids.

All of them are made from one table of tasks, `tasks.csv`, and lie in a run's private folder. For a CRM
system there are import files of its own.
"""

from crcm_lib.reporting.exports.crm_systems import SYSTEMS
from crcm_lib.reporting.exports.lists import (
    ALL,
    DECISIONS,
    EXPORTS,
    IDLE,
    KEPT,
    STEMS,
    TASKS,
    head_columns,
    list_names,
    read_tasks,
    read_waiting,
    save_lists,
    write_exports,
    write_lists,
)

__all__ = [
    "ALL",
    "DECISIONS",
    "EXPORTS",
    "IDLE",
    "KEPT",
    "STEMS",
    "SYSTEMS",
    "TASKS",
    "head_columns",
    "list_names",
    "read_tasks",
    "read_waiting",
    "save_lists",
    "write_exports",
    "write_lists",
]
