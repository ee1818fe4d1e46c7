"""Names of the listings that foreign pieces come in: kind, sender, quarter and department."""

from __future__ import annotations

from collections.abc import Mapping

from include.domain.states import PlatformStatus
from include.reference import departments
from include.words.states import word

KINDS: Mapping[str, str] = {
    "needs": "绿色平台融资需求",
    "manifest": "绿色平台报送清单",
    "register": "绿色平台绿色工厂名单",
    "coordinators": "绿色平台协调人名单",
    "feedback": "信贷市场服务平台对接反馈",
    "ledger": "信贷市场服务平台台账",
    "institutions": "信贷市场服务平台机构名单",
}
"""By the first part of a source."""


def source_label(source: str) -> str:
    """A source (needs/2026Q3/330000/recommended) in Chinese."""
    kind, *parts = source.split("/")
    words = [departments()[part].short_name if part in departments() else word(PlatformStatus, part) for part in parts]
    return " ".join([KINDS.get(kind, kind), *words])
