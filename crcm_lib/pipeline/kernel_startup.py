"""What a waiting kernel does before its notebook's turn: it imports. An IPython extension.

As an extension it leaves no name in the notebook's globals: a notebook that forgets an import still fails.
"""

import contextlib
import os

VARIABLE = "CRCM_PRELOAD"  # entries like "scipy.special:digamma,gammaln" or "seaborn", separated by blanks


def load_ipython_extension(_shell) -> None:
    """Import what the environment variable names."""
    for entry in os.environ.get(VARIABLE, "").split():
        module, _, names = entry.partition(":")
        with contextlib.suppress(Exception):  # the notebook's own import says what is wrong, where it stands
            __import__(module, fromlist=names.split(",") if names else ["__name__"])
