"""The figures of the circular (信息通报): how far the needs of a quarter came, up to a cut-off moment.

Set-based SQL over the stored facts; amounts are exact decimals in 万元 and are rounded only when published. The notice
asks to explore a circular and names no contents: every metric is the project's own (项目约定).

A need counts in its quarter at its newest revision. A case counts with the furthest step it reached, even if it was
declined or closed later. Feedback counts up to the cut-off by its occurred_at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

import sqlalchemy as sa

from include.circular.cases import case_as_of
from include.circular.soundness import Soundness
from include.domain.case import RANK
from include.domain.quarter import Quarter
from include.reference import departments, institutions, reason_codes
from include.reference.day import Day

ZERO = Decimal(0)
TOP_REASONS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedFigures:
    """Numbers of needs by how far they came, and amounts in 万元; for one department or for the nation.

    recommended = passed + returned + held + unjudged; collected = recommended + withdrawn. `approved`, `contracted` and
    `drawn` count needs with money of that kind from any institution. Amounts of needs count those that passed: what is
    held or returned may carry a wrong unit.
    """

    collected: int = 0
    withdrawn: int = 0
    recommended: int = 0
    passed: int = 0
    returned: int = 0
    held: int = 0
    unjudged: int = 0
    pushed: int = 0
    answered: int = 0
    contacted: int = 0
    accepted: int = 0
    approved: int = 0
    contracted: int = 0
    drawn: int = 0
    stalled: int = 0
    passed_amount: Decimal = ZERO
    pushed_amount: Decimal = ZERO
    approved_amount: Decimal = ZERO
    contracted_amount: Decimal = ZERO
    drawn_amount: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class DepartmentFigures:
    """One department: its manifest (on_time, late or missing) and its needs."""

    department_code: str
    manifest: str
    zero_return: bool
    needs: NeedFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFigures:
    """Numbers of cases (need x institution) by the furthest step reached, and amounts in 万元."""

    cases: int = 0
    answered: int = 0
    contacted: int = 0
    visited: int = 0
    accepted: int = 0
    approved: int = 0
    contracted: int = 0
    drawn: int = 0
    declined: int = 0
    approved_amount: Decimal = ZERO
    contracted_amount: Decimal = ZERO
    drawn_amount: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class InstitutionFigures:
    """One institution and its cases."""

    institution_code: str
    cases: CaseFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestFigures:
    """Manifests of the quarter among all departments; the on-time rate counts zero returns as reports."""

    departments: int
    on_time: int
    late: int
    zero_returns: int
    missing: tuple[str, ...]

    @property
    def recommending(self) -> int:
        """Departments that reported needs: neither silent nor with a zero return."""
        return self.departments - self.zero_returns - len(self.missing)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonFigures:
    """How often institutions named a reason code when they declined, and for how many needs."""

    reason_code: str
    events: int
    needs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ObstructionFigures:
    """Obstructions (融资梗阻) reported so far and still open, with the needs they concern."""

    opened: int
    opened_needs: int
    open: int
    open_needs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanRate:
    """Sum of rate x amount, and of amount (万元), over the draws that state a rate in percent a year."""

    weighted: Decimal
    amount: Decimal
    needs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CircularFigures:
    """All figures of one quarter's circular."""

    quarter: str
    cut_off_moment: datetime
    reporting_deadline: datetime
    needs: NeedFigures
    cases: CaseFigures
    departments: tuple[DepartmentFigures, ...]
    institutions: tuple[InstitutionFigures, ...]
    manifests: ManifestFigures
    refusals: tuple[ReasonFigures, ...]
    obstructions: ObstructionFigures
    loan_rate: LoanRate
    stalled_cases: int
    escalated_needs: int
    soundness: Soundness


def figures(connection: sa.Connection, quarter: str, *, day: Day) -> CircularFigures:
    """The circular's figures of `quarter` ("2026Q3") as they stood at the moment of `day`."""
    where = {"quarter": quarter, "moment": day.now, "today": day.today}
    ranks = {state: RANK[state] for state in ("contacted", "visited", "accepted")}
    named = {"known_reasons": list(reason_codes()), "top": TOP_REASONS}
    deadline = day.calendar.deadline(Quarter.parse(quarter), day.policy.flag("cutoff_inclusive"))
    with case_as_of(connection, quarter, day):
        connection.execute(_NEEDS, where)
        connection.execute(sa.text("analyze circular_need"))
        by_need = _all(connection, _BY_DEPARTMENT, ranks)
        by_case = _all(connection, _BY_INSTITUTION, ranks)
        stalled = _all(connection, _STALLED_CASES, where)[0]
        refusals = tuple(ReasonFigures(**row) for row in _all(connection, _REFUSALS, named))
        obstructions = ObstructionFigures(**_all(connection, _OBSTRUCTIONS, {})[0])
        loan_rate = LoanRate(**_all(connection, _LOAN_RATE, {})[0])
        soundness = Soundness.of(connection, day.now)
        connection.execute(sa.text("drop table circular_need"))
    needs = {row["department_code"]: _numbers(NeedFigures, row) for row in by_need}
    cases = {row["institution_code"]: _numbers(CaseFigures, row) for row in by_case}
    manifest = {
        row["department_code"]: (row["reported_at"], row["zero_return"]) for row in _all(connection, _MANIFEST, where)
    }
    by_department = _by_department(needs, manifest, deadline)
    return CircularFigures(
        quarter=quarter,
        cut_off_moment=day.now,
        reporting_deadline=deadline,
        needs=needs.get(None, NeedFigures()),
        cases=cases.get(None, CaseFigures()),
        departments=by_department,
        institutions=tuple(
            InstitutionFigures(institution_code=code, cases=cases.get(code, CaseFigures()))
            for code in (*institutions(), *sorted(set(cases) - {None} - set(institutions())))
        ),
        manifests=_manifests(by_department),
        refusals=refusals,
        obstructions=obstructions,
        loan_rate=loan_rate,
        stalled_cases=stalled["cases"],
        escalated_needs=stalled["escalated"],
        soundness=soundness,
    )


def _by_department(
    needs: Mapping[Any, NeedFigures], manifest: Mapping[str, tuple[datetime, bool]], deadline: datetime
) -> tuple[DepartmentFigures, ...]:
    found = []
    for code in departments():
        reported_at, zero_return = manifest.get(code, (None, False))
        found.append(
            DepartmentFigures(
                department_code=code,
                manifest="missing" if reported_at is None else "on_time" if reported_at < deadline else "late",
                zero_return=zero_return,
                needs=needs.get(code, NeedFigures()),
            )
        )
    return tuple(found)


def _manifests(by_department: tuple[DepartmentFigures, ...]) -> ManifestFigures:
    return ManifestFigures(
        departments=len(by_department),
        on_time=sum(row.manifest == "on_time" for row in by_department),
        late=sum(row.manifest == "late" for row in by_department),
        zero_returns=sum(row.zero_return for row in by_department),
        missing=tuple(row.department_code for row in by_department if row.manifest == "missing"),
    )


def _all(connection: sa.Connection, statement: sa.TextClause, where: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(statement, dict(where)).mappings()]


_Figures = TypeVar("_Figures", NeedFigures, CaseFigures)


def _numbers(kind: type[_Figures], row: Mapping[str, Any]) -> _Figures:
    return kind(**{field.name: row[field.name] for field in fields(kind)})


# How far each need of the quarter came, with the sums over its cases (circular_case: cases.py).
_NEEDS = sa.text(
    """
    create temporary table circular_need as
    with outcome as (
        select need_id, bool_or(answered) as answered, max(furthest_rank) as furthest_rank,
               sum(approved) as approved, sum(contracted) as contracted, sum(drawn) as drawn
        from circular_case group by need_id
    ), overdue as (
        select distinct need_id from case_clock
        where due_on < :today and not paused and (stopped_on is null or stopped_on > :today)
    )
    select need.need_id, need.revision, need.department_code, coalesce(need.financing_need, 0) as amount,
           need.total_investment,
           need.withdrawn_at is not null as withdrawn,
           need.pushed_at is not null as pushed,
           coalesce(need.verdict, 'unjudged') as verdict,
           coalesce(outcome.answered, false) as answered, coalesce(outcome.furthest_rank, 0) as furthest_rank,
           coalesce(outcome.approved, 0) as approved, coalesce(outcome.contracted, 0) as contracted,
           coalesce(outcome.drawn, 0) as drawn,
           overdue.need_id is not null as stalled
    from need_state_at(:moment) need
    left join outcome using (need_id)
    left join overdue using (need_id)
    where need.counted_quarter = :quarter
    """
)

_BY_DEPARTMENT = sa.text(
    """
    select department_code,
           count(*) as collected,
           count(*) filter (where withdrawn) as withdrawn,
           count(*) filter (where not withdrawn) as recommended,
           count(*) filter (where not withdrawn and verdict = 'passed') as passed,
           count(*) filter (where not withdrawn and verdict = 'returned') as returned,
           count(*) filter (where not withdrawn and verdict = 'held') as held,
           count(*) filter (where not withdrawn and verdict = 'unjudged') as unjudged,
           count(*) filter (where pushed) as pushed,
           count(*) filter (where pushed and answered) as answered,
           count(*) filter (where pushed and furthest_rank >= :contacted) as contacted,
           count(*) filter (where pushed and furthest_rank >= :accepted) as accepted,
           count(*) filter (where pushed and approved > 0) as approved,
           count(*) filter (where pushed and contracted > 0) as contracted,
           count(*) filter (where pushed and drawn > 0) as drawn,
           count(*) filter (where pushed and stalled and not withdrawn) as stalled,
           coalesce(sum(amount) filter (where not withdrawn and verdict = 'passed'), 0) as passed_amount,
           coalesce(sum(amount) filter (where pushed and verdict = 'passed'), 0) as pushed_amount,
           coalesce(sum(approved) filter (where pushed), 0) as approved_amount,
           coalesce(sum(contracted) filter (where pushed), 0) as contracted_amount,
           coalesce(sum(drawn) filter (where pushed), 0) as drawn_amount
    from circular_need
    group by rollup (department_code)
    """
)

_BY_INSTITUTION = sa.text(
    """
    select matched.institution_code,
           count(*) as cases,
           count(*) filter (where matched.answered) as answered,
           count(*) filter (where matched.furthest_rank >= :contacted) as contacted,
           count(*) filter (where matched.furthest_rank >= :visited) as visited,
           count(*) filter (where matched.furthest_rank >= :accepted) as accepted,
           count(*) filter (where matched.approved > 0) as approved,
           count(*) filter (where matched.contracted > 0) as contracted,
           count(*) filter (where matched.drawn > 0) as drawn,
           count(*) filter (where matched.state = 'declined') as declined,
           coalesce(sum(matched.approved), 0) as approved_amount,
           coalesce(sum(matched.contracted), 0) as contracted_amount,
           coalesce(sum(matched.drawn), 0) as drawn_amount
    from circular_case matched join circular_need need using (need_id)
    where need.pushed
    group by rollup (matched.institution_code)
    """
)

_STALLED_CASES = sa.text(
    """
    select
        (select count(distinct (clock.need_id, clock.institution_code))
         from case_clock clock join circular_need need using (need_id)
         where clock.due_on < :today and not clock.paused and need.pushed and not need.withdrawn
           and (clock.stopped_on is null or clock.stopped_on > :today)) as cases,
        (select count(distinct step.need_id)
         from escalation_step step join circular_need need using (need_id)
         where step.state = 'mailed' and step.rule_id in ('S01', 'S06') and step.raised_at <= :moment
           and need.pushed and need.stalled and not need.withdrawn) as escalated
    """
)

_REFUSALS = sa.text(
    """
    select case when reason_code = any(:known_reasons) then reason_code else 'R99' end as reason_code,
           count(*) as events, count(distinct need_id) as needs
    from circular_event
    where type = 'declined'
    group by 1 order by 2 desc, 1 limit :top
    """
)

_OBSTRUCTIONS = sa.text(
    """
    with reported as (
        select distinct need_id, obstruction_id from circular_event where type = 'obstructed'
    )
    select (select count(*) from reported) as opened,
           (select count(distinct need_id) from reported) as opened_needs,
           (select coalesce(sum(open_obstructions), 0) from circular_case) as open,
           (select count(distinct need_id) from circular_case where open_obstructions > 0) as open_needs
    """
)

_LOAN_RATE = sa.text(
    """
    select coalesce(sum(rate * amount), 0) as weighted, coalesce(sum(amount), 0) as amount,
           count(distinct need_id) as needs
    from circular_event
    where type = 'drawn' and rate is not null and amount is not null
    """
)

_MANIFEST = sa.text(
    """
    select distinct on (entry.department_code) entry.department_code, entry.reported_at, entry.zero_return
    from manifest_entry entry join intake using (intake_id)
    where intake.quarter = :quarter and intake.kind in ('quarterly', 'late') and intake.started_at <= :moment
      and entry.reported_at <= :moment
    order by entry.department_code, entry.intake_id desc
    """
)
