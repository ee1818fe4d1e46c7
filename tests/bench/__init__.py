"""Measurements of the system beside its peers: `python -m tests.bench <part>`; not part of the test suite."""
