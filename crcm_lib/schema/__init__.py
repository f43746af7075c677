"""The contract of every table, and the only way to read and write them."""
