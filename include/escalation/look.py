"""A look at the ladder (查看): what is open, what was told of it before, what is due, and which round each need is in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from include.domain.routing import Network
from include.domain.states import Authority, StepState
from include.escalation.breaches import OpenItem, StepKey, open_items
from include.escalation.selection import Mail, TellingKey, key_of
from include.escalation.steps import DueStep, due_steps
from include.reference.day import Day
from include.store.coordinators import network
from include.store.tables import escalation_round, escalation_step, escalation_waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """`told`: item → step → authorities told or overtaken; `named`: those told; `waited_since`: what had no room in a mail."""

    items: Sequence[OpenItem]
    told: Mapping[StepKey, Mapping[int, Collection[Authority]]]
    named: Collection[TellingKey]
    waited_since: Mapping[TellingKey, datetime]
    coordinators: Network
    due: Sequence[DueStep]


def look(connection: sa.Connection, day: Day) -> Look:
    """Which steps are due on the day, without telling anybody."""
    items = open_items(connection, day)
    told: defaultdict[StepKey, dict[int, set[Authority]]] = defaultdict(dict)
    named: set[TellingKey] = set()
    step = escalation_step.c
    columns = (step.need_id, step.rule_id, step.item, step.round, step.step, step.authority, step.state)
    needs = sa.literal([*{item.need.need_id for item in items}], sa.ARRAY(sa.Text))
    for *key, number, authority, state in connection.execute(sa.select(*columns).where(step.need_id == sa.any_(needs))):
        told[tuple(key)].setdefault(number, set()).add(Authority(authority))
        if state == StepState.MAILED:
            named.add((tuple(key), number, Authority(authority)))
    waited_since = {
        ((row.need_id, row.rule_id, row.item, row.round), row.step, Authority(row.authority)): row.since
        for row in connection.execute(sa.select(escalation_waiting))
    }
    coordinators = network(connection)
    return Look(
        items=items,
        told=told,
        named=named,
        waited_since=waited_since,
        coordinators=coordinators,
        due=due_steps(items, told, coordinators, day),
    )


# --- Recording -------------------------------------------------------------------------------------------------------


def record(connection: sa.Connection, found: Look, mails: Sequence[tuple[str, Mail]], now: datetime) -> None:
    """Record what the mails tell, each with its idempotency key: rounds that begin, steps, and what waits."""
    told = {key_of(one): (key, one) for key, mail in mails for one in mail.told}
    raised = [one for one in found.due if any(key_of(telling) in told for telling in one.tellings)]
    _begin_rounds(connection, raised, now)
    rows = [_row(step.item, number, authority, now) for step in raised for number, authority in step.superseded]
    rows += [
        _row(one.item, one.step, one.authority, now)
        | {
            "state": StepState.MAILED,
            "coordinator_id": one.assignment.coordinator.coordinator_id if one.assignment.coordinator else "",
            "idempotency_key": key,
        }
        for key, one in told.values()
    ]
    if rows:
        connection.execute(sa.insert(escalation_step), rows)
    _keep_waiting(connection, found, mails, now)


def _row(item: OpenItem, step: int, authority: Authority, now: datetime) -> dict[str, object]:
    need_id, rule_id, which, number = item.key
    return {
        "need_id": need_id,
        "rule_id": rule_id,
        "item": which,
        "round": number,
        "step": step,
        "authority": authority,
        "state": StepState.SUPERSEDED,
        "institution_code": item.breach.institution_code,
        "cause": item.breach.cause,
        "due_on": item.breach.due_on,
        "overdue_working_days": item.overdue,
        "provisional": item.breach.provisional,
        "coordinator_id": "",
        "idempotency_key": None,
        "raised_at": now,
    }


def _begin_rounds(connection: sa.Connection, raised: Sequence[DueStep], now: datetime) -> None:
    begun = {
        (one.item.breach.need_id, one.item.breach.rule_id, one.item.round)
        for one in raised
        if not one.item.breach.key[-1]
    }
    if begun:
        rows = [
            {"need_id": need_id, "rule_id": rule_id, "round": number, "began_at": now}
            for need_id, rule_id, number in sorted(begun)
        ]
        connection.execute(_BEGIN, rows)


_BEGIN = sa.text(
    """
    insert into escalation_round (need_id, rule_id, round, began_at) values (:need_id, :rule_id, :round, :began_at)
    on conflict do nothing
    """
)


def end_rounds(connection: sa.Connection, items: Sequence[OpenItem], now: datetime) -> None:
    """Note that the rounds of needs without an overdue limit are over; before the mails, which say so."""
    open_now = [item.breach for item in items if not item.breach.key[-1]]
    connection.execute(
        _END,
        {
            "needs": [one.need_id for one in open_now],
            "rules": [one.rule_id for one in open_now],
            "now": now,
        },
    )


# A need that stands still because of an obstruction has not come back within its limits. A look at an earlier moment, as
# in a run played again, says nothing about a round that began later.
_END = sa.text(
    f"""
    update {escalation_round.name} over set ended_at = :now
    where ended_at is null and began_at <= :now
      and not exists (
          select from unnest(cast(:needs as text[]), cast(:rules as text[])) still (need_id, rule_id)
          where still.need_id = over.need_id and still.rule_id = over.rule_id
      )
      and not exists (
          select from case_clock clock
          where clock.need_id = over.need_id and clock.stopped_on is null and clock.paused
      )
      and not exists (select from matching_case paused where paused.need_id = over.need_id and paused.paused)
    """
)


def _keep_waiting(connection: sa.Connection, found: Look, mails: Sequence[tuple[str, Mail]], now: datetime) -> None:
    """What had no room waits; what was told, or is due no longer, waits no longer.

    What began to wait after `now` stays, as rounds do: a run that is played again does not know yet that it is due.
    """
    due = {key_of(telling) for one in found.due for telling in one.tellings}
    told = {key_of(one) for _, mail in mails for one in mail.told}
    gone = [key for key, since in found.waited_since.items() if key in told or (key not in due and since <= now)]
    if gone:
        connection.execute(_NO_LONGER, [_parameters(key) for key in gone])
    rows = [_parameters(key_of(one)) | {"now": now, "mail": key} for key, mail in mails for one in mail.waiting]
    if rows:
        connection.execute(_WAITS, rows)


def _parameters(key: TellingKey) -> dict[str, object]:
    (need_id, rule_id, item, number), step, authority = key
    return {
        "need_id": need_id,
        "rule_id": rule_id,
        "item": item,
        "round": number,
        "step": step,
        "authority": authority,
    }


_NO_LONGER = sa.text(
    """
    delete from escalation_waiting
    where need_id = :need_id and rule_id = :rule_id and item = :item and round = :round and step = :step
      and authority = :authority
    """
)
_WAITS = sa.text(
    """
    insert into escalation_waiting (need_id, rule_id, item, round, step, authority, since, idempotency_key)
    values (:need_id, :rule_id, :item, :round, :step, :authority, :now, :mail)
    on conflict (need_id, rule_id, item, round, step, authority) do update set idempotency_key = excluded.idempotency_key
    """
)
