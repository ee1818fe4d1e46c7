"""Where a need stands now: its facts, how far each institution has come, which limits run."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from include.base.errors import NotFound
from include.domain.states import NeedStage
from include.reference import department_short_name
from include.words.names import case_state, institution
from include.words.shown import Reader, shown


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningLimit:
    """A limit of the case path that runs or is paused; `overdue`: its due day has passed."""

    words: str
    due_on: date
    provisional: bool
    paused: bool
    overdue: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRow:
    """One institution's case; amounts in 万元."""

    institution_code: str
    institution: str
    state: str
    since: date
    approved: Decimal
    contracted: Decimal
    drawn: Decimal
    obstructed: bool
    limits: tuple[RunningLimit, ...]
    alerts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedHead:
    """The need at its newest revision, and its cases; amounts in 万元, None unless usable. `moved_to`: the later quarter with
    which a late need is counted and pushed by a person's decision. `standing`: its stage as lists have it, `since` a day;
    `stage`: what the green platform was last told; `decide_by`: of the hold that is open."""

    need_id: str
    revision: int
    quarter: str
    moved_to: str | None
    department: str
    is_major: bool
    enterprise: str
    project: str
    financing_need: Decimal | None
    total_investment: Decimal | None
    withdrawn: bool
    standing: NeedStage
    since: date | None
    decide_by: date | None
    stage: str | None
    cases: tuple[CaseRow, ...]
    alerts: int

    @property
    def drawn(self) -> Decimal:
        """Sum over all institutions."""
        return sum((case.drawn for case in self.cases), Decimal(0))


_HEAD = sa.text(
    """
    select version.*, version.stage = 'withdrawn' as withdrawn,
           (
               case
                   when version.stage = 'withdrawn' then (
                       select noticed_at from withdrawal_notice notice where notice.need_id = version.need_id
                   )
                   when version.stage = 'pushed' then (
                       select min(pushed_at) from delivered_push push where push.need_id = version.need_id
                   )
                   when version.stage in ('unjudged', 'passed', 'held', 'returned') then greatest(
                       version.received_at,
                       (select max(judged_at) from judgement judged where judged.need_id = version.need_id),
                       (
                           select max(event.at) from quarantine hold join quarantine_event event using (quarantine_id)
                           where hold.need_id = version.need_id and version.stage <> 'held'
                       )
                   )
                   when version.stage = 'unmet' then (
                       select max(counted_at) from counted_feedback event
                       where event.need_id = version.need_id and event.type in ('declined', 'closed')
                   )
                   else (
                       select min(counted_at) from counted_feedback event
                       where event.need_id = version.need_id and event.type = version.stage
                   )
               end at time zone 'Asia/Shanghai'
           )::date as since,
           (
               select min(decide_by) from quarantine hold where hold.need_id = version.need_id and hold.state = 'open'
           ) as decide_by,
           (
               select body::jsonb ->> 'stage' from delivery
               where delivery.need_id = version.need_id and action = 'progress' order by delivery_id desc limit 1
           ) as told_stage,
           (
               select count(*) from alert where alert.need_id = version.need_id and alert.state = 'open'
           ) as alerts,
           (select counted_quarter from deferred_need moved where moved.need_id = version.need_id) as moved_to
    from need_stage version where need_id = :need_id
    """
)

_CASES = sa.text(
    """
    select matched.*, (
        select count(*) from alert
        where alert.need_id = matched.need_id and alert.institution_code = matched.institution_code
          and alert.state = 'open'
    ) as alerts
    from matching_case matched where need_id = :need_id order by drawn desc, approved desc, institution_code
    """
)

_CLOCKS = sa.text(
    "select * from case_clock where need_id = :need_id and stopped_on is null order by due_on, from_type, to_type"
)


def need_head(connection: sa.Connection, need_id: str, *, today: date, role: Reader) -> NeedHead:
    """The need and its cases as of now. Raises NotFound if there is no such need."""
    row = connection.execute(_HEAD, {"need_id": need_id}).one_or_none()
    if row is None:
        raise NotFound(f"没有编号为 {need_id[:40]} 的需求。", "请核对编号，或在需求查询中按企业名称查找。")
    limits: dict[str, list[RunningLimit]] = defaultdict(list)
    for clock in connection.execute(_CLOCKS, {"need_id": need_id}):
        limits[clock.institution_code].append(
            RunningLimit(
                words=f"{case_state(clock.from_type)} → {case_state(clock.to_type)}",
                due_on=clock.due_on,
                provisional=clock.provisional,
                paused=clock.paused,
                overdue=clock.due_on < today and not clock.paused,
            )
        )
    return NeedHead(
        need_id=row.need_id,
        revision=row.revision,
        quarter=row.quarter,
        moved_to=row.moved_to,
        department=department_short_name(row.department_code),
        is_major=row.is_major,
        enterprise=shown("enterprise.name", row.enterprise_name, row.uscc, role),
        project=shown("project.name", row.project_name, row.uscc, role) or "—",
        financing_need=row.financing_need,
        total_investment=row.total_investment,
        withdrawn=row.withdrawn,
        standing=NeedStage(row.stage),
        since=row.since,
        decide_by=row.decide_by,
        stage=row.told_stage,
        cases=tuple(
            _case(case, tuple(limits[case.institution_code]))
            for case in connection.execute(_CASES, {"need_id": need_id})
        ),
        alerts=row.alerts,
    )


def _case(row: sa.Row[Any], limits: tuple[RunningLimit, ...]) -> CaseRow:
    return CaseRow(
        institution_code=row.institution_code,
        institution=institution(row.institution_code),
        state=case_state(row.state),
        since=row.state_since,
        approved=row.approved,
        contracted=row.contracted,
        drawn=row.drawn,
        obstructed=row.paused,
        limits=limits,
        alerts=row.alerts,
    )
