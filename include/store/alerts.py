"""Alerts (警示): raising and closing them. One for each rule and need, or rule and case; later findings are added to it.

An alert that was closed because it was no longer true is raised again when it is. One that a person cleared or confirmed is
not, except that a cleared alert opens again for a ground that the person could not have looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from include.store.tables import alert, alert_event, alert_ground

_RAISE = sa.text(
    """
    with raised as (
        insert into alert (rule_id, need_id, severity, state, opened_at)
        select :rule_id, need_id, :severity, 'open', :now from unnest(cast(:need_ids as text[])) need_id
        on conflict (rule_id, need_id, institution_code)
            do update set state = 'open', opened_at = excluded.opened_at, settled_at = null
            where alert.state = 'closed'
        returning alert_id
    )
    insert into alert_event (alert_id, kind, actor, role, reason, at)
    select alert_id, 'opened', :actor, 'system', :reason, :now from raised
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
    select alert_id, 'closed', :actor, 'system', :reason, :now from closed
    """
)


def raise_alerts(
    connection: sa.Connection,
    rule_id: str,
    need_ids: Sequence[str],
    *,
    severity: Literal["hold", "warn"],
    actor: str,
    reason: str,
    now: datetime,
) -> int:
    """Open an alert of `rule_id` on each of these needs that has none; returns how many were opened."""
    return connection.execute(
        _RAISE,
        {
            "rule_id": rule_id,
            "need_ids": list(need_ids),
            "severity": severity,
            "actor": actor,
            "reason": reason,
            "now": now,
        },
    ).rowcount


def close_alerts(
    connection: sa.Connection, rule_id: str, need_ids: Sequence[str], *, actor: str, reason: str, now: datetime
) -> int:
    """Close the open alerts of `rule_id` on these needs, as no longer true; returns how many were closed."""
    return connection.execute(
        _CLOSE, {"rule_id": rule_id, "need_ids": list(need_ids), "actor": actor, "reason": reason, "now": now}
    ).rowcount


@dataclass(frozen=True, slots=True, kw_only=True)
class _Standing:
    """An alert as it is stored."""

    alert_id: int
    state: str
    grounds: frozenset[str]


@dataclass(frozen=True, slots=True)
class Grounds:
    """What breaks a rule at a case, or (institution_code empty) at a need; each ground in words, and never personal."""

    rule_id: str
    need_id: str
    institution_code: str
    severity: str
    grounds: frozenset[str]


def rest_alerts_on(
    connection: sa.Connection,
    found: Sequence[Grounds],
    *,
    rule_ids: Collection[str],
    judged_whole: Collection[tuple[str, str]],
    actor: str,
    now: datetime,
) -> None:
    """Let the alerts of `rule_ids` rest on what was found: open them, add to them, and close those that rest on nothing.

    `judged_whole`: the cases (need_id, institution_code) of which `found` says all; of others it says what was added.
    """
    whole = set(judged_whole)
    need_ids = sorted({need_id for need_id, _ in whole} | {one.need_id for one in found})
    standing = _standing(connection, need_ids, rule_ids)
    now_found = {(one.rule_id, one.need_id, one.institution_code): one for one in found}
    for key, one in sorted(now_found.items()):
        _add(connection, one, standing.get(key), actor, now)
    for key, alert_ in standing.items():
        if key[1:] in whole:
            still = now_found[key].grounds if key in now_found else frozenset()
            _take_away(connection, alert_, alert_.grounds - still, close=not still, actor=actor, now=now)


def _standing(
    connection: sa.Connection, need_ids: Sequence[str], rule_ids: Collection[str]
) -> dict[tuple[str, str, str], _Standing]:
    rows = connection.execute(_STANDING, {"need_ids": list(need_ids), "rule_ids": list(rule_ids)})
    return {
        (row.rule_id, row.need_id, row.institution_code): _Standing(
            alert_id=row.alert_id, state=row.state, grounds=frozenset(row.grounds)
        )
        for row in rows
    }


def _add(connection: sa.Connection, found: Grounds, standing: _Standing | None, actor: str, now: datetime) -> None:
    fresh = sorted(found.grounds - standing.grounds if standing else found.grounds)
    if not fresh:
        return
    if standing is None:
        alert_id: int = connection.execute(
            alert.insert()
            .values(
                rule_id=found.rule_id,
                need_id=found.need_id,
                institution_code=found.institution_code,
                severity=found.severity,
                state="open",
                opened_at=now,
            )
            .returning(alert.c.alert_id)
        ).scalar_one()
    else:
        alert_id = standing.alert_id
    opens = standing is None or standing.state in ("closed", "cleared")
    if standing is not None and opens:
        connection.execute(
            sa.update(alert).where(alert.c.alert_id == alert_id).values(state="open", opened_at=now, settled_at=None)
        )
    connection.execute(alert_ground.insert(), [{"alert_id": alert_id, "ground": ground} for ground in fresh])
    _note(connection, alert_id, "opened" if opens else "repeated", "；".join(fresh), actor, now)


def _take_away(
    connection: sa.Connection, standing: _Standing, gone: frozenset[str], *, close: bool, actor: str, now: datetime
) -> None:
    if gone:
        connection.execute(
            alert_ground.delete().where(
                (alert_ground.c.alert_id == standing.alert_id) & alert_ground.c.ground.in_(sorted(gone))
            )
        )
    if close and standing.state == "open":
        connection.execute(
            sa.update(alert).where(alert.c.alert_id == standing.alert_id).values(state="closed", settled_at=now)
        )
        reason = f"补充反馈后该情形已不成立：{'；'.join(sorted(gone))}"
        _note(connection, standing.alert_id, "closed", reason, actor, now)


def _note(connection: sa.Connection, alert_id: int, kind: str, reason: str, actor: str, now: datetime) -> None:
    connection.execute(
        alert_event.insert().values(alert_id=alert_id, kind=kind, actor=actor, role="system", reason=reason, at=now)
    )


_STANDING = sa.text(
    """
    select alert.alert_id, rule_id, need_id, institution_code, state,
           array(select ground from alert_ground where alert_ground.alert_id = alert.alert_id) as grounds
    from alert where need_id = any(:need_ids) and rule_id = any(:rule_ids)
    """
)
