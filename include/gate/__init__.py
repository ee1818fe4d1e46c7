"""The gate: every record judged by the rule book."""
