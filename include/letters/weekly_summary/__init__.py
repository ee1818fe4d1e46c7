"""The weekly summary (周报) to the heads of departments: where their needs stand, what changed, what is theirs to do."""

from include.letters.weekly_summary.stage import SummaryRun, summarise

__all__ = ["SummaryRun", "summarise"]
