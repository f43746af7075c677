"""Customer relationship classification management: raw customer records to tiers, reasons, actions, reports.

A notebook needs one line: `from crcm_lib import models, open_workspace, …`. The names of `FACADE` and the
rooms come when they are first used, so that importing the package costs nothing.
"""

import importlib

__version__ = "0.2.0"

FACADE = {
    "caption": "crcm_lib.reporting.display",
    "describe": "crcm_lib.reporting.charts.style",
    "new_axes": "crcm_lib.reporting.charts.style",
    "open_earlier_run": "crcm_lib.reporting.earlier_run",
    "open_workspace": "crcm_lib.reporting.workspace",
    "read_published": "crcm_lib.reporting.earlier_run",
    "takeaway": "crcm_lib.reporting.takeaway",
}
ROOMS = {
    "charts": "crcm_lib.reporting.charts",
    "decisions": "crcm_lib.decisions",
    "features": "crcm_lib.features",
    "ingest": "crcm_lib.ingest",
    "models": "crcm_lib.models",
    "text": "crcm_lib.reporting.text",
}


def __getattr__(name: str):
    if name in FACADE:
        return getattr(importlib.import_module(FACADE[name]), name)
    if name in ROOMS:
        return importlib.import_module(ROOMS[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *FACADE, *ROOMS})
