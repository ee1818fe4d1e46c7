"""The notice to the operator's mailbox: once a working day, what only operators can put right."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from include import audit
from include.domain.states import Channel, DeliveryAction
from include.escalation.stage import mails_go_out
from include.letters import operator_letter
from include.reference.day import Day
from include.store.outbox import NewDelivery, enqueue
from include.store.tables import delivery

_DAYS_LOOKED_BACK = 31


def operator_notice(engine: sa.Engine, *, recipient: str, day: Day, console_url: str = "") -> bool:
    """Queue the day's notice to the operator's mailbox; whether there was anything to tell.

    It tells what is overdue, what is new since the last notice, and what is quiet, with links to pages under
    `console_url`, if given. It also hands out the head of the audit chain: a day with new entries has a notice, if only
    for that.
    """
    if not mails_go_out(day):
        return False
    today = day.today
    with engine.begin() as connection:
        before = _last_notice(connection, recipient, today)
        notice = operator_letter.look(connection, day, before.created_at if before else None)
        last = audit.head(connection)
        told = before is not None and str(last) in before.body
        if not (notice.has_news or (last.count and not told)):
            return False
        body = operator_letter.compose(
            notice,
            recipient=recipient,
            today=today,
            console_url=console_url,
            audit_head=last if last.count else None,
        )
        mail = NewDelivery(
            channel=Channel.MAIL, action=DeliveryAction.MAIL, idempotency_key=_notice_key(recipient, today), body=body
        )
        return enqueue(connection, [mail], day.now) == 1


def _last_notice(connection: sa.Connection, recipient: str, today: date) -> sa.Row[Any, Any] | None:
    keys = [_notice_key(recipient, today - timedelta(days=back)) for back in range(_DAYS_LOOKED_BACK)]
    return connection.execute(
        sa.select(delivery.c.body, delivery.c.created_at)
        .where(delivery.c.idempotency_key == sa.any_(sa.literal(keys, sa.ARRAY(sa.Text))))
        .order_by(delivery.c.delivery_id.desc())
        .limit(1)
    ).one_or_none()


def _notice_key(recipient: str, day: date) -> str:
    return f"operator:{recipient}:{day}"
