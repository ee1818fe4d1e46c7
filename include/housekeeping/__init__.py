"""Housekeeping: expiry, purge, erasure on request, and the change of keys."""
