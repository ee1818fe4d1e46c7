"""Matching (对接): cases opened by a push, the feedback of institutions, and the progress that goes back.

Feedback is appended as it comes; a case, its clocks and the progress of its need are folds of what is stored, made anew
for each need that something new is known of. So a doubled, late or repeated run ends where a single one does.
"""

from __future__ import annotations

from include.matching.cases import Refolded, open_cases, refold
from include.matching.feed import FeedbackFeed, FeedbackPage, FeedbackSummary, collect_feedback

__all__ = [
    "FeedbackFeed",
    "FeedbackPage",
    "FeedbackSummary",
    "Refolded",
    "collect_feedback",
    "open_cases",
    "refold",
]
