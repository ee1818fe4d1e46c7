"""The embedded stack: everything the demo and the tests need on one machine."""
