"""Sending again (重新发送): deliveries that were given up on, or wait too long, become due at once under their original
key.

By a named person, with a reason, and audited. A `conflict` is never sent again: the receiver holds another body under
the same key. What may have arrived is looked up before it is sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from include import audit
from include.base.act import Act
from include.base.business_time import SHANGHAI
from include.base.errors import InvalidRequest
from include.delivery.claim import obstacles
from include.delivery.outcomes import CONFLICT, LOST
from include.domain.states import Channel, DeliveryState
from include.reference import departments
from include.register.snapshots import FACTORY_REMOVED
from include.store.locks import Lock, hold
from include.store.tables import delivery, delivery_attempt, rerun_item, rerun_job
from include.words.states import word

_SHOWN = 50
_SETTLED = (DeliveryState.DELIVERED, DeliveryState.SUPERSEDED, DeliveryState.CLOSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The selected deliveries; an empty field does not restrict."""

    channel: Channel | None = None
    quarter: str | None = None
    departments: tuple[str, ...] = ()
    error_class: str | None = None
    delivery_ids: tuple[int, ...] = ()
    failed_since: datetime | None = None
    """Aware: with a failed try at or after this moment."""


def since(text: str | None) -> datetime | None:
    """The moment in a form, in Shanghai's time if it has no offset; None if empty. Raises InvalidRequest."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidRequest("失败起始时间无法识别。", "请写成 2026-10-09 09:00 的形式。") from None
    return found if found.tzinfo else found.replace(tzinfo=SHANGHAI)


@dataclass(frozen=True, slots=True, kw_only=True)
class RerunItem:
    """A selected delivery; `hindrance` says in Chinese why it is not sent again, empty if it is."""

    delivery_id: int
    action: str
    need_id: str | None
    revision: int | None
    department_code: str | None
    state: str
    error_class: str | None
    attempts: int
    hindrance: str


@dataclass(frozen=True, slots=True)
class RerunPreview:
    """What a re-run would send, what not, and why. `no_such`: given numbers without a delivery that fits the rest of
    the selection."""

    items: tuple[RerunItem, ...]
    no_such: tuple[int, ...] = ()

    def counts(self) -> dict[str, int]:
        """selected = would_send + would_not_send."""
        would_send = sum(not item.hindrance for item in self.items)
        return {
            "selected": len(self.items),
            "would_send": would_send,
            "would_not_send": len(self.items) - would_send,
        }

    def text(self) -> str:
        """The preview for an operator, in Chinese, without personal data."""
        counts = self.counts()
        lines = [
            f"选中 {counts['selected']} 条：将重新发送 {counts['would_send']} 条，不发送 {counts['would_not_send']} 条。"
        ]
        classes = Counter(item.error_class or "waiting" for item in self.items if not item.hindrance)
        lines += [f"  {error_class}：{number} 条" for error_class, number in classes.most_common()]
        lines += [_line(item) for item in self.items[:_SHOWN]]
        if self.no_such:
            lines.append(f"编号 {'、'.join(map(str, self.no_such[:_SHOWN]))} 不存在，或不符合其他条件。")
        if len(self.items) > _SHOWN:
            lines.append(f"……其余 {len(self.items) - _SHOWN} 条从略。")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class StartedRerun:
    """A started re-run, and how many deliveries it made due."""

    job_id: int
    number: int


def preview(connection: sa.Connection, selection: Selection) -> RerunPreview:
    """What `rerun` would do with this selection; changes nothing. Raises InvalidRequest."""
    items = _items(connection, _selected(selection))
    found = {item.delivery_id for item in items}
    return RerunPreview(items, tuple(sorted(set(selection.delivery_ids) - found)))


def rerun(
    connection: sa.Connection,
    selection: Selection,
    *,
    actor: str,
    reason: str,
    now: datetime,
    request_key: str | None = None,
) -> StartedRerun | None:
    """Make the selected deliveries due at `now`, under their original keys, as a job; None if there is nothing to send.

    One audit entry in the caller's transaction. `request_key` names the request: repeated (a task retried, a button
    pressed twice), it returns the job that it started. Raises InvalidRequest if the reason is missing or the selection
    is empty or unknown.
    """
    act = audit.signed(Act(actor_id=actor, role="operator", reason=reason, at=now))
    if request_key is not None and (started := _started(connection, request_key)):
        return started
    # A leased delivery belongs to its worker until it is recorded: waiting for it here could deadlock.
    items = _items(connection, _selected(selection).where(delivery.c.lease_owner.is_(None)).with_for_update())
    chosen = [item.delivery_id for item in items if not item.hindrance]
    if not chosen:
        return None
    job_id = _open_job(connection, selection, chosen, act, request_key)
    connection.execute(
        sa.update(delivery)
        .where(delivery.c.delivery_id.in_(chosen))
        .values(
            state=sa.case((_looked_up_first(), "unknown"), else_="pending"),
            error_class=None,
            settled_at=None,
            next_attempt_at=now,
            lease_until=None,
        )
    )
    connection.execute(_RESUME, {"ids": chosen})
    audit.record(
        connection,
        act=act,
        action="rerun_deliveries",
        object_="delivery",
        details={"job_id": job_id, "selection": _described(selection), "delivery_ids": chosen},
    )
    return StartedRerun(job_id, len(chosen))


def _started(connection: sa.Connection, request_key: str) -> StartedRerun | None:
    hold(connection, Lock.RERUN, request_key)
    found = connection.execute(_STARTED, {"request_key": request_key}).one_or_none()
    return None if found is None else StartedRerun(found.job_id, found.number)


def _open_job(
    connection: sa.Connection,
    selection: Selection,
    chosen: Sequence[int],
    act: Act,
    request_key: str | None,
) -> int:
    job_id: int = connection.execute(
        sa.insert(rerun_job)
        .values(
            actor=act.actor_id,
            reason=act.reason,
            selection=_described(selection),
            started_at=act.at,
            request_key=request_key,
        )
        .returning(rerun_job.c.job_id)
    ).scalar_one()
    before = sa.select(
        sa.literal(job_id),
        delivery.c.delivery_id,
        delivery.c.state,
        delivery.c.error_class,
        delivery.c.settled_at,
        delivery.c.next_attempt_at,
        delivery.c.lease_until,
        delivery.c.attempts,
    ).where(delivery.c.delivery_id.in_(chosen))
    connection.execute(rerun_item.insert().from_select([column.name for column in rerun_item.columns], before))
    return job_id


# An operator's re-run overrides the receiver's Retry-After.
_RESUME = sa.text(
    """
    update channel_state set resume_at = null, resume_after = null
    where channel in (select channel from delivery where delivery_id = any(:ids))
    """
)

_STARTED = sa.text(
    """
    select job_id, count(*) as number from rerun_job join rerun_item using (job_id)
    where request_key = :request_key group by job_id
    """
)


def _selected(selection: Selection) -> sa.Select[Any]:
    if selection == Selection():
        raise InvalidRequest(
            "没有选择要重新发送的内容。", "请至少填写通道、季度、主管部门、错误类别、发送编号、失败起始时间中的一项。"
        )
    unknown = sorted(set(selection.departments) - set(departments()))
    if unknown:
        raise InvalidRequest(
            f"主管部门代码 {'、'.join(unknown)} 不在名单内。", "请使用 37 个受理主管部门的六位代码，例如 330000。"
        )
    query = sa.select(delivery)
    if not selection.delivery_ids:
        # Deliveries given by number are always reported.
        query = query.where(delivery.c.state.in_(("held", "pending", "unknown")))
    if selection.channel:
        query = query.where(delivery.c.channel == selection.channel)
    if selection.quarter:
        query = query.where(delivery.c.quarter == selection.quarter)
    if selection.departments:
        query = query.where(delivery.c.department_code.in_(selection.departments))
    if selection.error_class:
        query = query.where(delivery.c.error_class == selection.error_class)
    if selection.failed_since:
        failed = (delivery_attempt.c.delivery_id == delivery.c.delivery_id) & (
            delivery_attempt.c.error_class.is_not(None) & (delivery_attempt.c.attempted_at >= selection.failed_since)
        )
        query = query.where(sa.exists().where(failed))
    if selection.delivery_ids:
        query = query.where(delivery.c.delivery_id.in_(selection.delivery_ids))
    return query


def _looked_up_first() -> sa.ColumnElement[bool]:
    """What may have arrived is looked up; a mail cannot be: whoever sends it again has decided that it did not arrive."""
    return (delivery.c.channel != "mail") & ((delivery.c.state == "unknown") | (delivery.c.outcome == LOST))


def _items(connection: sa.Connection, query: sa.Select[Any]) -> tuple[RerunItem, ...]:
    rows = connection.execute(query.order_by(delivery.c.delivery_id)).mappings().all()
    ids = [row["delivery_id"] for row in rows]
    obsolete = obstacles(connection, ids)
    without_contact = set(connection.execute(_WITHOUT_CONTACT, {"ids": ids}).scalars())
    names = [field.name for field in fields(RerunItem) if field.name != "hindrance"]
    return tuple(
        RerunItem(
            **{name: row[name] for name in names},
            hindrance=_hindrance(row, obsolete.get(row["delivery_id"]), row["delivery_id"] in without_contact),
        )
        for row in rows
    )


# What may have arrived is looked up, which needs no contact.
_WITHOUT_CONTACT = sa.text(
    """
    select delivery_id from delivery push
    where delivery_id = any(:ids) and action = 'push' and state <> 'unknown' and outcome is distinct from 'lost_answer'
      and not exists (select from contact where contact.need_id = push.need_id and contact.revision = push.revision)
    """
)


def _hindrance(row: Mapping[Any, Any], obstacle: str | None, without_contact: bool) -> str:
    if row["state"] == "superseded" and row["outcome"] == FACTORY_REMOVED:
        return "企业已不在绿色工厂名单内，请在警示页面处理"
    if row["state"] in _SETTLED:
        return word(DeliveryState, row["state"])
    if row["error_class"] == CONFLICT:
        return "接收方在同一编号下持有不同内容，不得重发，请与平台核对"
    if row["lease_owner"] is not None:
        return "正在发送"
    if obstacle is not None and row["state"] != "unknown":
        return {"newer_revision": "已有更高版本", "withdrawn": "需求已撤回"}[obstacle]
    if without_contact:
        return "没有联系人信息，请企业更新后由主管部门重新推荐"
    return ""


def _line(item: RerunItem) -> str:
    need = f" {item.need_id} 第{item.revision}版" if item.need_id else ""
    what = f"#{item.delivery_id} {item.action}{need}（{item.state}，{item.error_class or '等待中'}，已试 {item.attempts} 次）"
    return f"不发送 {what}：{item.hindrance}" if item.hindrance else f"发送 {what}"


def _described(selection: Selection) -> dict[str, Any]:
    return {
        "channel": selection.channel,
        "quarter": selection.quarter,
        "departments": list(selection.departments),
        "error_class": selection.error_class,
        "delivery_ids": list(selection.delivery_ids),
        "failed_since": selection.failed_since.isoformat() if selection.failed_since else None,
    }
