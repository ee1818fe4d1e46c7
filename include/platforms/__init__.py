"""Clients of the two platforms."""
