"""What came in: sources, cleaning, one row per customer, samples, privacy."""
