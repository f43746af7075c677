"""Retention of subscriptions (sBG), the value of their renewals, and its backtest."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submodules=["renewal_backtest", "renewals", "sbg"]
)
