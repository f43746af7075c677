"""Customers -> what they are, what they are worth, who is leaving, what groups they form."""
