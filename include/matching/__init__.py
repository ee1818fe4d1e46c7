"""Matching (对接): cases opened by a push, the feedback of institutions, and the progress that goes back.

Feedback is appended as it comes; a case, its clocks, its alerts and the progress of its need are folds of what is stored. Events
that come in order are added to where the fold of their case stands; a late one folds it anew. So a doubled, late or repeated
run ends where a single one does.
"""

from __future__ import annotations

from include.matching.cases import Refolded, open_cases, refold
from include.matching.need_rules import watch_post_loan
from include.matching.stage import FeedbackFeed, FeedbackPage, FeedbackSummary, collect_feedback

__all__ = [
    "FeedbackFeed",
    "FeedbackPage",
    "FeedbackSummary",
    "Refolded",
    "collect_feedback",
    "open_cases",
    "refold",
    "watch_post_loan",
]
