"""Decides which steps are due, records them and queues their mails: one transaction, serialised by an advisory lock.

An address gets one digest a working day. What cannot wait (an obstruction at nation level, a major need) and comes due
after it leaves in working hours by a mail of its own; all else waits for the next working day.

Source: handbook section 8 (ladder, digest), section 1 (who is accountable). All figures are in policy.csv.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from include.action_links.maker import LinkMaker
from include.escalation.digests import composed, had_digest, to_nation_alone
from include.escalation.look import Look, end_rounds, look, record
from include.escalation.selection import Mail, select
from include.escalation.steps import vacant_posts
from include.reference.day import Day, within_working_hours
from include.store.locks import Lock, hold
from include.store.outbox import enqueue

_NO_LINKS = LinkMaker(None, "")


@dataclass(frozen=True, slots=True)
class EscalationSummary:
    """What a run did: items overdue today, steps told, digests and urgent mails queued, lines without room, vacant posts."""

    overdue: int
    steps_raised: int
    digests: int
    urgent_mails: int
    waiting: int
    vacancies: int


_NOTHING = EscalationSummary(0, 0, 0, 0, 0, 0)


def escalate(engine: sa.Engine, *, day: Day, links: LinkMaker = _NO_LINKS) -> EscalationSummary:
    """Raise everything that has reached a new step today, and queue the digests of the day.

    On a day off nothing happens (policy mail_on_working_days_only); the next working day catches up, with the highest
    step only. A second run on the same day adds only what is urgent.
    """
    if not mails_go_out(day):
        return _NOTHING
    with engine.begin() as connection:
        hold(connection, Lock.ESCALATION)
        found = look(connection, day)
        return _send(connection, found, choose(connection, found, day), day, links)


def tell_urgent(engine: sa.Engine, *, day: Day, links: LinkMaker = _NO_LINKS) -> EscalationSummary:
    """Queue what is urgent and came due since the digests of the day; nothing outside the working hours.

    Nothing either in the first urgent_interval_minutes of them: the digests of the day are on their way.
    """
    begin = day.now - timedelta(minutes=day.policy.integer("urgent_interval_minutes"))
    if not (within_working_hours(begin, day) and within_working_hours(day.now, day)):
        return _NOTHING
    with engine.begin() as connection:
        hold(connection, Lock.ESCALATION)
        found = look(connection, day)
        return _send(connection, found, choose_urgent(found, day), day, links)


def choose(connection: sa.Connection, found: Look, day: Day) -> list[Mail]:
    """The mails of the day: a digest for each address that had none today, else an urgent mail."""
    had = had_digest(connection, found.coordinators, day.today)
    mails = select(
        found.due,
        had_digest=had,
        waited_since=found.waited_since,
        most_lines=day.policy.integer("digest_lines"),
    )
    addressed = had | {one.mailbox for one in mails}
    return [*mails, *to_nation_alone(connection, found.coordinators, addressed, day)]


def choose_urgent(found: Look, day: Day) -> list[Mail]:
    """The urgent mails of what is due now."""
    return select(
        found.due,
        had_digest=(),
        waited_since=found.waited_since,
        most_lines=day.policy.integer("digest_lines"),
        urgent_only=True,
    )


def _send(
    connection: sa.Connection, found: Look, chosen: Sequence[Mail], day: Day, links: LinkMaker
) -> EscalationSummary:
    end_rounds(connection, found.items, day.now)
    mails = composed(connection, found, chosen, day, links)
    record(connection, found, [(key, mail) for key, mail, _ in mails], day.now)
    enqueue(connection, [queued for *_, queued in mails], day.now)
    told = {(one.item.key, one.step) for mail in chosen for one in mail.told}
    return EscalationSummary(
        overdue=sum(item.overdue > 0 for item in found.items),
        steps_raised=len(told),
        digests=sum(not mail.urgent for mail in chosen),
        urgent_mails=sum(mail.urgent for mail in chosen),
        waiting=len({one.item.key for mail in chosen for one in mail.waiting}),
        vacancies=len(vacant_posts(found.due)),
    )


def mails_go_out(day: Day) -> bool:
    """Whether mails may leave on this day: on working days, or on every day by policy."""
    return not day.policy.flag("mail_on_working_days_only") or day.calendar.is_working_day(day.today)
