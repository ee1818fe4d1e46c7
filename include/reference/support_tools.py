"""Support tools (支持工具): public programmes that can remove an obstruction, each in force for a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

from include.reference import rows


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportTool:
    """`owner`: who grants it; `reason_codes`: the obstructions that it helps with; `until`: its last day, None while none is known."""

    code: str
    name: str
    owner: tuple[str, ...]
    offers: str
    reason_codes: tuple[str, ...]
    conditions: str
    since: date
    until: date | None
    document: str

    def in_force(self, day: date) -> bool:
        """Whether it can be applied for on `day`."""
        return self.since <= day and (self.until is None or day <= self.until)


@cache
def support_tools() -> tuple[SupportTool, ...]:
    """The tools in the order of support_tools.csv, those that have run out included."""
    return tuple(
        SupportTool(
            code=r["code"],
            name=r["name"],
            owner=tuple(r["owner"].split(";")),
            offers=r["offers"],
            reason_codes=tuple(r["reason_codes"].split(";")),
            conditions=r["conditions"],
            since=date.fromisoformat(r["from"]),
            until=date.fromisoformat(r["until"]) if r["until"] else None,
            document=r["document"],
        )
        for r in rows("support_tools")
    )


def tools_for(reason_code: str, day: date) -> tuple[SupportTool, ...]:
    """The tools in force on `day` that help with an obstruction of this reason code."""
    return tuple(one for one in support_tools() if reason_code in one.reason_codes and one.in_force(day))


def ending_within(day: date, days: int) -> tuple[SupportTool, ...]:
    """The tools in force on `day` whose last day is at most so many days away, the first to end first."""
    last = day + timedelta(days=days)
    ending = [(one.until, one) for one in support_tools() if one.in_force(day) and one.until and one.until <= last]
    return tuple(one for _, one in sorted(ending, key=lambda pair: pair[0]))
