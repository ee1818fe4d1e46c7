"""The text of a weekly summary: first what is left to do, then how far the needs came, then suggestions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from include.base.business_time import SHANGHAI
from include.domain.calendar import DueDate
from include.domain.quarter import Quarter
from include.domain.states import Level
from include.letters import composing
from include.letters.weekly_summary.entries import (
    Entry,
    causes_of,
    obstructed,
    out_of_reach,
    repairable,
    returned,
    turned_down,
    withdrawn,
)
from include.letters.weekly_summary.figures import Changes, DepartmentFigures, Standing, Sum
from include.platforms.filed import Filed
from include.reference import Department
from include.words.amounts import amount
from include.words.moments import day_label
from include.words.needs import WEEKLY_STAGES
from include.words.quarters import quarter_label
from include.words.reoffers import REOFFER_NOTE
from include.words.support import support_names

_NAMED_IN_SUBJECT = 4
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
    def todo(self) -> list[str]:
        """What the department should do; without any of it there is no letter."""
        return _todo(self)

    @property
    def at_nation(self) -> int:
        """Obstructions that climbed to the nation."""
        return sum(one.level == Level.NATION for one in self.figures.obstructions)

    @property
    def repairs(self) -> int:
        """Needs of which single institutions named a cause that can be removed, without those turned down by enough."""
        refused = {one.need_id for one in self.figures.matters.turned_down}
        return len({one.need_id for one in self.figures.repairs} - refused)

    @property
    def overdue_returns(self) -> int:
        """Returns whose day has passed without an answer."""
        return sum(one.respond_by < self.week.today for one in self.figures.returns)


@dataclass(frozen=True, slots=True)
class Section:
    """A list with its heading; `offers`: it names other institutions and support tools."""

    title: str
    unit: str
    entries: Sequence[Entry]
    offers: bool = False

    @property
    def listed(self) -> Sequence[Entry]:
        """Those that the mail names."""
        return self.entries[:LISTED]


@dataclass(frozen=True, slots=True)
class _Row:
    """A stage of the table; a cell is (number, amount)."""

    label: str
    running: tuple[str, str]
    previous: tuple[str, str]


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
        todo=letter.todo,
        sections=_sections(letter),
        reoffer_note=REOFFER_NOTE,
        support=support_names(causes_of(figures.matters.turned_down), week.today),
        running=quarter_label(week.running),
        previous=quarter_label(week.running.previous()),
        table=_table(letter),
        held=sum(one.held.number for one in figures.standings.values()),
        changes=_changes(figures.changes),
        quiet=figures.matters.quiet,
        silent=sum(one.occasion.cause == "silence" for one in figures.reoffers),
        dates=_dates(week),
        provisional=week.cut_off.provisional,
    )


def _sections(letter: Letter) -> list[Section]:
    """The lists, the most urgent first; empty ones are left out."""
    week, figures, matters = letter.week, letter.figures, letter.figures.matters
    url = week.console_url
    offers = {one.need_id: one for one in figures.reoffers}
    refused = {one.need_id for one in matters.turned_down}
    repairs = [one for one in figures.repairs if one.need_id not in refused]
    found = (
        Section("融资梗阻未办结", "件", [obstructed(one, url) for one in figures.obstructions]),
        Section("退回待补正", "项", [returned(one, week.today, url) for one in figures.returns]),
        Section("需核实更新企业联系方式", "项", [out_of_reach(one, url) for one in matters.out_of_reach]),
        Section(
            "机构未予支持、尚无授信", "项", [turned_down(one, offers, url) for one in matters.turned_down], offers=True
        ),
        Section("经核实已撤回", "项", [withdrawn(one, url) for one in figures.withdrawn]),
        Section("个别机构未予支持、原因可以补救", "项", [repairable(one, url) for one in repairs]),
    )
    return [one for one in found if one.entries]


def _subject_line(letter: Letter) -> str:
    """What is late comes before what waits."""
    figures = letter.figures
    waiting = len(figures.returns) - letter.overdue_returns
    left = [
        (letter.at_nation, "件国家级梗阻"),
        (letter.overdue_returns, "项补正逾期"),
        (len(figures.obstructions) - letter.at_nation, "件梗阻未办结"),
        (waiting, "项待补正"),
        (letter.unreviewed.number, "项待审核"),
        (len(figures.matters.turned_down), "项未获支持"),
        (len(figures.matters.out_of_reach), "项需更新联系方式"),
        (figures.matters.late, "项截止后报送"),
        (len(figures.repairs), "项可补救"),
    ]
    told = "、".join([f"{number}{what}" for number, what in left if number][:_NAMED_IN_SUBJECT])
    return f"{letter.department.short_name}融资对接周报（第{letter.week.number}周）：{told}"


def _todo(letter: Letter) -> list[str]:
    """What the department should do, the most urgent first."""
    week, figures, matters = letter.week, letter.figures, letter.figures.matters
    found = []
    below = [one for one in figures.obstructions if one.level != Level.NATION]
    if letter.at_nation:
        longest = max(one.working_days for one in figures.obstructions if one.level == Level.NATION)
        found.append(
            f"融资梗阻已提请国家级 {letter.at_nation} 件（最长 {longest} 个工作日）：请配合核实情况、补充材料。"
        )
    if letter.overdue_returns:
        found.append(
            f"退回补正已逾期 {letter.overdue_returns} 项：请提醒企业修改，审核后重新推荐；不再申报的，请在平台撤回。"
        )
    if below:
        longest = max(one.working_days for one in below)
        found.append(f"融资梗阻未办结 {len(below)} 件（最长 {longest} 个工作日）：请会同人民银行协调。")
    waiting = [one for one in figures.returns if one.respond_by >= week.today]
    if waiting:
        first = day_label(waiting[0].respond_by)
        found.append(f"退回待补正 {len(waiting)} 项：最早一项请于 {first}前答复。")
    if matters.out_of_reach:
        found.append(
            f"机构多次联系不上企业 {len(matters.out_of_reach)} 项：请核实联系方式，请企业在平台更新并主动联系机构。"
        )
    if matters.turned_down:
        several = all(len(one.refusals) > 1 for one in matters.turned_down)
        found.append(
            f"{'多家' if several else ''}机构不予支持、尚无授信 {len(matters.turned_down)} 项："
            "请了解原因，指导企业补充材料或调整方案。"
        )
    if letter.repairs:
        found.append(f"个别机构不予支持、原因可以补救 {letter.repairs} 项：请按参考处置协调。")
    if letter.unreviewed.number:
        told = f"待审核 {letter.unreviewed.number} 项（{amount(letter.unreviewed.amount)}"
        told += f"，其中重大 {letter.unreviewed.majors} 项" if letter.unreviewed.majors else ""
        told += f"，另有 {letter.unreviewed.doubtful} 项金额可能误用单位，未计入" if letter.unreviewed.doubtful else ""
        found.append(f"{told}）：请在本季度截止前完成审核；重大需求可随时推荐。")
    if figures.withdrawn:
        found.append(f"经核实已撤回 {len(figures.withdrawn)} 项（重复项目或信息虚假）：请告知企业停止对接。")
    if matters.late:
        found.append(f"截止后报送 {matters.late} 项：待审核人员决定列入本季度或下季度，暂不需要办理。")
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


def _dates(week: Week) -> list[str]:
    cut_off = day_label(week.cut_off.day, week.cut_off.provisional)
    left = f"还有 {week.working_days_left} 个工作日" if week.working_days_left else "今天截止"
    dates = [f"{quarter_label(week.running)}推荐报送截止：{cut_off}，{left}"]
    if week.circular_on is not None and week.circular_on >= week.today:
        quarter = quarter_label(week.running.previous())
        dates.append(f"{quarter}信息通报：{day_label(week.circular_on)}前后发布")
    return dates
