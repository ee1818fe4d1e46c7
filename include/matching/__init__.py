"""Matching (对接): cases opened by a push, the feedback of institutions, and the progress reported back.

Feedback is appended as received; a case, its clocks, its alerts and the progress of its need are folds of stored data.
Events in order are added to the stored fold of their case; a late one folds the case anew. So doubled, late or repeated
runs end in the same state as a single one.
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
