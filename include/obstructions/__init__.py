"""Obstructions (融资梗阻): tickets that follow what institutions report, and how coordinators work on them."""

from include.obstructions.letter import letter
from include.obstructions.stage import TicketSummary, act, advance
from include.obstructions.view import STATES, Responsible, responsible, ticket, tickets, worked_on_count

__all__ = [
    "STATES",
    "Responsible",
    "TicketSummary",
    "act",
    "advance",
    "letter",
    "responsible",
    "ticket",
    "tickets",
    "worked_on_count",
]
