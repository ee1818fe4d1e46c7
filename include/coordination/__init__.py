"""Coordination (协调): what coordinators report of a need, by a link in a mail or in the console, and what follows from it."""

from include.coordination.acts import report
from include.coordination.links import LinkTo, follow, report_by_link
from include.coordination.offering import Offer, offer
from include.coordination.reporting import By, Outcome, Said
from include.coordination.subjects import Standing, stands

__all__ = [
    "By",
    "LinkTo",
    "Offer",
    "Outcome",
    "Said",
    "Standing",
    "follow",
    "offer",
    "report",
    "report_by_link",
    "stands",
]
