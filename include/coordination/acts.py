"""A report of a coordinator (受理, 已联系, 已解决, 需延期, 转交, 协调未果) and all that follows from it, in one transaction.

What follows: the need's ladder waits once somebody took it on; a ticket changes its state, and the institution is
answered; more time becomes a request that a second person decides; whom it is handed to gets a mail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import sqlalchemy as sa

from include import audit, obstructions
from include.action_links.tokens import LinkSubject
from include.base.act import Act
from include.base.errors import InvalidRequest, NotPermitted
from include.coordination.handing_over import hand_over, nobody_chosen
from include.coordination.ladder import take_on
from include.coordination.reporting import By, Outcome, Said
from include.coordination.subjects import Standing, stands
from include.delivery.mail_message import message_id
from include.domain.audited import Action
from include.domain.obstruction import may
from include.domain.states import CoordinatorAct, LinkKind, TicketAct, TicketState
from include.matching.extensions import StartedClock, request_extension
from include.obstructions.view import ticket_of
from include.reference.day import Day
from include.store import coordinator_acts
from include.store.coordinator_acts import Report
from include.store.tables import obstruction_ticket
from include.words.coordination import RECORDED
from include.words.names import post_label
from include.words.shown import MESSAGE, scrubbed
from include.words.states import word

WITH_A_REMARK = frozenset(CoordinatorAct) - {CoordinatorAct.TAKEN_ON, CoordinatorAct.CONTACTED}
"""Acts that say nothing without one."""


def report(connection: sa.Connection, subject: LinkSubject, said: Said, by: By, day: Day) -> Outcome:
    """Store the report and do what follows. The same report again changes nothing.

    Raises InvalidRequest if it is not possible now or incomplete, NotPermitted outside the coordinator's region, and
    NotFound without such a subject.
    """
    standing = stands(connection, subject, day)
    if not standing.in_scope_of(by.coordinator):
        raise NotPermitted("该事项不在您的协调范围内。", "请转告该地区的协调人，或在控制台查看由谁负责。")
    remark, act = _checked(said, by)
    said = replace(said, remark=remark)
    act_id = coordinator_acts.add(connection, _stored(subject, said, by), act.at)
    if act_id is None:
        return Outcome(new=False, told=f"此前已记录“{word(CoordinatorAct, said.act)}”，没有重复记录。")
    # Only now: who reports a second time that it is settled is not told that it is over.
    if said.act not in standing.may(by.coordinator):
        raise _not_now(standing, said.act)
    told = _EFFECTS[subject.kind](connection, standing, said, replace(by, actor=act), day)
    if said.act is CoordinatorAct.HANDED_OVER:
        told = hand_over(connection, standing, said, replace(by, actor=act), day)
    audit.record(
        connection,
        act=act,
        action=Action.COORDINATOR_ACTED,
        object_=f"coordinator_act:{act_id}:{subject.need_id}",
        details=_audited(subject, said, by),
    )
    return Outcome(new=True, told=told)


def _checked(said: Said, by: By) -> tuple[str, Act]:
    """The remark as it is stored, and the signed act whose reason is remark and act in words."""
    label = word(CoordinatorAct, said.act)
    if said.act is CoordinatorAct.HANDED_OVER and not said.handed_to:
        raise nobody_chosen()
    written = " ".join(said.remark.split())
    if len(written) > MESSAGE:
        raise InvalidRequest(f"说明有{len(written)}个字，超过{MESSAGE}个字。", "请精简后重新提交。")
    remark = scrubbed(written)
    if said.act in WITH_A_REMARK and len(remark) < audit.LEAST_REASON:
        raise InvalidRequest(
            f"“{label}”须写明情况，不少于{audit.LEAST_REASON}个字。",
            "请填写说明后重新提交；请勿填写联系人姓名、电话。",
        )
    # As written: an invisible character is refused, and not dropped.
    audit.signed(by.actor.because(f"协调人{label}：{written}"))
    return remark, audit.signed(by.actor.because(f"协调人{label}" + (f"：{remark}" if remark else "")))


def _stored(subject: LinkSubject, said: Said, by: By) -> Report:
    return Report(
        kind=subject.kind,
        need_id=subject.need_id,
        institution_code=subject.institution_code,
        obstruction_id=subject.obstruction_id,
        act=said.act,
        coordinator_id=by.coordinator.coordinator_id,
        actor=by.actor.actor_id,
        role=by.actor.role,
        remark=said.remark,
        working_days=said.working_days if said.act is CoordinatorAct.NEEDS_TIME else None,
        handed_to=said.handed_to if said.act is CoordinatorAct.HANDED_OVER else "",
        idempotency_key=by.idempotency_key,
    )


def _audited(subject: LinkSubject, said: Said, by: By) -> dict[str, object]:
    return {
        "act": said.act,
        "kind": subject.kind,
        "need_id": subject.need_id,
        "institution_code": subject.institution_code,
        "obstruction_id": subject.obstruction_id,
        "coordinator_id": by.coordinator.coordinator_id,
        "message_id": message_id(by.idempotency_key) if by.idempotency_key else "",
        "handed_to": said.handed_to,
        "working_days": said.working_days,
    }


def _not_now(standing: Standing, act: CoordinatorAct) -> InvalidRequest:
    if standing.over:
        return InvalidRequest(
            f"{standing.over}，无需再办理。", "如情况有变，请等待下一封督办邮件，或在控制台查看该需求。"
        )
    if standing.ticket_state == TicketState.RESOLVED:
        return InvalidRequest("该梗阻已办结，待机构确认。", "机构迟迟未确认的，请联系机构后反馈“已联系”。")
    return InvalidRequest(f"目前不能办理“{word(CoordinatorAct, act)}”。", "请刷新页面，选择列出的办理方式。")


# --- What follows ----------------------------------------------------------------------------------------------------


def _of_case(connection: sa.Connection, standing: Standing, said: Said, by: By, day: Day) -> str:
    if said.act is CoordinatorAct.HANDED_OVER:
        return ""
    waits = take_on(connection, standing.subject, act=by.actor, day=day)
    if said.act is CoordinatorAct.NEEDS_TIME:
        limit = standing.limits[0]
        started = StartedClock(
            need_id=standing.subject.need_id,
            institution_code=standing.subject.institution_code,
            from_type=limit.from_type,
            to_type=limit.to_type,
            day0=limit.day0,
        )
        request_extension(connection, started, working_days=said.working_days or 0, act=by.actor, day=day)
        return f"已为“{limit.words}”申请延期 {said.working_days} 个工作日，由审核人员另行批准；批准前时限不变。"
    return RECORDED[said.act] + (waits if said.act is not CoordinatorAct.SETTLED else "")


def _of_need(connection: sa.Connection, standing: Standing, said: Said, by: By, day: Day) -> str:
    if said.act is CoordinatorAct.HANDED_OVER:
        return ""
    waits = take_on(connection, standing.subject, act=by.actor, day=day)
    return RECORDED[said.act] + (waits if said.act is not CoordinatorAct.SETTLED else "")


def _of_alert(connection: sa.Connection, standing: Standing, said: Said, by: By, day: Day) -> str:
    return f"已记录“{word(CoordinatorAct, said.act)}”，审核人员可在该需求的全程记录中看到；警示由审核人员核实后处理。"


def _of_ticket(connection: sa.Connection, standing: Standing, said: Said, by: By, day: Day) -> str:
    what = _TICKET_ACTS.get(said.act)
    if what is None:
        return "已记录。协调事项的办结时限不变，逾期仍会提请上一级。"
    ticket = connection.execute(sa.select(obstruction_ticket).filter_by(ticket_id=standing.ticket_id)).one()
    if not may(ticket_of(ticket), what):
        # Somebody else took it on before, or it was contacted again: the state stays, the report is kept.
        return f"已记录。该梗阻此前已是“{word(TicketState, ticket.state)}”，未重复答复机构。"
    post = post_label(by.coordinator.authority, by.coordinator.level, by.coordinator.region_code)
    note = f"{post}{word(CoordinatorAct, said.act)}" + (f"：{said.remark}" if said.remark else "")
    number = obstructions.work_on(connection, ticket.ticket_id, what, act=by.actor.because(note), day=day)
    together = f"（同一原因的 {number} 项一并）" if number > 1 else ""
    return f"已记录“{word(CoordinatorAct, said.act)}”{together}，并答复机构。"


_TICKET_ACTS: Mapping[CoordinatorAct, TicketAct] = {
    CoordinatorAct.TAKEN_ON: TicketAct.ACKNOWLEDGED,
    CoordinatorAct.CONTACTED: TicketAct.IN_PROGRESS,
    CoordinatorAct.SETTLED: TicketAct.RESOLVED,
    CoordinatorAct.UNRESOLVABLE: TicketAct.UNRESOLVABLE,
}
_EFFECTS: Mapping[LinkKind, Callable[[sa.Connection, Standing, Said, By, Day], str]] = {
    LinkKind.CASE: _of_case,
    LinkKind.NEED: _of_need,
    LinkKind.ALERT: _of_alert,
    LinkKind.OBSTRUCTION: _of_ticket,
}
