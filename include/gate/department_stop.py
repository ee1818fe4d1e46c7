"""The stop of a department's pushes (B08): too large a share was returned, so a person decides before anything is
pushed.

A department is stopped once for a quarter. While its stop is open or kept, `consequences.queue_pushes` queues nothing
of it; needs that pass meanwhile wait. Continuing queues all of them in the transaction of the decision. Other
departments are not affected.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from include import audit
from include.base.act import Act
from include.base.errors import InvalidRequest, UserFacingError
from include.gate.consequences import Revision, queue_pushes
from include.reference import Policy, department_short_name
from include.rule_book.batch import SUITE, batch_frame
from include.rule_book.suites import RuleBook
from include.store.locks import Lock, hold
from include.store.tables import department_stop, intake

Decision = Literal["continued", "kept"]
RULE = "B08"

# N(q,d) by effective outcome: the newest judged revision of each need not withdrawn, in the content that counts for it.
# A person's decision on a hold counts. Records without a usable need_id count one by one.
_OUTCOMES = """
    with newest as (
        select distinct on (judged.department_code, coalesce(judged.need_id, judged.payload_sha256))
               judged.department_code, judged.need_id, judged.revision, judged.payload_sha256, judged.verdict
        from judgement judged
        left join need_version stored
               on stored.need_id = judged.need_id and stored.revision = judged.revision
              and stored.item_hash = judged.payload_sha256
        where judged.quarter = :quarter and judged.department_code = any(:department_codes)
        order by judged.department_code, coalesce(judged.need_id, judged.payload_sha256), judged.revision desc,
                 stored.item_hash is null, judged.judgement_id desc
    ), outcome as (
        select newest.department_code, newest.need_id, newest.revision,
               outcome_of(hold.state, newest.verdict) as outcome
        from newest
        left join lateral (
            select quarantine.state
            from judgement own join quarantine using (judgement_id)
            where own.payload_sha256 = newest.payload_sha256
            order by quarantine.quarantine_id desc limit 1
        ) hold on true
        where not exists (select from withdrawal_notice notice where notice.need_id = newest.need_id)
    )
"""
_COUNTS = sa.text(
    f"""
    {_OUTCOMES}
    select department_code, count(*) as judged, count(*) filter (where outcome = 'returned') as returned
    from outcome group by department_code order by department_code
    """
)
_PASSED_UNPUSHED = sa.text(
    f"""
    {_OUTCOMES}
    select need_id, revision from outcome
    where outcome = 'passed' and not exists (
        select from delivery push
        where push.action = 'push' and push.need_id = outcome.need_id and push.revision = outcome.revision
          and push.outcome is distinct from 'late_history'
    )
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A stopped department: the figures that stopped it, the decision, and how many passed needs wait for it now."""

    quarter: str
    department_code: str
    judged: int
    returned: int
    opened_at: datetime
    state: str
    waiting: int
    decided_by: str | None
    reason: str | None
    decided_at: datetime | None


class DecidedMeanwhile(UserFacingError):
    """Somebody else decided on the stop before: the first decision stands."""


def check(
    connection: sa.Connection,
    *,
    quarter: str,
    department_codes: Sequence[str],
    intake_id: int,
    now: datetime,
    policy: Policy,
) -> tuple[str, ...]:
    """Stop the pushes of departments in which B08 fires on the quarter so far; returns those whose pushes must wait.

    Call it in the transaction that stores verdicts, before pushes are queued. A continued stop is not opened again.
    """
    counts = judged_and_returned(connection, quarter, department_codes)
    stops = [
        {
            "quarter": quarter,
            "department_code": code,
            "intake_id": intake_id,
            "judged": counts[code][0],
            "returned": counts[code][1],
            "opened_at": now,
            "state": "open",
        }
        for code in too_many_returned(counts, policy)
    ]
    if stops:
        connection.execute(insert(department_stop).on_conflict_do_nothing(), stops)
    waiting = sa.select(department_stop.c.department_code).where(
        (department_stop.c.quarter == quarter)
        & department_stop.c.department_code.in_(department_codes)
        & (department_stop.c.state != "continued")
    )
    return tuple(connection.execute(waiting.order_by(department_stop.c.department_code)).scalars())


def judged_and_returned(
    connection: sa.Connection, quarter: str, department_codes: Sequence[str]
) -> dict[str, tuple[int, int]]:
    """How many needs of each department's quarter were judged so far, and how many of them are returned now."""
    where = {"quarter": quarter, "department_codes": list(department_codes)}
    return {row.department_code: (row.judged, row.returned) for row in connection.execute(_COUNTS, where)}


def too_many_returned(counts: Mapping[str, tuple[int, int]], policy: Policy) -> tuple[str, ...]:
    """The departments in which B08 fires: of enough needs (blocked_share_min_rows) more than the share blocked_share
    was returned.

    `counts`: (judged, returned) by department.
    """
    frame = batch_frame([{"judged": judged, "returned": returned} for judged, returned in counts.values()])
    codes = list(counts)
    return tuple(
        codes[row]
        for breach in RuleBook(policy).breaches(SUITE, frame)
        if breach.rule.rule_id == RULE
        for row in breach.rows
    )


def stop_of(connection: sa.Connection, *, quarter: str, department_code: str) -> Stop:
    """The stop of a department's quarter. Raises InvalidRequest if it was never stopped."""
    stop = connection.execute(sa.select(department_stop).where(_is(quarter, department_code))).one_or_none()
    if stop is None:
        raise _never_stopped(quarter, department_code)
    return _with_waiting(connection, stop)


def all_stops(connection: sa.Connection) -> list[Stop]:
    """Every stop, waiting ones first, then by quarter, the newest first."""
    stops = connection.execute(
        sa.select(department_stop).order_by(
            department_stop.c.state == "continued", department_stop.c.quarter.desc(), department_stop.c.department_code
        )
    ).all()
    return [_with_waiting(connection, stop) for stop in stops]


def _with_waiting(connection: sa.Connection, stop: sa.Row[Any]) -> Stop:
    return Stop(
        quarter=stop.quarter,
        department_code=stop.department_code,
        judged=stop.judged,
        returned=stop.returned,
        opened_at=stop.opened_at,
        state=stop.state,
        waiting=0
        if stop.state == "continued"
        else len(passed_unpushed(connection, stop.quarter, [stop.department_code])),
        decided_by=stop.decided_by,
        reason=stop.reason,
        decided_at=stop.decided_at,
    )


def undecided(connection: sa.Connection, *, intake_id: int) -> list[tuple[str, str]]:
    """(quarter, department_code) of the undecided stops in the quarter of this intake."""
    return list(
        connection.execute(
            sa.select(department_stop.c.quarter, department_stop.c.department_code)
            .join(intake, intake.c.quarter == department_stop.c.quarter)
            .where((intake.c.intake_id == intake_id) & (department_stop.c.state == "open"))
            .order_by(department_stop.c.department_code)
        ).tuples()
    )


@dataclass(frozen=True, slots=True)
class SeenStop:
    """A stop as its decider saw it: department, quarter and state."""

    quarter: str
    department_code: str
    state: str


def decide(connection: sa.Connection, seen: SeenStop, decision: Decision, *, act: Act, policy: Policy) -> int:
    """Record a person's decision on a stopped department; returns how many pushes were queued.

    `continued` queues all passed or released needs that wait; it is final. If approvers sign pushes off, these then
    wait for them. `kept` keeps them waiting, and may be continued by a later decision. The same decision recorded twice
    has one effect. Raises DecidedMeanwhile if the stop has another state than `seen`, InvalidRequest if the department
    was never stopped or no reason is given.
    """
    act = audit.signed(act)
    quarter, department_code = seen.quarter, seen.department_code
    # The lock that the gate also takes: a need that passes meanwhile is queued by exactly one of the two.
    hold(connection, Lock.GATE, department_code)
    stop = connection.execute(
        sa.select(department_stop).where(_is(quarter, department_code)).with_for_update()
    ).one_or_none()
    if stop is None:
        raise _never_stopped(quarter, department_code)
    if (stop.state, stop.decided_by, stop.reason) == (decision, act.actor_id, act.reason):
        return 0
    if stop.state == "continued" or stop.state != seen.state:
        word = {"continued": "继续推送", "kept": "维持暂停", "open": "未作决定"}[stop.state]
        raise DecidedMeanwhile(
            f"{department_short_name(department_code)} {quarter} 已由 {stop.decided_by or '他人'} 决定{word}。",
            "请刷新页面查看；如需收回已推送的需求，请逐条办理撤回。"
            if stop.state == "continued"
            else "请刷新页面查看已有的决定，需要改变的请重新决定。",
        )
    connection.execute(
        sa.update(department_stop)
        .where(_is(quarter, department_code))
        .values(state=decision, decided_by=act.actor_id, reason=act.reason, decided_at=act.at)
    )
    queued = 0
    if decision == "continued":
        queued = queue_pushes(connection, passed_unpushed(connection, quarter, [department_code]), act.at, policy)
    audit.record(
        connection,
        act=act,
        action=f"department_stop_{decision}",
        object_=f"{quarter}/{department_code}",
        details={"judged": stop.judged, "returned": stop.returned, "queued": queued},
    )
    return queued


def passed_unpushed(connection: sa.Connection, quarter: str, department_codes: Sequence[str]) -> list[Revision]:
    """The passed or released needs of these departments' quarter that are not pushed."""
    where = {"quarter": quarter, "department_codes": list(department_codes)}
    return [(row.need_id, row.revision) for row in connection.execute(_PASSED_UNPUSHED, where)]


def _is(quarter: str, department_code: str) -> sa.ColumnElement[bool]:
    return (department_stop.c.quarter == quarter) & (department_stop.c.department_code == department_code)


def _never_stopped(quarter: str, department_code: str) -> InvalidRequest:
    return InvalidRequest(
        f"{department_short_name(department_code)} {quarter} 没有被暂停推送。",
        "请核对季度和主管部门代码；未暂停的地区无需决定。",
    )
