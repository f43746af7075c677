"""Clean tables -> one row per customer as of a day, and what models and decisions read beside it."""
