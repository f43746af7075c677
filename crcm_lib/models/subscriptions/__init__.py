"""How long contracts last, and what their renewals are worth."""
