"""The text of a weekly summary: first what is left to do, then how far the needs came, then suggestions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from include.base.business_time import SHANGHAI
from include.domain.calendar import DueDate
from include.domain.quarter import Quarter
from include.domain.states import Authority, Level
from include.letters import composing
from include.letters.open_returns import OpenReturn
from include.letters.weekly_summary.figures import Changes, DepartmentFigures, Obstruction, Repair, Standing, Sum
from include.letters.weekly_summary.reoffers import Reoffer
from include.platforms.filed import Filed
from include.reference import Department, reason_codes
from include.words.amounts import amount
from include.words.moments import day_label
from include.words.needs import WEEKLY_STAGES
from include.words.quarters import quarter_label
from include.words.reoffers import REOFFER_NOTE, reoffer_institution, reoffer_reason
from include.words.shown import shown
from include.words.states import word

LISTED = 8
"""Needs or obstructions named in one section; the others are only counted."""

_NONE = ("—", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """Shared by all summaries of a week. `circular_on`: None once the circular of the quarter before is published."""

    number: int
    today: date
    since: datetime
    running: Quarter
    cut_off: DueDate
    working_days_left: int
    circular_on: date | None
    console_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One department's summary; `unreviewed` and `recommended` as listed by the platform for the running quarter."""

    week: Week
    department: Department
    figures: DepartmentFigures
    unreviewed: Filed
    recommended: Filed

    @property
    def empty(self) -> bool:
        """Whether there is nothing to report: no need in either quarter, nothing filed, no obstruction."""
        found = self.figures
        stored = found.standings or found.returns or found.obstructions or found.reoffers
        return not (stored or self.unreviewed.number or self.recommended.number)

    @property
    def overdue_returns(self) -> int:
        """Returns whose day has passed without an answer."""
        return sum(one.respond_by < self.week.today for one in self.figures.returns)


@dataclass(frozen=True, slots=True)
class _Row:
    """A stage of the table; a cell is (number, amount)."""

    label: str
    running: tuple[str, str]
    previous: tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Line:
    """An entry of a list: its subject, the detail below it, and the text at its right."""

    title: str
    detail: str
    link: str
    right: str
    urgent: bool


def letter_body(letter: Letter, *, to: str, thread: Sequence[str], passed_on: bool) -> dict[str, Any]:
    """The mail's body. `thread`: keys of this quarter's earlier summaries; `passed_on`: it goes one level up, the post
    is vacant."""
    week, figures = letter.week, letter.figures
    return composing.compose(
        "weekly",
        to=[to],
        subject=_subject_line(letter),
        list_id="weekly",
        today=week.today,
        references=thread,
        department=letter.department.name,
        passed_on=passed_on,
        since=week.since.astimezone(SHANGHAI).date(),
        todo=_todo(letter),
        running=quarter_label(week.running),
        previous=quarter_label(week.running.previous()),
        table=_table(letter),
        changes=_changes(figures.changes),
        returns=[_returned(one, week) for one in figures.returns[:LISTED]],
        returns_total=len(figures.returns),
        obstructions=[_obstruction(one, week) for one in figures.obstructions[:LISTED]],
        obstructions_total=len(figures.obstructions),
        repairs=[_repair(one, week) for one in figures.repairs[:LISTED]],
        repairs_total=len(figures.repairs),
        reoffers=[_reoffer(one, week) for one in figures.reoffers[:LISTED]],
        reoffers_total=len(figures.reoffers),
        reoffer_note=REOFFER_NOTE,
        dates=_dates(week),
        provisional=week.cut_off.provisional,
    )


def _subject_line(letter: Letter) -> str:
    """What is late comes before what waits; if neither, what was achieved."""
    figures = letter.figures
    waiting = len(figures.returns) - letter.overdue_returns
    left = [
        (letter.overdue_returns, "项补正逾期"),
        (len(figures.obstructions), "件梗阻未办结"),
        (waiting, "项待补正"),
        (letter.unreviewed.number, "项待审核"),
    ]
    told = "、".join(f"{number}{what}" for number, what in left if number)
    if not told:
        changes = _changes(figures.changes)
        told = "没有待办" + (f"，{changes[-1]}" if changes else "")
    return f"{letter.department.short_name}融资对接周报（第{letter.week.number}周）：{told}"


def _todo(letter: Letter) -> list[str]:
    """What the department should do, the most urgent first."""
    week, figures = letter.week, letter.figures
    found = []
    if letter.overdue_returns:
        found.append(
            f"退回补正已逾期 {letter.overdue_returns} 项：请提醒企业修改，审核后重新推荐；不再申报的，请在平台撤回。"
        )
    if figures.obstructions:
        longest = max(one.working_days for one in figures.obstructions)
        found.append(f"融资梗阻未办结 {len(figures.obstructions)} 件（最长 {longest} 个工作日）：请会同人民银行协调。")
    waiting = [one for one in figures.returns if one.respond_by >= week.today]
    if waiting:
        first = day_label(waiting[0].respond_by)
        found.append(f"退回待补正 {len(waiting)} 项：最早一项请于 {first}前答复。")
    if letter.unreviewed.number:
        told = f"待审核 {letter.unreviewed.number} 项（{amount(letter.unreviewed.amount)}"
        told += f"，其中重大 {letter.unreviewed.majors} 项）" if letter.unreviewed.majors else "）"
        found.append(f"{told}：请在本季度截止前完成审核；重大需求可随时推荐。")
    return found


def _table(letter: Letter) -> list[_Row]:
    running = letter.figures.standings.get(str(letter.week.running))
    previous = letter.figures.standings.get(str(letter.week.running.previous()))
    rows = [_Row("待审核", _cell(_on_platform(letter.unreviewed)), _NONE)]
    for name, label in WEEKLY_STAGES.items():
        now = _on_platform(letter.recommended) if name == "recommended" else _stage(running, name)
        rows.append(_Row(label, _cell(now), _cell(_stage(previous, name))))
    return [row for row in rows if (row.running, row.previous) != (_NONE, _NONE)]


def _stage(standing: Standing | None, name: str) -> Sum | None:
    found: Sum | None = getattr(standing, name) if standing else None
    return found


def _on_platform(found: Filed) -> Sum:
    return Sum(found.number, found.amount)


def _cell(found: Sum | None) -> tuple[str, str]:
    if found is None or not found.number:
        return _NONE
    return (f"{found.number} 项", "" if found.amount is None else amount(found.amount))


def _changes(changes: Changes) -> list[str]:
    """What happened, in the order of the case path; money last."""
    counted = [
        (changes.passed, "审核通过 {} 项"),
        (changes.returned, "退回补正 {} 项"),
        (changes.pushed, "推送 {} 项"),
        (changes.contacted, "机构新联系企业 {} 项"),
        (changes.declined, "机构不予支持涉及 {} 项"),
        (changes.obstructed, "新增融资梗阻 {} 件"),
        (changes.cleared, "解除融资梗阻 {} 件"),
        (changes.approved, f"新获授信 {{}} 项，{amount(changes.approved_amount)}"),
        (changes.drawn, f"新放款 {{}} 项，{amount(changes.drawn_amount)}"),
    ]
    return [words.format(number) for number, words in counted if number]


def _returned(one: OpenReturn, week: Week) -> composing.ReturnedNeed:
    return composing.ReturnedNeed(
        need_id=one.need_id,
        company=shown("enterprise.name", one.enterprise_name, one.uscc, "mail"),
        respond_by=one.respond_by,
        overdue=one.respond_by < week.today,
        link=composing.need_link(week.console_url, one.need_id),
    )


def _obstruction(one: Obstruction, week: Week) -> _Line:
    who = "、".join(one.institutions)
    return _Line(
        title=("［重大］" if one.is_major else "") + one.company,
        detail=f"{one.need_id}；{reason_codes()[one.reason_code].name}；{who}；{word(Level, one.level)}，{word(Authority, one.lead)}牵头",
        link=f"{week.console_url}/obstructions/{one.ticket_id}" if week.console_url else "",
        right=f"{one.working_days} 个工作日",
        urgent=one.level == "nation",
    )


def _repair(one: Repair, week: Week) -> _Line:
    reason = reason_codes()[one.reason_code]
    return _Line(
        title=("［重大］" if one.is_major else "") + one.company,
        detail=f"{one.need_id}；{'、'.join(one.institutions)}：{reason.name}。参考处置：{reason.remedy}",
        link=composing.need_link(week.console_url, one.need_id),
        right="",
        urgent=False,
    )


def _reoffer(one: Reoffer, week: Week) -> _Line:
    named = "、".join(reoffer_institution(suggestion) for suggestion in one.suggestions)
    return _Line(
        title=("［重大］" if one.is_major else "") + shown("enterprise.name", one.enterprise_name, one.uscc, "mail"),
        detail=f"{one.need_id}；{reoffer_reason(one.occasion)}。未对接过的机构：{named}",
        link=composing.need_link(week.console_url, one.need_id),
        right="",
        urgent=False,
    )


def _dates(week: Week) -> list[str]:
    cut_off = day_label(week.cut_off.day, week.cut_off.provisional)
    left = f"还有 {week.working_days_left} 个工作日" if week.working_days_left else "今天截止"
    dates = [f"{quarter_label(week.running)}推荐报送截止：{cut_off}，{left}"]
    if week.circular_on is not None and week.circular_on >= week.today:
        quarter = quarter_label(week.running.previous())
        dates.append(f"{quarter}信息通报：{day_label(week.circular_on)}前后发布")
    return dates
