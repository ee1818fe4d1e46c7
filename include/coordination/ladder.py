"""Taking a subject on: the ladder of its need waits while somebody works on it (handbook section 8)."""

from __future__ import annotations

import sqlalchemy as sa

from include import escalation
from include.action_links.tokens import LinkSubject
from include.base.act import Act
from include.domain.states import LinkKind
from include.reference.day import Day


def take_on(connection: sa.Connection, subject: LinkSubject, *, act: Act, day: Day) -> str:
    """Acknowledge what the need of the subject climbs the ladder for; what that means, in words.

    Nothing is acknowledged, and nothing said, where nothing climbs; an obstruction and an alert have no ladder of limits.
    """
    if subject.kind not in (LinkKind.CASE, LinkKind.NEED) or not escalation.climbs(connection, subject.need_id):
        return ""
    escalation.acknowledge(connection, subject.need_id, act=act)
    days = day.policy.integer("acknowledged_idle_working_days")
    return f"机构每 {days} 个工作日内有新进展的，不再提请上一级。"
