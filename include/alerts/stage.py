"""Alerts (警示): raising and closing them. One for each rule and need, or rule and case; later findings are added to it.

An alert that was closed because it was no longer true is raised again if it becomes true. One that a person cleared or
confirmed is not; but a cleared alert opens again for a ground that the person could not have seen.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from include.base.act import Act
from include.reference import Policy

_RAISE = sa.text(
    """
    with raised as (
        insert into alert (rule_id, need_id, severity, state, opened_at, persons_required)
        select :rule_id, need_id, :severity, 'open', :now, persons
        from unnest(cast(:need_ids as text[]), cast(:persons as int[])) found (need_id, persons)
        on conflict (rule_id, need_id, institution_code)
            do update set state = 'open', opened_at = excluded.opened_at, settled_at = null,
                          persons_required = excluded.persons_required
            where alert.state = 'closed'
        returning alert_id
    )
    insert into alert_event (alert_id, kind, actor, role, reason, at)
    select alert_id, 'opened', :actor, :role, :reason, :now from raised
    """
)
_CLOSE = sa.text(
    """
    with closed as (
        update alert set state = 'closed', settled_at = :now
        where rule_id = :rule_id and institution_code = '' and state = 'open' and need_id = any(:need_ids)
        returning alert_id
    )
    insert into alert_event (alert_id, kind, actor, role, reason, at)
    select alert_id, 'closed', :actor, :role, :reason, :now from closed
    """
)


def raise_alerts(
    connection: sa.Connection,
    rule_id: str,
    need_ids: Sequence[str],
    *,
    severity: Literal["hold", "warn"],
    act: Act,
    policy: Policy,
) -> int:
    """Open an alert of `rule_id` on each of these needs that has none; returns how many were opened."""
    return connection.execute(
        _RAISE,
        {
            "rule_id": rule_id,
            "need_ids": list(need_ids),
            "persons": _persons(connection, [(rule_id, need_id, severity) for need_id in need_ids], policy),
            "severity": severity,
            **_signed(act),
        },
    ).rowcount


def close_alerts(connection: sa.Connection, rule_id: str, need_ids: Sequence[str], *, act: Act) -> int:
    """Close the open alerts of `rule_id` on these needs, because they are no longer true; returns how many were closed."""
    return connection.execute(_CLOSE, {"rule_id": rule_id, "need_ids": list(need_ids), **_signed(act)}).rowcount


def _signed(act: Act) -> dict[str, Any]:
    """The act as columns of an event."""
    return {"actor": act.actor_id, "role": act.role, "reason": act.reason, "now": act.at}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Standing:
    """An alert as stored."""

    alert_id: int
    state: str
    grounds: frozenset[str]


_Key = tuple[str, str, str]
"""rule_id, need_id and institution_code."""


@dataclass(frozen=True, slots=True)
class _Note:
    """An addition to the history of an alert."""

    alert_id: int
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class Grounds:
    """What breaks a rule at a case, or (institution_code empty) at a need; each ground as a text without personal data."""

    rule_id: str
    need_id: str
    institution_code: str
    severity: str
    grounds: frozenset[str]


def sync_alerts(
    connection: sa.Connection,
    found: Sequence[Grounds],
    *,
    rule_ids: Collection[str],
    complete_cases: Collection[tuple[str, str]],
    act: Act,
    policy: Policy,
) -> None:
    """Make the alerts of `rule_ids` match the findings: open them, add grounds, and close those without grounds.

    `complete_cases`: the cases (need_id, institution_code) whose findings are complete; for other cases `found` holds
    only what was added.
    """
    whole = set(complete_cases)
    need_ids = sorted({need_id for need_id, _ in whole} | {one.need_id for one in found})
    standing = _standing(connection, need_ids, rule_ids)
    now_found = {(one.rule_id, one.need_id, one.institution_code): one for one in found}
    notes = _add(connection, now_found, standing, act.at, policy)
    still = {
        alert: now_found[key].grounds if key in now_found else frozenset()
        for key, alert in standing.items()
        if key[1:] in whole
    }
    notes += _take_away(connection, still, act.at)
    _note(connection, notes, act)


def _standing(connection: sa.Connection, need_ids: Sequence[str], rule_ids: Collection[str]) -> dict[_Key, _Standing]:
    rows = connection.execute(_STANDING, {"need_ids": list(need_ids), "rule_ids": list(rule_ids)})
    return {
        (row.rule_id, row.need_id, row.institution_code): _Standing(
            alert_id=row.alert_id, state=row.state, grounds=frozenset(row.grounds)
        )
        for row in rows
    }


def _add(
    connection: sa.Connection,
    found: Mapping[_Key, Grounds],
    standing: Mapping[_Key, _Standing],
    now: datetime,
    policy: Policy,
) -> list[_Note]:
    fresh = {
        key: sorted(one.grounds - standing[key].grounds if key in standing else one.grounds)
        for key, one in sorted(found.items())
    }
    fresh = {key: grounds for key, grounds in fresh.items() if grounds}
    if not fresh:
        return []
    alert_ids = {key: standing[key].alert_id for key in fresh if key in standing}
    reopened = [alert_ids[key] for key in alert_ids if standing[key].state in ("closed", "cleared")]
    if reopened:
        connection.execute(_REOPEN, {"alert_ids": reopened, "now": now})
    alert_ids |= _open(connection, [found[key] for key in fresh if key not in standing], now, policy)
    grounds = [{"alert_id": alert_ids[key], "ground": ground} for key, added in fresh.items() for ground in added]
    connection.execute(_ADD_GROUNDS, _columns(grounds))
    opened = {alert_ids[key] for key in fresh if key not in standing}.union(reopened)
    return [
        _Note(alert_ids[key], "opened" if alert_ids[key] in opened else "repeated", "；".join(added))
        for key, added in fresh.items()
    ]


def _open(connection: sa.Connection, found: Sequence[Grounds], now: datetime, policy: Policy) -> dict[_Key, int]:
    if not found:
        return {}
    columns = {
        "rule_ids": [one.rule_id for one in found],
        "need_ids": [one.need_id for one in found],
        "codes": [one.institution_code for one in found],
        "severities": [one.severity for one in found],
        "persons": _persons(connection, [(one.rule_id, one.need_id, one.severity) for one in found], policy),
    }
    rows = connection.execute(_OPEN, {**columns, "now": now})
    return {(row.rule_id, row.need_id, row.institution_code): row.alert_id for row in rows}


def _persons(connection: sa.Connection, found: Sequence[tuple[str, str, str]], policy: Policy) -> list[int]:
    """How many persons must agree before an alert (rule_id, need_id, severity) is settled; one for a note."""
    own = any("release_two_persons" in values for values in policy.of_departments.values())
    need_ids = [need_id for _, need_id, _ in found] if own else []
    codes: dict[str, str] = (
        dict(connection.execute(_DEPARTMENTS, {"need_ids": need_ids}).tuples().all()) if need_ids else {}
    )
    return [
        policy.of_department(codes.get(need_id, "")).persons_to_release(rule_id) if severity == "hold" else 1
        for rule_id, need_id, severity in found
    ]


_DEPARTMENTS = sa.text(
    "select need_id, department_code from newest_need where need_id = any(cast(:need_ids as text[]))"
)


def _take_away(connection: sa.Connection, still: Mapping[_Standing, frozenset[str]], now: datetime) -> list[_Note]:
    """`still`: the grounds that remain, by alert."""
    gone = {alert: sorted(alert.grounds - grounds) for alert, grounds in still.items()}
    dropped = [{"alert_id": alert.alert_id, "ground": ground} for alert, lost in gone.items() for ground in lost]
    if dropped:
        connection.execute(_DROP_GROUNDS, _columns(dropped))
    closed = [alert for alert, grounds in still.items() if not grounds and alert.state == "open"]
    if closed:
        connection.execute(_CLOSE_THESE, {"alert_ids": [alert.alert_id for alert in closed], "now": now})
    return [_Note(alert.alert_id, "closed", f"补充反馈后该情形已不成立：{'；'.join(gone[alert])}") for alert in closed]


def _columns(grounds: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    return {"alert_ids": [one["alert_id"] for one in grounds], "grounds": [one["ground"] for one in grounds]}


def _note(connection: sa.Connection, notes: Sequence[_Note], act: Act) -> None:
    if notes:
        columns = {
            "alert_ids": [note.alert_id for note in notes],
            "kinds": [note.kind for note in notes],
            "reasons": [note.reason for note in notes],
        }
        connection.execute(_NOTE, {**columns, "actor": act.actor_id, "role": act.role, "now": act.at})


_STANDING = sa.text(
    """
    select alert.alert_id, rule_id, need_id, institution_code, state,
           array(select ground from alert_ground where alert_ground.alert_id = alert.alert_id) as grounds
    from alert where need_id = any(:need_ids) and rule_id = any(:rule_ids)
    """
)

_OPEN = sa.text(
    """
    insert into alert (rule_id, need_id, institution_code, severity, state, opened_at, persons_required)
    select rule_id, need_id, institution_code, severity, 'open', :now, persons
    from unnest(
        cast(:rule_ids as text[]), cast(:need_ids as text[]), cast(:codes as text[]), cast(:severities as text[]),
        cast(:persons as int[])
    ) found (rule_id, need_id, institution_code, severity, persons)
    returning alert_id, rule_id, need_id, institution_code
    """
)

_REOPEN = sa.text(
    "update alert set state = 'open', opened_at = :now, settled_at = null where alert_id = any(:alert_ids)"
)

_CLOSE_THESE = sa.text("update alert set state = 'closed', settled_at = :now where alert_id = any(:alert_ids)")

_GROUNDS = "unnest(cast(:alert_ids as bigint[]), cast(:grounds as text[])) ground (alert_id, ground)"

_ADD_GROUNDS = sa.text(f"insert into alert_ground (alert_id, ground) select alert_id, ground from {_GROUNDS}")

_DROP_GROUNDS = sa.text(
    f"delete from alert_ground stored using {_GROUNDS} where stored.alert_id = ground.alert_id and stored.ground = ground.ground"
)

_NOTE = sa.text(
    """
    insert into alert_event (alert_id, kind, actor, role, reason, at)
    select alert_id, kind, :actor, :role, reason, :now
    from unnest(cast(:alert_ids as bigint[]), cast(:kinds as text[]), cast(:reasons as text[]))
        with ordinality note (alert_id, kind, reason, place)
    order by place
    """
)
