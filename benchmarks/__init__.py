"""Against the peers, in one run, as ratios. `make bench` prints every table."""
