"""Where a need stands, in a few sentences: since when, how long overdue, who was told, and what comes next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from include.base.business_time import SHANGHAI
from include.domain.states import NeedStage
from include.escalation.board import StalledNeed, Told
from include.need_view.head import NeedHead
from include.words.states import word


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """`stage` in words, since a day; `told`: who was told of the delay, "" if nobody; `following`: what comes next."""

    stage: str
    since: date | None
    overdue: int
    red: bool
    told: str
    taken_on: str
    following: str


def standing(head: NeedHead, stalled: StalledNeed | None) -> Standing:
    """The need's head in words; `stalled`: as the list of stalled needs has it."""
    return Standing(
        stage=word(NeedStage, head.standing),
        since=head.since,
        overdue=stalled.overdue if stalled else 0,
        red=bool(stalled and stalled.red),
        told=_told(stalled.told) if stalled else "",
        taken_on=f"{stalled.taken_on_by}已认领" if stalled and stalled.taken_on_by else "",
        following=_following(head, stalled),
    )


def _told(told: Sequence[Told]) -> str:
    """Those told at the highest step, with the day."""
    if not told:
        return ""
    highest = [one for one in told if one.step == told[-1].step]
    days = groupby(highest, key=lambda one: one.at.astimezone(SHANGHAI).date())
    parts = (f"{day.month}月{day.day}日已提请{'、'.join(one.office for one in of_day)}" for day, of_day in days)
    return "，".join(parts)


def _following(head: NeedHead, stalled: StalledNeed | None) -> str:
    match head.standing:
        case NeedStage.WITHDRAWN:
            return "已撤回，不再对接。"
        case NeedStage.UNJUDGED:
            return "等待审核。"
        case NeedStage.RETURNED:
            return "由主管部门补正后重新推荐。"
        case NeedStage.HELD:
            return f"由审核人员核实{f'，应于 {head.decide_by} 前决定' if head.decide_by else ''}。"
        case NeedStage.PASSED:
            return "等待推送。"
        case NeedStage.UNMET:
            return "各机构均不予支持或已结案，可了解其他机构。"
    if stalled and stalled.next_on:
        return f"{stalled.next_on} 起提请{stalled.next_to}。"
    if stalled and stalled.told:
        return "已提请到最高一级，请记录联系情况。"
    running = [(limit.due_on, case, limit) for case in head.cases for limit in case.limits if not limit.paused]
    if not running:
        return "没有正在计时的时限。"
    due_on, case, limit = min(running, key=lambda one: one[0])
    return f"{case.institution}“{limit.words}”，{due_on} 到期{'（暂定）' if limit.provisional else ''}。"
