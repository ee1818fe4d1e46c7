"""Taking a subject on: the ladder of its need waits while somebody works on it (handbook section 8)."""

from __future__ import annotations

import sqlalchemy as sa

from include import escalation
from include.action_links.tokens import LinkSubject
from include.base.act import Act
from include.reference.day import Day


def take_on(connection: sa.Connection, subject: LinkSubject, *, act: Act, day: Day) -> str:
    """Acknowledge all that the subject climbs the ladder for and somebody was told of; what that means, in words.

    Nothing is acknowledged, and nothing said, where nothing climbs.
    """
    found = [
        one.item.key
        for one in escalation.open_breaches(connection, day=day)
        if one.told
        and (one.item.breach.need_id, one.item.breach.institution_code)
        == (
            subject.need_id,
            subject.institution_code,
        )
    ]
    for key in found:
        escalation.acknowledge(connection, key, act=act, day=day)
    if not found:
        return ""
    days = day.policy.integer("acknowledged_idle_working_days")
    return f"机构每 {days} 个工作日内有新进展的，不再提请上一级。"
