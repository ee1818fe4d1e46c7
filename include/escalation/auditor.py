"""The auditor (核查): was everybody notified who should have been, and was each mail sent?

It counts independently, by plain SQL from the stored events, clocks, tickets and pushes and the figures of the policy,
and on purpose shares no code with the decision of which steps are due. It covers every rule of which somebody is mailed:
those that climb the ladder (S01, S06), those with a single step (S07, S08, obstructions at each level and unconfirmed,
alerts that withhold money), and those for operators (S04, S08). A decision is not enough: it reads the stored mails. What
is recorded as told must be named, in text and HTML, in a mail to that person's address, and the mail must be handed over
within a day. What had no room in a mail is excused only if that mail of today is full.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa

from include.base.business_time import SHANGHAI
from include.base.errors import UserFacingError
from include.reference import branches
from include.reference.day import Day
from include.store.database import statement_beside

HANDED_OVER_WITHIN = timedelta(days=1)
_SETTLED_FOR = timedelta(minutes=10)
"""A change within this time before the audit may have come after the ladder ran: the next audit covers it."""
_NAMED = 5
_NAMED_SINCE = timedelta(days=7)
"""Mails as old as this were read by earlier audits."""
_ONCE: Mapping[str, tuple[str, str]] = {"S07": ("MIIT", "province"), "S08": ("MIIT", "nation")}
"""What is told once to one authority, and at which level; alerts and confirmations to the PBoC's province."""
_OPERATORS_LIMITS = {"S04": "push_unanswered_working_days", "S08": "hold_decision_working_days"}
_LEVELS = ("city", "province", "nation")
_LADDER = {
    1: (("PBOC",), "city"),
    2: (("PBOC",), "province"),
    3: (("MIIT", "PBOC"), "province"),
    4: (("MIIT", "PBOC"), "nation"),
}


class StepsMissing(UserFacingError):
    """Somebody should have been notified and was not, or the mail was not sent."""


@dataclass(frozen=True, slots=True)
class AuditSummary:
    """Items of which somebody must have been told, mails of the recorded steps, and how many of these were not sent yet."""

    breaches: int
    mails: int
    waiting: int


@dataclass(frozen=True, slots=True)
class _Missing:
    """What is missing, each in words or by its key."""

    steps: Sequence[str]
    unnamed: Sequence[str]
    levels: Sequence[str]
    notice: int
    gone: Sequence[str]
    undelivered: Sequence[str]


def audit_steps(engine: sa.Engine, *, day: Day) -> AuditSummary:
    """Count again who should have been notified by today. Raises StepsMissing, which names what is missing.

    Nothing is due on a day off. Where nobody is on duty whom a step may be told, none is missing. A mail closed by a person
    is no longer expected.
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
        "digest_lines": policy.integer("digest_lines"),
        "named_since": now - _NAMED_SINCE,
    }
    with engine.connect() as connection:
        due = connection.execute(_DUE, asked).all()
        posts = {(row.authority, row.level, row.region_code) for row in connection.execute(_POSTS)}
        expected = [(row, step) for row in due for step in _expected(row, day)]
        missing = _Missing(
            steps=sorted({_name(row) for row, step in expected if _is_missing(row, *step, posts)}),
            unnamed=list(connection.execute(_UNNAMED, asked).scalars()),
            levels=list(connection.execute(_LEVELS_MISSED, asked).scalars()),
            notice=_unnoticed(connection.execute(_FOR_OPERATORS, asked).all(), day),
            gone=list(connection.execute(_MAILS_GONE).scalars()),
            undelivered=list(connection.execute(_MAILS_UNDELIVERED, asked).scalars()),
        )
        mails, waiting = connection.execute(_MAILS).one()
    if said := _what(missing):
        raise StepsMissing(
            f"升级核查未通过：{said}。",
            "请查看 escalate、notify_operator 和 deliver 的任务日志：没有提请的，重新触发 escalate_stalled 补发；"
            "邮件未发出的，先恢复邮件服务器，再在发件箱重新发送或关闭。没有写进邮件的，或仍有缺失的，保留数据库现状并联系开发人员。",
        )
    return AuditSummary(
        breaches=len({(row.need_id, row.rule_id, row.item) for row, _ in expected}), mails=mails, waiting=waiting
    )


_Expected = tuple[int, str, str]
"""Step, authority, and the level from which on somebody may be told."""


def _expected(row: sa.Row[Any], day: Day) -> list[_Expected]:
    """Who must have been told of the item by the day: each authority of its highest step."""
    late = day.calendar.working_days_after(row.starts_on, day.today)
    if row.rule_id in ("S01", "S06"):
        step = _ladder_step(row, late, day)
        if not step:
            return []
        authorities, level = _LADDER[step]
        return [(step, authority, level) for authority in authorities]
    if row.rule_id == "S07":
        return [(1, *_ONCE["S07"])] if late >= 1 else []
    if row.rule_id == "S08":
        return [(1, *_ONCE["S08"])] if late > 2 * day.policy.integer("hold_decision_working_days") else []
    authorities = ("MIIT", "PBOC") if row.item.startswith("obstruction@") else ("PBOC",)
    return [(1, authority, row.level) for authority in authorities]


def _ladder_step(row: sa.Row[Any], late: int, day: Day) -> int:
    policy = day.policy
    first = {step: policy.integer(f"ladder_step{step}_working_days") for step in (1, 2, 3, 4)}
    if row.rule_id == "S06":
        late -= policy.integer("unclaimed_working_days")
        first = {**first, 1: 10**6, 2: 1}
    if not row.is_major:
        del first[4]
    reached = max((step for step, days in first.items() if late >= days), default=0)
    if row.acknowledged_step is None:
        return reached
    rounds = day.calendar.working_days_after(row.quiet_since, day.today) // policy.integer(
        "acknowledged_idle_working_days"
    )
    return min(reached, int(row.acknowledged_step + rounds))


def _is_missing(row: sa.Row[Any], step: int, authority: str, level: str, posts: set[tuple[str, str, str]]) -> bool:
    """Whether the authority was not told of the step, though somebody is there and it does not wait for room."""
    if f"{step}{authority}" in (*row.told, *row.excused) or any(int(one[0]) > step for one in row.told):
        return False
    to_nation = row.is_major or level == "nation" or row.rule_id == "OBSTRUCTION"
    up_to = _LEVELS if to_nation else _LEVELS[:2]
    return any((authority, at, _region(row, authority, at)) in posts for at in up_to[_LEVELS.index(level) :])


def _region(row: sa.Row[Any], authority: str, level: str) -> str | None:
    if level == "nation":
        return "000000"
    if level == "city":
        return str(row.city_code)
    if authority == "MIIT":
        return str(row.department_code)
    branch = branches().get(row.branch_code or "")
    return branch.region_code if branch else None


def _unnoticed(rows: Sequence[sa.Row[Any]], day: Day) -> int:
    """How many pushes and holds are late although no operator got a notice today."""
    return sum(
        day.calendar.working_days_after(row.since, day.today) > day.policy.integer(_OPERATORS_LIMITS[row.rule_id])
        for row in rows
        if not row.noticed
    )


def _name(row: sa.Row[Any]) -> str:
    return f"{row.need_id} {row.rule_id}"


def _what(missing: _Missing) -> str:
    parts = []
    if missing.steps:
        parts.append(f"{len(missing.steps)} 个到期事项没有提请（{_named(missing.steps)}）")
    if missing.unnamed:
        parts.append(f"{len(missing.unnamed)} 个登记为已提请的事项没有写进发给本人的邮件（{_named(missing.unnamed)}）")
    if missing.levels:
        parts.append(f"{len(missing.levels)} 个融资梗阻协调事项逾期而没有升级（{_named(missing.levels)}）")
    if missing.notice:
        parts.append(f"{missing.notice} 项推送无结果或待核实未决定，而今天没有运维提示")
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
_POSTS = sa.text(
    "select authority, level, region_code from coordinator where on_duty and email ~ '^[^@[:space:]]+@[^@[:space:]]+$'"
)
# Named means: by its number, in both parts of a mail to the address of the one who was told (as it is written today).
_UNNAMED = sa.text(
    """
    with mail as materialized (
        select idempotency_key, said ->> 'text' as text, said ->> 'html' as html,
               lower(normalize(said -> 'to' ->> 0, nfkc)) as address
        from (
            select idempotency_key, body::json as said from delivery
            where created_at >= :named_since and (idempotency_key like 'digest:%' or idempotency_key like 'urgent:%')
        ) sent
    )
    select distinct step.need_id || ' ' || step.rule_id
    from escalation_step step join mail using (idempotency_key) left join coordinator told using (coordinator_id)
    where step.state = 'mailed' and step.raised_at >= :named_since
      and (position(step.need_id in mail.text) = 0 or position(step.need_id in mail.html) = 0
           or (step.raised_at >= :day_starts and lower(normalize(trim(told.email), nfkc)) <> mail.address))
    order by 1
    """
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
