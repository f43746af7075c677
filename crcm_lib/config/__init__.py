"""Settings that people edit: the classification policy and its rules, and the YAML loader."""
