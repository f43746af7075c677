"""What a waiting kernel does before its notebook's turn: it imports. An IPython extension.

As an extension it leaves no name in the notebook's globals: a notebook that forgets an import still fails.
"""

import contextlib
import os
import sys
import types

VARIABLE = "CRCM_PRELOAD"  # entries like "scipy.special:digamma,gammaln" or "seaborn", separated by blanks


def load_ipython_extension(_shell) -> None:
    """Import what the environment variable names."""
    entries = os.environ.get(VARIABLE, "").split()
    with contextlib.suppress(Exception):  # the notebook's own import says what is wrong, where it stands
        if "seaborn" in entries:
            import_seaborn()
    for entry in entries:
        module, _, names = entry.partition(":")
        with contextlib.suppress(Exception):
            __import__(module, fromlist=names.split(",") if names else ["__name__"])


def import_seaborn() -> None:
    """Import seaborn without scipy.stats, which it loads for one class: a density estimate, if one is drawn.

    Of the 0.61 s that seaborn takes after matplotlib, 0.57 s are scipy.stats, in every one of eleven kernels.
    The class is loaded when it is first called; whoever imports scipy.stats gets scipy's.
    """
    if "scipy.stats" in sys.modules:
        return

    def gaussian_kde(*arguments, **options):
        from scipy.stats import gaussian_kde as estimate

        return estimate(*arguments, **options)

    standin = types.ModuleType("scipy.stats")
    standin.gaussian_kde = gaussian_kde
    sys.modules["scipy.stats"] = standin
    try:
        import seaborn  # noqa: F401
    finally:
        del sys.modules["scipy.stats"]
