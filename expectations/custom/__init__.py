"""Expectation classes of the rule book. Importing this package registers them all with Great Expectations."""

from expectations.custom import choices, codes, history, places, quantities, texts

__all__ = ["choices", "codes", "history", "places", "quantities", "texts"]
