"""Where a need stands now: its facts, how far each institution has come, which limits run."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from include.base.errors import NotFound
from include.reference import department_short_name
from include.words.names import case_state, institution
from include.words.shown import Reader, one_line, shown

MOST_FOUND = 50


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
    """The need at its newest revision, and its cases; amounts in 万元, None unless usable."""

    need_id: str
    revision: int
    quarter: str
    department: str
    is_major: bool
    enterprise: str
    project: str
    financing_need: Decimal | None
    total_investment: Decimal | None
    withdrawn: bool
    stage: str | None
    cases: tuple[CaseRow, ...]
    alerts: int

    @property
    def drawn(self) -> Decimal:
        """Sum over all institutions."""
        return sum((case.drawn for case in self.cases), Decimal(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedRow:
    """A need in a list of search results."""

    need_id: str
    revision: int
    quarter: str
    department: str
    enterprise: str
    financing_need: Decimal | None


_HEAD = sa.text(
    """
    select version.*,
           exists (select from withdrawal_notice notice where notice.need_id = version.need_id) as withdrawn,
           (
               select body::jsonb ->> 'stage' from delivery
               where delivery.need_id = version.need_id and action = 'progress' order by delivery_id desc limit 1
           ) as stage,
           (
               select count(*) from alert where alert.need_id = version.need_id and alert.state = 'open'
           ) as alerts
    from newest_need version where need_id = :need_id
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

# Number of the need or of the enterprise, or a part of its name or of the project's, as `shown` shows the names.
_FOUND = sa.text(
    """
    select * from (
        select distinct on (need_id) need_id, revision, quarter, department_code, enterprise_name, project_name, uscc,
               financing_need, received_at
        from need_version
        where need_id = upper(:words) or uscc = upper(:words)
           or (coalesce(left(uscc, 2), '') <> '92' and position('个体工商户' in coalesce(enterprise_name, '')) = 0
               and (position(:words in left(enterprise_name, 80)) > 0 or position(:words in left(project_name, 80)) > 0))
        order by need_id, revision desc
    ) found
    order by received_at desc, need_id limit :most
    """
)
_NEWEST = sa.text(
    """
    select need_id, revision, quarter, department_code, enterprise_name, uscc, financing_need
    from need_version order by received_at desc, need_id limit :most
    """
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
        department=department_short_name(row.department_code),
        is_major=row.is_major,
        enterprise=shown("enterprise.name", row.enterprise_name, row.uscc, role),
        project=shown("project.name", row.project_name, row.uscc, role) or "—",
        financing_need=row.financing_need,
        total_investment=row.total_investment,
        withdrawn=row.withdrawn,
        stage=row.stage,
        cases=tuple(
            _case(case, tuple(limits[case.institution_code]))
            for case in connection.execute(_CASES, {"need_id": need_id})
        ),
        alerts=row.alerts,
    )


def _case(row: sa.Row[Any], limits: tuple[RunningLimit, ...]) -> CaseRow:
    return CaseRow(
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


def find_needs(connection: sa.Connection, words: str, *, role: Reader) -> list[NeedRow]:
    """Needs by their number, the enterprise's credit code, or a part of its name or of the project's; newest first.

    Without a search text the newest needs; at most MOST_FOUND of them. A sole proprietor is found by number and code
    alone: whoever may not see a name must not be able to confirm it letter by letter.
    """
    wanted = words.strip()
    rows = connection.execute(
        _FOUND if wanted else _NEWEST, {"words": wanted, "most": MOST_FOUND} if wanted else {"most": MOST_FOUND}
    ).all()
    return [
        NeedRow(
            need_id=row.need_id,
            revision=row.revision,
            quarter=row.quarter,
            department=department_short_name(row.department_code),
            enterprise=shown("enterprise.name", row.enterprise_name, row.uscc, role),
            financing_need=row.financing_need,
        )
        for row in rows
        if not wanted or _may_be_found(row, wanted, role)
    ]


def _may_be_found(row: sa.Row[Any], words: str, role: Reader) -> bool:
    """Whether the text occurs in what this reader sees of the need: a masked number cannot be searched for either."""
    texts = (
        row.need_id,
        row.uscc or "",
        shown("enterprise.name", row.enterprise_name, row.uscc, role),
        shown("project.name", row.project_name, row.uscc, role),
    )
    return words.upper() in texts[:2] or any(one_line(words) in one for one in texts[2:])
