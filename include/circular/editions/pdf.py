"""The edition as PDF in the form of an official document (GB/T 9704-2012), its fonts embedded."""

from __future__ import annotations

from include.circular.editions.model import Content
from include.circular.editions.printable import printable
from include.circular.editions.typesetting import typeset


def pdf(content: Content) -> bytes:
    """The PDF; its own date is the moment of the figures, so that the same content gives the same bytes."""
    return typeset("edition.typ", printable(content), at=int(content.as_of.timestamp()))
