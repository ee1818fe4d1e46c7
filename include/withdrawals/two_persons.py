"""Withdrawals by us (duplicate_project, false_information): one person asks with a reason, another one confirms or rejects.

Persons differ in the auth manager's immutable id; the database refuses a withdrawal without two of them
(include/store/schema/two_persons.sql). Whoever asked may take the request back. Decision, notice, what it does to pushes
and holds, and the audit entry are one transaction.
"""

from __future__ import annotations

from typing import Any, Literal

import sqlalchemy as sa

from include import audit
from include.base.act import Act
from include.base.errors import InvalidRequest, NotFound
from include.domain.audited import Action
from include.domain.people import same_person
from include.domain.states import WithdrawalDecision, WithdrawalReason
from include.store.locks import Lock, hold
from include.store.tables import withdrawal_decision, withdrawal_request
from include.withdrawals.stage import Withdrawal, withdraw

OwnReason = Literal["duplicate_project", "false_information"]
Decision = Literal["confirmed", "rejected", "taken_back"]
OWN_REASONS: tuple[WithdrawalReason, ...] = (WithdrawalReason.DUPLICATE_PROJECT, WithdrawalReason.FALSE_INFORMATION)
"""Why we may withdraw a need."""

_ACTIONS: dict[str, Action] = {
    WithdrawalDecision.CONFIRMED: Action.CONFIRM_WITHDRAWAL,
    WithdrawalDecision.REJECTED: Action.REJECT_WITHDRAWAL,
    WithdrawalDecision.TAKEN_BACK: Action.TAKE_BACK_WITHDRAWAL,
}
_NEED = sa.text(
    """
    select version.revision,
           exists (select from withdrawal_notice notice where notice.need_id = version.need_id) as withdrawn,
           exists (select from waiting_withdrawal asked where asked.need_id = version.need_id) as asked
    from newest_need version where version.need_id = :need_id
    """
)
_ASKED = sa.text(
    """
    select asked.*, decided.decision from withdrawal_request asked
    left join withdrawal_decision decided using (request_id)
    where request_id = :request_id
    """
)


def request_withdrawal(connection: sa.Connection, need_id: str, *, reason_code: OwnReason, act: Act) -> int:
    """Ask for the withdrawal of a need; returns the number of the request. Nothing else happens yet.

    Raises NotFound if there is no such need, InvalidRequest if it is withdrawn, if a request waits already, or if no
    reason is given.
    """
    act = audit.signed(act)
    hold(connection, Lock.WITHDRAWAL, need_id)
    need = connection.execute(_NEED, {"need_id": need_id}).one_or_none()
    if need is None:
        raise NotFound(f"没有编号为 {need_id[:40]} 的需求。", "请核对编号，或在需求查询中按企业名称查找。")
    if need.withdrawn:
        raise _withdrawn_already(need_id)
    if need.asked:
        raise InvalidRequest(f"{need_id} 已有待确认的撤回申请。", "请由另一位人员在“撤回”页面确认或不同意。")
    request_id: int = connection.execute(
        withdrawal_request.insert()
        .values(
            need_id=need_id,
            revision=need.revision,
            reason_code=reason_code,
            requested_by=act.actor_id,
            role=act.role,
            reason=act.reason,
            requested_at=act.at,
        )
        .returning(withdrawal_request.c.request_id)
    ).scalar_one()
    _audit(connection, Action.REQUEST_WITHDRAWAL, act, need_id, request_id, reason_code)
    return request_id


def decide_withdrawal(connection: sa.Connection, request_id: int, *, decision: Decision, act: Act) -> str:
    """Confirm (the need is withdrawn at once), reject or take back a request; returns the need_id.

    Raises NotFound if there is no such request, InvalidRequest if it is settled, the need is withdrawn otherwise, no
    reason is given, or the wrong person acts: whoever asked may only take it back, and nobody else may.
    """
    act = audit.signed(act)
    asked = _locked(connection, request_id)
    _refuse_wrong_person(asked, decision, act)
    connection.execute(
        withdrawal_decision.insert().values(
            request_id=request_id,
            decision=decision,
            decided_by=act.actor_id,
            role=act.role,
            reason=act.reason,
            decided_at=act.at,
        )
    )
    need_id: str = asked.need_id
    if decision == "confirmed":
        newest = connection.execute(_NEED, {"need_id": need_id}).one()
        withdraw(
            connection,
            [Withdrawal(need_id=need_id, revision=newest.revision, reason_code=asked.reason_code)],
            act.at,
        )
    _audit(connection, _ACTIONS[decision], act, need_id, request_id, asked.reason_code)
    return need_id


def _locked(connection: sa.Connection, request_id: int) -> sa.Row[Any]:
    """The request, which waits; held until the transaction ends."""
    found = connection.execute(_ASKED, {"request_id": request_id}).one_or_none()
    if found is None:
        raise NotFound(f"没有编号为 {request_id} 的撤回申请。", "请回到撤回页面，重新选择。")
    hold(connection, Lock.WITHDRAWAL, found.need_id)
    asked = connection.execute(_ASKED, {"request_id": request_id}).one()
    if asked.decision is not None:
        raise InvalidRequest(f"第 {request_id} 号撤回申请已经处理过。", "请刷新撤回页面查看结果。")
    if connection.execute(_NEED, {"need_id": asked.need_id}).one().withdrawn:
        raise _withdrawn_already(asked.need_id)
    return asked


def _refuse_wrong_person(asked: sa.Row[Any], decision: Decision, act: Act) -> None:
    own = same_person(asked.requested_by, act.actor_id)
    if own and decision != "taken_back":
        raise InvalidRequest("申请人不能确认或不同意自己的撤回申请。", "请由另一位人员处理；不再需要的，可收回申请。")
    if not own and decision == "taken_back":
        raise InvalidRequest("只有申请人可以收回撤回申请。", "不同意撤回的，请选择“不同意”并写明理由。")


def _withdrawn_already(need_id: str) -> InvalidRequest:
    return InvalidRequest(f"{need_id} 已经撤回。", "无需再办理；可在需求页查看撤回的时间和原因。")


def _audit(
    connection: sa.Connection, action: Action, act: Act, need_id: str, request_id: int, reason_code: str
) -> None:
    audit.record(
        connection,
        act=act,
        action=action,
        object_=need_id,
        details={"request_id": request_id, "reason_code": reason_code},
    )
