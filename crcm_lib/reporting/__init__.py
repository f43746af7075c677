"""How it is told: figures, reports, runs."""
