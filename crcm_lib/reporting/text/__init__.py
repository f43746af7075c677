"""Facts -> sentences, one module a subject. Only here and in the notebooks are words for people made."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "actions",
        "churn_warning",
        "classification",
        "clustering",
        "clv",
        "clv_assumptions",
        "clv_pictures",
        "contribution",
        "data_quality",
        "monitoring",
        "newcomers",
        "numbers",
        "profile",
        "rfm_segments",
        "satisfaction",
        "subscriptions",
    ],
)
