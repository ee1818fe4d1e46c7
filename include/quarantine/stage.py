"""The quarantine (待核实): what the gate holds waits here until a named person decides, and nothing waits for ever.

open → released (核实通过: it has passed), returned (确认退回: it goes back with what was confirmed) or expired (overtaken by a higher
revision, withdrawn, or past its validity). A release binds to (need_id, revision, rule_id, field); findings of the rules
named in release_two_persons need two different persons. State, event, consequence and audit entry are one transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from include import audit
from include.base.act import Act
from include.base.errors import InvalidRequest
from include.domain.quarter import Quarter
from include.domain.states import HoldState
from include.gate.consequences import Return, queue_pushes, queue_returns, return_respond_by
from include.gate.engine.judge import Finding
from include.quarantine.late_needs import defer, deferred_to
from include.quarantine.refusals import DecisionRefused
from include.quarantine.view import HoldFinding, Place, hold_findings, hold_name, unknown_hold
from include.reference import Policy
from include.reference.day import Day
from include.store.tables import quarantine, quarantine_event
from include.words.states import word

__all__ = [
    "Decided",
    "DecisionRefused",
    "agreed_to",
    "as_stored",
    "confirm",
    "locked",
    "refuse_unless_decidable",
    "refuse_unpushable",
    "release",
    "release_hold",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """Result of a decision: the state now, the findings that still wait for another person, and a sentence (Chinese)."""

    quarantine_id: int
    state: Literal["open", "released", "returned"]
    waiting: tuple[HoldFinding, ...]
    queued: int
    note: str


def release(
    connection: sa.Connection,
    quarantine_id: int,
    *,
    act: Act,
    day: Day,
    findings: Collection[Place] | None = None,
    into: Quarter | None = None,
) -> Decided:
    """Record that a person agrees to release `findings` (default: all that this person can); the need passes once all
    are agreed to. `into`: the need is late and moves to this quarter, with which it is counted and pushed.

    Part of the caller's transaction. Raises DecisionRefused if the hold is settled or overtaken or the person has
    agreed before, InvalidRequest if the name, the reason or a finding cannot be used; then nothing has changed.
    """
    act = audit.signed(act)
    hold = locked(connection, quarantine_id)
    refuse_unless_decidable(hold)
    found = _findings(connection, hold)
    refuse_unpushable(hold, found)
    agreed = agreed_to(found, _chosen(found, findings), act, explicit=findings is not None)
    if into is not None:
        defer(connection, hold, into, act)
    for one in agreed:
        _note(connection, hold, "approved", act, place=one.place)
    waiting = tuple(one for one in _findings(connection, hold) if one.missing)
    if not waiting:
        queued, note = release_hold(connection, hold, act=act, policy=day.policy)
        _audit(connection, hold, "release_hold", agreed, act, into)
        return Decided(quarantine_id=quarantine_id, state="released", waiting=(), queued=queued, note=note)
    _audit(connection, hold, "approve_hold_release", agreed, act, into)
    names = "、".join(dict.fromkeys(one.rule_id for one in waiting))
    later = f"转入 {into}；" if into else ""
    note = f"已记录您的同意意见；{later}{names} 还须由其他人员复核同意，方可通过。"
    return Decided(quarantine_id=quarantine_id, state="open", waiting=waiting, queued=0, note=note)


def confirm(
    connection: sa.Connection,
    quarantine_id: int,
    *,
    act: Act,
    day: Day,
    findings: Collection[Place] | None = None,
) -> Decided:
    """Record that a person confirms `findings` (default: all): the need is returned with them as its reasons.

    A record without a usable id is only closed, and settled with the platform by hand. Part of the caller's
    transaction; raises as `release` does.
    """
    act = audit.signed(act)
    hold = locked(connection, quarantine_id)
    refuse_unless_decidable(hold)
    confirmed = _chosen(_findings(connection, hold), findings)
    for one in confirmed:
        _note(connection, hold, "confirmed", act, place=one.place)
    _settle(connection, hold, "returned", act)
    queued, note = 0, _BY_HAND
    if hold.stored:
        respond_by = return_respond_by(day.now, day.policy.of_department(hold.department_code), day.calendar)
        reasons = [Finding(one.rule_id, one.field, "hold") for one in confirmed]
        back = Return(hold.need_id, hold.revision, hold.quarter, hold.department_code, reasons)
        queued = queue_returns(connection, [back], version=hold.ruleset_version, respond_by=respond_by, now=day.now)
        note = f"已退回，企业须在{respond_by.isoformat()}前补正。"
    _audit(connection, hold, "confirm_hold", confirmed, act)
    return Decided(quarantine_id=quarantine_id, state="returned", waiting=(), queued=queued, note=note)


_BY_HAND = "本条记录无法自动推送或退回，已关闭；请由审核人员与绿色平台人工核对处理。"

# `stored`: the record is the content in force of its revision, so that a push or a return is about it. False if need_id
# or revision are unusable, or if another content was stored first (DQ43).
_LOCKED = sa.text(
    """
    select hold.*, judged.ruleset_version, judged.payload_sha256,
           exists (select from need_version stored where stored.item_hash = judged.payload_sha256) as stored,
           exists (
               select from need_version higher
               where higher.need_id = hold.need_id and higher.revision > hold.revision
           ) as overtaken,
           exists (select from withdrawal_notice notice where notice.need_id = hold.need_id) as withdrawn
    from quarantine hold join judgement judged using (judgement_id)
    where hold.quarantine_id = :quarantine_id
    """
)


def locked(connection: sa.Connection, quarantine_id: int) -> sa.Row[Any]:
    """The hold, read after locking it: whoever waited for the lock sees what was decided meanwhile."""
    connection.execute(
        sa.select(quarantine.c.quarantine_id).where(quarantine.c.quarantine_id == quarantine_id).with_for_update()
    )
    return as_stored(connection, quarantine_id)


def as_stored(connection: sa.Connection, quarantine_id: int) -> sa.Row[Any]:
    """The hold as it stands, not locked. Raises NotFound if there is none of this number."""
    hold = connection.execute(_LOCKED, {"quarantine_id": quarantine_id}).one_or_none()
    if hold is None:
        raise unknown_hold(quarantine_id)
    return hold


def _findings(connection: sa.Connection, hold: sa.Row[Any]) -> Sequence[HoldFinding]:
    return hold_findings(connection, [hold.quarantine_id])[hold.quarantine_id]


def refuse_unless_decidable(hold: sa.Row[Any]) -> None:
    """Raise DecisionRefused if the hold is settled, withdrawn or overtaken."""
    if hold.state != "open":
        raise DecisionRefused(
            f"{_name(hold)}已有决定（{word(HoldState, hold.state)}），不能再作决定。",
            "请刷新待核实清单，查看处理经过。",
        )
    if hold.withdrawn:
        raise DecisionRefused(f"{_name(hold)}已撤回，无需再作决定。", "待核实事项将自动关闭，请处理其他记录。")
    if hold.overtaken:
        raise DecisionRefused(
            f"{_name(hold)}已有更高修订号，旧版本无需再作决定。", "新版本另行审核，旧版本的待核实事项将自动关闭。"
        )


def refuse_unpushable(hold: sa.Row[Any], found: Sequence[HoldFinding]) -> None:
    """Raise DecisionRefused if the head of the record says neither the quarter nor whether it is major: no push can be made."""
    if hold.stored and any(one.rule_id == "DQ01" and one.field in ("quarter", "is_major") for one in found):
        raise DecisionRefused(
            f"{_name(hold)}的填报季度或重大标识无法使用，不能推送。", "请与绿色平台核对后确认退回，由其重新下发。"
        )


def _name(hold: sa.Row[Any]) -> str:
    return hold_name(hold.quarantine_id, hold.need_id, hold.revision)


def _chosen(found: Sequence[HoldFinding], places: Collection[Place] | None) -> Sequence[HoldFinding]:
    if places is None:
        return found
    wanted = {tuple(place) for place in places}
    if not wanted or wanted - {one.place for one in found}:
        raise InvalidRequest("所选问题不属于这条待核实记录。", "请刷新页面后从列出的问题中选择。")
    return [one for one in found if one.place in wanted]


def agreed_to(
    found: Sequence[HoldFinding], chosen: Sequence[HoldFinding], act: Act, *, explicit: bool
) -> Sequence[HoldFinding]:
    """What this person agrees to now: of the chosen findings, those that still lack a person.

    Raises DecisionRefused if there is none, or (`explicit`) if he has agreed to one of them before.
    """
    waiting = [one for one in chosen if one.missing]
    again = [one for one in waiting if one.approved_already_by(act.actor_id)]
    agreed = [one for one in waiting if not one.approved_already_by(act.actor_id)]
    if again and (explicit or not agreed):
        names = "、".join(dict.fromkeys(one.rule_id for one in again))
        raise DecisionRefused(f"您已同意通过 {names}，同一人不能重复同意。", "请由另一位人员核实后复核同意。")
    if not agreed and any(one.missing for one in found):
        raise DecisionRefused("所选问题均已同意通过。", "请选择尚待同意的其他问题。")
    return agreed


def release_hold(connection: sa.Connection, hold: sa.Row[Any], *, act: Act, policy: Policy) -> tuple[int, str]:
    """End the hold as released; returns how many pushes that queued, and a sentence (Chinese)."""
    _settle(connection, hold, "released", act)
    if not hold.stored:
        return 0, _BY_HAND
    queued = queue_pushes(connection, [(hold.need_id, hold.revision)], act.at, policy)
    if queued:
        return queued, "已核实通过，进入推送。"
    if (later := deferred_to(connection, hold.need_id)) is not None:
        return 0, f"已核实通过，转入 {later}，随该季推送。"
    if connection.execute(_UNSIGNED, {"need_id": hold.need_id, "revision": hold.revision}).scalar_one():
        return 0, "已核实通过，列入待签批，签批后推送。"
    if connection.execute(_UNCLOSED, {"need_id": hold.need_id, "revision": hold.revision}).scalar_one():
        return 0, "已核实通过，本季度截止后随季度推送。"
    return 0, "已核实通过；该地区推送已暂停或该版本已在发件箱中，未新增推送。"


_UNCLOSED = sa.text("select exists (select from unclosed_need where need_id = :need_id and revision = :revision)")
_UNSIGNED = sa.text("select exists (select from push_unsigned where need_id = :need_id and revision = :revision)")


def _settle(connection: sa.Connection, hold: sa.Row[Any], state: Literal["released", "returned"], act: Act) -> None:
    connection.execute(
        sa.update(quarantine)
        .where(quarantine.c.quarantine_id == hold.quarantine_id)
        .values(state=state, settled_at=act.at)
    )
    _note(connection, hold, state, act)


def _note(connection: sa.Connection, hold: sa.Row[Any], kind: str, act: Act, *, place: Place = ("", "")) -> None:
    rule_id, field = place
    connection.execute(
        quarantine_event.insert().values(
            quarantine_id=hold.quarantine_id,
            kind=kind,
            rule_id=rule_id,
            field=field,
            actor=act.actor_id,
            role=act.role,
            reason=act.reason,
            at=act.at,
        )
    )


def _audit(
    connection: sa.Connection,
    hold: sa.Row[Any],
    action: str,
    findings: Sequence[HoldFinding],
    act: Act,
    into: Quarter | None = None,
) -> None:
    audit.record(
        connection,
        act=act,
        action=action,
        object_=f"quarantine:{hold.quarantine_id}",
        details={
            "need_id": hold.need_id,
            "revision": hold.revision,
            "payload_sha256": hold.payload_sha256,
            "ruleset_version": hold.ruleset_version,
            "findings": [f"{one.rule_id} {one.field}" for one in findings],
            **({"counted_quarter": str(into)} if into else {}),
        },
    )
