"""The auditor (核查): was everybody notified who should have been, and was each mail sent?

It counts independently, by plain SQL from the stored events, clocks, tickets and pushes and the figures of the policy,
and on purpose shares no code with the decision of which steps are due. It covers every rule: those that climb the
ladder (S01, S02, S03, S05, S06), those with a single step (S07, obstructions at each level and unconfirmed, alerts that
withhold money), and those for operators (S04, S08). A decision is not enough: a mail that was not handed over within a
day is missing too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa

from include.base.business_time import SHANGHAI
from include.base.errors import UserFacingError
from include.reference.day import Day
from include.store.database import statement_beside

HANDED_OVER_WITHIN = timedelta(days=1)
_SETTLED_FOR = timedelta(minutes=10)
"""A change within this time before the audit may have come after the ladder ran: the next audit covers it."""
_NAMED = 5
_ALLOWANCES: Mapping[str, str | None] = {
    "S01": None,
    "S02": "idle_working_days",
    "S03": None,
    "S05": None,
    "S06": "unclaimed_working_days",
}
"""Rules that climb the ladder, and how many working days after its start a breach is late."""
_OPERATORS_LIMITS = {"S04": "push_unanswered_working_days", "S08": "hold_decision_working_days"}
_ANSWERS = {"S07": "MIIT"}
"""The authority that must be among the notified, if not the PBoC."""


class StepsMissing(UserFacingError):
    """Somebody should have been notified and was not, or the mail was not sent."""


@dataclass(frozen=True, slots=True)
class AuditSummary:
    """Breaches counted as due, mails of the recorded steps, and how many of these were not sent yet."""

    breaches: int
    mails: int
    waiting: int


@dataclass(frozen=True, slots=True)
class _Missing:
    """What is missing, each in words or by its key."""

    steps: Sequence[str]
    levels: Sequence[str]
    notice: int
    gone: Sequence[str]
    undelivered: Sequence[str]


def audit_steps(engine: sa.Engine, *, day: Day) -> AuditSummary:
    """Count again who should have been notified by today. Raises StepsMissing, which names what is missing.

    Nothing is due on a day off. If the PBoC's post at nation level (for S07: MIIT's) is vacant, there may be nobody to
    notify, and steps are not missing; if it is filled, every step has somebody. A mail closed by a person is no longer
    expected.
    """
    today, now, policy = day.today, day.now, day.policy
    if policy.flag("mail_on_working_days_only") and not day.calendar.is_working_day(today):
        return AuditSummary(0, 0, 0)
    asked = {
        "today": today,
        "now": now,
        "day_starts": datetime.combine(today, time(), SHANGHAI),
        "digest_of_today": f"digest:%:{today}",
        "notice_of_today": f"operator:%:{today}",
        "handed_over_by": now - HANDED_OVER_WITHIN,
        "settled_by": now - _SETTLED_FOR,
        "oldest_quarter": _quarter_index(today) - policy.integer("need_validity_quarters"),
        "declined_needed": policy.integer("declined_needed"),
        "contact_failures": policy.integer("contact_failures"),
    }
    with engine.connect() as connection:
        due = connection.execute(_DUE, asked).all()
        filled = set(connection.execute(_NATION_POSTS).scalars())
        late = [(row, _step_by(row, day)) for row in due]
        missing = _Missing(
            steps=[
                _name(row) for row, step in late if step > row.taken and _ANSWERS.get(row.rule_id, "PBOC") in filled
            ],
            levels=list(connection.execute(_LEVELS_MISSED, asked).scalars()),
            notice=_unnoticed(connection.execute(_FOR_OPERATORS, asked).all(), day),
            gone=list(connection.execute(_MAILS_GONE).scalars()),
            undelivered=list(connection.execute(_MAILS_UNDELIVERED, asked).scalars()),
        )
        mails, waiting = connection.execute(_MAILS).one()
    if said := _what(missing):
        raise StepsMissing(
            f"升级核查未通过：{said}。",
            "请查看 escalate、notify_operator 和 deliver 的任务日志：没有提请的，重新触发 escalate_stalled 补发；邮件未发出的，"
            "先恢复邮件服务器，再在发件箱重新发送或关闭。仍有缺失的，保留数据库现状并联系开发人员。",
        )
    return AuditSummary(breaches=sum(step > 0 for _, step in late), mails=mails, waiting=waiting)


def _step_by(row: sa.Row[Any], day: Day) -> int:
    """How high the breach must have climbed by the day; what is told once has the one step."""
    calendar, policy = day.calendar, day.policy
    late = calendar.working_days_after(row.starts_on, day.today)
    if row.rule_id not in _ALLOWANCES:
        return 1 if row.rule_id != "S07" or late >= 1 else 0
    if (allowance := _ALLOWANCES[row.rule_id]) is not None:
        late -= policy.integer(allowance)
    reached = sum(late >= policy.integer(f"ladder_step{step}_working_days") for step in (1, 2, 3, 4))
    if row.acknowledged_step is None:
        return reached
    rounds = calendar.working_days_after(row.quiet_since, day.today) // policy.integer("acknowledged_idle_working_days")
    return min(reached, int(row.acknowledged_step + rounds))


def _unnoticed(rows: Sequence[sa.Row[Any]], day: Day) -> int:
    """How many pushes and holds are late although no operator got a notice today."""
    return sum(
        day.calendar.working_days_after(row.since, day.today) > day.policy.integer(_OPERATORS_LIMITS[row.rule_id])
        for row in rows
        if not row.noticed
    )


def _name(row: sa.Row[Any]) -> str:
    return f"{row.need_id}/{row.institution_code or '全部机构'} {row.rule_id}"


def _what(missing: _Missing) -> str:
    parts = []
    if missing.steps:
        parts.append(f"{len(missing.steps)} 个到期事项没有提请（{_named(missing.steps)}）")
    if missing.levels:
        parts.append(f"{len(missing.levels)} 个梗阻工单逾期而没有升级（{_named(missing.levels)}）")
    if missing.notice:
        parts.append(f"{missing.notice} 项推送无结果或挂起未决定，而今天没有运维提示")
    if missing.gone:
        parts.append(f"{len(missing.gone)} 封已登记的邮件不在发件箱或已被撤下（{_named(missing.gone)}）")
    if missing.undelivered:
        parts.append(f"{len(missing.undelivered)} 封邮件登记满一天仍未发出（{_named(missing.undelivered)}）")
    return "；".join(parts)


def _named(found: Sequence[str]) -> str:
    return "、".join(found[:_NAMED]) + ("等" if len(found) > _NAMED else "")


def _quarter_index(day: date) -> int:
    return day.year * 4 + (day.month - 1) // 3


_DUE = statement_beside(__file__, "auditor_due.sql")
# From its events: since when a ticket has been at which level, and what was done there.
_LEVELS_MISSED = sa.text(
    """
    select ticket.need_id || '/' || ticket.institution_code
    from obstruction_ticket ticket
    join lateral (
        select level, event_id from obstruction_event
        where ticket_id = ticket.ticket_id and kind in ('opened', 'climbed', 'reopened') order by event_id desc limit 1
    ) arrived on true
    where arrived.level <> 'nation'
      and not exists (
          select from obstruction_event done where done.ticket_id = ticket.ticket_id and done.event_id > arrived.event_id
            and done.kind in ('resolved', 'unresolvable', 'verified')
      )
      and (ticket.resolve_by < :today or (ticket.acknowledge_by < :today and not exists (
          select from obstruction_event taken where taken.ticket_id = ticket.ticket_id and taken.event_id > arrived.event_id
            and taken.kind in ('acknowledged', 'in_progress')
      )))
    order by 1
    """
)
_FOR_OPERATORS = sa.text(
    """
    with notice as (
        select count(*) > 0 as noticed from delivery
        where channel = 'mail' and created_at >= :day_starts and idempotency_key like :notice_of_today
    )
    select 'S04' as rule_id, (created_at at time zone 'Asia/Shanghai')::date as since, noticed from delivery, notice
    where action = 'push' and state in ('pending', 'unknown') and created_at < :day_starts
    union all
    select 'S08', (opened_at at time zone 'Asia/Shanghai')::date, noticed from quarantine hold, notice
    where state = 'open' and opened_at < :day_starts
      and not exists (select from withdrawal_notice w where w.need_id = hold.need_id)
      and not exists (
          select from need_version v where v.need_id = hold.need_id and v.revision > hold.revision
      )
    """
)
_NATION_POSTS = sa.text(
    "select authority from coordinator where level = 'nation' and on_duty and email ~ '^[^@[:space:]]+@[^@[:space:]]+$'"
)
_MAILS_GONE = sa.text(
    """
    select distinct s.idempotency_key from escalation_step s left join delivery d using (idempotency_key)
    where s.state = 'mailed' and (d.delivery_id is null or d.state = 'superseded') order by 1
    """
)
_MAILS_UNDELIVERED = sa.text(
    """
    select idempotency_key from delivery
    where channel = 'mail' and state in ('pending', 'held') and created_at <= :handed_over_by
      and (idempotency_key like 'digest:%' or idempotency_key like 'urgent:%' or idempotency_key like 'operator:%')
    order by delivery_id
    """
)
_MAILS = sa.text(
    """
    select count(*), count(*) filter (where d.state in ('pending', 'held')) from delivery d
    where d.idempotency_key in (select idempotency_key from escalation_step where state = 'mailed')
    """
)
