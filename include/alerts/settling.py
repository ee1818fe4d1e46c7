"""Settling alerts (警示): persons clear or confirm them, each with a reason."""

from __future__ import annotations

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

_AGREES = {"cleared": "clear_agreed", "confirmed": "confirm_agreed"}
_AGREED = sa.text("select decision, actor from alert_agreement where alert_id = :alert_id")


def settle_alert(
    connection: sa.Connection, alert_id: int, *, decision: Literal["cleared", "confirmed"], act: Act
) -> bool:
    """Record that a named person clears or confirms an alert, with an audit entry; True once enough persons agree.

    An alert needs as many different persons as its rule did when it was opened (persons_required). Confirming a removal (G08c)
    withdraws the need; clearing it sends a stopped push. Raises NotFound if there is no such alert, InvalidRequest if it is
    settled already, the person has agreed before, or no reason is given.
    """
    act = audit.signed(act)
    found = connection.execute(sa.select(alert).where(alert.c.alert_id == alert_id).with_for_update()).one_or_none()
    if found is None:
        raise NotFound(f"没有编号为 {alert_id} 的警示。", "请回到警示列表，重新选择。")
    if found.state != "open":
        raise InvalidRequest(f"编号 {alert_id} 的警示已经处理过。", "请回到警示列表查看最新状态。")
    if found.persons_required > 1 and not _agreed(connection, found, decision, act):
        _audit(connection, found, f"agree_alert_{decision}", act)
        return False
    connection.execute(sa.update(alert).where(alert.c.alert_id == alert_id).values(state=decision, settled_at=act.at))
    _note(connection, alert_id, decision, act)
    if found.rule_id == REMOVED_RULE and decision == "confirmed":
        withdraw(connection, [_as_pushed(connection, found.need_id)], act.at)
    elif found.rule_id == REMOVED_RULE:
        resume_pushes(connection, [found.need_id], act.at)
    _audit(connection, found, f"alert_{decision}", act)
    return True


def _agreed(connection: sa.Connection, found: sa.Row[Any], decision: Literal["cleared", "confirmed"], act: Act) -> bool:
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


def _audit(connection: sa.Connection, found: sa.Row[Any], action: str, act: Act) -> None:
    audit.record(
        connection,
        act=act,
        action=action,
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
