"""Customers -> what they are, what they are worth, who is leaving, what groups they form."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "churn",
        "clustering",
        "clv",
        "credit_loss",
        "customer_base",
        "early_warnings",
        "growth_watch",
        "education",
        "histories",
        "interaction",
        "journey",
        "lifecycle",
        "metrics",
        "loyalty_programme",
        "matched_comparison",
        "mle",
        "need_shift",
        "needs",
        "newcomers",
        "profitability",
        "reasons",
        "receivables",
        "recommendation",
        "rfm",
        "risk_register",
        "satisfaction",
        "subscriptions",
        "value_risk",
        "tier_engagement",
        "word_of_mouth",
    ],
)
