"""What customers of one order, and prospects, may become."""
