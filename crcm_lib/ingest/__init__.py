"""Raw files -> clean tables, every record and amount accounted for. Only here are source files opened."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submodules=["cleaning", "drafting", "sources"])
