"""What operators have to look at (运维提示), kind by kind: how much, what is new, what is overdue, since when.

Ages and overdue days are working days. Texts are as mails show them: companies masked, no contacts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa

from include.base.business_time import SHANGHAI
from include.domain import escalation as stalls
from include.domain.quarter import Quarter
from include.domain.states import Channel, Difference, Level, ManifestState
from include.gate.sign_off_view import unsigned_quarters
from include.letters.late_departments import late_departments
from include.reference import department_short_name
from include.reference.day import Day
from include.reference.support_tools import ending_within
from include.register.acceptance import held_snapshots
from include.store.missed_quarters import missed_quarters
from include.store.roster import vacancies
from include.withdrawals.view import waiting_withdrawals
from include.words.amounts import amount
from include.words.moments import day_label
from include.words.names import rule_text
from include.words.shown import shown
from include.words.sources import source_label
from include.words.states import word

TOOLS_ENDING_DAYS = 30
"""How long before its last day a support tool is told of (handbook, section 8.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing, or `count` of the same kind; `since`: when it began to wait, None if time plays no part."""

    what: str
    note: str
    since: datetime | None
    age: int = 0
    overdue: int = 0
    count: int = 1
    page: str = ""
    """Its page below the console, if it has one of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """A kind of things, the page where they are looked at, and what is asked; overdue and oldest items first."""

    name: str
    unit: str
    page: str
    asked: str
    items: tuple[Item, ...]

    @property
    def total(self) -> int:
        """How many things."""
        return sum(item.count for item in self.items)

    @property
    def overdue(self) -> int:
        """How many of them are overdue."""
        return sum(item.count for item in self.items if item.overdue)

    @property
    def oldest(self) -> int:
        """The age of the oldest."""
        return max((item.age for item in self.items), default=0)

    def new_since(self, moment: datetime | None) -> tuple[Item, ...]:
        """The items that came after the last notice; all of them before there was one."""
        return tuple(item for item in self.items if item.since is not None and (moment is None or item.since > moment))


def matters(connection: sa.Connection, day: Day) -> list[Matter]:
    """Everything that waits for operators on `day`, the gravest kind first; kinds without anything are left out."""
    found = (
        Matter(name=name, unit=unit, page=page, asked=asked, items=items(connection, day))
        for name, unit, page, asked, items in (
            ("漏办季度", "个", "", "系统每天自动补办；连续几天仍在的，请查看 quarterly_intake 的运行", _missed),
            ("推送无结果", "项", "deliveries", "请查看发送记录，必要时重新发送", _pushes),
            ("停发待处理", "项", "deliveries", "请查明原因后重新发送或关闭", _given_up),
            ("对账差异", "项", "differences", "请按页面上的办法处理，消除后自动关闭", _differences),
            ("暂停推送的地区", "个", "stops", "请决定是否继续推送", _stops),
            ("待核实", "项", "holds", "请核实通过或确认退回", _holds),
            ("警示", "项", "alerts", "请核实后排除或确认", _alerts),
            ("待确认撤回", "项", "withdrawals", "请由申请人以外的人员确认或驳回", _withdrawals),
            ("待批延期", "项", "deadlines", "请由申请人以外的人员批准或驳回", _extensions),
            ("待确认名单", "份", "register", "名单变动过大，请核对后启用", _registers),
            ("待签批", "条", "approvals", "请审批人签批后推送", _unsigned),
            ("未能读取", "条", "unreadable", "已单独存放，其余照常办理；请联系对方平台核对", _unreadable),
            ("部门报送", "个", "", "系统已提醒，并告知国家级协调人", _late),
            ("支持工具到期", "项", "support-tools", "请确认是否延续，并更新支持工具表", _tools),
            ("暂定日期", "个", "calendar", "放假安排公布后，请更新工作日历，时限将重新计算", _provisional),
            ("岗位空缺", "个", "roster", "事项已转上一级，请联系平台补充", _vacancies),
        )
    )
    return [matter for matter in found if matter.items]


# --- Needs -----------------------------------------------------------------------------------------------------------

_HOLDS = sa.text(
    """
    select hold.quarantine_id, hold.need_id, hold.revision, hold.department_code, hold.opened_at as since,
           version.enterprise_name, version.uscc, version.is_major, version.financing_need,
           array(
               select distinct rule_id from quarantine_finding found where found.quarantine_id = hold.quarantine_id
               order by 1
           ) as rules
    from quarantine hold left join need_version version using (need_id, revision)
    where hold.state = 'open'
      and not exists (select from withdrawal_notice w where w.need_id = hold.need_id)
      and not exists (
          select from need_version higher where higher.need_id = hold.need_id and higher.revision > hold.revision
      )
    """
)
_PUSHES = sa.text(
    """
    select delivery.need_id, delivery.revision, delivery.created_at as since, delivery.delivery_id, version.department_code,
           version.enterprise_name, version.uscc, version.is_major, version.financing_need
    from delivery left join need_version version using (need_id, revision)
    where action = 'push' and state in ('pending', 'unknown') and created_at < :today
    """
)


def _holds(connection: sa.Connection, day: Day) -> tuple[Item, ...]:
    """Held records that nobody has decided on, overdue after hold_decision_working_days (S08)."""
    items = []
    for row in connection.execute(_HOLDS):
        name = row.need_id or f"记录{row.quarantine_id}"
        due = stalls.hold_undecided(name, row.revision or 0, _local(row.since), day.calendar, day.policy).due_on
        first, more = (row.rules[0], len(row.rules) - 1) if row.rules else ("", 0)
        reason = rule_text(first).rstrip("。") + (f"等 {more + 1} 项" if more else "")
        items.append(replace(_of_need(row, name, reason, due, day), page=f"holds/{row.quarantine_id}"))
    return _sorted(items)


def _pushes(connection: sa.Connection, day: Day) -> tuple[Item, ...]:
    """Pushes without a final result for more than push_unanswered_working_days (S04)."""
    items = []
    today = datetime.combine(day.today, time(), SHANGHAI)
    for row in connection.execute(_PUSHES, {"today": today}):
        due = stalls.push_unanswered(row.need_id, row.revision, _local(row.since), day.calendar, day.policy).due_on
        items.append(
            replace(_of_need(row, row.need_id, "没有最终结果", due, day), page=f"deliveries/{row.delivery_id}")
        )
    return _sorted(item for item in items if item.overdue)


def _of_need(row: sa.Row[Any], name: str, note: str, due: date, day: Day) -> Item:
    company = shown("enterprise.name", row.enterprise_name, row.uscc, "mail")
    money = amount(row.financing_need) if row.financing_need is not None else ""
    place = department_short_name(row.department_code) if row.department_code else ""
    return Item(
        what=f"{'［重大］' if row.is_major else ''}{company}（{name}）",
        note="，".join(part for part in (place, money, note) if part),
        since=row.since,
        age=_age(row.since, day),
        overdue=day.calendar.working_days_after(due, day.today),
    )


_ALERTS = sa.text(
    """
    select alert.alert_id, alert.rule_id, alert.need_id, alert.opened_at, newest.enterprise_name, newest.uscc
    from alert
    left join lateral (
        select enterprise_name, uscc from need_version where need_version.need_id = alert.need_id
        order by revision desc limit 1
    ) newest on true
    where alert.state = 'open'
    """
)


def _alerts(connection: sa.Connection, day: Day) -> tuple[Item, ...]:
    return _sorted(
        Item(
            what=f"{shown('enterprise.name', row.enterprise_name, row.uscc, 'mail')}（{row.need_id}）",
            note=rule_text(row.rule_id).rstrip("。"),
            since=row.opened_at,
            age=_age(row.opened_at, day),
            page=f"alerts/{row.alert_id}",
        )
        for row in connection.execute(_ALERTS)
    )


# --- Ledgers and listings --------------------------------------------------------------------------------------------

_DIFFERENCES = sa.text(
    """
    select quarter, kind, count(*) as number, min(found_at) as since from reconciliation_finding
    where closed_at is null group by quarter, kind order by quarter, kind
    """
)
_GIVEN_UP = sa.text(
    "select channel, count(*) as number, min(created_at) as since from delivery where state = 'held' group by channel"
)
_UNREADABLE = sa.text(
    """
    select split_part(source, '/', 1) as kind, count(*) as number, min(first_seen_at) as since from set_aside
    where resolved_at is null group by 1 order by 1
    """
)
_STOPS = sa.text(
    """
    select quarter, department_code, judged, returned, opened_at from department_stop where state = 'open'
    order by opened_at, department_code
    """
)
_PROVISIONAL = sa.text(
    "select count(*) as number, min(due_on) as first from case_clock where provisional and stopped_on is null"
)


def _differences(connection: sa.Connection, day: Day) -> tuple[Item, ...]:
    return _counted(
        connection.execute(_DIFFERENCES), day, lambda row: f"{row.quarter} {word(Difference, row.kind)}", "differences"
    )


def _given_up(connection: sa.Connection, day: Day) -> tuple[Item, ...]:
    return _counted(connection.execute(_GIVEN_UP), day, lambda row: word(Channel, row.channel), "deliveries")


def _unreadable(connection: sa.Connection, day: Day) -> tuple[Item, ...]:
    return _counted(connection.execute(_UNREADABLE), day, lambda row: source_label(row.kind), "unreadable")


_EXTENSIONS = sa.text(
    """
    select asked.extension_id, asked.need_id, asked.working_days, asked.requested_at from deadline_extension asked
    where not exists (
        select from deadline_extension_decision decided where decided.extension_id = asked.extension_id
    )
    """
)


def _withdrawals(connection: sa.Connection, day: Day) -> tuple[Item, ...]:
    waiting = waiting_withdrawals(connection)
    if not waiting.number or waiting.oldest is None:
        return ()
    age = _age(waiting.oldest, day)
    return (Item(what=f"{waiting.number} 项撤回申请", note="", since=waiting.oldest, age=age, count=waiting.number),)


def _extensions(connection: sa.Connection, day: Day) -> tuple[Item, ...]:
    return _sorted(
        Item(
            what=row.need_id,
            note=f"申请延期 {row.working_days} 个工作日",
            since=row.requested_at,
            age=_age(row.requested_at, day),
            page=f"deadlines?need_id={row.need_id}",
        )
        for row in connection.execute(_EXTENSIONS)
    )


def _registers(connection: sa.Connection, day: Day) -> tuple[Item, ...]:
    return _sorted(
        Item(
            what=f"{day_label(one.as_of)}的名单",
            note=f"在册 {one.active} 家，较现用名单减少 {one.gone} 家",
            since=one.taken_at,
            age=_age(one.taken_at, day),
            page="register",
        )
        for one in held_snapshots(connection)
    )


def _stops(connection: sa.Connection, day: Day) -> tuple[Item, ...]:
    return tuple(
        Item(
            what=f"{department_short_name(row.department_code)}（{row.quarter}）",
            note=f"审核 {row.judged} 条，退回 {row.returned} 条",
            since=row.opened_at,
            age=_age(row.opened_at, day),
            page="stops",
        )
        for row in connection.execute(_STOPS)
    )


def _unsigned(connection: sa.Connection, day: Day) -> tuple[Item, ...]:
    items = []
    for one in unsigned_quarters(connection):
        major = f"，其中重大项目 {one.major} 条" if one.major else ""
        since = datetime.combine(one.since_day, time(), SHANGHAI)
        note = f"{one.needs} 条{major}，合计 {amount(one.total)}"
        items.append(Item(what=one.quarter, note=note, since=since, age=_age(since, day), count=one.needs))
    return tuple(items)


# --- The calendar of a quarter, tools, posts -------------------------------------------------------------------------


def _missed(connection: sa.Connection, day: Day) -> tuple[Item, ...]:
    items = []
    for one in missed_quarters(connection, day):
        cut_off = day.calendar.deadline(Quarter.parse(one.quarter), day.policy.flag("cutoff_inclusive"))
        late = day.calendar.working_days_after(day.calendar.last_working_day(Quarter.parse(one.quarter)).day, day.today)
        names = "、".join(department_short_name(code) for code in one.unread[:5])
        which = f"{names}等 {len(one.unread)} 个地区" if len(one.unread) > 5 else names
        note = f"截止后没有读取过{which if one.is_partial else '任何地区'}"
        items.append(Item(what=f"{one.quarter} 未征集", note=note, since=cut_off, age=late, overdue=late))
    return tuple(items)


def _late(connection: sa.Connection, day: Day) -> tuple[Item, ...]:
    items = []
    for code, quarter, state in late_departments(connection, day):
        if state is ManifestState.MISSING:
            cut_off = day.calendar.last_working_day(Quarter.parse(quarter)).day
            late = day.calendar.working_days_after(cut_off, day.today)
            since = datetime.combine(cut_off + timedelta(days=1), time(), SHANGHAI)
            items.append(
                Item(what=department_short_name(code), note=f"{quarter} 未报送", since=since, age=late, overdue=late)
            )
    return tuple(items)


def _tools(_connection: sa.Connection, day: Day) -> tuple[Item, ...]:
    return tuple(
        Item(
            what=tool.name,
            note=f"{tool.document}，最后一天 {day_label(tool.until)}" if tool.until else tool.document,
            since=None,
        )
        for tool in ending_within(day.today, TOOLS_ENDING_DAYS)
    )


def _provisional(connection: sa.Connection, day: Day) -> tuple[Item, ...]:
    found = connection.execute(_PROVISIONAL).one()
    if not found.number:
        return ()
    year = day.calendar.published_until.year + 1
    note = f"{year} 年放假安排尚未载入，最早一个时限为 {day_label(found.first, True)}"
    return (Item(what=f"{found.number} 个时限", note=note, since=None, count=found.number),)


def _vacancies(connection: sa.Connection, day: Day) -> tuple[Item, ...]:
    """On the first working day of a week alone: the roster changes slowly."""
    if day.calendar.working_days_after(day.today - timedelta(days=day.today.weekday() + 1), day.today) > 1:
        return ()
    counts = vacancies(connection)
    told = "、".join(f"{word(Level, level)} {number} 个" for level, number in counts.items() if number)
    number = sum(counts.values())
    return (Item(what=f"{number} 个岗位没有在岗协调人", note=told, since=None, count=number),) if number else ()


# --- Common ----------------------------------------------------------------------------------------------------------


def _counted(rows: Iterable[sa.Row[Any]], day: Day, name: Callable[[sa.Row[Any]], str], page: str) -> tuple[Item, ...]:
    return tuple(
        Item(
            what=name(row),
            note=f"{row.number} 条",
            since=row.since,
            age=_age(row.since, day),
            count=row.number,
            page=page,
        )
        for row in rows
    )


def _sorted(items: Iterable[Item]) -> tuple[Item, ...]:
    return tuple(sorted(items, key=lambda item: (-item.overdue, -item.age, item.what)))


def _age(since: datetime, day: Day) -> int:
    return day.calendar.working_days_after(_local(since), day.today)


def _local(moment: datetime) -> date:
    return moment.astimezone(SHANGHAI).date()
