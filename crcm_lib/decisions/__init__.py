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
        "next_tier",
        "outcomes",
        "plan_summary",
        "promises",
        "programme_holdout",
        "scorecard",
        "standings",
        "strategy",
        "survey_plan",
        "terms",
        "tier_backtest",
        "tier_moves",
        "tiers",
        "working_days",
    ],
)
