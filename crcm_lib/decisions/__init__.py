"""Scores -> tiers with reasons -> actions within budget -> what moved and whether it worked."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "action_choice",
        "approvals",
        "arms",
        "assignment_history",
        "calendar",
        "care",
        "criterion_weights",
        "customer_scoring",
        "effects_by_tier",
        "efficiency",
        "experiments",
        "fairness",
        "idle_decisions",
        "measured_indicators",
        "next_tier",
        "outcomes",
        "plan_summary",
        "promises",
        "programme_holdout",
        "proxies",
        "score_range",
        "scorecard",
        "standings",
        "strategy",
        "terms",
        "tier_backtest",
        "tier_moves",
        "tiers",
        "weighting_methods",
        "working_days",
    ],
)
