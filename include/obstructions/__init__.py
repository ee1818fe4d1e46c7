"""Obstructions (融资梗阻): tickets that follow what institutions report, and how coordinators work on them."""

from include.obstructions.letter import LetterFacts, letter
from include.obstructions.stage import TicketSummary, advance, work_on
from include.obstructions.view import Responsible, TicketFilter, responsible, ticket, tickets

__all__ = [
    "LetterFacts",
    "Responsible",
    "TicketFilter",
    "TicketSummary",
    "advance",
    "letter",
    "responsible",
    "ticket",
    "tickets",
    "work_on",
]
