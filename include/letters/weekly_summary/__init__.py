"""The weekly summary (周报) to the heads of departments: the state of their needs, what changed, and what they should do."""

from include.letters.weekly_summary.stage import SummaryRun, summarise

__all__ = ["SummaryRun", "summarise"]
