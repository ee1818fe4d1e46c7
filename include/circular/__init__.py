"""The quarterly circular (信息通报)."""

from include.circular.page import render
from include.circular.stage import PublishedCircular, is_due, publish

__all__ = ["PublishedCircular", "is_due", "publish", "render"]
