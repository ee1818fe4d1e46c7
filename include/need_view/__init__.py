"""The life of one need (需求全程) from filing to disbursement, in words for people. Reads what all stages stored; writes
nothing."""

from __future__ import annotations

from include.need_view.entries import Entry
from include.need_view.head import NeedHead, need_head
from include.need_view.listing import COUNTED, NeedFilter, NeedPage, NeedRow, Sort, all_needs, needs_page
from include.need_view.standing import Standing, standing
from include.need_view.timeline import timeline

__all__ = [
    "COUNTED",
    "Entry",
    "NeedFilter",
    "NeedHead",
    "NeedPage",
    "NeedRow",
    "Sort",
    "Standing",
    "all_needs",
    "need_head",
    "needs_page",
    "standing",
    "timeline",
]
