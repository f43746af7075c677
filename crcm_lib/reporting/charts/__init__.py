"""The house style of pictures, and the few drawings that seaborn has no call for. Axes in, Axes out."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "bounds",
        "cluster_charts",
        "margin",
        "movement_charts",
        "plan_charts",
        "profile_charts",
        "style",
        "tier_charts",
        "value_charts",
    ],
)
