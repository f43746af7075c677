"""Customers -> what they are, what they are worth, who is leaving, what groups they form."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "churn",
        "clustering",
        "clv",
        "customer_base",
        "histories",
        "interaction",
        "lifecycle",
        "metrics",
        "loyalty_programme",
        "market_segments",
        "matched_comparison",
        "mle",
        "need_shift",
        "needs",
        "newcomers",
        "profitability",
        "reasons",
        "recommendation",
        "rfm",
        "satisfaction",
        "subscriptions",
    ],
)
