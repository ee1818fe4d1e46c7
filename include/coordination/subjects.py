"""How a subject of a coordinator's act stands now: what a mail about it says, whether it is still open, what may be done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from include.action_links.tokens import ACTS_ON, LinkSubject
from include.base.errors import NotFound
from include.domain.case import TERMINAL
from include.domain.obstruction import WORKED_ON
from include.domain.routing import AUTHORITIES, LEVELS, Coordinator, Network, Place
from include.domain.states import CaseState, CoordinatorAct, Level, LinkKind, TicketState
from include.reference import branches, departments
from include.reference.day import Day
from include.words.names import case_state, institution, reason
from include.words.shown import shown
from include.words.states import word


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A limit that runs: which, since and until when; `overdue_working_days` 0: not yet over."""

    from_type: str
    to_type: str
    day0: date
    due_on: date
    provisional: bool
    overdue_working_days: int

    @property
    def words(self) -> str:
        """Which limit."""
        return f"{case_state(self.from_type)} → {case_state(self.to_type)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A subject as it stands, in the words of a mail. `amount` in 万元; `institution`, `state` and `cause` may be empty.

    `over`: why there is nothing left to do, in words; empty while there is.
    """

    subject: LinkSubject
    company: str
    project: str
    amount: Decimal | None
    is_major: bool
    place: Place
    institution: str
    state: str
    cause: str
    limits: tuple[Limit, ...]
    over: str
    ticket_id: int | None = None
    ticket_state: str = ""
    level: Level | None = None
    answer_by: date | None = None

    def may(self, coordinator: Coordinator) -> tuple[CoordinatorAct, ...]:
        """The acts that this coordinator can report now, in the order of the page; none once it is over."""
        if self.over:
            return ()
        return tuple(
            act for act in CoordinatorAct if act in ACTS_ON[self.subject.kind] and self._fits(act, coordinator)
        )

    def _fits(self, act: CoordinatorAct, coordinator: Coordinator) -> bool:
        if self.ticket_state == TicketState.RESOLVED:
            # The institution has not confirmed yet: it can be reminded, nothing else.
            return act in (CoordinatorAct.CONTACTED, CoordinatorAct.HANDED_OVER)
        if act is CoordinatorAct.UNRESOLVABLE:
            return self.level == coordinator.level == Level.NATION
        if act is CoordinatorAct.NEEDS_TIME:
            return self.subject.kind is LinkKind.OBSTRUCTION or bool(self.limits)
        return True

    def in_scope_of(self, coordinator: Coordinator) -> bool:
        """Whether the subject lies in the region of this coordinator's post."""
        return self.place.region(coordinator.authority, coordinator.level) == coordinator.region_code

    def other_posts(self, roster: Network, coordinator: Coordinator) -> list[Coordinator]:
        """Who else is on duty for this place, from the city to the nation."""
        found = (roster.holder(authority, level, self.place) for level in LEVELS for authority in AUTHORITIES)
        return [one for one in found if one is not None and one.coordinator_id != coordinator.coordinator_id]


def stands(connection: sa.Connection, subject: LinkSubject, day: Day) -> Standing:
    """How `subject` stands on `day`. Raises NotFound if there is no such subject (any more)."""
    need = connection.execute(_NEED, {"need_id": subject.need_id}).one_or_none()
    if need is None or not need.pushed:
        raise _not_found()
    limits = _limits(connection, subject, day) if subject.kind is LinkKind.CASE else ()
    case = connection.execute(_CASE, _where(subject)).one_or_none()
    ticket = connection.execute(_TICKET, _where(subject)).one_or_none() if _is_obstruction(subject) else None
    if (subject.kind is LinkKind.CASE and case is None) or (_is_obstruction(subject) and ticket is None):
        raise _not_found()
    over = "需求已撤回" if need.withdrawn else _over(connection, subject, case, ticket, limits)
    return Standing(
        subject=subject,
        company=shown("enterprise.name", need.enterprise_name, need.uscc, "mail"),
        project=shown("project.name", need.project_name, need.uscc, "mail"),
        amount=need.financing_need,
        is_major=need.is_major,
        place=_place(need),
        institution=institution(subject.institution_code) if subject.institution_code else "",
        state=case_state(case.state) if case is not None else "",
        cause=reason(ticket.reason_code) if ticket is not None else "",
        limits=limits,
        over=over,
        ticket_id=ticket.ticket_id if ticket is not None else None,
        ticket_state=ticket.state if ticket is not None else "",
        level=Level(ticket.level) if ticket is not None else None,
        answer_by=(ticket.acknowledge_by or ticket.resolve_by) if ticket is not None else None,
    )


def subjects_of(connection: sa.Connection, need_id: str) -> list[LinkSubject]:
    """What a coordinator can report about a need: the need as a whole, its cases, its tickets; whether still open or not."""
    need = LinkSubject(kind=LinkKind.NEED, need_id=need_id)
    cases = [
        LinkSubject(kind=LinkKind.CASE, need_id=need_id, institution_code=code)
        for code in connection.execute(_CASES, {"need_id": need_id}).scalars()
    ]
    tickets = [
        LinkSubject(
            kind=LinkKind.OBSTRUCTION,
            need_id=need_id,
            institution_code=row.institution_code,
            obstruction_id=row.obstruction_id,
        )
        for row in connection.execute(_TICKETS, {"need_id": need_id})
    ]
    return [*tickets, *cases, need]


def _over(
    connection: sa.Connection,
    subject: LinkSubject,
    case: sa.Row[Any] | None,
    ticket: sa.Row[Any] | None,
    limits: tuple[Limit, ...],
) -> str:
    if ticket is not None:
        return (
            ""
            if ticket.state in (*WORKED_ON, TicketState.RESOLVED)
            else f"该梗阻目前为“{word(TicketState, ticket.state)}”"
        )
    if subject.kind is LinkKind.CASE and case is not None:
        if case.state in TERMINAL:
            return f"该机构已反馈“{case_state(case.state)}”"
        paid_out = case.state in (CaseState.DRAWN, CaseState.POST_LOAN)
        overdue = any(limit.overdue_working_days for limit in limits)
        return f"该机构已反馈“{case_state(case.state)}”" if paid_out and not overdue else ""
    if subject.kind is LinkKind.ALERT:
        return "" if connection.execute(_ALERT, _where(subject)).scalar() else "该警示已处理"
    return "各机构的对接均已结束" if connection.execute(_ALL_ENDED, _where(subject)).scalar() else ""


def _limits(connection: sa.Connection, subject: LinkSubject, day: Day) -> tuple[Limit, ...]:
    return tuple(
        Limit(
            from_type=row.from_type,
            to_type=row.to_type,
            day0=row.day0,
            due_on=row.due_on,
            provisional=row.provisional,
            overdue_working_days=day.calendar.working_days_after(row.due_on, day.today)
            if row.due_on < day.today
            else 0,
        )
        for row in connection.execute(_CLOCKS, _where(subject))
    )


def _is_obstruction(subject: LinkSubject) -> bool:
    return subject.kind is LinkKind.OBSTRUCTION


def _place(need: sa.Row[Any]) -> Place:
    department = departments().get(need.department_code)
    branch = branches().get(need.branch_code or (department.branch_code if department else ""))
    return Place(
        city_code=need.city_code,
        department_code=need.department_code,
        branch_region=branch.region_code if branch else None,
    )


def _where(subject: LinkSubject) -> dict[str, str]:
    return {
        "need_id": subject.need_id,
        "institution_code": subject.institution_code,
        "obstruction_id": subject.obstruction_id,
    }


def _not_found() -> NotFound:
    return NotFound("没有找到该事项，或该事项不再需要协调。", "请使用最近一封督办邮件中的链接，或在控制台查看该需求。")


_NEED = sa.text(
    """
    select need.*, exists (select from withdrawal_notice notice where notice.need_id = need.need_id) as withdrawn,
           exists (select from delivered_push push where push.need_id = need.need_id) as pushed
    from newest_need need where need_id = :need_id
    """
)
_CASE = sa.text("select * from matching_case where need_id = :need_id and institution_code = :institution_code")
_CASES = sa.text("select institution_code from matching_case where need_id = :need_id order by institution_code")
_TICKET = sa.text(
    """
    select * from obstruction_ticket
    where need_id = :need_id and institution_code = :institution_code and obstruction_id = :obstruction_id
    """
)
_TICKETS = sa.text(
    "select institution_code, obstruction_id from obstruction_ticket where need_id = :need_id order by ticket_id"
)
_CLOCKS = sa.text(
    """
    select * from case_clock
    where need_id = :need_id and institution_code = :institution_code and stopped_on is null and not paused
    order by due_on, from_type, to_type
    """
)
_ALERT = sa.text(
    """
    select exists (
        select from alert
        where need_id = :need_id and state = 'open'
          and (:institution_code = '' or institution_code = :institution_code)
    )
    """
)
_ALL_ENDED = sa.text(
    """
    select count(*) > 0 and bool_and(state in ('declined', 'closed', 'post_loan')) from matching_case
    where need_id = :need_id
    """
)
