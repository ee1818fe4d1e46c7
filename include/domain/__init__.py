"""The pure core: calendar, case path, ladder, identifiers. No I/O, no clock."""
