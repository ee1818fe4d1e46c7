"""Both platforms as servers that speak exactly the contracts."""
