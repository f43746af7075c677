"""Early spend of newcomers and prospects: classes, their validation on later newcomers, the regression."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "acquisition_channels",
        "class_summaries",
        "classes",
        "holdout",
        "ideal_profile",
        "poisson_model",
        "second_order",
    ],
)
