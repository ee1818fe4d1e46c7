"""The life of one need (需求全程) from filing to disbursement, in words for people. Reads what all stages stored; writes
nothing."""

from __future__ import annotations

from include.need_view.head import MOST_FOUND, NeedHead, NeedRow, find_needs, need_head
from include.need_view.timeline import Entry, timeline

__all__ = ["MOST_FOUND", "Entry", "NeedHead", "NeedRow", "find_needs", "need_head", "timeline"]
