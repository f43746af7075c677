"""Words for people: every sentence the library shows goes through `_`."""

import gettext
import os
from pathlib import Path

LANGUAGE = os.environ.get("CRCM_LANGUAGE", "en")
IS_CHINESE = LANGUAGE.startswith("zh")  # then the policy's Chinese words are shown where it has them
_ = gettext.translation(
    "crcm", localedir=Path(__file__).parent / "locale", languages=[LANGUAGE], fallback=True
).gettext
