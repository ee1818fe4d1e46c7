"""The mails of one run (日报、加急): from the ladder's choice to what the outbox sends."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from include.action_links.maker import LinkMaker
from include.base.addresses import mailbox
from include.domain.routing import Network
from include.domain.states import Authority, Channel, DeliveryAction, Level, ManifestState
from include.escalation.contents import Contents, ForNation, first_of_week
from include.escalation.look import Look
from include.escalation.selection import Mail, key_of
from include.escalation.settled import settled_since
from include.letters.digest import compose_digest
from include.letters.digest_contents import WeeklyCell
from include.letters.late_departments import late_departments
from include.reference.day import Day
from include.store import people
from include.store.outbox import NewDelivery
from include.store.tables import coordinator, delivery
from include.words.names import post_label
from include.words.states import word

_DAYS_LOOKED_BACK = 31
"""What ended longer ago is not told any more, when somebody has had no digest for so long."""


def digest_key(address: str, day: date) -> str:
    """The idempotency key of the only digest of `day` to an address. The address itself stays out of it."""
    return f"digest:{_hashed(address)}:{day}"


def had_digest(connection: sa.Connection, coordinators: Network, today: date) -> set[str]:
    """The addresses whose digest of today is queued or sent."""
    keys = {digest_key(address, today): address for address in coordinators.mailboxes()}
    return {keys[key] for key in _queued(connection, keys)}


def composed(
    connection: sa.Connection, found: Look, chosen: Sequence[Mail], day: Day, links: LinkMaker
) -> list[tuple[str, Mail, NewDelivery]]:
    """Each mail with its idempotency key and what the outbox gets."""
    if not chosen:
        return []
    nation = _for_nation(connection, day)
    last = _last_digests(connection, chosen, day)
    settled = settled_since(connection, day.now - timedelta(days=_DAYS_LOOKED_BACK))
    contents = Contents(day=day, found=found, links=links, actors=_actors(connection), nation=nation)
    mails = []
    for mail in chosen:
        key = _urgent_key(mail, day.today) if mail.urgent else digest_key(mail.mailbox, day.today)
        since = last.get(mail.mailbox)
        ended = [one for one in settled.get(mail.mailbox, ()) if since is None or one.at > since]
        told = contents.of(mail, key, settled=[] if mail.urgent else ended, last_digest=since)
        body = compose_digest(told, to=_address(mail, found.coordinators), console_url=links.console_url)
        queued = NewDelivery(channel=Channel.MAIL, action=DeliveryAction.MAIL, idempotency_key=key, body=body)
        mails.append((key, mail, queued))
    return mails


def to_nation_alone(
    connection: sa.Connection, coordinators: Network, addressed: Collection[str], day: Day
) -> list[Mail]:
    """Digests to the nation's addresses, but those `addressed`, that no step is told to today.

    They have the week's table to read, or departments that are silent.
    """
    readers = {mailbox(one.email): one for one in coordinators.at_level(Level.NATION)}
    mails = [Mail(mailbox=one, urgent=False, told=(), waiting=()) for one in sorted(readers) if one not in addressed]
    if not mails:
        return []
    nation = _for_nation(connection, day)
    silent = any(state == word(ManifestState, ManifestState.MISSING) for _, state in nation.late_departments)
    overdue = any(cell.overdue_needs for cell in nation.weekly_table)
    last = _last_digests(connection, mails, day)
    of_miit = {mailbox(one.email) for one in coordinators.at_level(Level.NATION) if one.authority == Authority.MIIT}
    return [
        mail
        for mail in mails
        if (silent and mail.mailbox in of_miit) or (overdue and first_of_week(last.get(mail.mailbox), day))
    ]


def _address(mail: Mail, coordinators: Network) -> str:
    told = next((one.assignment.coordinator for one in mail.told if one.assignment.coordinator), None)
    return (told or coordinators.at_mailbox(mail.mailbox)[0]).email


def _actors(connection: sa.Connection) -> dict[str, str]:
    """Who acts, in words: people by name, coordinators by post."""
    posts = connection.execute(
        sa.select(coordinator.c.coordinator_id, coordinator.c.authority, coordinator.c.level, coordinator.c.region_code)
    )
    return people.names(connection) | {one: post_label(*post) for one, *post in posts}


# --- Keys ------------------------------------------------------------------------------------------------------------


def _hashed(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()[:16]


def _urgent_key(mail: Mail, today: date) -> str:
    """The same steps give the same key, so that a repeated decision cannot send a second mail."""
    steps = repr(sorted(key_of(one) for one in mail.told))
    return f"urgent:{_hashed(mail.mailbox)}:{today}:{_hashed(steps)}"


def _queued(connection: sa.Connection, keys: Iterable[str]) -> Sequence[str]:
    column = delivery.c.idempotency_key
    asked = sa.select(column).where(column == sa.any_(sa.literal([*keys], sa.ARRAY(sa.Text))))
    return connection.execute(asked).scalars().all()


def _last_digests(connection: sa.Connection, mails: Sequence[Mail], day: Day) -> dict[str, datetime]:
    """When each of these addresses was sent its last digest, if within a month."""
    before = [day.today - timedelta(days=back) for back in range(1, _DAYS_LOOKED_BACK + 1)]
    keys = {digest_key(mail.mailbox, one): mail.mailbox for mail in mails for one in before}
    column = delivery.c.idempotency_key
    asked = sa.select(column, delivery.c.created_at).where(column == sa.any_(sa.literal([*keys], sa.ARRAY(sa.Text))))
    found: dict[str, datetime] = {}
    for key, at in connection.execute(asked):
        found[keys[key]] = max(at, found.get(keys[key], at))
    return found


# --- What the nation is told -----------------------------------------------------------------------------------------


def _for_nation(connection: sa.Connection, day: Day) -> ForNation:
    late = late_departments(connection, day)
    asked = {"today": day.today, "valid_quarters": day.policy.integer("need_validity_quarters")}
    return ForNation(
        late_departments=tuple((one.department_code, word(ManifestState, one.state)) for one in late),
        weekly_table=tuple(WeeklyCell(**row) for row in connection.execute(_WEEKLY, asked).mappings()),
    )


# Cases that are not over, of needs that are neither withdrawn nor expired.
_WEEKLY = sa.text(
    """
    select m.institution_code, need.department_code, count(distinct m.need_id) as open_needs,
           count(distinct m.need_id) filter (where exists (
               select from case_clock clock
               where clock.need_id = m.need_id and clock.institution_code = m.institution_code
                 and clock.stopped_on is null and not clock.paused and clock.due_on < :today
           ) and not m.paused) as overdue_needs
    from matching_case m join live_need need using (need_id)
    where m.state not in ('declined', 'closed')
      and (valid_until(need.quarter, :valid_quarters) > :today
           or m.furthest_state in ('credit_approved', 'contracted', 'drawn', 'post_loan'))
    group by 1, 2
    """
)
