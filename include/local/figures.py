"""What a demo shows of the business database, read-only: counters while it runs, a table by department at the end."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import sqlalchemy as sa

from include.intake import DepartmentAccount, accounts
from include.reference import departments


@dataclass(frozen=True, slots=True)
class Counters:
    """How far the quarter has come."""

    listed: int
    passed: int
    held: int
    returned: int
    pushed: int
    waiting: int
    cases: int
    events: int
    approved: Decimal
    told: int
    mails: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DepartmentRow:
    """One department's quarter. Amounts in 万元."""

    name: str
    listed: int
    passed: int
    held: int
    returned: int
    pushed: int
    answered: int
    approved: Decimal
    told: int
    mails: int


_COUNTERS = sa.text(
    """
    with decided as materialized (select * from effective_outcome)
    select (select count(*) from intake_item where intake_id = (select max(intake_id) from intake)) as listed,
           (select count(*) from decided where verdict = 'passed') as passed,
           (select count(*) from decided where verdict = 'held') as held,
           (select count(*) from decided where verdict = 'returned') as returned,
           (select count(*) from delivered_push) as pushed,
           (select count(*) from delivery where state in ('pending', 'unknown')) as waiting,
           (select count(*) from matching_case) as cases,
           (select count(*) from feedback_event) as events,
           (select coalesce(sum(approved), 0) from matching_case) as approved,
           (select count(distinct need_id) from escalation_round) as told,
           (select count(*) from delivery where action = 'mail' and state = 'delivered') as mails
    """
)

_NEWEST_INTAKE = sa.text(
    "select max(intake_id) from intake where kind = 'quarterly' and quarter = :quarter and not dry_run"
)

# A need belongs to the department of its newest version.
_AFTER_THE_GATE = sa.text(
    """
    select need.department_code, count(need.pushed_at) as pushed,
           count(*) filter (where exists (
               select from feedback_event where feedback_event.need_id = need.need_id
           )) as answered,
           coalesce(sum((select sum(approved) from matching_case where matching_case.need_id = need.need_id)), 0)
               as approved,
           count(*) filter (where exists (
               select from escalation_round where escalation_round.need_id = need.need_id
           )) as told
    from need_state need where counted_quarter = :quarter group by need.department_code
    """
)

_MAILS = sa.text(
    """
    select coalesce(department_code, '') as department_code, count(*) as mails from delivery
    where action = 'mail' and state = 'delivered' group by 1
    """
)

_PASSED = sa.text(
    """
    select need_id, revision from need_state need
    where counted_quarter = :quarter and verdict = 'passed' and withdrawn_at is null
      and not exists (select from moved_need waiting where waiting.need_id = need.need_id)
      and not exists (
          select from stopped_department stop
          where stop.quarter = need.quarter and stop.department_code = need.department_code
      )
      and not exists (
          select from unclosed_need waiting
          where waiting.need_id = need.need_id and waiting.revision = need.revision
      )
      and not exists (
          select from push_unsigned waiting where waiting.need_id = need.need_id and waiting.revision = need.revision
      )
      and not exists (
          select from delivery given_up
          where given_up.action = 'push' and given_up.need_id = need.need_id and given_up.revision = need.revision
            and (given_up.state = 'closed' or given_up.state = 'superseded' and given_up.outcome = 'factory_removed')
      )
    """
)

_FINDINGS = sa.text("select count(*) from reconciliation_finding where quarter = :quarter and closed_at is null")


def counters(engine: sa.Engine) -> Counters:
    """How far the quarter has come."""
    with engine.connect() as connection:
        return Counters(**connection.execute(_COUNTERS).mappings().one())


def quarterly_accounts(connection: sa.Connection, quarter: str) -> list[DepartmentAccount]:
    """The accounts of the quarter's newest intake; none if there was none."""
    intake_id = connection.execute(_NEWEST_INTAKE, {"quarter": quarter}).scalar()
    return accounts(connection, intake_id) if intake_id is not None else []


def department_rows(connection: sa.Connection, quarter: str) -> list[DepartmentRow]:
    """All 37 departments in the order of the reference table, then mails that belong to no single department (合计外)."""
    found = {account.department_code: account for account in quarterly_accounts(connection, quarter)}
    after = {row.department_code: row for row in connection.execute(_AFTER_THE_GATE, {"quarter": quarter})}
    mails = {row.department_code: row.mails for row in connection.execute(_MAILS)}
    rows = []
    for code, department in departments().items():
        account, later = found.get(code), after.get(code)
        rows.append(
            DepartmentRow(
                name=department.short_name,
                listed=account.listed if account else 0,
                passed=account.passed if account else 0,
                held=account.held if account else 0,
                returned=account.returned if account else 0,
                pushed=later.pushed if later else 0,
                answered=later.answered if later else 0,
                approved=later.approved if later else Decimal(0),
                told=later.told if later else 0,
                mails=mails.pop(code, 0),
            )
        )
    rest = sum(mails.values())
    if rest:
        nothing = dict.fromkeys(("listed", "passed", "held", "returned", "pushed", "answered", "told"), 0)
        rows.append(DepartmentRow(name="协调人汇总邮件", approved=Decimal(0), mails=rest, **nothing))
    return rows


def passed_needs(connection: sa.Connection, quarter: str) -> set[tuple[str, int]]:
    """(need id, revision) of every need of the quarter that must be pushed.

    It passed or was released at its newest revision, was not withdrawn, its department is not stopped, nobody closed
    its delivery, and its factory was still on the register at the push (G08a).
    """
    return {(row.need_id, row.revision) for row in connection.execute(_PASSED, {"quarter": quarter})}


def open_findings(connection: sa.Connection, quarter: str) -> int:
    """What reconciliation cannot explain."""
    return int(connection.execute(_FINDINGS, {"quarter": quarter}).scalar_one())
