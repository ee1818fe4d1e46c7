"""Expectation classes of the rule book. Importing this package registers them all with Great Expectations."""

from expectations.custom import batch, choices, codes, events, history, places, quantities, texts

__all__ = ["batch", "choices", "codes", "events", "history", "places", "quantities", "texts"]
