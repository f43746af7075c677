"""Words for people: every sentence the library shows goes through `_`."""

import gettext
import os
from pathlib import Path

_ = gettext.translation(
    "crcm",
    localedir=Path(__file__).parent / "locale",
    languages=[os.environ.get("CRCM_LANGUAGE", "en")],
    fallback=True,
).gettext
