"""The notice to the operator's mailbox: once a working day, what only operators can put right."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import sqlalchemy as sa

from include import audit
from include.domain.escalation import Breach
from include.domain.routing import LEVELS, Post
from include.domain.states import Channel, DeliveryAction
from include.escalation.breaches import open_items, operator_breaches
from include.escalation.stage import mails_go_out
from include.escalation.steps import due_steps, vacant_posts
from include.gate.sign_off_view import unsigned_quarters
from include.letters import composing
from include.reference.day import Day
from include.store.coordinators import network
from include.store.outbox import NewDelivery, enqueue
from include.store.set_aside import open_counts
from include.store.tables import case_clock, delivery
from include.words.sources import source_label

_OPERATOR_ITEMS = 30
_DAYS_LOOKED_BACK = 31


def operator_notice(engine: sa.Engine, *, recipient: str, day: Day, console_url: str = "") -> bool:
    """Queue the day's notice to the operator's mailbox; whether there was anything new.

    It names pushes without a result (S04), holds without a decision (S08), what waits for sign-off, vacant posts that
    open items would need, unreadable pieces of the platforms, and due days that depend on an unpublished calendar; it
    links to pages under `console_url`, if given. It also hands out the head of the audit chain: a day with new entries
    has a notice, if only for that.
    """
    if not mails_go_out(day):
        return False
    today = day.today
    with engine.begin() as connection:
        breaches = operator_breaches(connection, day)
        unsigned = unsigned_quarters(connection)
        items = open_items(connection, day)
        vacancies = vacant_posts(due_steps(items, {}, network(connection), day))
        clocks, first = connection.execute(_PROVISIONAL_CLOCKS).one()
        last = audit.head(connection)
        unreadable = open_counts(connection)
        if not (
            breaches
            or unsigned
            or vacancies
            or clocks
            or unreadable
            or (last.count and not _head_is_out(connection, recipient, last, today))
        ):
            return False
        pushes, holds = ([one for one in breaches if one[0].rule_id == rule] for rule in ("S04", "S08"))
        body = composing.compose(
            "operator",
            to=[recipient],
            subject=composing.operator_headline(
                pushes=len(pushes),
                holds=len(holds),
                unsigned=sum(one.needs for one in unsigned),
                vacancies=len(vacancies),
                provisional=clocks,
                unreadable=sum(unreadable.values()),
            ),
            list_id="operator",
            today=today,
            pushes=_operator_items(pushes, console_url),
            pushes_total=len(pushes),
            pushes_link=composing.console_link(console_url, "deliveries"),
            holds=_operator_items(holds, console_url),
            holds_total=len(holds),
            holds_link=composing.console_link(console_url, "holds"),
            unsigned=unsigned,
            unsigned_total=sum(one.needs for one in unsigned),
            unsigned_link=composing.console_link(console_url, "approvals"),
            vacancies=sorted(vacancies, key=_importance)[:_OPERATOR_ITEMS],
            vacancies_total=len(vacancies),
            unreadable=[{"source": source_label(kind), "number": number} for kind, number in unreadable.items()],
            unreadable_total=sum(unreadable.values()),
            unreadable_link=composing.console_link(console_url, "unreadable"),
            provisional_total=clocks,
            provisional_from=first,
            audit_head=last if last.count else None,
        )
        notice = NewDelivery(
            channel=Channel.MAIL, action=DeliveryAction.MAIL, idempotency_key=_notice_key(recipient, today), body=body
        )
        return enqueue(connection, [notice], day.now) == 1


_PROVISIONAL_CLOCKS = sa.select(sa.func.count(), sa.func.min(case_clock.c.due_on)).where(
    case_clock.c.provisional, case_clock.c.stopped_on.is_(None)
)


def _head_is_out(connection: sa.Connection, recipient: str, last: audit.Head, today: date) -> bool:
    """Whether an earlier notice handed out this head of the chain."""
    keys = [_notice_key(recipient, today - timedelta(days=back)) for back in range(_DAYS_LOOKED_BACK)]
    newest = connection.execute(
        sa.select(delivery.c.body)
        .where(delivery.c.idempotency_key == sa.any_(sa.literal(keys, sa.ARRAY(sa.Text))))
        .order_by(delivery.c.delivery_id.desc())
        .limit(1)
    ).scalar()
    return newest is not None and str(last) in newest


def _notice_key(recipient: str, day: date) -> str:
    return f"operator:{recipient}:{day}"


def _importance(post: Post) -> tuple[int, str, str]:
    return (-LEVELS.index(post.level), post.region_code, post.authority)


def _operator_items(found: Sequence[tuple[Breach, int]], console_url: str) -> list[composing.OperatorItem]:
    return [
        composing.OperatorItem(
            need_id=breach.need_id,
            link=composing.need_link(console_url, breach.need_id),
            since=breach.since,
            due_on=breach.due_on,
            provisional=breach.provisional,
            overdue_working_days=overdue,
        )
        for breach, overdue in found[:_OPERATOR_ITEMS]
    ]
