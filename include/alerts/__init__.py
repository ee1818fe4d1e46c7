"""Alerts (警示): raised by rules outside the gate, settled by persons."""
