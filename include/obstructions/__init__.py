"""Obstructions (融资梗阻): tickets that follow what institutions report, and how coordinators work on them."""

from include.obstructions.letter import letter
from include.obstructions.reading import STATES, Responsible, responsible, ticket, tickets
from include.obstructions.stage import TicketSummary, act, advance

__all__ = ["STATES", "Responsible", "TicketSummary", "act", "advance", "letter", "responsible", "ticket", "tickets"]
