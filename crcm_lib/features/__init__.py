"""Clean tables -> one row per customer as of a day, and what models and decisions read beside it."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "age_groups",
        "arrivals",
        "care_days",
        "contract_periods",
        "cost_to_serve",
        "customer_sql",
        "customers",
        "decision_inputs",
        "early_tickets",
        "engagement",
        "feedback_texts",
        "first_purchase",
        "holdout_windows",
        "period_sums",
        "points_accounts",
        "purchase_mix",
        "indicator_tables",
        "interaction_counts",
        "open_invoices",
        "journey_steps",
        "redrawn_histories",
        "relationship_signs",
        "risk_signs",
        "unanswered_complaints",
    ],
)
