"""Settling alerts (警示): persons clear or confirm them, one or several at once, each with a reason.

Acts, consequences and audit entries are one transaction. All rows are locked before the first audit entry: two persons
who decide on many alerts at once wait for each other instead of deadlocking.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from include import audit
from include.base.act import Act
from include.base.errors import InvalidRequest, NotFound
from include.domain.people import same_person
from include.domain.states import AlertState
from include.register.snapshots import FACTORY_REMOVED, REMOVED_RULE
from include.register.watch import resume_pushes
from include.store.tables import alert, alert_event, delivery
from include.withdrawals.stage import Withdrawal, withdraw
from include.words.states import words

Decision = Literal["cleared", "confirmed"]

_AGREES = {"cleared": "clear_agreed", "confirmed": "confirm_agreed"}
_AGREED = sa.text("select decision, actor from alert_agreement where alert_id = :alert_id")
_LOCKED = sa.text(
    """
    select alert.*, (
        select max(event_id) from alert_event told
        where told.alert_id = alert.alert_id and told.kind in ('opened', 'repeated')
    ) as newest_ground
    from alert where alert_id = any(:alert_ids) order by alert_id for update
    """
)


@dataclass(frozen=True, slots=True)
class SeenAlert:
    """An alert as its decider saw it. `newest_ground`: the event that brought its newest ground; None: does not matter."""

    alert_id: int
    newest_ground: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledAlerts:
    """What became of several alerts: settled, agreed on by one person of two, and refused with the reason (Chinese)."""

    settled: tuple[int, ...]
    agreed: tuple[int, ...]
    refused: Mapping[int, str]


def settle_alert(
    connection: sa.Connection,
    alert_id: int,
    *,
    decision: Decision,
    act: Act,
    newest_ground: int | None = None,
) -> bool:
    """Record that a named person clears or confirms an alert, with an audit entry; True once enough persons agree.

    An alert needs as many different persons as its rule did when it was opened (persons_required). Confirming a removal (G08c)
    withdraws the need; clearing it sends a stopped push. Raises NotFound if there is no such alert, InvalidRequest if it is
    settled already, the person has agreed before, it rests on a newer ground than `newest_ground`, or no reason is given.
    """
    act = audit.signed(act)
    found = _locked(connection, [alert_id]).get(alert_id)
    if found is None:
        raise NotFound(f"没有编号为 {alert_id} 的警示。", "请回到警示列表，重新选择。")
    settled = _settle(connection, found, SeenAlert(alert_id, newest_ground), decision, act)
    _audit(connection, found, decision, settled, act)
    return settled


def settle_alerts(
    connection: sa.Connection, seen: Sequence[SeenAlert], *, decision: Decision, act: Act
) -> SettledAlerts:
    """Clear or confirm several alerts for one reason, with an audit entry each.

    What cannot be settled (any more) is left as it is and named. Raises InvalidRequest if no reason is given.
    """
    act = audit.signed(act)
    found = _locked(connection, [one.alert_id for one in seen])
    done: dict[int, bool] = {}
    refused: dict[int, str] = {}
    for one in seen:
        if one.alert_id not in found:
            refused[one.alert_id] = "没有该警示"
            continue
        try:
            done[one.alert_id] = _settle(connection, found[one.alert_id], one, decision, act)
        except InvalidRequest as error:
            refused[one.alert_id] = error.what
    for alert_id, settled in done.items():
        _audit(connection, found[alert_id], decision, settled, act)
    return SettledAlerts(
        settled=tuple(alert_id for alert_id, settled in done.items() if settled),
        agreed=tuple(alert_id for alert_id, settled in done.items() if not settled),
        refused=refused,
    )


def _locked(connection: sa.Connection, alert_ids: Sequence[int]) -> dict[int, sa.Row[Any]]:
    """These alerts, held until the transaction ends."""
    return {row.alert_id: row for row in connection.execute(_LOCKED, {"alert_ids": list(alert_ids)})}


def _settle(connection: sa.Connection, found: sa.Row[Any], seen: SeenAlert, decision: Decision, act: Act) -> bool:
    """Settle or agree; True once settled. Raises InvalidRequest before anything is written."""
    if found.state != "open":
        raise InvalidRequest(f"编号 {found.alert_id} 的警示已经处理过。", "请回到警示列表查看最新状态。")
    if seen.newest_ground is not None and found.newest_ground != seen.newest_ground:
        raise InvalidRequest(f"您查看之后，编号 {found.alert_id} 的警示又有新的依据。", "请重新查看依据，再作决定。")
    if found.persons_required > 1 and not _agreed(connection, found, decision, act):
        return False
    connection.execute(
        sa.update(alert).where(alert.c.alert_id == found.alert_id).values(state=decision, settled_at=act.at)
    )
    _note(connection, found.alert_id, decision, act)
    if found.rule_id == REMOVED_RULE and decision == "confirmed":
        withdraw(connection, [_as_pushed(connection, found.need_id)], act.at)
    elif found.rule_id == REMOVED_RULE:
        resume_pushes(connection, [found.need_id], act.at)
    return True


def _agreed(connection: sa.Connection, found: sa.Row[Any], decision: Decision, act: Act) -> bool:
    """Record this person's agreement; whether enough persons agree now. A person's last word counts."""
    before = connection.execute(_AGREED, {"alert_id": found.alert_id}).all()
    same = [one.actor for one in before if one.decision == decision]
    if any(same_person(act.actor_id, other) for other in same):
        raise InvalidRequest(
            f"您已同意{words(AlertState)[decision]}该警示，同一人不能重复同意。", "请由另一位人员核实后作出同样的决定。"
        )
    _note(connection, found.alert_id, _AGREES[decision], act)
    return len(same) + 1 >= int(found.persons_required)


def _note(connection: sa.Connection, alert_id: int, kind: str, act: Act) -> None:
    connection.execute(
        alert_event.insert().values(
            alert_id=alert_id, kind=kind, actor=act.actor_id, role=act.role, reason=act.reason, at=act.at
        )
    )


def _audit(connection: sa.Connection, found: sa.Row[Any], decision: Decision, settled: bool, act: Act) -> None:
    audit.record(
        connection,
        act=act,
        action=f"alert_{decision}" if settled else f"agree_alert_{decision}",
        object_=f"{found.rule_id}/{found.need_id}",
        details={"alert_id": found.alert_id, "institution_code": found.institution_code},
    )


def _as_pushed(connection: sa.Connection, need_id: str) -> Withdrawal:
    revision = connection.execute(
        sa.select(sa.func.max(delivery.c.revision)).where(
            (delivery.c.action == "push") & (delivery.c.need_id == need_id)
        )
    ).scalar_one()
    return Withdrawal(need_id=need_id, revision=revision, reason_code=FACTORY_REMOVED)
