"""How institutions behave."""
