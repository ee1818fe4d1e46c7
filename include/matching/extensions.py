"""More time for a clock of a case (延期): one person asks with a reason, another approves or refuses with one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date
from typing import Any

import sqlalchemy as sa

from include import audit
from include.base.act import Act
from include.base.errors import InvalidRequest, NotFound
from include.domain.calendar import WorkingCalendar
from include.domain.clocks import Clock
from include.domain.explanation import explain
from include.domain.people import same_person
from include.matching.cases import lock, refold
from include.matching.stored_clocks import stored_clock
from include.reference.day import Day
from include.store.tables import case_clock, deadline_extension, deadline_extension_decision, due_date_change


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedClock:
    """Which clock: of a need's case at an institution, between two states, since day 0."""

    need_id: str
    institution_code: str
    from_type: str
    to_type: str
    day0: date


@dataclass(frozen=True, slots=True)
class ExplainedClock:
    """A stored clock of a case; `said` explains why it is due when it is."""

    institution_code: str
    clock: Clock
    said: str


def request_extension(
    connection: sa.Connection,
    started: StartedClock,
    *,
    working_days: int,
    act: Act,
    day: Day,
) -> int:
    """Ask for `working_days` more on a running clock; returns the number of the request.

    Raises InvalidRequest if no such clock runs, a request on it waits already, the policy allows fewer days (key
    extension_max_working_days, all approved requests of the clock together), or no reason is given.
    """
    act = audit.signed(act)
    lock(connection)
    key = asdict(started)
    clock = connection.execute(sa.select(case_clock).filter_by(**key, stopped_on=None)).one_or_none()
    if clock is None:
        raise InvalidRequest("该时限不存在或已停止计时。", "请返回案件时限页面，选择仍在计时的环节。")
    if connection.execute(_waiting().filter_by(**key)).first():
        raise InvalidRequest("该时限已有待批准的延期申请。", "请先由另一人批准或不批准已有的申请。")
    most = day.policy.integer("extension_max_working_days")
    if not 1 <= working_days <= most - clock.extended:
        raise InvalidRequest(
            f"延期{working_days}个工作日超出允许范围：同一时限累计最多{most}个工作日，已批准{clock.extended}个。",
            "请减少申请的工作日数。",
        )
    extension_id: int = connection.execute(
        deadline_extension.insert()
        .values(**key, working_days=working_days, requested_by=act.actor_id, reason=act.reason, requested_at=act.at)
        .returning(deadline_extension.c.extension_id)
    ).scalar_one()
    audit.record(
        connection,
        act=act,
        action="request_extension",
        object_=f"extension:{extension_id}",
        details={**key, "day0": str(started.day0), "working_days": working_days},
    )
    return extension_id


def decide_extension(
    connection: sa.Connection,
    extension_id: int,
    *,
    approved: bool,
    act: Act,
    day: Day,
) -> str:
    """Approve or refuse a request; an approved one moves the due day at once. Returns the need's id.

    Raises InvalidRequest if the request does not wait or has no reason, for the person who asked, and for an approval
    after the clock has stopped.
    """
    act = audit.signed(act)
    lock(connection)
    asked = connection.execute(_waiting().filter_by(extension_id=extension_id)).one_or_none()
    if asked is None:
        raise NotFound(f"延期申请 {extension_id} 不存在或已有决定。", "请返回时限页面查看最新情况。")
    if same_person(asked.requested_by, act.actor_id):
        raise InvalidRequest("申请人不能批准或不批准自己的延期申请。", "请由另一人处理。")
    if approved and not _runs(connection, asked):
        raise InvalidRequest("该时限已停止计时，不再需要延期。", "请选择不批准，结束这项申请。")
    connection.execute(
        deadline_extension_decision.insert().values(
            extension_id=extension_id, approved=approved, decided_by=act.actor_id, reason=act.reason, decided_at=act.at
        )
    )
    if approved:
        refold(connection, [asked.need_id], day=day)
    audit.record(
        connection,
        act=act,
        action="approve_extension" if approved else "refuse_extension",
        object_=f"extension:{extension_id}",
        details={"need_id": asked.need_id, "institution_code": asked.institution_code},
    )
    need_id: str = asked.need_id
    return need_id


def waiting_extensions(connection: sa.Connection) -> Sequence[sa.Row[Any]]:
    """Requests that wait for a second person, oldest first."""
    return connection.execute(_waiting().order_by(deadline_extension.c.extension_id)).all()


def explained_clocks(connection: sa.Connection, need_id: str, calendar: WorkingCalendar) -> list[ExplainedClock]:
    """The clocks of a need, by institution and day 0, each with its due day explained."""
    rows = connection.execute(
        sa.select(case_clock)
        .where(case_clock.c.need_id == need_id)
        .order_by(case_clock.c.institution_code, case_clock.c.day0, case_clock.c.due_on)
    )
    return [
        ExplainedClock(row.institution_code, clock, explain(clock, calendar) if clock.limit else "")
        for row in rows
        for clock in [stored_clock(row)]
    ]


def due_date_changes(connection: sa.Connection, need_id: str) -> Sequence[sa.Row[Any]]:
    """How the due days of a need moved, oldest first."""
    changes = due_date_change
    return connection.execute(
        sa.select(changes).where(changes.c.need_id == need_id).order_by(changes.c.change_id)
    ).all()


def _waiting() -> sa.Select[Any]:
    decided = sa.select(deadline_extension_decision.c.extension_id)
    return sa.select(deadline_extension).where(deadline_extension.c.extension_id.not_in(decided))


def _runs(connection: sa.Connection, asked: sa.Row[Any]) -> bool:
    key = {one.name: getattr(asked, one.name) for one in fields(StartedClock)}
    return connection.execute(sa.select(case_clock).filter_by(**key, stopped_on=None)).first() is not None
