"""Running re-runs (重新发送任务): their progress, and cancelling what was not sent yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from include import audit
from include.base.act import Act
from include.base.errors import InvalidRequest, NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class RerunProgress:
    """A re-run and its deliveries: delivered, given up again (`held`), obsolete or closed (`dropped`), still `open`,
    `taken_back` by a cancel. They add up to `number`."""

    job_id: int
    actor: str
    reason: str
    started_at: datetime
    cancelled_at: datetime | None
    cancelled_by: str | None
    number: int
    delivered: int
    held: int
    dropped: int
    open: int
    taken_back: int

    @property
    def state(self) -> str:
        """running, cancelled or done."""
        if self.cancelled_at is not None:
            return "cancelled"
        return "running" if self.open else "done"


def progress(connection: sa.Connection, job_id: int) -> RerunProgress:
    """Progress of a re-run. Raises NotFound if there is no such re-run."""
    found = _progress(connection, {"job_id": job_id})
    if not found:
        raise NotFound(f"没有编号为 {job_id} 的重新发送任务。", "请回到重新发送页面，重新选择。")
    return found[0]


def recent(connection: sa.Connection) -> Sequence[RerunProgress]:
    """The newest re-runs, newest first."""
    return _progress(connection, {"job_id": None})


def items(connection: sa.Connection, job_id: int) -> Sequence[sa.Row[Any]]:
    """The deliveries of a re-run as they are now, undelivered ones first."""
    return connection.execute(_ITEMS, {"job_id": job_id}).all()


def cancel(connection: sa.Connection, job_id: int, *, actor: str, role: str, reason: str, now: datetime) -> int:
    """Return the untried deliveries of a re-run to the state that they had; returns how many.

    With an audit entry. A delivery that is being sent right now goes on. Raises InvalidRequest if actor or reason is
    missing or the re-run is not running.
    """
    act = audit.signed(Act(actor_id=actor, role=role, reason=reason, at=now))
    actor, reason = act.actor_id, act.reason
    if progress(connection, job_id).state != "running":
        raise InvalidRequest(f"重新发送任务 {job_id} 已经结束。", "请刷新页面查看结果。")
    taken_back = connection.execute(_TAKE_BACK, {"job_id": job_id}).rowcount
    connection.execute(_CANCEL, {"job_id": job_id, "now": now, "actor": actor})
    audit.record(
        connection, act=act, action="cancel_rerun", object_=f"rerun/{job_id}", details={"taken_back": taken_back}
    )
    return taken_back


def _progress(connection: sa.Connection, asked: dict[str, Any]) -> list[RerunProgress]:
    return [RerunProgress(**row) for row in connection.execute(_PROGRESS, asked).mappings()]


# An untried item of a cancelled job is back in its earlier state.
_TAKEN_BACK = "(job.cancelled_at is not null and now.attempts = item.attempts_before and now.state = item.state_before)"

_PROGRESS = sa.text(
    f"""
    select job.job_id, job.actor, job.reason, job.started_at, job.cancelled_at, job.cancelled_by, count(*) as number,
           count(*) filter (where not {_TAKEN_BACK} and now.state = 'delivered') as delivered,
           count(*) filter (where not {_TAKEN_BACK} and now.state = 'held') as held,
           count(*) filter (where not {_TAKEN_BACK} and now.state in ('superseded', 'closed')) as dropped,
           count(*) filter (where not {_TAKEN_BACK} and now.state in ('pending', 'unknown')) as open,
           count(*) filter (where {_TAKEN_BACK}) as taken_back
    from rerun_job job join rerun_item item using (job_id) join delivery now using (delivery_id)
    where cast(:job_id as bigint) is null or job.job_id = :job_id
    group by job.job_id order by job.job_id desc limit 50
    """
)

_ITEMS = sa.text(
    """
    select now.delivery_id, now.channel, now.action, now.need_id, now.revision, now.department_code, now.state,
           now.error_class, now.receipt_no, now.attempts > item.attempts_before as tried
    from rerun_item item join delivery now using (delivery_id)
    where item.job_id = :job_id order by now.state = 'delivered', now.delivery_id limit 500
    """
)

# A waiting delivery gets its earlier wait back, unless a worker has leased it: it may be on its way.
_TAKE_BACK = sa.text(
    """
    update delivery
    set state = item.state_before, error_class = item.error_class_before, settled_at = item.settled_before,
        next_attempt_at = coalesce(item.next_attempt_before, delivery.next_attempt_at), lease_until = item.lease_until_before
    from rerun_item item
    where item.job_id = :job_id and delivery.delivery_id = item.delivery_id
      and delivery.state in ('pending', 'unknown') and delivery.attempts = item.attempts_before
      and delivery.lease_owner is null
    """
)

_CANCEL = sa.text("update rerun_job set cancelled_at = :now, cancelled_by = :actor where job_id = :job_id")
