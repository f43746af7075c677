"""What it means: lifecycle, RFM, value, churn, groups, satisfaction."""
