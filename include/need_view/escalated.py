"""Who was told of a need that stalls: one entry for each round of an item, with the offices in the order they were told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from include.base.business_time import SHANGHAI
from include.domain.states import Authority, Level, Stall, StepState
from include.need_view import queries
from include.need_view.entries import Entry, Known
from include.words.names import institution, office, rule
from include.words.states import word, words


def escalated(connection: sa.Connection, known: Known) -> Iterator[Entry]:
    """The rounds, each at the moment of its last telling."""
    rows = connection.execute(queries.STEPS, known.parameters)
    for (rule_id, _, number), steps in groupby(rows, key=lambda row: (row.rule_id, row.item, row.round)):
        yield _round(rule_id, number, list(steps))


def _round(rule_id: str, number: int, steps: Sequence[sa.Row[Any]]) -> Entry:
    told = [one for one in steps if one.state == StepState.MAILED]
    last = (told or steps)[-1]
    where = institution(last.institution_code) if last.institution_code else "整项需求"
    again = f"（第 {number} 轮）" if number > 1 else ""
    days = f"，逾期 {last.overdue_working_days} 个工作日" if last.overdue_working_days else ""
    lines = [f"{words(Stall).get(rule_id) or rule(rule_id)}，应办日 {last.due_on}{days}"]
    if any(one.mail_state == "held" for one in told):
        lines.append("其中有邮件发送失败，待人工处理")
    return Entry(
        at=last.raised_at,
        part="督办",
        title=f"逾期督办{again}：{where}，{_course(told) or '已并入上一级督办，未单独发送'}",
        lines=tuple(lines),
        tone="warn",
    )


def _course(told: Sequence[sa.Row[Any]]) -> str:
    """E.g. 10月10日提请苏州市人民银行 → 10月14日提请江苏省工业和信息化厅、中国人民银行江苏省分行."""
    days = groupby(told, key=lambda one: one.raised_at.astimezone(SHANGHAI).date())
    return " → ".join(
        f"{day.month}月{day.day}日提请{'、'.join(dict.fromkeys(map(_office, of_day)))}" for day, of_day in days
    )


def _office(one: sa.Row[Any]) -> str:
    authority = Authority(one.authority)
    if one.level is None:
        return f"{word(Authority, authority)}协调人"
    return office(authority, Level(one.level), one.region_code)
