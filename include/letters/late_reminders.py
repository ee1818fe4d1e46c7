"""Reminders after the cut-off: a department that has reported nothing is told again at T+1, T+3 and T+5 working days.

Source: handbook section 2; the days are the project's own (policy late_reminder_working_days). Who is silent is known
from the manifest as last read after the cut-off.
"""

from __future__ import annotations

import sqlalchemy as sa

from include.domain.quarter import Quarter
from include.domain.routing import Place
from include.domain.states import Authority, Channel, DeliveryAction, Level, ManifestState
from include.letters import composing
from include.letters.late_departments import late_departments, working_days_since_cutoff
from include.reference import departments
from include.reference.day import Day
from include.store.coordinators import network
from include.store.outbox import NewDelivery, enqueue
from include.words.moments import day_label
from include.words.quarters import quarter_label


def remind_late(engine: sa.Engine, *, day: Day, console_url: str = "") -> int:
    """Queue today's reminder to each silent department; returns how many are new, 0 on any other day.

    Each round of a quarter is queued once for ever. A department whose region has no MIIT coordinator on duty is
    reminded through the next level up.
    """
    rounds = {int(number) for number in day.policy.listed("late_reminder_working_days")}
    if not day.calendar.is_working_day(day.today):
        return 0
    with engine.begin() as connection:
        coordinators = network(connection)
        mails = []
        for code, name, state in late_departments(connection, day):
            quarter = Quarter.parse(name)
            late = working_days_since_cutoff(quarter, day)
            place = Place(city_code=None, department_code=code, branch_region=None)
            recipient = coordinators.accountable(Authority.MIIT, Level.PROVINCE, place).coordinator
            if state is not ManifestState.MISSING or late not in rounds or recipient is None:
                continue
            department = departments()[code]
            body = composing.compose(
                "late_reminder",
                to=[recipient.email],
                subject=f"{department.short_name}：{name}融资需求报送已逾期{late}个工作日，请尽快报送或零报送",
                list_id="reminder",
                today=day.today,
                references=[_key(name, code, earlier) for earlier in sorted(rounds) if earlier < late],
                department=department.name,
                quarter_label=quarter_label(quarter),
                cut_off=day_label(day.calendar.last_working_day(quarter).day),
                late=late,
                read_until=day_label(
                    day.calendar.add_working_days(
                        day.calendar.last_working_day(quarter).day, day.policy.integer("late_report_working_days")
                    ).day
                ),
                link=composing.console_link(console_url, f"needs?quarter={name}&department={code}"),
            )
            mails.append(
                NewDelivery(
                    channel=Channel.MAIL,
                    action=DeliveryAction.MAIL,
                    idempotency_key=_key(name, code, late),
                    body=body,
                    quarter=name,
                    department_code=code,
                )
            )
        return enqueue(connection, mails, day.now)


def _key(quarter: str, department_code: str, late: int) -> str:
    return f"reminder:{quarter}:{department_code}:T+{late}"
