"""Raw files -> clean tables, every record and amount accounted for. Only here are source files opened."""
