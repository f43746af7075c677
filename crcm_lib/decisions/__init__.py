"""Scores -> tiers with reasons -> actions within budget -> what moved and whether it worked."""
