"""Scores -> tiers with reasons -> actions within budget -> what moved and whether it worked."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "arms",
        "calendar",
        "fairness",
        "outcomes",
        "plan_summary",
        "scorecard",
        "strategy",
        "tier_moves",
        "tiers",
    ],
)
