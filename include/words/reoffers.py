"""Re-offers in words: why other institutions are named, and what is known of their kind."""

from __future__ import annotations

from include.domain.reoffer import Occasion, Suggestion
from include.reference import enum_labels, institutions

REOFFER_NOTE = (
    "供参考，是否对接由企业和机构自主决定。企业有意的，可在平台补充意向机构，经审核后重新推荐；系统不会自行向机构推送。"
)


def reoffer_reason(found: Occasion) -> str:
    """Why other institutions are named."""
    if found.cause == "declined":
        return f"{found.refusals} 家机构不予支持或结案，尚无机构授信"
    refused = f"，{found.refusals} 家不予支持或结案" if found.refusals else ""
    return f"推送后尚无机构联系企业{refused}，且已较长时间没有新的反馈"


def reoffer_institution(found: Suggestion) -> str:
    """An institution with facts about its kind, and nothing about itself."""
    known = institutions()[found.institution_code]
    kind = enum_labels("institution.kind")[known.kind]
    landed = f"，同类机构近期在本地区同类项目放款 {found.landed} 项" if found.landed else ""
    return f"{known.name}（{kind}{landed}）"
