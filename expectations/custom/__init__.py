"""Expectation classes of the rule book. Importing this package registers them all with Great Expectations."""

from expectations.custom import choices, codes, places, quantities, texts

__all__ = ["choices", "codes", "places", "quantities", "texts"]
