"""The auditor (核查): was everything told that was due, and is each of its mails there?

It counts for itself, from the stored clocks, events and pushes and the ladder's figures, and shares no code with the decision
of which steps are due. It sees S01, S02 and S06, which need no more than one row each; S03 and S05 it does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

import sqlalchemy as sa

from include.domain.calendar import SHANGHAI, WorkingCalendar
from include.errors import UserFacingError
from include.reference import Policy

_NAMED = 5


class StepsMissing(UserFacingError):
    """Somebody should have been told and was not, or the mail that told them is gone."""


@dataclass(frozen=True, slots=True)
class AuditSummary:
    """Breaches counted as due, mails of the steps recorded, and how many of these have not left yet."""

    breaches: int
    mails: int
    waiting: int


def audit_steps(engine: sa.Engine, *, now: datetime, calendar: WorkingCalendar, policy: Policy) -> AuditSummary:
    """Count again what should have been told by today. Raises StepsMissing, naming what was not.

    On a day off nothing is due. Where a nation-level post is vacant, nobody may be left to be told: steps are not missed then.
    """
    today = now.astimezone(SHANGHAI).date()
    if policy.flag("mail_on_working_days_only") and not calendar.is_working_day(today):
        return AuditSummary(0, 0, 0)
    with engine.connect() as connection:
        due = connection.execute(
            _DUE,
            {
                "today": today,
                "digest_of_today": f"digest:%:{today}",
                "day_starts": datetime.combine(today, time(), SHANGHAI),
                "oldest_quarter": _quarter_index(today) - policy.integer("need_validity_quarters"),
            },
        ).all()
        silenced = connection.execute(_NATION_POSTS).scalar_one() < len(("MIIT", "PBOC"))
        gone = connection.execute(_MAILS_GONE).scalars().all()
        mails, waiting = connection.execute(_MAILS).one()
    late = [(row, _step_by(row, today, calendar, policy)) for row in due]
    missing = [] if silenced else [row for row, step in late if step > row.taken]
    if missing or gone:
        raise StepsMissing(
            _what([f"{row.need_id}/{row.institution_code or '全部机构'} {row.rule_id}" for row in missing], gone),
            "请查看 escalate 任务日志并重新触发 escalate_stalled 补发；仍有缺失的，保留数据库现状并联系开发人员。",
        )
    return AuditSummary(breaches=sum(step > 0 for _, step in late), mails=mails, waiting=waiting)


def _step_by(row: sa.Row[Any], today: date, calendar: WorkingCalendar, policy: Policy) -> int:
    """How high the breach must have climbed by `today`."""
    allowance = {
        "S01": 0,
        "S02": policy.integer("idle_working_days"),
        "S06": policy.integer("unclaimed_working_days"),
    }[row.rule_id]
    late = calendar.working_days_after(row.starts_on, today) - allowance
    reached = sum(late >= policy.integer(f"ladder_step{step}_working_days") for step in (1, 2, 3, 4))
    if row.acknowledged_step is None:
        return reached
    rounds = calendar.working_days_after(row.quiet_since, today) // policy.integer("acknowledged_idle_working_days")
    return min(reached, int(row.acknowledged_step + rounds))


def _what(missing: Sequence[str], gone: Sequence[str]) -> str:
    parts = []
    if missing:
        parts.append(f"{len(missing)} 个到期事项没有提请（{_named(missing)}）")
    if gone:
        parts.append(f"{len(gone)} 封已登记的邮件不在发件箱或已被撤下（{_named(gone)}）")
    return "升级核查未通过：" + "；".join(parts) + "。"


def _named(found: Sequence[str]) -> str:
    return "、".join(found[:_NAMED]) + ("等" if len(found) > _NAMED else "")


def _quarter_index(day: date) -> int:
    return day.year * 4 + (day.month - 1) // 3


# A limit starts to be late on its due day; silence counts from the last event, or from the push. What a case was folded to
# after the first digest of the day waits for the next working day.
_DUE = sa.text(
    """
    with pushed as (
        select need_id, min(settled_at) as pushed_at from delivery
        where action = 'push' and state = 'delivered' group by need_id
    ), alive as (
        select v.need_id from need_version v
        where not exists (select from withdrawal_notice w where w.need_id = v.need_id)
        group by v.need_id
        having max(left(v.quarter, 4)::int * 4 + right(v.quarter, 1)::int - 1) >= :oldest_quarter
            or exists (
                select from matching_case m where m.need_id = v.need_id
                  and m.furthest_state in ('credit_approved', 'contracted', 'drawn', 'post_loan')
            )
    ), settled as (
        select m.* from matching_case m
        where not m.paused and m.folded_at < coalesce(
            (select min(created_at) from delivery
             where channel = 'mail' and created_at >= :day_starts and idempotency_key like :digest_of_today),
            'infinity')
    ), breach as (
        select c.need_id, c.institution_code, 'S01' as rule_id, c.from_type || '-' || c.to_type || '@' || c.day0 as breach,
               c.due_on as starts_on
        from case_clock c join settled using (need_id, institution_code)
        where c.stopped_on is null and not c.paused and c.due_on < :today and settled.state not in ('declined', 'closed')
        union all
        select need_id, institution_code, 'S02', 'idle@' || spoke.on_day, spoke.on_day
        from settled cross join lateral (
            select coalesce((last_event_at at time zone 'Asia/Shanghai')::date, opened_on) as on_day
        ) spoke
        where state not in ('declined', 'closed', 'drawn', 'post_loan')
        union all
        select need_id, '', 'S06', 'unclaimed@' || sent.on_day, sent.on_day
        from pushed cross join lateral (select (pushed_at at time zone 'Asia/Shanghai')::date as on_day) sent
        where not exists (select from feedback_event e where e.need_id = pushed.need_id)
    ), taken as (
        select need_id, institution_code, rule_id, breach, max(step) as taken from escalation_step group by 1, 2, 3, 4
    ), acknowledged as (
        select distinct on (need_id, institution_code, rule_id, breach) need_id, institution_code, rule_id, breach, step, at
        from escalation_acknowledgement
        order by need_id, institution_code, rule_id, breach, at desc, acknowledgement_id desc
    )
    select breach.*, coalesce(taken.taken, 0) as taken, acknowledged.step as acknowledged_step,
           (greatest(acknowledged.at, m.last_event_at) at time zone 'Asia/Shanghai')::date as quiet_since
    from breach join alive using (need_id)
    left join taken using (need_id, institution_code, rule_id, breach)
    left join acknowledged using (need_id, institution_code, rule_id, breach)
    left join matching_case m using (need_id, institution_code)
    """
)
_NATION_POSTS = sa.text(
    "select count(distinct authority) from coordinator where level = 'nation' and on_duty and email ~ '^[^@[:space:]]+@[^@[:space:]]+$'"
)
_MAILS_GONE = sa.text(
    """
    select distinct s.idempotency_key from escalation_step s left join delivery d using (idempotency_key)
    where s.state = 'mailed' and (d.delivery_id is null or d.state = 'superseded') order by 1
    """
)
_MAILS = sa.text(
    """
    select count(*), count(*) filter (where d.state in ('pending', 'unknown', 'held')) from delivery d
    where d.idempotency_key in (select idempotency_key from escalation_step where state = 'mailed')
    """
)
