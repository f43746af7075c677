"""Notebooks -> a published run: planned, executed, cached, checked, published. Knows nothing of customers."""
