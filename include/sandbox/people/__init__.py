"""How coordinators and factories behave."""
