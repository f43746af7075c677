"""What we do about it: policy, tiers, strategy, monitoring."""
