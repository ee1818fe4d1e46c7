"""Decides which steps are due, records them and queues their mails: one transaction, serialised by an advisory lock.

A coordinator gets at most one digest a working day, and beside it an urgent mail for what cannot wait (nation level,
major needs). What would need a second digest on the same day waits for the next working day.

Source: handbook section 8 (stall rules, ladder), section 1 (who is accountable). All figures are in policy.csv.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from include.domain.escalation import BreachKey
from include.domain.routing import Network, Post
from include.escalation.breaches import OpenItem, open_items
from include.escalation.digests import Mailer, digest_key, reader_id
from include.escalation.steps import DueStep, due_steps
from include.reference.day import Day
from include.store.coordinators import network
from include.store.locks import Lock, hold
from include.store.outbox import enqueue
from include.store.tables import delivery, escalation_step


@dataclass(frozen=True, slots=True)
class EscalationSummary:
    """What a run did: breaches overdue today, steps with a mail, digests and urgent mails queued, vacant posts."""

    overdue: int
    steps_raised: int
    digests: int
    urgent_mails: int
    vacancies: int


def escalate(engine: sa.Engine, *, day: Day, console_url: str = "") -> EscalationSummary:
    """Raise every breach that has reached a new rung today, and queue the mails about it.

    On a day off nothing happens (policy mail_on_working_days_only); the next working day catches up, with the highest
    step only. A second run on the same day adds only news. Mails link to cases under `console_url`, if given.
    """
    if not mails_go_out(day):
        return EscalationSummary(0, 0, 0, 0, 0)
    with engine.begin() as connection:
        hold(connection, Lock.ESCALATION)
        found = look(connection, day)
        mailer = Mailer(
            day=day,
            coordinators=found.coordinators,
            told_before=_told_before(found.items, found.taken),
            console_url=console_url,
        )
        mails = mailer.mails(found.raised)
        told = [(one.delivery.idempotency_key, *to) for one in mails for to in one.told]
        record_steps(connection, found.raised, told, day.now)
        enqueue(connection, [one.delivery for one in mails], day.now)
    return EscalationSummary(
        overdue=sum(item.overdue > 0 for item in found.items),
        steps_raised=sum(one.mailed for one in found.raised),
        digests=sum(not one.urgent for one in mails),
        urgent_mails=sum(one.urgent for one in mails),
        vacancies=len(vacant_posts(found.due)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What is open on a day, what was told of it before, which steps are due, and which of them can be raised now."""

    items: Sequence[OpenItem]
    taken: Mapping[BreachKey, Mapping[int, set[str]]]
    coordinators: Network
    due: Sequence[DueStep]
    raised: Sequence[DueStep]


def look(connection: sa.Connection, day: Day) -> Look:
    """Which steps are due on the day, without telling anybody."""
    items = open_items(connection, day)
    taken = _steps_taken(connection, items)
    coordinators = network(connection)
    due = due_steps(items, taken, coordinators, day)
    raised = _without_second_digest(connection, due, coordinators, day.today)
    return Look(items=items, taken=taken, coordinators=coordinators, due=due, raised=raised)


def mails_go_out(day: Day) -> bool:
    """Whether mails may leave on this day: on working days, or on every day by policy."""
    return not day.policy.flag("mail_on_working_days_only") or day.calendar.is_working_day(day.today)


# --- Which steps are due ---------------------------------------------------------------------------------------------


def _steps_taken(connection: sa.Connection, items: Sequence[OpenItem]) -> dict[BreachKey, dict[int, set[str]]]:
    """Open item → step → the notified coordinators; none for a superseded step."""
    found: defaultdict[BreachKey, dict[int, set[str]]] = defaultdict(dict)
    step = escalation_step.c
    key = (step.need_id, step.institution_code, step.rule_id, step.breach)
    need_ids = list({item.need.need_id for item in items})
    rows = connection.execute(
        sa.select(*key, step.step, sa.func.array_agg(step.coordinator_id))
        .where(step.need_id == sa.any_(sa.literal(need_ids, sa.ARRAY(sa.Text))))
        .group_by(*key, step.step)
    )
    for need_id, institution_code, rule_id, breach, number, told in rows:
        found[need_id, institution_code, rule_id, breach][number] = {*told} - {""}
    return found


def _without_second_digest(
    connection: sa.Connection, due: Sequence[DueStep], coordinators: Network, today: date
) -> list[DueStep]:
    """The steps that can be sent now: somebody is there, and none of their mailboxes has had the digest of today.

    Superseded steps go with the step above them.
    """
    key_of = {
        recipient: digest_key(reader_id(coordinators, recipient), today)
        for recipient in {recipient for one in due for recipient in one.recipients}
    }
    keys = connection.execute(
        sa.select(delivery.c.idempotency_key).where(
            delivery.c.idempotency_key == sa.any_(sa.literal(list({*key_of.values()}), sa.ARRAY(sa.Text)))
        )
    )
    sent_today = {*keys.scalars()}
    waiting = {
        one.item.key
        for one in due
        if one.mailed
        and (
            not one.recipients
            or (not one.urgent and any(key_of[recipient] in sent_today for recipient in one.recipients))
        )
    }
    return [one for one in due if one.item.key not in waiting]


def vacant_posts(due: Iterable[DueStep]) -> set[Post]:
    """The posts nobody holds that these steps would be told to."""
    return {post for one in due for assignment in one.assignments for post in assignment.vacant}


def _told_before(
    items: Iterable[OpenItem], taken: Mapping[BreachKey, Mapping[int, set[str]]]
) -> dict[str, list[OpenItem]]:
    found: defaultdict[str, list[OpenItem]] = defaultdict(list)
    for item in items:
        for coordinator_id in set().union(*taken.get(item.key, {}).values()):
            found[coordinator_id].append(item)
    return dict(found)


# --- Recording -------------------------------------------------------------------------------------------------------


def record_steps(
    connection: sa.Connection, raised: Iterable[DueStep], told: Iterable[tuple[str, str, DueStep]], now: datetime
) -> None:
    """Record the steps as raised; `told`: by which mail (its idempotency key) which coordinator is told of which step."""
    rows = [_row(one, now, state="superseded", coordinator_id="", key=None) for one in raised if not one.mailed]
    rows += [
        _row(step, now, state="mailed", coordinator_id=coordinator_id, key=key) for key, coordinator_id, step in told
    ]
    if rows:
        connection.execute(sa.insert(escalation_step), rows)


def _row(one: DueStep, now: datetime, *, state: str, coordinator_id: str, key: str | None) -> dict[str, object]:
    breach = one.item.breach
    return {
        "need_id": breach.need_id,
        "institution_code": breach.institution_code,
        "rule_id": breach.rule_id,
        "breach": breach.key[-1],
        "step": one.step,
        "state": state,
        "due_on": breach.due_on,
        "overdue_working_days": one.item.overdue,
        "provisional": breach.provisional,
        "coordinator_id": coordinator_id,
        "idempotency_key": key,
        "raised_at": now,
    }
